#include "melstream/audio/ingest.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include <string.h>  // explicit_bzero

#include "melstream/audio/pcm_decode.hpp"
#include "melstream/audio/resampler.hpp"
#include "melstream/core/error.hpp"
#include "melstream/core/units.hpp"

namespace melstream::audio {
namespace {

// A chunk is worked on in slices of so many samples a channel, so that the buffers stay small.
constexpr std::size_t kSliceSamples = 1024;
// At most twice a slice (from 8 kHz) and a block of the resampler's filter.
constexpr std::size_t kResampledSamples = 4 * kSliceSamples;
// A loss shorter than this may be made up: one window.
constexpr std::int64_t kWindowSamples = core::kSampleRateHz / 40;
constexpr std::int64_t kLatestWallNs = 4'000'000'000 * core::kNsPerSecond;

void wipe_samples(std::vector<float>& samples) noexcept {
  if (!samples.empty()) explicit_bzero(samples.data(), samples.size() * sizeof(float));
}

}  // namespace

core::PcmIngestFactory make_ingest_factory(const core::Clock& clock) {
  return [&clock](const core::PcmFormat& format, const std::vector<core::AudioFeed*>& feeds, core::Conceal conceal) {
    return std::make_unique<Ingest>(format, feeds, clock, conceal);
  };
}

Ingest::Ingest(const core::PcmFormat& format, const std::vector<core::AudioFeed*>& feeds, const core::Clock& clock,
               core::Conceal conceal)
    : format_((core::validate(format), format)), clock_(clock), conceal_(conceal) {
  if (feeds.size() != static_cast<std::size_t>(format.n_feeds())) {
    throw core::Error(core::ErrorCode::kInvalidArgument,
                      std::to_string(feeds.size()) + " feeds for a format of " + std::to_string(format.n_feeds()));
  }
  const bool resample = format.sample_rate_hz != core::kSampleRateHz;
  for (core::AudioFeed* const feed : feeds) {
    outputs_.push_back({feed, resample ? std::make_unique<Resampler>(format.sample_rate_hz) : nullptr});
  }
  interleaved_.resize(kSliceSamples * static_cast<std::size_t>(format.n_channels));
  source_.resize(kSliceSamples);
  if (resample) resampled_.resize(kResampledSamples);
}

Ingest::~Ingest() { wipe(); }

std::size_t Ingest::sample_bytes() const noexcept {
  return core::bytes_per_sample(format_.encoding) * static_cast<std::size_t>(format_.n_channels);
}

void Ingest::require_whole(std::size_t n_bytes) const {
  if (n_bytes > core::kMaxChunkBytes) {
    throw core::Error(
        core::ErrorCode::kInvalidArgument,
        "audio chunk of " + std::to_string(n_bytes) + " bytes; send at most " + std::to_string(core::kMaxChunkBytes),
        "content");
  }
  if (n_bytes % sample_bytes() != 0) {
    throw core::Error(core::ErrorCode::kInvalidArgument,
                      "audio chunk of " + std::to_string(n_bytes) +
                          " bytes is no whole number of samples: " + std::to_string(format_.n_channels) +
                          " channels of " + std::to_string(core::bytes_per_sample(format_.encoding)) + " bytes each",
                      "content");
  }
}

std::int64_t Ingest::position(std::int64_t n_source) const noexcept {
  const int rate_hz = format_.sample_rate_hz;
  return std::min(resampled_length(n_source, rate_hz), resampled_length(segment_.source_begin + n_source, rate_hz) -
                                                           resampled_length(segment_.source_begin, rate_hz));
}

std::int64_t Ingest::needed(std::int64_t n_source) const noexcept {
  if (!segment_.open) return resampled_length(n_source, format_.sample_rate_hz);
  return resampled_length(segment_.n_source + n_source, format_.sample_rate_hz) - segment_.n_written;
}

std::int64_t Ingest::needed_behind_gap(std::int64_t n_source) const noexcept {
  return needed(0) + resampled_length(n_source, format_.sample_rate_hz);
}

bool Ingest::fits(std::int64_t n_samples) const noexcept {
  return std::all_of(outputs_.begin(), outputs_.end(), [&](const Output& output) {
    const std::size_t room = output.feed->room();
    return room > 0 && room >= static_cast<std::size_t>(n_samples);
  });
}

bool Ingest::has_room(std::size_t n_bytes) noexcept {
  if (n_bytes > 0) {
    const auto n_source = static_cast<std::int64_t>(n_bytes / sample_bytes());
    if (finished_ || !is_loss_open()) return !finished_ && fits(needed(n_source));
    // It waits for the fill too, so that what becomes of a loss does not depend on how quickly the feed is read.
    const std::int64_t with_fill = needed(n_lost_ + n_source);
    const std::size_t capacity = outputs_.front().feed->ring().capacity();
    if (with_fill > static_cast<std::int64_t>(capacity)) return fits(needed_behind_gap(n_source));
    return can_mark() && fits(with_fill);
  }
  if (finished_ || n_lost_ == 0) return true;
  return std::all_of(outputs_.begin(), outputs_.end(),
                     [](const Output& output) { return output.feed->can_begin_segment(); });
}

void Ingest::push(std::span<const std::byte> bytes, const core::AudioTime& time) {
  if (finished_) throw core::Error(core::ErrorCode::kFailedPrecondition, "audio after the end of its stream");
  require_whole(bytes.size());
  const auto n_source = static_cast<std::int64_t>(bytes.size() / sample_bytes());
  if (n_source == 0) return;
  if (!make_room(n_source, time)) return lose(n_source, core::GapReason::kCaptureOverflow);
  accept(n_source, time);
  take(bytes);
}

void Ingest::lose(std::int64_t n_source, core::GapReason reason) noexcept {
  if (finished_ || n_source <= 0) return;
  if (segment_.open && !is_concealable(n_lost_ + n_source)) end_segment();
  counters_.offered += n_source;
  counters_.dropped += n_source;
  counters_.dropped_by[static_cast<std::size_t>(reason)] += n_source;
  lost_by_[static_cast<std::size_t>(reason)] += n_source;
  n_lost_ += n_source;
}

void Ingest::push_suppressed(std::int64_t n_source, const core::AudioTime& time) noexcept {
  if (finished_ || n_source <= 0) return;
  if (!make_room(n_source, time) || !can_mark()) return lose(n_source, core::GapReason::kCaptureOverflow);
  accept(n_source, time);
  counters_.suppressed += n_source;
  fill(n_source, core::FilledSpan::Kind::kSuppressed);
}

bool Ingest::can_mark() const noexcept {
  return std::all_of(outputs_.begin(), outputs_.end(), [](const Output& output) { return output.feed->can_mark(); });
}

bool Ingest::is_concealable(std::int64_t n_lost) const noexcept {
  return conceal_ != core::Conceal::kNone && n_lost * core::kSampleRateHz < kWindowSamples * format_.sample_rate_hz;
}

bool Ingest::make_room(std::int64_t n_source, const core::AudioTime& time) noexcept {
  if (!is_loss_open()) return fits(needed(n_source));
  if (can_mark() && fits(needed(n_lost_ + n_source))) {
    last_received_ns_ = time.received_mono_ns;
    counters_.concealed += n_lost_;
    lost_by_ = {};
    fill(std::exchange(n_lost_, 0), core::FilledSpan::Kind::kConcealed);
    return true;
  }
  if (!fits(needed_behind_gap(n_source))) return false;
  end_segment();
  return true;
}

void Ingest::accept(std::int64_t n_source, const core::AudioTime& time) noexcept {
  if (!segment_.open) begin_segment(anchored(n_source, time));
  counters_.offered += n_source;
  counters_.accepted += n_source;
  last_received_ns_ = time.received_mono_ns;
}

core::SegmentStart Ingest::anchored(std::int64_t n_source, const core::AudioTime& time) const noexcept {
  const std::int64_t wall_minus_mono = clock_.wall_ns() - clock_.mono_ns();
  core::SegmentStart start;
  if (time.capture_mono_ns > 0) {
    start.capture_mono_ns = time.capture_mono_ns;
    start.capture_wall_ns = start.capture_mono_ns + wall_minus_mono;
  } else if (time.capture_wall_ns > 0 && time.capture_wall_ns <= kLatestWallNs) {
    start.capture_wall_ns = time.capture_wall_ns;
    start.capture_mono_ns = time.capture_wall_ns - wall_minus_mono;
  } else {
    start.capture_mono_ns = time.received_mono_ns - n_source * core::kNsPerSecond / format_.sample_rate_hz;
    start.capture_wall_ns = start.capture_mono_ns + wall_minus_mono;
  }
  if (begun_) {
    // Capture time never decreases, even where the wall clock stepped back or a chunk came late.
    const std::int64_t length_ns = core::samples_to_ns(segment_.n_written);
    start.capture_mono_ns = std::max(start.capture_mono_ns, segment_.capture_mono_ns + length_ns);
    start.capture_wall_ns = std::max(start.capture_wall_ns, segment_.capture_wall_ns + length_ns);
  }
  return start;
}

void Ingest::begin_segment(core::SegmentStart start) noexcept {
  start.timeline_begin = resampled_length(counters_.offered, format_.sample_rate_hz);
  start.reason = static_cast<core::GapReason>(std::max_element(lost_by_.begin(), lost_by_.end()) - lost_by_.begin());
  start.lost_source_samples = std::exchange(n_lost_, 0);
  lost_by_ = {};
  counters_.gap_samples += start.timeline_begin - counters_.timeline_samples;
  counters_.timeline_samples = start.timeline_begin;
  segment_ = {.open = true,
              .begin = outputs_.front().feed->written(),
              .source_begin = counters_.offered,
              .capture_mono_ns = start.capture_mono_ns,
              .capture_wall_ns = start.capture_wall_ns};
  begun_ = true;
  for (Output& output : outputs_) {
    if (output.feed->can_begin_segment()) output.feed->begin_segment(start);
  }
}

void Ingest::take(std::span<const std::byte> bytes) noexcept {
  const auto n_channels = static_cast<std::size_t>(format_.n_channels);
  while (!bytes.empty()) {
    const std::size_t n = std::min(kSliceSamples, bytes.size() / sample_bytes());
    const std::span<float> interleaved = std::span(interleaved_).first(n * n_channels);
    counters_.nonfinite += decode(format_.encoding, bytes.first(n * sample_bytes()), interleaved);
    bytes = bytes.subspan(n * sample_bytes());
    const std::span<float> source = std::span(source_).first(n);
    std::int64_t n_written = 0;  // the same for all outputs
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      switch (format_.channel_mode) {
        case core::ChannelMode::kMix:
          mix_channels(interleaved, format_.n_channels, source);
          break;
        case core::ChannelMode::kIndex:
          pick_channel(interleaved, format_.n_channels, format_.channel_index, source);
          break;
        case core::ChannelMode::kSplit:
          pick_channel(interleaved, format_.n_channels, static_cast<int>(i), source);
          break;
      }
      outputs_[i].last = source.back();
      n_written = write(outputs_[i], source);
    }
    count_written(static_cast<std::int64_t>(n), n_written);
  }
}

void Ingest::fill(std::int64_t n_source, core::FilledSpan::Kind kind) noexcept {
  // Before the samples, since the resampler is behind by its delay: some of them come with the next ones.
  const core::FilledSpan span{.begin = segment_.begin + position(segment_.n_source),
                              .end = segment_.begin + position(segment_.n_source + n_source),
                              .kind = kind};
  for (Output& output : outputs_) output.feed->mark(span);
  const bool hold = kind == core::FilledSpan::Kind::kConcealed && conceal_ == core::Conceal::kHold;
  for (Output& output : outputs_) output.last = hold ? output.last : 0.0F;
  while (n_source > 0) {
    const std::int64_t n = std::min(n_source, static_cast<std::int64_t>(kSliceSamples));
    const std::span<float> source = std::span(source_).first(static_cast<std::size_t>(n));
    std::int64_t n_written = 0;
    for (Output& output : outputs_) {
      std::fill(source.begin(), source.end(), output.last);
      n_written = write(output, source);
    }
    count_written(n, n_written);
    n_source -= n;
  }
}

void Ingest::count_written(std::int64_t n_source, std::int64_t n_written) noexcept {
  segment_.n_source += n_source;
  segment_.n_written += n_written;
  counters_.timeline_samples += n_written;
}

/// @return 16 kHz samples written.
std::int64_t Ingest::write(Output& output, std::span<const float> source) noexcept {
  if (!output.resampler) {
    output.feed->write(source, last_received_ns_);
    return static_cast<std::int64_t>(source.size());
  }
  std::int64_t n_written = 0;
  while (!source.empty()) {
    const Resampler::Step step = output.resampler->process(source, resampled_);
    output.feed->write(std::span(resampled_).first(step.produced), last_received_ns_);
    source = source.subspan(step.consumed);
    n_written += static_cast<std::int64_t>(step.produced);
  }
  return n_written;
}

void Ingest::end_segment() noexcept {
  segment_.open = false;
  const std::int64_t limit = position(segment_.n_source) - segment_.n_written;
  std::int64_t n_written = 0;
  for (Output& output : outputs_) {
    if (!output.resampler) continue;
    n_written = 0;
    while (n_written < limit) {
      const auto wanted = std::min(resampled_.size(), static_cast<std::size_t>(limit - n_written));
      const std::size_t n = output.resampler->flush(std::span(resampled_).first(wanted));
      if (n == 0) break;
      output.feed->write(std::span(resampled_).first(n), last_received_ns_);
      n_written += static_cast<std::int64_t>(n);
    }
    output.resampler->reset();
  }
  segment_.n_written += n_written;
  counters_.timeline_samples += n_written;
}

void Ingest::finish(core::EndReason reason) noexcept {
  if (finished_) return;
  if (segment_.open) end_segment();
  if (n_lost_ > 0) begin_segment(anchored(0, {.received_mono_ns = clock_.mono_ns()}));
  finished_ = true;
  for (Output& output : outputs_) {
    output.feed->finish(reason);
    output.resampler.reset();
  }
  wipe();
}

void Ingest::wipe() noexcept {
  for (Output& output : outputs_) output.last = 0.0F;
  wipe_samples(interleaved_);
  wipe_samples(source_);
  wipe_samples(resampled_);
}

}  // namespace melstream::audio
