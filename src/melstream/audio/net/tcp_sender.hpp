// One connection of tcp://, apart from its socket: bytes and the time in, a stream out, and whether the connection goes
// on. Runs on the thread of sockets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "melstream/audio/net/tcp_preface.hpp"
#include "melstream/audio/pcm_session.hpp"
#include "melstream/audio/peer/peer_context.hpp"
#include "melstream/audio/peer/sender_params.hpp"
#include "melstream/core/pcm.hpp"

namespace melstream::audio {

/// How a connection is read.
struct TcpOptions {
  core::PcmFormat format;  ///< unless a header says another
  HeaderMode header = HeaderMode::kAuto;
  bool fast = false;  ///< the connection is read as its stream has room
};

struct TcpParams {
  SenderParams sender;
  TcpOptions options;
};

/// Throws core::Error(kInvalidArgument, "uri").
TcpParams parse_tcp_params(const core::SourceSpec& spec, const SourceUri& uri);

class TcpSender {
 public:
  static constexpr std::size_t kMaxRead = std::size_t{64} << 10;

  /// @param close closes the connection, when the stream is taken over.
  TcpSender(const PeerContext& context, const TcpOptions& options, std::int64_t now_ns, std::function<void()> close);
  TcpSender(const TcpSender&) = delete;
  TcpSender& operator=(const TcpSender&) = delete;
  ~TcpSender();

  /// How many bytes may be read now: at most kMaxRead, 0 while a fast stream has no room.
  std::size_t room() noexcept;
  // Each returns whether the connection stays open. What ends it was told to the log.
  bool take(std::span<const std::byte> bytes, std::int64_t now_ns);
  /// The sender closed. True: the end waits for room too, ask again.
  bool take_end();
  /// @param error of errno.
  void fail(int error);
  /// Timeouts. @param held_back the socket is not read, for lack of room: then the silence is ours.
  bool check(std::int64_t now_ns, bool held_back);
  /// The source ends.
  void end(core::EndReason reason, const std::string& why);

  const PcmSession* session() const noexcept { return session_.get(); }

 private:
  void begin(std::span<const std::byte>& bytes);
  void open(PeerContext::StreamWish wish);

  const PeerContext context_;
  const TcpOptions options_;
  const std::function<void()> close_;
  TcpPreface preface_;
  const std::int64_t begun_ns_;
  std::int64_t heard_ns_;  ///< last byte
  std::unique_ptr<PcmSession> session_;
};

}  // namespace melstream::audio
