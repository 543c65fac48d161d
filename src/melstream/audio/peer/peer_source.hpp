// A source that peers connect to by TCP and that speaks a protocol with each: accepting within a limit, one timer for
// all deadlines, ids of streams, totals, the end. What is said on a connection is its kind's. Runs on ms-net.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "melstream/audio/net_address.hpp"
#include "melstream/audio/pcm_session.hpp"
#include "melstream/audio/peer/peer_context.hpp"
#include "melstream/audio/peer/sender_params.hpp"
#include "melstream/audio/source.hpp"

namespace melstream::audio {

/// One connection. Thread: ms-net.
class PeerConnection {
 public:
  virtual ~PeerConnection() = default;
  /// A few times a second: deadlines.
  virtual void tick(std::int64_t now_ns) = 0;
  /// Ends its stream and says goodbye. Idempotent. From then on it uses its context no more, and may live until the
  /// peer has heard it, or two seconds.
  virtual void end(core::EndReason reason) = 0;
  /// Its socket is closed.
  virtual bool is_gone() const noexcept = 0;
  /// The stream that is open, or null.
  virtual const PcmSession* session() const noexcept = 0;
};

/// What is said on connections.
struct PeerProtocol {
  /// Takes over an accepted descriptor, non-blocking. The context is valid until the connection has ended.
  std::function<std::shared_ptr<PeerConnection>(OwnedFd fd, const PeerContext& context)> connect;
  bool has_messages = false;  ///< PeerTotals counts them
};

class PeerSource final : public Source {
 public:
  /// Throws core::Error(kUnavailable, kInvalidArgument) if it cannot listen.
  PeerSource(SenderParams params, const SourceParts& parts, PeerProtocol protocol);
  PeerSource(const PeerSource&) = delete;
  PeerSource& operator=(const PeerSource&) = delete;
  ~PeerSource() override;

  core::SourceStatus status() const override;
  void end(core::EndReason reason) override;
  /// Where it listens.
  const NetAddress& address() const noexcept;

 private:
  struct State;
  std::shared_ptr<State> state_;  ///< also of handlers that are under way
};

}  // namespace melstream::audio
