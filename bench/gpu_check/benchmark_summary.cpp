#include "bench/gpu_check/benchmark_summary.hpp"

#include <algorithm>

namespace melstream::bench {
namespace {

/// An estimate to beat, for one H200 on PCIe Gen5.
void reach(Report& report, const std::string& what, double value, double limit, const std::string& unit,
           const std::string& how) {
  report.line(text("  %s: %.4g %s (%s): reach %.4g %s, %s", what.c_str(), value, unit.c_str(), how.c_str(), limit,
                   unit.c_str(), value <= limit ? "reached" : "missed"));
  report.figure("reach." + what + " (" + how + ")", value);
}

}  // namespace

void Summary::add_ticks(std::size_t n_streams, const Mode& mode, const TickTimes& times) {
  const double without_gather = percentile(times.without_gather, 0.99);
  Best& best = best_[n_streams];
  if (without_gather < best.p99_without_gather) {
    best = {without_gather, text("%s, %s, %s", mode.reading().c_str(), mode.waiting().c_str(), mode.driver().c_str())};
  }
  if (!mode.spin && mode.is_threaded) sleeping_[{n_streams, mode.reading()}] = percentile(times.seconds, 0.5);
}

void Summary::add_kernels(std::size_t n_streams, const Mode& mode, double seconds) {
  kernels_[{n_streams, mode.reading()}] = seconds;
}

void Summary::add_start(double seconds, MemoryUse memory) {
  start_seconds_ = seconds;
  memory_ = std::move(memory);
}

void Summary::print(Report& report) const {
  constexpr std::size_t kMany = 10000, kMost = 100000;
  report.line("\nSummary");
  for (const std::size_t n_streams : {std::size_t{100}, std::size_t{1000}, kMany}) {
    const auto staged = sleeping_.find({n_streams, "staged"}), in_place = sleeping_.find({n_streams, "in place"});
    if (staged == sleeping_.end() || in_place == sleeping_.end()) continue;
    report.line(text("  %zu streams, 1 row: %s wins, p50 %.3f ms against %.3f ms", n_streams,
                     staged->second < in_place->second ? "staged" : "in place",
                     std::min(staged->second, in_place->second) * 1e3,
                     std::max(staged->second, in_place->second) * 1e3));
  }
  if (const auto best = best_.find(kMany); best != best_.end()) {
    reach(report, "10,000 streams, tick p99 without the host's gather", best->second.p99_without_gather * 1e3, 0.6,
          "ms", best->second.how);
  }
  for (const char* reading : {"staged", "in place"}) {
    const auto found = kernels_.find({kMany, reading});
    if (found != kernels_.end()) reach(report, "10,000 streams, kernels", found->second * 1e6, 80.0, "us", reading);
  }
  if (const auto best = best_.find(kMost); best != best_.end()) {
    reach(report, "100,000 streams, tick p99 without the host's gather", best->second.p99_without_gather * 1e3, 6.0,
          "ms", best->second.how);
  }
  reach(report, "start-up", start_seconds_, 2.0, "s", "context, plans, probe");
  reach(report, "device memory", static_cast<double>(memory_.bytes) * 1e-9, 1.0, "GB", memory_.how);
}

}  // namespace melstream::bench
