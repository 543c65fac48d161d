#include "bench/gpu_check/benchmark_summary.hpp"

#include <algorithm>
#include <optional>

namespace melstream::bench {
namespace {

constexpr std::size_t kMany = 10000, kMost = 100000;
/// What is to be reached on the device, milliseconds.
std::optional<double> span_to_reach(std::size_t n_streams) noexcept {
  if (n_streams == kMany) return 0.6;
  if (n_streams == kMost) return 6.0;
  return std::nullopt;
}

std::string name_of(const Mode& mode) { return mode.reading() + ", " + mode.waiting() + ", " + mode.driver(); }

constexpr Mode kStaged{false, false, false, true};

/// An estimate to beat, for one H200 on PCIe Gen5.
void reach(Report& report, const std::string& what, double value, double limit, const std::string& unit,
           const std::string& how) {
  report.line(text("  %s: %.4g %s (%s): to be reached %.4g %s: %s", what.c_str(), value, unit.c_str(), how.c_str(),
                   limit, unit.c_str(), value <= limit ? "yes" : "missed"));
  report.figure("reach." + what + " (" + how + ")", value);
}

}  // namespace

void Summary::add_ticks(std::size_t n_streams, const Mode& mode, const TickTimes& times) {
  ticks_[n_streams][name_of(mode)] = {percentile(times.seconds, 0.5), percentile(times.seconds, 0.99)};
}

void Summary::add_device(std::size_t n_streams, const Mode& mode, const TickTimes& times) {
  device_[n_streams][name_of(mode)] = {kernel_seconds(times), percentile(times.device_spans, 0.99)};
}

void Summary::add_start(double seconds, MemoryUse memory) {
  start_seconds_ = seconds;
  memory_ = std::move(memory);
}

/// What the daemon does, against what it could do.
void Summary::print_reading(Report& report, std::size_t n_streams) const {
  const double in_place = ticks_.at(n_streams).at(name_of(kDaemonMode)).p50;
  const double staged = ticks_.at(n_streams).at(name_of(kStaged)).p50;
  report.line(text("  %zu streams, 1 row: %s wins, p50 %.3f ms against %.3f ms", n_streams,
                   staged < in_place ? "staged" : "in place", std::min(staged, in_place) * 1e3,
                   std::max(staged, in_place) * 1e3));
}

void Summary::print_ticks(Report& report, std::size_t n_streams) const {
  const std::string daemon = name_of(kDaemonMode);
  const std::string what = text("%zu streams, 1 row, ", n_streams);
  const double tick_ms = ticks_.at(n_streams).at(daemon).p99 * 1e3;
  const double span_ms = device_.at(n_streams).at(daemon).span_p99 * 1e3;
  report.line(text("  %stick p99: %.3f ms (%s, as the daemon)", what.c_str(), tick_ms, daemon.c_str()));
  if (const auto limit = span_to_reach(n_streams)) {
    reach(report, what + "p99 on the device, first upload to last download", span_ms, *limit, "ms", daemon);
  } else {
    report.line(text("  %sp99 on the device, first upload to last download: %.3f ms", what.c_str(), span_ms));
  }
  if (n_streams == kMany) {
    reach(report, what + "kernels", device_.at(n_streams).at(daemon).kernels * 1e6, 80.0, "us",
          daemon + ", reading over the link included");
  }
  for (const auto& [mode, ticks] : ticks_.at(n_streams)) {
    if (mode != daemon) report.line(text("    instead %s: tick p99 %.3f ms", mode.c_str(), ticks.p99 * 1e3));
  }
  for (const auto& [mode, on_device] : device_.at(n_streams)) {
    if (mode == daemon) continue;
    report.line(text("    instead %s: p99 on the device %.3f ms, kernels %.1f us", mode.c_str(),
                     on_device.span_p99 * 1e3, on_device.kernels * 1e6));
  }
}

void Summary::print(Report& report) const {
  report.line("\nSummary");
  for (const auto& [n_streams, of_modes] : ticks_) print_reading(report, n_streams);
  for (const auto& [n_streams, of_modes] : ticks_) print_ticks(report, n_streams);
  reach(report, "start-up", start_seconds_, 2.0, "s", "context, plans, probe");
  reach(report, "device memory", static_cast<double>(memory_.bytes) * 1e-9, 1.0, "GB", memory_.how);
}

}  // namespace melstream::bench
