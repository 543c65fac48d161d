#include "melstream/rpc/published_audio.hpp"

#include <algorithm>
#include <utility>

#include <string.h>  // explicit_bzero

#include "melstream/core/error.hpp"
#include "melstream/rpc/convert.hpp"

namespace melstream::rpc {
namespace {

// Beyond the year 2096 it is no time, and sums with it could overflow.
constexpr std::int64_t kLatestWallNs = 4'000'000'000'000'000'000;
constexpr std::int64_t kMostLostSeconds = 86'400;
// Of a stream, so that no sum of losses overflows: nearly three years at 192 kHz.
constexpr std::int64_t kMostOfferedSamples = std::int64_t{1} << 44;

void check_loss(const Chunk& chunk, const core::PcmFormat& format, std::int64_t n_offered) {
  const std::int64_t most = kMostLostSeconds * format.sample_rate_hz;
  if (chunk.lost_samples >= 0 && chunk.lost_samples <= most && chunk.lost_samples <= kMostOfferedSamples - n_offered) {
    return;
  }
  throw core::Error(core::ErrorCode::kInvalidArgument,
                    std::to_string(chunk.lost_samples) + " samples lost; 0 to " + std::to_string(most) +
                        ", one day, can be told at once",
                    "lost_samples");
}

/// Also asks for leave: one stream of the config is as many as it opens.
access::StreamShare take_share(const access::Grant& grant, const AudioChoice& choice) {
  for (const pipeline::StreamOptions& stream : choice.streams) grant.require(stream.id);
  return grant.publish(static_cast<std::int32_t>(choice.streams.size()));
}

}  // namespace

void wipe(std::string& content) noexcept { explicit_bzero(content.data(), content.size()); }

PublishedAudio::PublishedAudio(const Environment& environment, const access::Grant& grant, AudioChoice choice,
                               const std::function<void()>& on_takeover)
    : share_(take_share(grant, choice)),
      format_(choice.format),
      fast_(choice.fast),
      sample_bytes_(sample_bytes(choice.format)),
      slice_bytes_(slice_bytes(choice.format, environment.registry().options().ring_samples)) {
  for (pipeline::StreamOptions& stream : choice.streams) stream.on_takeover = on_takeover;
  streams_ = environment.registry().open(std::move(choice.streams), choice.takeover);
  std::vector<core::AudioFeed*> feeds;
  feeds.reserve(streams_.size());
  for (const auto& stream : streams_) feeds.push_back(&stream->feed());
  try {
    ingest_ = environment.parts.make_ingest(format_, feeds, choice.conceal);
  } catch (...) {
    for (core::AudioFeed* feed : feeds) feed->finish(core::EndReason::kSourceLost);
    throw;
  }
}

PublishedAudio::~PublishedAudio() { finish(core::EndReason::kSourceLost); }

void PublishedAudio::set_started(v1::StreamStarted& out) const {
  for (const auto& stream : streams_) {
    v1::StartedStream& one = *out.add_streams();
    one.set_stream(stream->id());
    one.set_epoch(stream->epoch());
  }
  out.set_resampler_delay_ns(streams_.front()->resampler_delay_ns());
}

void PublishedAudio::begin(const Chunk& chunk, std::int64_t received_mono_ns) {
  check_chunk(chunk.content.size(), format_);
  if (chunk.lost_samples != 0) {
    check_loss(chunk, format_, ingest_->counters().offered);
    ingest_->lose(chunk.lost_samples, to_loss_reason(chunk.lost_reason));
  }
  chunk_ = chunk;
  taken_bytes_ = 0;
  chunk_time_ = {.received_mono_ns = received_mono_ns};
  if (chunk.capture_time_ns > 0 && chunk.capture_time_ns <= kLatestWallNs) {
    chunk_time_.capture_wall_ns = chunk.capture_time_ns;
  } else {
    const auto n_samples = static_cast<std::int64_t>(chunk.content.size() / sample_bytes_);
    chunk_time_.capture_mono_ns = received_mono_ns - n_samples * core::kNsPerSecond / format_.sample_rate_hz;
  }
}

bool PublishedAudio::take() {
  while (taken_bytes_ < chunk_.content.size()) {
    const std::size_t n = std::min(slice_bytes_, chunk_.content.size() - taken_bytes_);
    if (fast_ && !ingest_->has_room(n)) return false;
    const auto before = static_cast<std::int64_t>(taken_bytes_ / sample_bytes_);
    const std::int64_t before_ns = before * core::kNsPerSecond / format_.sample_rate_hz;
    core::AudioTime time = chunk_time_;
    if (time.capture_wall_ns > 0) {
      time.capture_wall_ns += before_ns;
    } else {
      time.capture_mono_ns += before_ns;
    }
    ingest_->push(chunk_.content.subspan(taken_bytes_, n), time);
    taken_bytes_ += n;
  }
  return true;
}

bool PublishedAudio::is_progress_due() const noexcept {
  const core::IngestCounters counters = ingest_->counters();
  return counters.accepted - told_.accepted >= format_.sample_rate_hz || counters.dropped != told_.dropped;
}

void PublishedAudio::set_progress(v1::StreamProgress& out) {
  told_ = ingest_->counters();
  rpc::set_progress(told_, out);
}

void PublishedAudio::set_ended(core::EndReason reason, v1::StreamEnded& out) const {
  rpc::set_progress(ingest_->counters(), *out.mutable_totals());
  out.set_reason(from_end_reason(reason));
}

grpc::Status no_place_status(const Environment& environment) {
  if (environment.registry().draining()) return shutting_down_status();
  return {grpc::StatusCode::RESOURCE_EXHAUSTED,
          "too many publishers are connected; close one, or raise stream.max_streams"};
}

grpc::Status taken_over_status() { return {grpc::StatusCode::ABORTED, "another publisher took the stream over"}; }

grpc::Status shutting_down_status() {
  return {grpc::StatusCode::UNAVAILABLE, "the daemon is shutting down; try again later"};
}

std::optional<grpc::Status> idle_status(const Environment& environment, std::int64_t heard_mono_ns,
                                        std::int64_t now_mono_ns) {
  const std::int64_t idle_ms = (now_mono_ns - heard_mono_ns) / 1'000'000;
  const std::int64_t most_ms = environment.options.publisher_idle_timeout.count();
  if (idle_ms < most_ms) return std::nullopt;
  return grpc::Status(grpc::StatusCode::DEADLINE_EXCEEDED,
                      "nothing came for " + std::to_string(idle_ms) + " ms; send audio at least every " +
                          std::to_string(most_ms) + " ms (silence counts), or end the stream");
}

}  // namespace melstream::rpc
