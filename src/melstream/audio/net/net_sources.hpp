// The kinds tcp:// and udp://: raw PCM over a network.
#pragma once

#include "melstream/audio/source.hpp"

namespace melstream::audio {

/// Raw PCM of the URI's format, or of a JSON header line's; a stream a connection.
/// Parameters: rate, encoding, channels, channel, conceal, stream (a template of {id}, {n}, {port}, {peer}),
/// header=auto|none|required, pacing=live|fast, idle_timeout_s, max_connections, allow_from.
SourceKind tcp_kind();

/// Raw PCM, whole samples in each datagram; a stream a sender (address and port).
/// Parameters: rate, encoding, channels, channel, conceal, stream (as above), sequence=none, idle_timeout_s,
/// max_senders, allow_from.
SourceKind udp_kind();

}  // namespace melstream::audio
