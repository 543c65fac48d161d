// What a microphone says of itself.
#include <algorithm>

#include "melstream/audio/mic/mic.hpp"
#include "melstream/core/units.hpp"

namespace melstream::audio {
namespace {

std::string seconds_text(std::int64_t ns) { return std::to_string(ns / core::kNsPerSecond) + " s"; }

}  // namespace

void Mic::Counts::add(const core::IngestCounters& more) {
  ingest.offered += more.offered;
  ingest.accepted += more.accepted;
  ingest.dropped += more.dropped;
  ingest.concealed += more.concealed;
}

void Mic::Counts::add(const core::CaptureCounts& more) {
  captured.n_callbacks += more.n_callbacks;
  captured.n_samples += more.n_samples;
  captured.n_overflowed += more.n_overflowed;
  captured.n_xruns += more.n_xruns;
}

core::SourceStatus Mic::status() const {
  const std::lock_guard lock(mutex_);
  core::SourceStatus status;
  status.detail = detail();
  for (int i = 0; stream_ && i < format_.n_feeds(); ++i) {
    const bool split = format_.channel_mode == core::ChannelMode::kSplit;
    status.streams.push_back(split ? spec_.id + "." + std::to_string(i) : spec_.id);
  }
  switch (phase_) {
    case Phase::kResting:
      status.state = core::SourceState::kIdle;
      break;
    case Phase::kCapturing:
      status.state = core::SourceState::kLive;
      status.drift_ppm = clock_->drift_ppm();
      break;
    case Phase::kEnded:
      status.state = core::SourceState::kEnded;
      break;
    case Phase::kLookingUp:
    case Phase::kOpening:
    case Phase::kPaused:
      status.state = core::SourceState::kWaiting;
      break;
  }
  Counts counts = counts_;
  if (ring_) counts.add(ring_->counts());
  if (stream_) counts.add(stream_->ingest().counters());
  status.counters = {{"callbacks", counts.captured.n_callbacks},
                     {"samples_captured", counts.captured.n_samples},
                     {"samples_overflowed", counts.captured.n_overflowed},
                     {"xruns", counts.captured.n_xruns},
                     {"samples_missing", counts.n_missing},
                     {"samples_offered", counts.ingest.offered},
                     {"samples_accepted", counts.ingest.accepted},
                     {"samples_dropped", counts.ingest.dropped},
                     {"samples_concealed", counts.ingest.concealed},
                     {"device_losses", counts.n_losses},
                     {"device_reopens", counts.n_reopens},
                     {"rescans", control_.n_rescans()}};
  return status;
}

std::string Mic::device_text() const {
  return "'" + device_.name + "' (" + device_.host_api + "), " + std::to_string(format_.n_channels) + " channels at " +
         std::to_string(format_.sample_rate_hz) + " Hz";
}

std::string Mic::detail() const {
  const std::int64_t now = parts_.clock.mono_ns();
  switch (phase_) {
    case Phase::kResting:
      return stream_ ? device_text() + "; opened when somebody subscribes" : "looks for '" + options_.name + "'";
    case Phase::kLookingUp:
    case Phase::kOpening:
      if (const auto busy = control_.busy(); busy && is_hang(*busy, now)) {
        return "the sound system hangs (" + busy->call + " of '" + busy->device + "' for " +
               seconds_text(now - busy->since_ns) + "): restart it, and melstreamd if that does not help";
      }
      if (!problem_.empty()) return problem_ + "; tried again now";
      return phase_ == Phase::kOpening ? "opens " + device_text() : "looks for '" + options_.name + "'";
    case Phase::kCapturing:
      return device_text();
    case Phase::kPaused:
      return problem_ + "; tried again in " +
             seconds_text(std::max<std::int64_t>(0, retry_ns_ - now) + core::kNsPerSecond - 1);
    case Phase::kEnded:
      return "closed";
  }
  return {};
}

}  // namespace melstream::audio
