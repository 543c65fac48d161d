// Senders that are not believed yet: RFC 3550 appendix A.1 asks for two packets in sequence. What the first of them
// brought is kept, and what follows while the sender before them may still be there. A table of fixed size, so that a
// flood of made-up senders costs nothing but itself: a newcomer takes the place of whoever of eight was silent longest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "melstream/audio/net_address.hpp"
#include "melstream/audio/rtp/held_packets.hpp"
#include "melstream/audio/rtp/packet_pool.hpp"

namespace melstream::audio {

struct RtpCandidate {
  std::size_t socket = 0;
  NetAddress peer;
  std::uint32_t ssrc = 0;
  bool used = false;
  bool heard = false;              ///< `first` is there
  std::int64_t last_ns = 0;        ///< when it was heard of last
  std::int64_t not_before_ns = 0;  ///< its stream could not be opened: when to try again
  RtpArrival first;                ///< its payload lies in the slot
  std::int32_t slot = kNoSlot;
  std::vector<HeldPacket> more;  ///< after the first and the one that confirmed it, as they came

  std::int64_t n_kept() const noexcept { return (heard ? 1 : 0) + static_cast<std::int64_t>(more.size()); }
};

class RtpCandidates {
 public:
  RtpCandidates();

  /// The sender's place; a new one if it has none.
  RtpCandidate& at(std::size_t socket, const NetAddress& peer, std::uint32_t ssrc, std::int64_t now_mono_ns) noexcept;
  /// Whether this packet follows the one that was kept, and both have audio of one stream; or others did before it.
  static bool is_confirmed(const RtpCandidate& candidate, const RtpArrival& next) noexcept;
  /// In place of what was kept.
  void keep(RtpCandidate& candidate, const RtpArrival& arrival) noexcept;
  /// Of one that is confirmed, after what was kept. False: there is no room.
  bool keep_too(RtpCandidate& candidate, const RtpArrival& arrival) noexcept;
  void drop_kept(RtpCandidate& candidate) noexcept;
  void forget(RtpCandidate& candidate) noexcept;
  /// Those that were silent for two seconds.
  void forget_old(std::int64_t now_mono_ns) noexcept;

 private:
  static constexpr std::size_t kWays = 8;
  static constexpr std::size_t kSets = 128;
  static constexpr std::int32_t kMoreSlots = 1024;
  static constexpr std::size_t kMoreOfOne = 48;  // nearly a second in packets of 20 ms, for which rings have room

  const std::uint64_t key_;  ///< of the hash: nobody outside can aim at one place
  PacketPool pool_;
  PacketPool pool_of_more_;
  std::vector<RtpCandidate> candidates_;
  int n_used_ = 0;
};

}  // namespace melstream::audio
