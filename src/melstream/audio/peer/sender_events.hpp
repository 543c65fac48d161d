// What the log tells of senders over the network, the same for all kinds of them. Runs on the thread of sockets.
#pragma once

#include <string>

#include "melstream/audio/net_address.hpp"
#include "melstream/audio/pcm_session.hpp"
#include "melstream/audio/source.hpp"

namespace melstream::audio {

/// sender_connected peer= stream= encoding= rate= channels=
void tell_connected(const SourceParts& parts, const NetAddress& peer, const core::StreamRequest& request);
/// sender_gone peer= stream= reason= samples_accepted= samples_dropped=; a warning unless kCompleted.
void tell_gone(const SourceParts& parts, const NetAddress& peer, const PcmSession& session, core::EndReason reason,
               const std::string& why);
/// sender_refused peer= reason=
void tell_refused(const SourceParts& parts, const NetAddress& peer, const std::string& why);

}  // namespace melstream::audio
