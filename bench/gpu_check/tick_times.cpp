#include "bench/gpu_check/tick_times.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <thread>

namespace melstream::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;
using engine::cuda::Counters;

double seconds_since(SteadyClock::time_point begin) {
  return std::chrono::duration<double>(SteadyClock::now() - begin).count();
}

Counters difference(const Counters& after, const Counters& before) noexcept {
  Counters d = after;
  d.n_ticks -= before.n_ticks;
  d.n_slices -= before.n_slices;
  d.n_copies -= before.n_copies;
  d.n_launches -= before.n_launches;
  d.n_frames -= before.n_frames;
  d.uploaded_bytes -= before.uploaded_bytes;
  d.in_place_bytes -= before.in_place_bytes;
  d.downloaded_bytes -= before.downloaded_bytes;
  d.gather_seconds -= before.gather_seconds;
  d.deliver_seconds -= before.deliver_seconds;
  d.device_span_seconds -= before.device_span_seconds;
  for (std::size_t i = 0; i < d.stage_seconds.size(); ++i) d.stage_seconds[i] -= before.stage_seconds[i];
  return d;
}

}  // namespace

double TickTimes::mean() const noexcept {
  return std::accumulate(seconds.begin(), seconds.end(), 0.0) / static_cast<double>(seconds.size());
}

double TickTimes::rows_per_second() const noexcept { return static_cast<double>(n_rows) / percentile(seconds, 0.5); }

double percentile(const std::vector<double>& sorted, double share) noexcept {
  const auto n = static_cast<double>(sorted.size());
  const auto rank = static_cast<std::size_t>(std::ceil(share * n));
  return sorted[std::clamp<std::size_t>(rank, 1, sorted.size()) - 1];
}

TickTimes TickRunner::run(const engine::Prepared& prepared, std::size_t n_streams, int n_rows, const Budget& budget) {
  lanes_.resize(n_streams);
  const auto n_bins = static_cast<std::size_t>(prepared.front_end().n_bins(prepared.smoothing()));
  rows_ = {n_streams * static_cast<std::size_t>(n_rows), n_bins, {}};
  rows_.values.resize(rows_.rows * n_bins);
  maxima_.resize(rows_.rows);

  TickTimes times;
  times.n_rows = rows_.rows;
  const SteadyClock::time_point begin = SteadyClock::now();
  times.first_seconds = run_one(prepared, n_rows).tick;
  run_one(prepared, n_rows);
  const Counters before = counters();
  SteadyClock::time_point next = SteadyClock::now();
  const auto period = std::chrono::duration_cast<SteadyClock::duration>(budget.period);
  const SteadyClock::time_point start = next;
  while (times.seconds.empty() ||
         (seconds_since(begin) < budget.at_most.count() && (static_cast<int>(times.seconds.size()) < budget.n_ticks ||
                                                            seconds_since(start) < budget.at_least.count()))) {
    if (budget.period.count() > 0.0) std::this_thread::sleep_until(next += period);
    const Seconds seconds = run_one(prepared, n_rows);
    times.seconds.push_back(seconds.tick);
    times.device_spans.push_back(seconds.device_span);
  }
  times.counters = difference(counters(), before);
  std::sort(times.seconds.begin(), times.seconds.end());
  std::sort(times.device_spans.begin(), times.device_spans.end());
  return times;
}

TickRunner::Seconds TickRunner::run_one(const engine::Prepared& prepared, int n_rows) {
  rings_.next_tick(prepared, n_rows, lanes_);
  const double before = counters().device_span_seconds;
  const SteadyClock::time_point begin = SteadyClock::now();
  const engine::Ticket ticket = engine_.submit({lanes_, rows_.values, maxima_});
  while (!engine_.poll(ticket, std::chrono::seconds(1))) {
  }
  const double tick = seconds_since(begin);
  return {tick, counters().device_span_seconds - before};
}

Counters TickRunner::counters() const noexcept { return counted_ != nullptr ? counted_->counters() : Counters{}; }

}  // namespace melstream::bench
