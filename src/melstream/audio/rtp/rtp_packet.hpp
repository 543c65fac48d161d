// One RTP packet, taken apart: RFC 3550 section 5.1. A pure function.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace melstream::audio {

struct RtpPacket {
  bool marker = false;
  std::uint8_t payload_type = 0;
  std::uint16_t sequence = 0;
  std::uint32_t timestamp = 0;
  std::uint32_t ssrc = 0;
  std::span<const std::byte> payload;  ///< without header, extension and padding
};

enum class RtpParse : std::uint8_t {
  kRtp,
  kRtcp,  ///< of RFC 5761, on the same port
  kMalformed,
};

/// @param packet set for kRtp; its payload lies in `datagram`.
RtpParse parse_rtp(std::span<const std::byte> datagram, RtpPacket& packet) noexcept;

}  // namespace melstream::audio
