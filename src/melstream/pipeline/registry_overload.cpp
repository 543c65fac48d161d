// What the registry gives up when memory runs short: once a second on ms-publish, and before newcomers are refused.
#include <algorithm>
#include <utility>

#include "melstream/pipeline/registry.hpp"

namespace melstream::pipeline {
namespace {

/// Of the limit: where state 1 is left, and where state 2 is entered.
constexpr double kPlenty = 0.75;
constexpr double kScarce = 0.90;
/// A history is made so much shorter at a time, down to a second.
constexpr std::int64_t kShorter = 4;
constexpr double kShortestS = 1.0;

std::int64_t feature_bytes(const Stream& stream) {
  std::int64_t n_bytes = 0;
  for (const auto& history : stream.histories()) n_bytes += history->bytes();
  return n_bytes;
}

}  // namespace

void Registry::forget_unread_streams(const OverloadView& overload) {
  std::int64_t wanted = overload.bytes_beyond(kPlenty);
  std::vector<std::shared_ptr<Stream>> forgotten;  // freed outside the mutex
  {
    const std::lock_guard lock(mutex_);
    for (auto at = ended_.begin(); at != ended_.end() && wanted > 0;) {
      const std::int64_t n_bytes = feature_bytes(**at);
      if (n_bytes == 0 || (*at)->n_readers() > 0) {
        ++at;
        continue;
      }
      wanted -= n_bytes;
      forgotten.push_back(std::move(*at));
      at = ended_.erase(at);
    }
    if (!forgotten.empty()) generation_.fetch_add(1, std::memory_order_release);
  }
  counters_.streams_forgotten.fetch_add(static_cast<std::int64_t>(forgotten.size()), std::memory_order_relaxed);
}

void Registry::shed_for_newcomers() {
  const OverloadView overload = overload_.look();
  if (overload.by_memory >= OverloadState::kShedHistory) forget_unread_streams(overload);
}

void Registry::shorten_newest(const OverloadView& overload) {
  std::int64_t wanted = overload.bytes_beyond(kScarce);
  std::vector<std::shared_ptr<Stream>> streams = all();
  const auto is_newer = [](const auto& a, const auto& b) { return a->opened_order() > b->opened_order(); };
  std::sort(streams.begin(), streams.end(), is_newer);
  for (const auto& stream : streams) {
    for (const auto& history : stream->histories()) {
      if (wanted <= 0) return;
      const std::int64_t before = history->bytes();
      const std::int64_t row_bytes = FeatureHistory::bytes_for(history->n_bins(), 1);
      const auto shortest = static_cast<std::int64_t>(static_cast<double>(history_rows(history->geometry())) *
                                                      std::min(1.0, kShortestS / options_.history_s));
      const std::int64_t n_rows = std::max({before / row_bytes / kShorter, shortest, std::int64_t{16}});
      counters_.rows_forgotten.fetch_add(history->shrink(n_rows), std::memory_order_relaxed);
      wanted -= before - history->bytes();
    }
  }
}

}  // namespace melstream::pipeline
