#include "melstream/rpc/credit.hpp"

#include <string>

#include "melstream/core/error.hpp"
#include "melstream/core/units.hpp"

namespace melstream::rpc {
namespace {

constexpr std::int64_t kBurstNs = core::kNsPerSecond / 20;
constexpr std::int64_t kPatienceNs = core::kNsPerSecond;
// A reader that never acknowledges needs no longer memory than its patience.
constexpr std::size_t kMaxBursts = 64;

[[noreturn]] void refuse(const std::string& message) {
  throw core::Error(core::ErrorCode::kInvalidArgument, message, "acknowledgement");
}

}  // namespace

void Credit::sent(std::int64_t now_mono_ns) {
  ++n_sent_;
  if (!unacknowledged_.empty() && now_mono_ns - unacknowledged_.back().begin_mono_ns < kBurstNs) {
    unacknowledged_.back().n_sent = n_sent_;
    return;
  }
  if (unacknowledged_.size() == kMaxBursts) {
    // Heartbeats to one that is held back; its oldest counts.
    if (acknowledges_) {
      unacknowledged_.back().n_sent = n_sent_;
      return;
    }
    unacknowledged_.pop_front();
  }
  unacknowledged_.push_back({now_mono_ns, n_sent_});
}

void Credit::acknowledge(std::int64_t n_responses) {
  if (n_responses > n_sent_) {
    refuse("response_count is " + std::to_string(n_responses) + ", but " + std::to_string(n_sent_) +
           " responses were sent; count those that were read in this call");
  }
  if (n_responses < n_acknowledged_) {
    refuse("response_count is " + std::to_string(n_responses) + " after " + std::to_string(n_acknowledged_) +
           "; it never falls");
  }
  acknowledges_ = true;
  n_acknowledged_ = n_responses;
  while (!unacknowledged_.empty() && unacknowledged_.front().n_sent <= n_acknowledged_) unacknowledged_.pop_front();
}

std::optional<std::int64_t> Credit::held_back_since_mono_ns(std::int64_t now_mono_ns) const noexcept {
  if (!acknowledges_ || unacknowledged_.empty()) return std::nullopt;
  const std::int64_t begin = unacknowledged_.front().begin_mono_ns;
  if (now_mono_ns - begin <= kPatienceNs) return std::nullopt;
  return begin;
}

}  // namespace melstream::rpc
