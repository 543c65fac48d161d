#include "melstream/pipeline/overload_guard.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "melstream/core/error.hpp"

namespace melstream::pipeline {
namespace {

/// Beyond this nobody's wish takes memory: what is left is for responses and audio that are still to come.
constexpr double kMostByWish = 0.95;

std::string megabytes(std::int64_t n_bytes) { return std::to_string((n_bytes + 500'000) / 1'000'000) + " MB"; }

std::string percent(double share) { return std::to_string(std::lround(100.0 * share)) + " %"; }

std::string number_of(OverloadState state) { return std::to_string(static_cast<int>(state)); }

}  // namespace

std::int64_t OverloadView::bytes_beyond(double share) const noexcept {
  if (limit_bytes == 0) return 0;
  return std::max<std::int64_t>(0, memory_bytes - std::llround(share * static_cast<double>(limit_bytes)));
}

OverloadGuard::OverloadGuard(std::int64_t limit_bytes, const core::HostArena& arena, const core::Clock& clock,
                             Counters& counters)
    : limit_bytes_(limit_bytes), arena_(arena), clock_(clock), counters_(counters) {
  counters_.memory_limit_bytes.store(limit_bytes, std::memory_order_relaxed);
}

std::int64_t OverloadGuard::other_bytes() const {
  return static_cast<std::int64_t>(arena_.usage().mapped_bytes) + queued_bytes_.load(std::memory_order_relaxed);
}

OverloadView OverloadGuard::look() {
  OverloadView view{.memory_bytes = other_bytes() + features_->bytes(), .limit_bytes = limit_bytes_};
  const double memory_share =
      limit_bytes_ > 0 ? static_cast<double>(view.memory_bytes) / static_cast<double>(limit_bytes_) : 0.0;
  {
    const std::lock_guard lock(mutex_);
    control_.update(memory_share, time_share_.load(std::memory_order_relaxed),
                    shedding_.load(std::memory_order_relaxed), clock_.mono_ns());
    view.by_memory = control_.by_memory();
    view.by_time = control_.by_time();
    view.time_share = control_.time_share();
  }
  counters_.memory_bytes.store(view.memory_bytes, std::memory_order_relaxed);
  counters_.overload_state.store(static_cast<std::int64_t>(view.state()), std::memory_order_relaxed);
  return view;
}

void OverloadGuard::refuse(const OverloadView& view, const std::string& what) const {
  if (view.by_memory >= OverloadState::kRefuse) {
    throw core::Error(core::ErrorCode::kResourceExhausted,
                      "overload state " + number_of(view.by_memory) + ": " + megabytes(view.memory_bytes) + " of " +
                          megabytes(view.limit_bytes) + " are in use, so " + what +
                          " must wait; try again later, close streams or subscriptions, or raise memory.limit_bytes");
  }
  throw core::Error(core::ErrorCode::kResourceExhausted,
                    "overload state " + number_of(view.by_time) + ": live streams take " + percent(view.time_share) +
                        " of the time, so " + what +
                        " must wait; try again later, use fewer streams or front ends, or raise engine.threads");
}

void OverloadGuard::admit_streams(std::size_t n) {
  const OverloadView view = look();
  if (view.state() < OverloadState::kRefuse) return;
  counters_.streams_refused.fetch_add(static_cast<std::int64_t>(n), std::memory_order_relaxed);
  refuse(view, "a new stream");
}

void OverloadGuard::admit_subscription() {
  const OverloadView view = look();
  if (view.by_memory < OverloadState::kRefuse) return;
  counters_.subscriptions_refused.fetch_add(1, std::memory_order_relaxed);
  refuse(view, "a new subscription");
}

void OverloadGuard::admit_front_end() {
  const OverloadView view = look();
  if (view.state() < OverloadState::kRefuse) return;
  counters_.front_ends_refused.fetch_add(1, std::memory_order_relaxed);
  refuse(view, "a front end that is not computed yet");
}

MemoryShare OverloadGuard::take(std::int64_t n_bytes) {
  const std::int64_t most = limit_bytes_ > 0
                                ? std::llround(kMostByWish * static_cast<double>(limit_bytes_)) - other_bytes()
                                : std::numeric_limits<std::int64_t>::max() - n_bytes;
  if (features_->try_take(n_bytes, most)) return {features_, n_bytes};
  counters_.front_ends_refused.fetch_add(1, std::memory_order_relaxed);
  const OverloadView view = look();
  throw core::Error(core::ErrorCode::kResourceExhausted,
                    "another front end's history takes " + megabytes(n_bytes) + ", and " +
                        megabytes(view.memory_bytes) + " of " + megabytes(limit_bytes_) +
                        " are in use; try again later, close streams or subscriptions, lower stream.history_s or raise "
                        "memory.limit_bytes");
}

}  // namespace melstream::pipeline
