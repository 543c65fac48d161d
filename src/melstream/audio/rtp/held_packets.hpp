// The packets of one stream that came before an earlier one did, by extended sequence number; and which numbers were
// heard. Fixed size; one thread at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "melstream/audio/rtp/packet_pool.hpp"
#include "melstream/audio/rtp/payload_types.hpp"
#include "melstream/audio/rtp/rtp_packet.hpp"

namespace melstream::audio {

/// A packet as it came.
struct RtpArrival {
  RtpPacket packet;
  const PayloadType* type = nullptr;
  std::int64_t arrival_ns = 0;  ///< monotonic
  std::int64_t n_dropped = 0;   ///< packets of this stream alone that the kernel threw away just before it
};

/// One that cannot be taken yet.
struct HeldPacket {
  std::int64_t sequence = -1;  ///< extended; -1: nothing
  RtpArrival arrival;          ///< its payload lies in the slot
  std::int32_t slot = kNoSlot;
};

class HeldPackets {
 public:
  /// Those with numbers from the next one up to this many ahead. More than packets are ever out of order.
  static constexpr std::int64_t kWindow = 128;
  static_assert(kWindow > 100);

  bool empty() const noexcept { return n_ == 0; }
  /// Null if it is not held.
  HeldPacket* find(std::int64_t sequence) noexcept {
    HeldPacket& packet = at(sequence);
    return packet.sequence == sequence ? &packet : nullptr;
  }
  /// The one with the lowest number from `sequence` on; null if none is held.
  HeldPacket* lowest(std::int64_t sequence) noexcept {
    for (std::int64_t i = 0; n_ > 0 && i < kWindow; ++i) {
      if (HeldPacket* const packet = find(sequence + i)) return packet;
    }
    return nullptr;
  }
  void put(const HeldPacket& packet) noexcept {
    at(packet.sequence) = packet;
    ++n_;
  }
  /// The slot is the caller's to give back.
  void remove(HeldPacket& packet) noexcept {
    packet = {};
    --n_;
  }

 private:
  HeldPacket& at(std::int64_t sequence) noexcept {
    return packets_[static_cast<std::uint64_t>(sequence) % static_cast<std::uint64_t>(kWindow)];
  }

  std::array<HeldPacket, static_cast<std::size_t>(kWindow)> packets_{};
  int n_ = 0;
};

/// Which of the last 256 sequence numbers were heard in time: tells a late packet from one that comes twice.
class HeardNumbers {
 public:
  void start() noexcept { words_ = {}; }
  void set(std::int64_t sequence, bool heard) noexcept {
    std::uint64_t& word = words_[word_of(sequence)];
    const std::uint64_t bit = bit_of(sequence);
    word = heard ? word | bit : word & ~bit;
  }
  bool heard(std::int64_t sequence) const noexcept { return (words_[word_of(sequence)] & bit_of(sequence)) != 0; }

 private:
  static std::size_t word_of(std::int64_t sequence) noexcept { return static_cast<std::size_t>(sequence) / 64 % 4; }
  static std::uint64_t bit_of(std::int64_t sequence) noexcept {
    return std::uint64_t{1} << (static_cast<std::uint64_t>(sequence) % 64);
  }
  std::array<std::uint64_t, 4> words_{};
};

}  // namespace melstream::audio
