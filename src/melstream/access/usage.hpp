// What one identity has under way, against its limits. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "melstream/access/access_rules.hpp"
#include "melstream/access/rate.hpp"

namespace melstream::access {

class Usage {
 public:
  Usage(std::string name, const IdentityLimits& limits, std::int64_t now_mono_ns);
  Usage(const Usage&) = delete;
  Usage& operator=(const Usage&) = delete;

  /// From now on; what is under way stays.
  void set_limits(const IdentityLimits& limits, std::int64_t now_mono_ns);
  /// A call begins. Throws Error(kResourceExhausted) naming the limit; then nothing is counted.
  void begin_call(std::uint64_t connection, bool is_subscription, std::int64_t now_mono_ns);
  void end_call(std::uint64_t connection, bool is_subscription) noexcept;
  /// Streams are opened. Throws Error(kResourceExhausted).
  void begin_streams(std::int32_t n);
  void end_streams(std::int32_t n) noexcept;
  /// Nothing is under way, and forgetting it would forgive nothing.
  bool idle(std::int64_t now_mono_ns);

 private:
  /// Throws. Needs mutex_.
  [[noreturn]] void refuse(const std::string& what, const char* key) const;

  const std::string name_;
  std::mutex mutex_;  // protects all below
  IdentityLimits limits_;
  Rate subscribing_;
  std::map<std::uint64_t, std::int32_t> connections_;  ///< calls of each
  std::int32_t n_subscriptions_ = 0;
  std::int32_t n_streams_ = 0;
};

}  // namespace melstream::access
