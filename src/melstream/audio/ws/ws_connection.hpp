// The connection of one peer: the HTTP request that asks for a WebSocket, then its frames (Boost.Beast), for a session.
// Runs on ms-net.
#pragma once

#include <memory>

#include "melstream/audio/peer/peer_source.hpp"
#include "melstream/audio/ws/ws_admission.hpp"

namespace melstream::audio {

/// What a URI says beyond SenderParams.
struct WsOptions {
  WsAdmission admission;
  core::PcmFormat format;  ///< where the peer's text message does not say it
};

inline constexpr std::size_t kMaxWsHeaderBytes = std::size_t{8} << 10;
inline constexpr std::size_t kMaxWsMessageBytes = std::size_t{256} << 10;

/// Limits: 5 s for the handshake, a header of kMaxWsHeaderBytes, messages of kMaxWsMessageBytes, nothing compressed. A
/// peer that sends nothing is pinged every 20 s, and lost after 40.
/// @param options outlives the connection's end.
std::shared_ptr<PeerConnection> start_ws_connection(OwnedFd fd, const PeerContext& context, const WsOptions& options);

}  // namespace melstream::audio
