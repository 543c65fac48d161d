#include "melstream/audio/rtp/rtp_candidates.hpp"

#include <algorithm>
#include <random>

#include "melstream/core/units.hpp"

namespace melstream::audio {
namespace {

constexpr std::int64_t kForgottenNs = 2 * core::kNsPerSecond;

}  // namespace

RtpCandidates::RtpCandidates()
    : key_(std::uint64_t{std::random_device{}()} << 32 | std::random_device{}()),
      pool_(kWays * kSets),
      pool_of_more_(kMoreSlots),
      candidates_(kWays * kSets) {}

RtpCandidate& RtpCandidates::at(std::size_t socket, const NetAddress& peer, std::uint32_t ssrc,
                                std::int64_t now_mono_ns) noexcept {
  const std::uint64_t mixed = (peer.hash() ^ (std::uint64_t{ssrc} << 16) ^ socket ^ key_) * 0x9E3779B97F4A7C15U;
  const std::size_t set = static_cast<std::size_t>(mixed >> 32) % kSets;
  RtpCandidate* oldest = &candidates_[set * kWays];
  for (std::size_t i = 0; i < kWays; ++i) {
    RtpCandidate& one = candidates_[set * kWays + i];
    if (one.used && one.socket == socket && one.ssrc == ssrc && one.peer == peer) {
      one.last_ns = now_mono_ns;
      return one;
    }
    if (!one.used && oldest->used) oldest = &one;
    if (one.used == oldest->used && one.last_ns < oldest->last_ns) oldest = &one;
  }
  forget(*oldest);
  oldest->used = true;
  ++n_used_;
  oldest->socket = socket;
  oldest->peer = peer;
  oldest->ssrc = ssrc;
  oldest->last_ns = now_mono_ns;
  return *oldest;
}

bool RtpCandidates::is_confirmed(const RtpCandidate& candidate, const RtpArrival& next) noexcept {
  if (!candidate.more.empty()) return true;
  return candidate.heard && next.packet.sequence == static_cast<std::uint16_t>(candidate.first.packet.sequence + 1) &&
         candidate.first.type->fits_stream_of(*next.type);
}

void RtpCandidates::keep(RtpCandidate& candidate, const RtpArrival& arrival) noexcept {
  drop_kept(candidate);
  candidate.slot = pool_.keep(arrival.packet.payload);
  candidate.heard = candidate.slot != kNoSlot;
  candidate.first = arrival;
  candidate.first.packet.payload = pool_.payload(candidate.slot);
}

bool RtpCandidates::keep_too(RtpCandidate& candidate, const RtpArrival& arrival) noexcept {
  if (candidate.more.size() == kMoreOfOne) return false;
  const std::int32_t slot = pool_of_more_.keep(arrival.packet.payload);
  if (slot == kNoSlot) return false;
  HeldPacket& kept = candidate.more.emplace_back(HeldPacket{0, arrival, slot});
  kept.arrival.packet.payload = pool_of_more_.payload(slot);
  return true;
}

void RtpCandidates::drop_kept(RtpCandidate& candidate) noexcept {
  pool_.give_back(candidate.slot);
  candidate.slot = kNoSlot;
  candidate.heard = false;
  for (const HeldPacket& packet : candidate.more) pool_of_more_.give_back(packet.slot);
  candidate.more.clear();
}

void RtpCandidates::forget(RtpCandidate& candidate) noexcept {
  if (!candidate.used) return;
  drop_kept(candidate);
  candidate = {};
  --n_used_;
}

void RtpCandidates::forget_old(std::int64_t now_mono_ns) noexcept {
  if (n_used_ == 0) return;
  for (RtpCandidate& one : candidates_) {
    if (one.used && now_mono_ns - one.last_ns > kForgottenNs) forget(one);
  }
}

}  // namespace melstream::audio
