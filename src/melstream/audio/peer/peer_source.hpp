// A source that peers connect to by TCP and that speaks a protocol with each: accepting within a limit, one timer for
// all deadlines, ids of streams, totals, the end. What is said on a connection is its kind's. Runs on ms-net.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "melstream/audio/net/sender_params.hpp"
#include "melstream/audio/net_address.hpp"
#include "melstream/audio/pcm_session.hpp"
#include "melstream/audio/source.hpp"

namespace melstream::audio {

/// What the URIs of these kinds have in common.
struct PeerOptions {
  /// Takes allow_from, stream, max_connections, idle_timeout_s and conceal.
  /// Throws core::Error(kInvalidArgument, "uri").
  PeerOptions(const core::SourceSpec& spec, const SourceUri& uri, UriParams& params);

  core::SourceSpec spec;
  BindSpec bind;
  IdTemplate stream;  ///< with {id}, {port}, {peer} and {n}
  int max_connections;
  std::int64_t idle_timeout_ns;  ///< 0: for ever
  core::Conceal conceal;
};

/// Since the source was opened. Thread: ms-net.
struct PeerTotals {
  std::int64_t connections = 0;  ///< that were accepted
  std::int64_t refused = 0;      ///< of all: for their address, their number, what they said
  std::int64_t messages = 0;
  std::int64_t ignored = 0;      ///< of the messages
  std::int64_t bytes = 0;        ///< of audio
  core::IngestCounters samples;  ///< of streams that have ended
};

/// A peer, and what its connection needs of the source. Thread: ms-net.
struct PeerContext {
  const PeerOptions& options;
  const SourceParts& parts;
  PeerTotals& totals;
  NetAddress peer;
  std::uint16_t port = 0;  ///< that it connected to
  std::size_t number = 1;  ///< {n}: the smallest that no other connection of the source has, from 1

  struct StreamWish {
    std::optional<std::string> id;  ///< of the peer's own choice; goes before the template
    core::PcmFormat format;
    std::map<std::string, std::string> labels;  ///< the source's go before them
  };
  /// Throws core::Error with a text for the peer.
  std::unique_ptr<PcmSession> open(const StreamWish& wish, std::function<void()> on_takeover) const;
  /// Ends it, and counts what it took.
  void close(std::unique_ptr<PcmSession> session, core::EndReason reason) const;
  /// Counts the peer among the refused, and tells why.
  void refuse(const std::string& reason) const;
};

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

class PeerSource final : public Source {
 public:
  /// Takes over an accepted descriptor, non-blocking. The context is valid until the connection has ended.
  using Connect = std::function<std::shared_ptr<PeerConnection>(OwnedFd fd, const PeerContext& context)>;

  /// Throws core::Error(kUnavailable, kInvalidArgument) if it cannot listen.
  PeerSource(PeerOptions options, const SourceParts& parts, Connect connect);
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
