// What the machine is, and the ceilings of its copies: what no engine on it can beat.
#include <array>

#include "bench/gpu_check/processor.hpp"
#include "bench/gpu_check/stages.hpp"

namespace melstream::bench {

void run_facts(Machine& machine, const Settings& settings, Report& report) {
  for (const auto& [name, value] : machine.traits().facts) report.fact(name, value);
  report.fact("processor", text("%s, %d hardware threads", processor_name().c_str(), n_processors()));
  report.fact("memory available", text("%.1f GB", static_cast<double>(available_bytes()) * 1e-9));

  constexpr std::array<std::size_t, 4> kKilobytes = {64, 1024, 16384, 65536};
  report.begin_table("Copy ceilings, GB/s (pinned memory, best of 5 rounds of 10 copies)",
                     {"bytes", "host to device", "device to host", "device to device (read + written)"});
  for (const std::size_t kilobytes : kKilobytes) {
    if (settings.extent == Extent::kQuick && machine.traits().is_emulated && kilobytes > 1024) break;
    const std::size_t n_bytes = kilobytes << 10;
    const auto rate = [&](Direction direction) {
      return static_cast<double>(n_bytes) * 1e-9 / machine.copy_seconds(direction, n_bytes);
    };
    const double up = rate(Direction::kToDevice), down = rate(Direction::kToHost),
                 within = 2.0 * rate(Direction::kOnDevice);
    report.row({text("%zu KiB", kilobytes), text("%.2f", up), text("%.2f", down), text("%.1f", within)});
    report.figure(text("copy.%zu_KiB.to_device_GBps", kilobytes), up);
    report.figure(text("copy.%zu_KiB.to_host_GBps", kilobytes), down);
    report.figure(text("copy.%zu_KiB.on_device_GBps", kilobytes), within);
  }
  report.check(true, "the device copies in all directions");
}

}  // namespace melstream::bench
