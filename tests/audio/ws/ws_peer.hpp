// A WebSocket client of the tests' own, straight from RFC 6455.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "tests/audio/peer_fixture.hpp"

namespace melstream::test {

inline constexpr std::uint8_t kTextFrame = 1;
inline constexpr std::uint8_t kBinaryFrame = 2;
inline constexpr std::uint8_t kCloseFrame = 8;
inline constexpr std::uint8_t kPingFrame = 9;
inline constexpr std::uint8_t kPongFrame = 10;

/// The key of the RFC's example; the answer to it is kWsAccept.
inline constexpr std::string_view kWsKey = "dGhlIHNhbXBsZSBub25jZQ==";
inline constexpr std::string_view kWsAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// @param more lines of the header, each with its end.
inline std::string ws_request(std::string_view target, std::string_view host, std::string_view more = {}) {
  std::string text = "GET ";
  text.append(target).append(" HTTP/1.1\r\nHost: ").append(host).append("\r\n");
  text.append("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ");
  return text.append(kWsKey).append("\r\n").append(more).append("\r\n");
}

/// A masked frame of a client.
inline std::string ws_frame(std::uint8_t opcode, std::string_view payload, bool last = true) {
  std::string frame(1, static_cast<char>((last ? 0x80U : 0U) | opcode));
  if (payload.size() < 126) {
    frame += static_cast<char>(0x80U | payload.size());
  } else {
    const bool wide = payload.size() > 0xFFFF;
    frame += static_cast<char>(wide ? 0xFF : 0xFE);
    for (int shift = wide ? 56 : 8; shift >= 0; shift -= 8) frame += static_cast<char>(payload.size() >> shift & 0xFFU);
  }
  constexpr std::string_view kMask = "\x5a\x01\xc3\x7f";
  frame += kMask;
  for (std::size_t i = 0; i < payload.size(); ++i) frame += static_cast<char>(payload[i] ^ kMask[i % 4]);
  return frame;
}

inline std::string ws_close_payload(std::uint16_t code) {
  return {static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)};
}

class WsPeer final : public TcpPeer {
 public:
  struct Frame {
    std::uint8_t opcode = 0;
    std::string payload;
    /// Of a close frame.
    int code() const { return static_cast<unsigned char>(payload[0]) * 256 + static_cast<unsigned char>(payload[1]); }
  };

  explicit WsPeer(std::uint16_t port) : TcpPeer(port), host_("127.0.0.1:" + std::to_string(port)) {}

  /// Asks for the WebSocket. @return the answer's header.
  std::string ask(std::string_view target = "/", std::string_view more = {}, std::string_view host = {}) {
    send(ws_request(target, host.empty() ? host_ : host, more));
    received_ = receive_until("\r\n\r\n");
    const std::size_t end = received_.find("\r\n\r\n") + 4;
    std::string header = received_.substr(0, end);
    received_.erase(0, end);
    return header;
  }
  /// Asks for it, and says the format. @return the answer to that.
  std::string start(std::string_view format = "{}") {
    if (ask().find(kWsAccept) == std::string::npos) throw std::runtime_error("no WebSocket");
    send(ws_frame(kTextFrame, format));
    return next().payload;
  }
  void send_audio(std::span<const std::byte> audio) {
    send(ws_frame(kBinaryFrame, {reinterpret_cast<const char*>(audio.data()), audio.size()}));
  }
  /// The source's next frame, of at most 125 bytes of payload or by the longer forms.
  Frame next() {
    const auto byte = [&](std::size_t i) {
      while (received_.size() <= i) {
        const std::string more = receive();
        if (more.empty()) throw std::runtime_error("closed");
        received_ += more;
      }
      return static_cast<unsigned char>(received_[i]);
    };
    if ((byte(1) & 0x80U) != 0) throw std::runtime_error("a server's frame is not masked");
    std::size_t head = 2;
    std::size_t size = byte(1);
    if (size == 126) {
      size = byte(2) * 256U + byte(3);
      head = 4;
    }
    Frame frame{static_cast<std::uint8_t>(byte(0) & 0x0FU), {}};
    if (size > 0) byte(head + size - 1);
    frame.payload = received_.substr(head, size);
    received_.erase(0, head + size);
    return frame;
  }
  /// The next close frame; what comes before it is skipped.
  Frame close_frame() {
    Frame frame = next();
    while (frame.opcode != kCloseFrame) frame = next();
    return frame;
  }

 private:
  const std::string host_;
  std::string received_;
};

}  // namespace melstream::test
