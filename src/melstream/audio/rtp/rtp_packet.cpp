#include "melstream/audio/rtp/rtp_packet.hpp"

namespace melstream::audio {
namespace {

constexpr std::size_t kHeaderBytes = 12;
constexpr std::size_t kRtcpHeaderBytes = 4;
constexpr unsigned kVersion = 2;
// RTCP packet types as RFC 5761 section 4 tells them apart: payload types 64 to 95 with a marker.
constexpr unsigned kFirstRtcp = 192;
constexpr unsigned kLastRtcp = 223;

unsigned byte_at(std::span<const std::byte> bytes, std::size_t i) noexcept {
  return std::to_integer<unsigned>(bytes[i]);
}

std::uint32_t word_at(std::span<const std::byte> bytes, std::size_t i) noexcept {
  return byte_at(bytes, i) << 24 | byte_at(bytes, i + 1) << 16 | byte_at(bytes, i + 2) << 8 | byte_at(bytes, i + 3);
}

}  // namespace

RtpParse parse_rtp(std::span<const std::byte> datagram, RtpPacket& packet) noexcept {
  if (datagram.size() < kRtcpHeaderBytes || byte_at(datagram, 0) >> 6 != kVersion) return RtpParse::kMalformed;
  const unsigned type = byte_at(datagram, 1);
  if (type >= kFirstRtcp && type <= kLastRtcp) return RtpParse::kRtcp;
  const unsigned flags = byte_at(datagram, 0);
  std::size_t begin = kHeaderBytes + std::size_t{4} * (flags & 0xFU);
  if (datagram.size() < begin) return RtpParse::kMalformed;
  if ((flags & 0x10U) != 0) {
    if (datagram.size() < begin + 4) return RtpParse::kMalformed;
    begin += 4 + std::size_t{4} * (byte_at(datagram, begin + 2) << 8 | byte_at(datagram, begin + 3));
    if (datagram.size() < begin) return RtpParse::kMalformed;
  }
  std::size_t n_payload = datagram.size() - begin;
  if ((flags & 0x20U) != 0) {
    // The last byte counts itself.
    const std::size_t n_padding = byte_at(datagram, datagram.size() - 1);
    if (n_padding == 0 || n_padding > n_payload) return RtpParse::kMalformed;
    n_payload -= n_padding;
  }
  packet.marker = (type & 0x80U) != 0;
  packet.payload_type = static_cast<std::uint8_t>(type & 0x7FU);
  packet.sequence = static_cast<std::uint16_t>(byte_at(datagram, 2) << 8 | byte_at(datagram, 3));
  packet.timestamp = word_at(datagram, 4);
  packet.ssrc = word_at(datagram, 8);
  packet.payload = datagram.subspan(begin, n_payload);
  return RtpParse::kRtp;
}

}  // namespace melstream::audio
