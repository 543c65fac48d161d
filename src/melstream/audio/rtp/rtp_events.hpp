// What the log hears of an rtp: source, and how often: what may come with every packet is told once, or seldom. Runs on
// ms-net.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "melstream/audio/net_address.hpp"
#include "melstream/audio/rtp/held_packets.hpp"
#include "melstream/audio/rtp/payload_types.hpp"
#include "melstream/audio/seldom.hpp"
#include "melstream/audio/source.hpp"

namespace melstream::audio {

/// "1a2b3c4d".
std::string ssrc_text(std::uint32_t ssrc);
/// For rtp_stream_ended: "idle".
std::string_view rtp_reason(core::EndReason reason) noexcept;

/// Whose stream an event is about.
struct RtpSender {
  const std::string& stream;  ///< id
  const NetAddress& peer;
  std::uint32_t ssrc;
};

class RtpEvents {
 public:
  /// @param parts outlives it. @param target for advice: "127.0.0.1:5004".
  RtpEvents(const SourceParts& parts, std::string target) : parts_(parts), target_(std::move(target)) {}

  void opened(const RtpSender& sender, const PayloadType& type);
  void ended(const RtpSender& sender, std::string_view reason);
  void sender_changed(const RtpSender& sender);
  void kernel_drops(std::int64_t n, std::uint16_t port);
  /// A packet whose format is another than the stream's.
  void wrong_type(const RtpSender& sender, const PayloadType& stream_type, const RtpArrival& in);
  /// Somebody else wants the stream that this sender has.
  void other_sender(const RtpSender& sender, const NetAddress& other, std::uint32_t ssrc);
  // Seldom.
  void rival(const RtpSender& sender, const RtpArrival& in);
  void stream_refused(const NetAddress& peer, const RtpArrival& in, const std::string& reason);
  // Once, a payload type each.
  void unknown_type(const NetAddress& peer, const RtpArrival& in);
  // Once.
  void malformed(const NetAddress& peer, std::string_view reason);
  void refused(const NetAddress& peer, std::string_view reason);

 private:
  const SourceParts& parts_;
  const std::string target_;
  std::array<bool, 128> is_type_told_{};
  bool is_malformed_told_ = false;
  bool is_refused_told_ = false;
  Seldom stream_refusal_;
  Seldom rival_;
};

}  // namespace melstream::audio
