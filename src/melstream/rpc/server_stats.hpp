// What the server counts, for metrics. Relaxed atomics: each is a count of its own, none orders anything. Labels are
// closed lists, never a name, an address or a token.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "melstream/core/histogram.hpp"

namespace melstream::rpc {

enum class ListenerKind : std::uint8_t { kUnix, kTcp, kTls };
inline constexpr std::array<std::string_view, 3> kListenerKinds{"unix", "tcp", "tls"};

enum class RejectReason : std::uint8_t {
  kLimit,     ///< of connections in all
  kNoFds,     ///< the process is out of descriptors
  kAddress,   ///< of connections from one address
  kIdentity,  ///< of connections of one identity
  kRate,      ///< of new connections a second
};
inline constexpr std::array<std::string_view, 5> kRejectReasons{"limit", "no_descriptors", "address", "identity",
                                                                "rate"};

enum class AuthFailure : std::uint8_t {
  kNoIdentity,  ///< neither a certificate nor a token
  kBadToken,
  kBadCertificate,
  kForbidden,  ///< known, but not permitted
  kRevoked,
};
inline constexpr std::array<std::string_view, 5> kAuthFailures{"no_identity", "bad_token", "bad_certificate",
                                                               "forbidden", "revoked"};

/// Why a call of Subscribe is over.
enum class CloseReason : std::uint8_t {
  kCompleted,  ///< told to its end
  kCancelled,  ///< by the reader, or its connection broke
  kRefused,    ///< by what it asked for
  kLimit,      ///< of subscriptions, or of memory
  kSlow,       ///< fell behind, and wanted to be disconnected
  kStalled,    ///< took nothing, and was cut off to have its memory back
  kShutdown,   ///< the daemon drains
  kError,
};
inline constexpr std::array<std::string_view, 8> kCloseReasons{"completed", "cancelled", "refused",  "limit",
                                                               "slow",      "stalled",   "shutdown", "error"};

/// Bounds of what a reader is behind by, in nanoseconds.
inline constexpr std::array<std::int64_t, 10> kLagBoundsNs{10'000'000,     50'000'000,    100'000'000,   200'000'000,
                                                           500'000'000,    1'000'000'000, 2'000'000'000, 5'000'000'000,
                                                           10'000'000'000, 30'000'000'000};

using Count = std::atomic<std::int64_t>;

struct ServerStats {
  std::array<Count, kListenerKinds.size()> connections_active{};  ///< at the last look; writer: ms-accept
  std::array<Count, kListenerKinds.size()> connections_accepted{};
  std::array<std::array<Count, kRejectReasons.size()>, kListenerKinds.size()> connections_rejected{};
  std::array<Count, kAuthFailures.size()> auth_failures{};
  Count subscriptions_opened{0};                                   ///< writer: ms-subscribe
  std::array<Count, kCloseReasons.size()> subscriptions_closed{};  ///< writer: ms-subscribe
  core::Histogram<kLagBoundsNs> subscriber_lag;  ///< of each subscription, twice a second; writer: ms-subscribe
  Count subscriber_lag_max_ns{0};                ///< the largest of the last look; writer: ms-subscribe

  void accepted(ListenerKind listener) noexcept { add(connections_accepted[index(listener)]); }
  void rejected(ListenerKind listener, RejectReason reason) noexcept {
    add(connections_rejected[index(listener)][index(reason)]);
  }
  void auth_failed(AuthFailure reason) noexcept { add(auth_failures[index(reason)]); }
  void subscription_closed(CloseReason reason) noexcept { add(subscriptions_closed[index(reason)]); }

 private:
  static void add(Count& count) noexcept { count.fetch_add(1, std::memory_order_relaxed); }
  template <typename Enum>
  static constexpr std::size_t index(Enum value) noexcept {
    return static_cast<std::size_t>(value);
  }
};

}  // namespace melstream::rpc
