// What an rtp: source counts, of all its streams together. Written on ms-net.
#pragma once

#include <cstdint>
#include <vector>

#include "melstream/core/pcm.hpp"
#include "melstream/core/sources.hpp"

namespace melstream::audio {

struct RtpCounters {
  std::int64_t packets = 0;       ///< datagrams that came, whatever they are
  std::int64_t bytes = 0;         ///< of those
  std::int64_t packets_lost = 0;  ///< not there when they were needed; those that came later are among them
  std::int64_t packets_late = 0;
  std::int64_t packets_duplicate = 0;
  std::int64_t packets_reordered = 0;  ///< after a later one, but in time
  std::int64_t packets_malformed = 0;
  std::int64_t packets_unknown_type = 0;
  std::int64_t packets_wrong_type = 0;  ///< audio of another format than the stream's, not believed yet
  std::int64_t packets_comfort_noise = 0;
  std::int64_t packets_telephone_event = 0;
  std::int64_t packets_rtcp = 0;
  std::int64_t packets_refused = 0;  ///< of senders that may not send, or for whom there is no stream
  std::int64_t ssrc_collisions = 0;
  std::int64_t ssrc_changes = 0;
  std::int64_t ssrc_rivals = 0;  ///< packets of another SSRC from the sender's address, while the sender goes on
  std::int64_t sender_restarts = 0;
  std::int64_t kernel_drops = 0;
  std::int64_t samples_late = 0;  ///< of the dropped ones, those whose packet came too late

  /// With {"packets", 3} and so on, and the samples of all streams.
  std::vector<core::SourceCounter> named(const core::IngestCounters& samples) const;
};

/// Adds the counts of one stream.
void add(core::IngestCounters& sum, const core::IngestCounters& counters) noexcept;

}  // namespace melstream::audio
