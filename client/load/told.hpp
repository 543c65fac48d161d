// The few fields of SubscribeResponse that a load generator needs, straight from the wire format: parsing into messages
// would cost more than the server spends on writing them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace melstream::client {

/// One response about one stream.
struct Told {
  /// Numbers of SubscribeResponse's fields.
  enum Kind : std::uint8_t { kStart = 1, kBlock, kGap, kDiscontinuity, kHeartbeat, kEnd, kBatch, kFailure };
  Kind kind = kHeartbeat;
  int stream = -1;  ///< the number at the end of its id
  /// By field number: those that are integers.
  std::array<std::int64_t, 16> numbers{};
};

/// Called for each response in order.
class ToldVisitor {
 public:
  virtual ~ToldVisitor() = default;
  virtual void on_told(const Told& told) = 0;
};

/// Reads a SubscribeResponse. False if it is none.
bool read_told(std::span<const std::uint8_t> bytes, ToldVisitor& visitor);

}  // namespace melstream::client
