// One connection of tcp://, apart from its socket: bytes and the time in, a stream out, and whether the connection goes
// on. Runs on the thread of sockets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "melstream/audio/net/sender_params.hpp"
#include "melstream/audio/net/tcp_preface.hpp"
#include "melstream/audio/net_address.hpp"
#include "melstream/audio/pcm_session.hpp"
#include "melstream/audio/source.hpp"

namespace melstream::audio {

struct TcpParams {
  SenderParams sender;
  HeaderMode header = HeaderMode::kAuto;
  bool fast = false;  ///< the connection is read as its stream has room
};

/// Throws core::Error(kInvalidArgument, "uri").
TcpParams parse_tcp_params(const core::SourceSpec& spec, const SourceUri& uri);

/// What the connections of one source share.
struct TcpShared {
  const TcpParams& params;
  const SourceParts& parts;
  std::uint16_t port = 0;
  SenderNumbers numbers;
  std::int64_t n_refused = 0;  ///< connections
  std::int64_t n_bytes = 0;
  core::IngestCounters ended;  ///< of sessions that are gone
};

class TcpSender {
 public:
  static constexpr std::size_t kMaxRead = std::size_t{64} << 10;

  /// @param shared outlives it. @param close closes the connection, when the stream is taken over.
  TcpSender(TcpShared& shared, const NetAddress& peer, std::int64_t now_ns, std::function<void()> close);
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
  void open(core::StreamRequest request);
  void refuse(const std::string& why);

  TcpShared& shared_;
  const NetAddress peer_;
  const std::function<void()> close_;
  TcpPreface preface_;
  const std::int64_t begun_ns_;
  std::int64_t heard_ns_;   ///< last byte
  std::size_t number_ = 0;  ///< 0: none
  std::unique_ptr<PcmSession> session_;
};

}  // namespace melstream::audio
