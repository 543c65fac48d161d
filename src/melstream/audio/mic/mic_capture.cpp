// A microphone's device captures: its samples, its gaps, and the signs that it has failed.
#include <algorithm>
#include <utility>

#include "melstream/audio/mic/mic.hpp"
#include "melstream/core/units.hpp"

namespace melstream::audio {
namespace {

constexpr std::int64_t kMsNs = core::kNsPerSecond / 1000;
// A device that captured for so long is well again.
constexpr std::int64_t kWellNs = 5 * core::kNsPerSecond;
// No callback for so long: stalled. The first may take long (1.7 s were seen).
constexpr std::int64_t kStallNs = 500 * kMsNs;
constexpr std::int64_t kStallBlocks = 10;
constexpr std::int64_t kFirstCallbackNs = 3 * core::kNsPerSecond;
// Samples that lie in the sound server for nearly as long as the callback can tell, over so long: it will not catch up.
constexpr std::int64_t kBacklogNs = 900 * kMsNs;
constexpr std::int64_t kBacklogPatienceNs = 2 * core::kNsPerSecond;

}  // namespace

void Mic::take_blocks() {
  while (const core::CaptureBlock* const block = ring_->block()) {
    take_block(*block);
    ring_->pop();
  }
}

void Mic::take_block(const core::CaptureBlock& block) {
  if (block.n_lost_before > 0) {
    stream_->ingest().lose(block.n_lost_before, core::GapReason::kCaptureOverflow);
    clock_->advance(block.n_lost_before);
  }
  const bool reopened = std::exchange(first_block_, false) && has_audio();
  miss(clock_->missing_before(block, reopened));
  if (std::exchange(device_was_lost_, false)) {
    ++counts_.n_reopens;
    tell(SourceEvent::Level::kInfo, "device_back",
         {{"device", device_.name},
          {"attempts", std::to_string(n_failures_)},
          {"gap_ms", std::to_string(n_outage_ * 1000 / format_.sample_rate_hz)}});
  }
  block_ns_ = block.n_samples * core::kNsPerSecond / format_.sample_rate_hz;
  const bool is_behind = block.called_mono_ns - block.capture_mono_ns > kBacklogNs;
  if (!is_behind) backlog_since_ns_ = 0;
  if (is_behind && backlog_since_ns_ == 0) backlog_since_ns_ = block.called_mono_ns;
  std::int64_t capture_ns = block.capture_mono_ns;
  for (const std::span<const float> part : ring_->samples()) {
    push(part, block.called_mono_ns, capture_ns);
    capture_ns +=
        static_cast<std::int64_t>(part.size()) / format_.n_channels * core::kNsPerSecond / format_.sample_rate_hz;
  }
  clock_->advance(block.n_samples);
}

void Mic::push(std::span<const float> interleaved, std::int64_t received_ns, std::int64_t capture_ns) {
  const auto n_channels = static_cast<std::size_t>(format_.n_channels);
  const std::size_t n_most = core::kMaxChunkBytes / sizeof(float) / n_channels;  // per channel
  while (!interleaved.empty()) {
    const std::size_t n = std::min(n_most, interleaved.size() / n_channels);
    stream_->ingest().push(std::as_bytes(interleaved.first(n * n_channels)),
                           {.received_mono_ns = received_ns, .capture_mono_ns = capture_ns});
    interleaved = interleaved.subspan(n * n_channels);
    capture_ns += static_cast<std::int64_t>(n) * core::kNsPerSecond / format_.sample_rate_hz;
  }
}

void Mic::miss(std::int64_t n_samples) {
  counts_.n_missing += n_samples;
  n_outage_ += n_samples;
  stream_->ingest().lose(n_samples, core::GapReason::kDeviceLost);
}

void Mic::watch(std::int64_t now) {
  const core::CaptureCounts counts = ring_->counts();
  if (ring_->finished()) {
    take_blocks();  // what came between the look before and the end
    const bool for_rescan = capture_->result().closed_for_rescan;
    lose_device(now, "device_lost",
                {{"device", device_.name}, {"reason", for_rescan ? "the list of devices is read anew" : "it stopped"}});
    if (for_rescan) retry_ns_ = now;
    return;
  }
  const bool was_called = counts.last_called_ns > 0;
  const std::int64_t age_ns = now - std::max(opened_ns_, counts.last_called_ns);
  if (age_ns > (was_called ? std::max(kStallNs, kStallBlocks * block_ns_) : kFirstCallbackNs)) {
    return lose_device(now, "device_stalled",
                       {{"device", device_.name}, {"silent_ms", std::to_string(age_ns / kMsNs)}});
  }
  if (backlog_since_ns_ != 0 && now - backlog_since_ns_ > kBacklogPatienceNs) {
    return lose_device(now, "device_stalled",
                       {{"device", device_.name}, {"reason", "over 0.9 s behind, and stays so"}});
  }
  if (now - opened_ns_ > kWellNs) n_failures_ = 0;
}

void Mic::lose_device(std::int64_t now, std::string_view event, const SourceEvent::Fields& fields) {
  // One that was opened again in vain was told before.
  if (!std::exchange(device_was_lost_, true)) {
    tell(SourceEvent::Level::kWarning, event, fields);
    ++counts_.n_losses;
    n_outage_ = 0;
  }
  drop_capture();
  pause(now, "microphone '" + device_.name + "' was lost");
  clock_->forget_drift();
  count_outage(now);
}

void Mic::count_outage(std::int64_t now) {
  const std::int64_t n_missing = clock_->missing_until(now);
  clock_->advance(n_missing);
  miss(n_missing);
}

}  // namespace melstream::audio
