// What a connection needs of its source: how streams are opened and ended, what is counted, what is told. Thread:
// ms-net.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "melstream/audio/net_address.hpp"
#include "melstream/audio/pcm_session.hpp"
#include "melstream/audio/peer/sender_params.hpp"
#include "melstream/audio/source.hpp"

namespace melstream::audio {

/// Since the source was opened.
struct PeerTotals {
  std::int64_t connections = 0;  ///< that were accepted
  std::int64_t refused = 0;      ///< of all: for their address, their number, what they said
  std::int64_t messages = 0;
  std::int64_t ignored = 0;      ///< of the messages
  std::int64_t bytes = 0;        ///< of audio
  core::IngestCounters samples;  ///< of streams that have ended
};

/// A peer, and what its connection needs of the source.
struct PeerContext {
  const SenderParams& params;
  const SourceParts& parts;
  PeerTotals& totals;
  NetAddress peer;
  std::uint16_t port = 0;  ///< that it connected to
  std::size_t number = 1;  ///< {n}: the smallest that no other connection of the source has, from 1

  struct StreamWish {
    std::optional<std::string> id;  ///< of the peer's own choice; goes before the template
    core::PcmFormat format;
    std::map<std::string, std::string> labels;  ///< the source's go before them
    bool fast = false;                          ///< see core::StreamRequest
  };
  /// Throws core::Error with a text for the peer.
  std::unique_ptr<PcmSession> open(const StreamWish& wish, std::function<void()> on_takeover) const;
  /// Ends it, counts what it took, and tells why; with an empty `why`, what the reason says.
  void close(std::unique_ptr<PcmSession> session, core::EndReason reason, const std::string& why = {}) const;
  /// Counts the peer among the refused, and tells why.
  void refuse(const std::string& reason) const;
};

}  // namespace melstream::audio
