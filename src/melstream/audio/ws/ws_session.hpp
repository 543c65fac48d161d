// One peer's WebSocket, as messages: a text message with the format (pcm_header.hpp), then binary ones with PCM, cut
// anywhere. Knows no socket. Runs on ms-net.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "melstream/audio/peer/peer_source.hpp"

namespace melstream::audio {

/// Close codes of RFC 6455, section 7.4.1, and of its registry.
enum class WsCode : std::uint16_t {
  kNormal = 1000,
  kGoingAway = 1001,
  kProtocolError = 1002,
  kUnsupported = 1003,
  kNone = 1005,  ///< the peer gave none; never sent
  kPolicy = 1008,
  kInternal = 1011,
  kTryAgain = 1013,
};

struct WsClose {
  WsCode code = WsCode::kNormal;
  std::string reason;  ///< at most 123 bytes of UTF-8
};

class WsSession {
 public:
  /// @param standard the format where the message does not say it.
  /// @param on_takeover called when another publisher takes the stream over: take_over() then.
  WsSession(const PeerContext& context, const core::PcmFormat& standard, std::int64_t now_ns,
            std::function<void()> on_takeover);

  /// @param last the message ends with this piece.
  void receive_text(std::string_view piece, bool last, std::int64_t now_ns);
  void receive_audio(std::span<const std::byte> piece, bool last, std::int64_t now_ns);
  /// The peer closes the WebSocket.
  void peer_closed(std::uint16_t code);
  /// The connection is gone. @param fault what the peer did wrong, if it did.
  void peer_left(const std::string& fault = {});
  void take_over();
  /// Closes what has said nothing for too long.
  void tick(std::int64_t now_ns);
  /// Ends the stream and the connection. Idempotent, like all that ends it. The context is used no more.
  void end(core::EndReason reason);

  /// The next text message to send, taken out; empty without one.
  std::string next_output();
  /// The connection is to be closed once all output is sent. What is received is ignored.
  bool is_over() const noexcept { return over_; }
  /// How to close it; nothing where the peer did.
  const std::optional<WsClose>& close() const noexcept { return close_; }
  /// The stream that is open, or null.
  const PcmSession* stream() const noexcept { return stream_.get(); }

 private:
  void start(std::int64_t now_ns);
  /// The peer did what is not taken.
  void refuse(WsCode code, const std::string& reason);
  void leave(core::EndReason reason, std::optional<WsClose> close);

  const PeerContext context_;
  const core::PcmFormat standard_;
  const std::function<void()> on_takeover_;
  std::string text_;  ///< the format, as far as it has come
  std::unique_ptr<PcmSession> stream_;
  std::int64_t heard_ns_;  ///< the beginning, then audio
  std::deque<std::string> output_;
  std::optional<WsClose> close_;
  bool over_ = false;
};

}  // namespace melstream::audio
