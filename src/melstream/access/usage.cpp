#include "melstream/access/usage.hpp"

#include <utility>

#include "melstream/core/error.hpp"

namespace melstream::access {
namespace {

constexpr double kBurstSeconds = 5.0;

}  // namespace

Usage::Usage(std::string name, const IdentityLimits& limits, std::int64_t now_mono_ns)
    : name_(std::move(name)),
      limits_(limits),
      subscribing_(limits.subscriptions_per_s, limits.subscriptions_per_s * kBurstSeconds, now_mono_ns) {}

void Usage::set_limits(const IdentityLimits& limits, std::int64_t now_mono_ns) {
  const std::lock_guard lock(mutex_);
  if (limits.subscriptions_per_s != limits_.subscriptions_per_s) {
    subscribing_ = Rate(limits.subscriptions_per_s, limits.subscriptions_per_s * kBurstSeconds, now_mono_ns);
  }
  limits_ = limits;
}

void Usage::refuse(const std::string& what, const char* key) const {
  throw core::Error(core::ErrorCode::kResourceExhausted,
                    name_ + " has " + what + "; close some, or raise limits." + key + " of the daemon");
}

void Usage::begin_call(std::uint64_t connection, bool is_subscription, std::int64_t now_mono_ns) {
  const std::lock_guard lock(mutex_);
  const auto known = connections_.find(connection);
  if (known == connections_.end() && limits_.max_connections > 0 &&
      connections_.size() >= static_cast<std::size_t>(limits_.max_connections)) {
    refuse(std::to_string(connections_.size()) + " connections with calls", "connections_per_identity");
  }
  if (is_subscription) {
    if (limits_.max_subscriptions > 0 && n_subscriptions_ >= limits_.max_subscriptions) {
      refuse(std::to_string(n_subscriptions_) + " subscriptions", "subscriptions_per_identity");
    }
    if (!subscribing_.take(now_mono_ns)) refuse("opened subscriptions too quickly", "subscriptions_per_second");
    ++n_subscriptions_;
  }
  ++connections_[connection];
}

void Usage::end_call(std::uint64_t connection, bool is_subscription) noexcept {
  const std::lock_guard lock(mutex_);
  if (is_subscription) --n_subscriptions_;
  const auto found = connections_.find(connection);
  if (found != connections_.end() && --found->second == 0) connections_.erase(found);
}

void Usage::begin_streams(std::int32_t n) {
  const std::lock_guard lock(mutex_);
  if (limits_.max_streams > 0 && n_streams_ + n > limits_.max_streams) {
    refuse(std::to_string(n_streams_) + " streams", "streams_per_identity");
  }
  n_streams_ += n;
}

void Usage::end_streams(std::int32_t n) noexcept {
  const std::lock_guard lock(mutex_);
  n_streams_ -= n;
}

bool Usage::idle(std::int64_t now_mono_ns) {
  const std::lock_guard lock(mutex_);
  return connections_.empty() && n_streams_ == 0 && subscribing_.full(now_mono_ns);
}

}  // namespace melstream::access
