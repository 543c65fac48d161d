// One peer that speaks the Wyoming protocol: bytes in, audio into its streams, bytes to answer out. Knows no socket.
// Runs on ms-net.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "melstream/audio/peer/peer_source.hpp"
#include "melstream/audio/wyoming/wyoming_reader.hpp"

namespace melstream::audio {

class WyomingSession {
 public:
  /// @param channels which of them feed a stream: channel_mode and channel_index count.
  /// @param on_takeover called when another publisher takes the stream over: take_over() then.
  WyomingSession(const PeerContext& context, const core::PcmFormat& channels, std::int64_t now_ns,
                 std::function<void()> on_takeover);

  void receive(std::span<const std::byte> bytes, std::int64_t now_ns);
  /// Nothing more comes, and nobody hears.
  void peer_left();
  void take_over();
  /// Closes what has said nothing for too long.
  void tick(std::int64_t now_ns);
  /// Ends the stream and the connection. Idempotent, like all that ends it. The context is used no more.
  void end(core::EndReason reason);

  /// Bytes to send, taken out.
  std::string take_output() noexcept { return std::exchange(output_, {}); }
  bool has_output() const noexcept { return !output_.empty(); }
  /// The connection is to be closed once all output is sent. What is received is ignored.
  bool is_over() const noexcept { return over_; }
  /// The stream that is open, or null.
  const PcmSession* stream() const noexcept { return stream_.get(); }

 private:
  void on_event(const WyomingEvent& event);
  void start(const WyomingEvent& event);
  void require_same_format(const WyomingEvent& event) const;
  void refuse_peer(const std::string& reason, std::string_view code);
  /// @param text for the peer, if it still hears.
  void leave(core::EndReason reason, std::string_view text, std::string_view code);

  const PeerContext context_;
  const core::PcmFormat channels_;
  const std::function<void()> on_takeover_;
  WyomingReader reader_;
  std::unique_ptr<PcmSession> stream_;
  WyomingEvent format_;    ///< of the stream, as audio-start says it
  bool in_chunk_ = false;  ///< payload belongs to the stream
  bool heard_event_ = false;
  std::int64_t heard_ns_;  ///< audio of an open stream, or else an event
  std::string output_;
  bool over_ = false;
};

}  // namespace melstream::audio
