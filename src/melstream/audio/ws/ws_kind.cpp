#include "melstream/audio/ws/ws_kind.hpp"

#include <utility>

#include "melstream/audio/peer/peer_source.hpp"
#include "melstream/audio/ws/ws_connection.hpp"

namespace melstream::audio {
namespace {

struct WsUri {
  WsUri(const core::SourceSpec& spec, const SourceUri& uri) : WsUri(spec, uri, uri.params) {}

  SenderParams peers;
  WsOptions options;

 private:
  WsUri(const core::SourceSpec& spec, const SourceUri& uri, UriParams params)
      : peers(take_sender_params(spec, uri, params, "max_connections")),
        options{WsAdmission(uri, params), take_format(params)} {
    params.require_valid();
  }
};

void check(const core::SourceSpec& spec, const SourceUri& uri) { WsUri(spec, uri); }

std::unique_ptr<Source> make(const core::SourceSpec& spec, const SourceUri& uri, const SourceParts& parts) {
  WsUri wanted(spec, uri);
  const auto connect = [options = std::move(wanted.options)](OwnedFd fd, const PeerContext& context) {
    return start_ws_connection(std::move(fd), context, options);
  };
  return std::make_unique<PeerSource>(std::move(wanted.peers), parts, PeerProtocol{connect, /*has_messages=*/true});
}

}  // namespace

SourceKind ws_kind() { return {"ws", "ws://HOST:PORT/PATH", check, make}; }

}  // namespace melstream::audio
