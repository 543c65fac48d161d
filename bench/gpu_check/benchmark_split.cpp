// Where a tick's time goes, from the engine's own counters.
#include <numeric>

#include "bench/gpu_check/benchmark.hpp"

namespace melstream::bench {
namespace {

enum Stage : std::size_t { kUpload, kGatherKernel, kFft, kRows, kDownload };

std::string rate(double n_bytes, double seconds, double ceiling) {
  if (seconds <= 0.0 || n_bytes <= 0.0) return "-";
  const double gigabytes = n_bytes * 1e-9 / seconds;
  return ceiling > 0.0 ? text("%.1f (%.0f %%)", gigabytes, 100.0 * gigabytes / ceiling) : text("%.1f", gigabytes);
}

}  // namespace

std::vector<std::string> split_columns() {
  return {"tick us",       "on the device p50",
          "p99",           "slices",
          "host gather",   "upload",
          "gather kernel", "FFT",
          "rows",          "download",
          "host deliver",  "wake-up",
          "B/frame up",    "B/frame in place",
          "B/frame down",  "copies",
          "launches",      "up GB/s",
          "in place GB/s", "down GB/s"};
}

std::vector<std::string> split_cells(const TickTimes& times, const Ceilings& ceilings) {
  const engine::cuda::Counters& c = times.counters;
  const auto n_ticks = static_cast<double>(times.seconds.size());
  const double n_rows = n_ticks * static_cast<double>(times.n_rows);
  const double accounted =
      std::accumulate(c.stage_seconds.begin(), c.stage_seconds.end(), c.gather_seconds + c.deliver_seconds);
  const auto us = [&](double seconds) { return text("%.1f", seconds * 1e6 / n_ticks); };
  const auto each = [](double sum, double n) { return text("%.1f", sum / n); };
  const auto up = static_cast<double>(c.uploaded_bytes), down = static_cast<double>(c.downloaded_bytes),
             in_place = static_cast<double>(c.in_place_bytes);
  return {us(times.mean() * n_ticks),
          us(percentile(times.device_spans, 0.5) * n_ticks),
          us(percentile(times.device_spans, 0.99) * n_ticks),
          each(static_cast<double>(c.n_slices), n_ticks),
          us(c.gather_seconds),
          us(c.stage_seconds[kUpload]),
          us(c.stage_seconds[kGatherKernel]),
          us(c.stage_seconds[kFft]),
          us(c.stage_seconds[kRows]),
          us(c.stage_seconds[kDownload]),
          us(c.deliver_seconds),
          us(times.mean() * n_ticks - accounted),
          each(up, n_rows),
          each(in_place, n_rows),
          each(down, n_rows),
          each(static_cast<double>(c.n_copies), n_ticks),
          each(static_cast<double>(c.n_launches), n_ticks),
          rate(up, c.stage_seconds[kUpload], ceilings.up),
          rate(in_place, c.stage_seconds[kGatherKernel], ceilings.up),
          rate(down, c.stage_seconds[kDownload], ceilings.down)};
}

double kernel_seconds(const TickTimes& times) noexcept {
  const auto& stages = times.counters.stage_seconds;
  return (stages[kGatherKernel] + stages[kFft] + stages[kRows]) / static_cast<double>(times.seconds.size());
}

}  // namespace melstream::bench
