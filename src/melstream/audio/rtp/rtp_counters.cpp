#include "melstream/audio/rtp/rtp_counters.hpp"

namespace melstream::audio {

std::vector<core::SourceCounter> RtpCounters::named(const core::IngestCounters& samples) const {
  return {{"packets", packets},
          {"bytes", bytes},
          {"packets_lost", packets_lost},
          {"packets_late", packets_late},
          {"packets_duplicate", packets_duplicate},
          {"packets_reordered", packets_reordered},
          {"packets_malformed", packets_malformed},
          {"packets_unknown_type", packets_unknown_type},
          {"packets_wrong_type", packets_wrong_type},
          {"packets_comfort_noise", packets_comfort_noise},
          {"packets_telephone_event", packets_telephone_event},
          {"packets_rtcp", packets_rtcp},
          {"packets_refused", packets_refused},
          {"ssrc_collisions", ssrc_collisions},
          {"ssrc_changes", ssrc_changes},
          {"ssrc_rivals", ssrc_rivals},
          {"sender_restarts", sender_restarts},
          {"kernel_drops", kernel_drops},
          {"samples_offered", samples.offered},
          {"samples_accepted", samples.accepted},
          {"samples_dropped", samples.dropped},
          {"samples_suppressed", samples.suppressed},
          {"samples_concealed", samples.concealed},
          {"samples_late", samples_late}};
}

void add(core::IngestCounters& sum, const core::IngestCounters& counters) noexcept {
  sum.offered += counters.offered;
  sum.accepted += counters.accepted;
  sum.dropped += counters.dropped;
  for (std::size_t i = 0; i < sum.dropped_by.size(); ++i) sum.dropped_by[i] += counters.dropped_by[i];
  sum.suppressed += counters.suppressed;
  sum.concealed += counters.concealed;
  sum.nonfinite += counters.nonfinite;
  sum.timeline_samples += counters.timeline_samples;
  sum.gap_samples += counters.gap_samples;
}

}  // namespace melstream::audio
