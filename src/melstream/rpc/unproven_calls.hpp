// How many calls a connection may begin whose caller has not shown a role: some at once, a few a second after that.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <mutex>
#include <string>
#include <unordered_map>

namespace melstream::rpc {

/// Thread-safe.
class UnprovenCalls {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  static constexpr double kAtOnce = 64;
  static constexpr double kEachSecond = 2;

  /// False if the connection has had its share.
  bool take(const std::string& connection, TimePoint now) {
    const std::lock_guard lock(mutex_);
    if (shares_.size() >= kMany) forget_full(now);
    Share& share = shares_.try_emplace(connection, Share{kAtOnce, now}).first->second;
    share = {left(share, now), now};
    if (share.n_left < 1) return false;
    --share.n_left;
    return true;
  }

 private:
  struct Share {
    double n_left;
    TimePoint when;
  };
  static constexpr std::size_t kMany = 4'096;

  static double left(const Share& share, TimePoint now) {
    return std::min(kAtOnce, share.n_left + kEachSecond * std::chrono::duration<double>(now - share.when).count());
  }
  /// As if it had never been.
  void forget_full(TimePoint now) {
    std::erase_if(shares_, [&](const auto& one) { return left(one.second, now) >= kAtOnce; });
  }

  std::mutex mutex_;  // protects all below
  std::unordered_map<std::string, Share> shares_;
};

}  // namespace melstream::rpc
