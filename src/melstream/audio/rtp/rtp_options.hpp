// What the URI of an rtp: source says, checked once.
//
//   rtp://HOST:PORT[-LAST]?demux=ssrc&stream=call-{ssrc}&pt=96:L16/16000/1,101:telephone-event&jitter_ms=20-200
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "melstream/audio/net_address.hpp"
#include "melstream/audio/rtp/payload_types.hpp"
#include "melstream/audio/source_uri.hpp"
#include "melstream/core/pcm.hpp"
#include "melstream/core/sources.hpp"

namespace melstream::audio {

struct RtpOptions {
  std::string id;
  std::map<std::string, std::string> labels;
  BindSpec bind;
  std::vector<std::uint16_t> ports;  ///< one socket each; {0}: any
  PayloadTypes types;
  std::string target;  ///< "127.0.0.1:5004": for advice
  bool demux_ssrc = false;
  IdTemplate stream;  ///< with {id}, {ssrc}, {port}, {peer}
  int max_ssrc = 16;  ///< streams that one address may have
  std::int64_t jitter_min_ns = 0;
  std::int64_t jitter_max_ns = 0;
  std::int64_t idle_timeout_ns = 0;
  core::Conceal conceal = core::Conceal::kNone;
  core::PcmFormat channels;  ///< its channel_mode and channel_index alone
  int receive_bytes = 0;     ///< of the kernel's buffer of one socket
};

/// Throws core::Error(kInvalidArgument, "uri").
RtpOptions rtp_options(const core::SourceSpec& spec, const SourceUri& uri);

}  // namespace melstream::audio
