#include "melstream/audio/peer/sender_events.hpp"

#include "melstream/audio/source_uri.hpp"

namespace melstream::audio {

void tell_connected(const SourceParts& parts, const NetAddress& peer, const core::StreamRequest& request) {
  parts.tell({.level = SourceEvent::Level::kInfo,
              .name = "sender_connected",
              .fields = {{"peer", peer.text()},
                         {"stream", request.id},
                         {"encoding", std::string(name_of(request.format.encoding))},
                         {"rate", std::to_string(request.format.sample_rate_hz)},
                         {"channels", std::to_string(request.format.n_channels)}}});
}

void tell_gone(const SourceParts& parts, const NetAddress& peer, const PcmSession& session, core::EndReason reason,
               const std::string& why) {
  const core::IngestCounters counters = session.counters();
  const bool is_good = reason == core::EndReason::kCompleted && counters.dropped == 0;
  SourceEvent event{.level = is_good || reason == core::EndReason::kShutdown ? SourceEvent::Level::kInfo
                                                                             : SourceEvent::Level::kWarning,
                    .name = "sender_gone",
                    .fields = {{"peer", peer.text()},
                               {"stream", session.id()},
                               {"reason", why},
                               {"samples_accepted", std::to_string(counters.accepted)},
                               {"samples_dropped", std::to_string(counters.dropped)}}};
  if (counters.dropped_by[static_cast<std::size_t>(core::GapReason::kCaptureOverflow)] > 0) {
    event.fields.emplace_back("remedy",
                              "send at the pace of the audio (ffmpeg -re, pv -L); tcp:// takes files at any "
                              "pace with pacing=fast");
  }
  parts.tell(event);
}

void tell_refused(const SourceParts& parts, const NetAddress& peer, const std::string& why) {
  parts.tell({.level = SourceEvent::Level::kWarning,
              .name = "sender_refused",
              .fields = {{"peer", peer.text()}, {"reason", why}}});
}

}  // namespace melstream::audio
