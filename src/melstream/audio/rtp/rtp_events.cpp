#include "melstream/audio/rtp/rtp_events.hpp"

#include <cstdio>
#include <utility>

namespace melstream::audio {
namespace {

/// "L16/16000/1", as pt= has it.
std::string text_of(const PayloadType& type) {
  return type.name + "/" + std::to_string(type.rate_hz) + "/" + std::to_string(type.n_channels);
}

}  // namespace

std::string ssrc_text(std::uint32_t ssrc) {
  std::array<char, 9> text{};
  std::snprintf(text.data(), text.size(), "%08x", ssrc);
  return text.data();
}

std::string_view rtp_reason(core::EndReason reason) noexcept {
  switch (reason) {
    case core::EndReason::kCompleted:
      return "completed";
    case core::EndReason::kSourceLost:
      return "idle";
    case core::EndReason::kTakenOver:
      return "taken_over";
    case core::EndReason::kShutdown:
      return "shutdown";
  }
  return "";
}

void RtpEvents::opened(const RtpSender& sender, const PayloadType& type) {
  parts_.tell({SourceEvent::Level::kInfo,
               "rtp_stream_opened",
               {{"stream", sender.stream},
                {"sender", sender.peer.text()},
                {"ssrc", ssrc_text(sender.ssrc)},
                {"encoding", type.name},
                {"rate", std::to_string(type.rate_hz)},
                {"channels", std::to_string(type.n_channels)}}});
}

void RtpEvents::ended(const RtpSender& sender, std::string_view reason) {
  parts_.tell({SourceEvent::Level::kInfo,
               "rtp_stream_ended",
               {{"stream", sender.stream}, {"sender", sender.peer.text()}, {"reason", std::string(reason)}}});
}

void RtpEvents::sender_changed(const RtpSender& sender) {
  parts_.tell({SourceEvent::Level::kInfo,
               "rtp_sender_changed",
               {{"stream", sender.stream}, {"sender", sender.peer.text()}, {"ssrc", ssrc_text(sender.ssrc)}}});
}

void RtpEvents::kernel_drops(std::int64_t n, std::uint16_t port) {
  parts_.tell({SourceEvent::Level::kWarning,
               "rtp_kernel_drops",
               {{"packets", std::to_string(n)},
                {"port", std::to_string(port)},
                {"remedy", "raise net.core.rmem_max and rcvbuf=, or give the daemon more processor time"}}});
}

void RtpEvents::wrong_type(const RtpSender& sender, const PayloadType& stream_type, const RtpArrival& in) {
  parts_.tell({SourceEvent::Level::kWarning,
               "rtp_wrong_type",
               {{"stream", sender.stream},
                {"sender", sender.peer.text()},
                {"stream_type", text_of(stream_type)},
                {"type", text_of(*in.type)},
                {"pt", std::to_string(in.packet.payload_type)}}});
}

void RtpEvents::other_sender(const RtpSender& sender, const NetAddress& other, std::uint32_t ssrc) {
  const bool collides = sender.ssrc == ssrc;
  parts_.tell({SourceEvent::Level::kWarning,
               collides ? "rtp_ssrc_collision" : "rtp_sender_refused",
               {{"stream", sender.stream},
                {"sender", sender.peer.text()},
                {"refused", other.text()},
                {"ssrc", ssrc_text(ssrc)},
                {"remedy", collides ? "only the first sender of an SSRC is heard: give the other one its own"
                                    : "the port has one stream: add demux=ssrc, or send to another port"}}});
}

void RtpEvents::rival(const RtpSender& sender, const RtpArrival& in) {
  if (!rival_.is_due(in.arrival_ns)) return;
  parts_.tell({SourceEvent::Level::kWarning,
               "rtp_ssrc_rival",
               {{"stream", sender.stream},
                {"sender", sender.peer.text()},
                {"ssrc", ssrc_text(sender.ssrc)},
                {"rival", ssrc_text(in.packet.ssrc)},
                {"remedy", "two senders share an address, and only the first is heard: add demux=ssrc"},
                {"left_out", std::to_string(rival_.n_left_out())}}});
}

void RtpEvents::stream_refused(const NetAddress& peer, const RtpArrival& in, const std::string& reason) {
  if (!stream_refusal_.is_due(in.arrival_ns)) return;
  parts_.tell({SourceEvent::Level::kWarning,
               "rtp_stream_refused",
               {{"sender", peer.text()},
                {"ssrc", ssrc_text(in.packet.ssrc)},
                {"reason", reason},
                {"left_out", std::to_string(stream_refusal_.n_left_out())}}});
}

void RtpEvents::unknown_type(const NetAddress& peer, const RtpArrival& in) {
  if (std::exchange(is_type_told_[in.packet.payload_type], true)) return;
  const std::string number = std::to_string(in.packet.payload_type);
  SourceEvent event{SourceEvent::Level::kWarning, "rtp_unknown_type", {{"sender", peer.text()}, {"pt", number}}};
  if (in.type->kind == PayloadType::Kind::kUnsupported) {
    event.name = "rtp_unsupported_encoding";
    event.fields.emplace_back("encoding", in.type->name);
    event.fields.emplace_back("remedy", conversion_advice(target_));
  } else {
    event.fields.emplace_back("remedy",
                              "declare it as the sender's SDP says: pt=" + number + ":L16/16000/1 (or PCMU, PCMA, " +
                                  "L24, CN, telephone-event); other encodings: " + conversion_advice(target_));
  }
  parts_.tell(event);
}

void RtpEvents::malformed(const NetAddress& peer, std::string_view reason) {
  if (std::exchange(is_malformed_told_, true)) return;
  parts_.tell(
      {SourceEvent::Level::kWarning, "rtp_malformed", {{"sender", peer.text()}, {"reason", std::string(reason)}}});
}

void RtpEvents::refused(const NetAddress& peer, std::string_view reason) {
  if (std::exchange(is_refused_told_, true)) return;
  parts_.tell({SourceEvent::Level::kWarning,
               "rtp_sender_refused",
               {{"refused", peer.text()}, {"reason", std::string(reason)}}});
}

}  // namespace melstream::audio
