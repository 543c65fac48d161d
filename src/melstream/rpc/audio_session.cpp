#include "melstream/rpc/audio_session.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include <string.h>  // explicit_bzero

#include "melstream/core/error.hpp"
#include "melstream/rpc/convert.hpp"
#include "melstream/rpc/status.hpp"

namespace melstream::rpc {
namespace {

using core::EndReason;
using core::Error;
using core::ErrorCode;

}  // namespace

AudioSession::AudioSession(const Environment& environment, Publishers& publishers)
    : environment_(environment), publishers_(publishers), heard_mono_ns_(environment.clock().mono_ns()) {}

AudioSession* AudioSession::start(const Environment& environment, Publishers& publishers) {
  const std::shared_ptr<AudioSession> session(new AudioSession(environment, publishers));
  session->self_ = session;
  const bool added = publishers.add(session);
  const std::lock_guard lock(session->mutex_);
  if (added) {
    session->read_next();
  } else if (environment.registry().draining()) {
    session->end(EndReason::kShutdown, {grpc::StatusCode::UNAVAILABLE, "the daemon is shutting down"});
  } else {
    session->end(EndReason::kSourceLost, {grpc::StatusCode::RESOURCE_EXHAUSTED,
                                          "too many publishers are connected; close one, or raise stream.max_streams"});
  }
  return session.get();
}

void AudioSession::OnReadDone(bool ok) {
  try {
    std::unique_lock lock(mutex_);
    reading_ = false;
    heard_mono_ns_ = environment_.clock().mono_ns();
    if (end_reason_) return wipe_request();
    if (!ok) return on_half_close();
    if (request_.has_config() && !configured_) {
      configured_ = true;
      // Reads are one at a time, so request_ stays ours; the registry may call another session.
      lock.unlock();
      return open(request_.config());
    }
    take_chunk();
  } catch (const std::exception& error) {
    fail(error);
  }
}

void AudioSession::open(const v1::AudioConfig& config) {
  AudioChoice choice = choose_audio(config, environment_.parts.resampler_delay_ns);
  for (pipeline::StreamOptions& stream : choice.streams) {
    stream.on_takeover = [weak = weak_from_this()] {
      if (const auto session = weak.lock()) session->taken_over();
    };
  }
  std::vector<std::shared_ptr<pipeline::Stream>> streams =
      environment_.registry().open(std::move(choice.streams), choice.takeover);
  std::vector<core::AudioFeed*> feeds;
  feeds.reserve(streams.size());
  for (const auto& stream : streams) feeds.push_back(&stream->feed());
  std::unique_ptr<core::PcmIngest> ingest;
  try {
    ingest = environment_.parts.make_ingest(choice.format, feeds, core::Conceal::kNone);
  } catch (...) {
    for (core::AudioFeed* feed : feeds) feed->finish(EndReason::kSourceLost);
    throw;
  }

  const std::lock_guard lock(mutex_);
  if (end_reason_) return ingest->finish(*end_reason_);  // ended while it opened
  format_ = choice.format;
  fast_ = choice.fast;
  slice_bytes_ = slice_bytes(format_, environment_.registry().options().ring_samples);
  streams_ = std::move(streams);
  ingest_ = std::move(ingest);
  v1::StreamStarted& started = *response_.mutable_started();
  for (const auto& stream : streams_) {
    v1::StartedStream& one = *started.add_streams();
    one.set_stream(stream->id());
    one.set_epoch(stream->epoch());
  }
  started.set_resampler_delay_ns(streams_.front()->resampler_delay_ns());
  writing_ = true;
  StartWrite(&response_);
  read_next();
}

void AudioSession::take_chunk() {
  if (request_.has_config()) {
    throw Error(ErrorCode::kInvalidArgument, "a second config; open another call for another format", "config");
  }
  if (!request_.has_audio()) {
    throw Error(ErrorCode::kInvalidArgument, "an empty request; send audio, or half-close to end", "request");
  }
  if (!ingest_) throw Error(ErrorCode::kInvalidArgument, "the first request must be the config", "config");
  const std::size_t n_bytes = request_.audio().content().size();
  check_chunk(n_bytes, format_);
  taken_bytes_ = 0;
  chunk_received_mono_ns_ = heard_mono_ns_;
  chunk_capture_wall_ns_ = request_.audio().capture_time_ns();
  // Beyond the year 2096 it is no time, and sums with it could overflow.
  constexpr std::int64_t kMaxWallNs = 4'000'000'000'000'000'000;
  if (chunk_capture_wall_ns_ <= 0 || chunk_capture_wall_ns_ > kMaxWallNs) {
    const auto n_samples = static_cast<std::int64_t>(n_bytes / sample_bytes(format_));
    chunk_capture_wall_ns_ = environment_.clock().wall_ns() - n_samples * core::kNsPerSecond / format_.sample_rate_hz;
  }
  push_pending();
}

void AudioSession::push_pending() {
  const std::string& content = request_.audio().content();
  const auto bytes = std::as_bytes(std::span(content));
  while (taken_bytes_ < bytes.size()) {
    const std::size_t n = std::min(slice_bytes_, bytes.size() - taken_bytes_);
    if (fast_ && !ingest_->has_room(n)) return block();
    const auto before = static_cast<std::int64_t>(taken_bytes_ / sample_bytes(format_));
    ingest_->push(bytes.subspan(taken_bytes_, n),
                  {.received_mono_ns = chunk_received_mono_ns_,
                   .capture_wall_ns = chunk_capture_wall_ns_ + before * core::kNsPerSecond / format_.sample_rate_hz});
    taken_bytes_ += n;
  }
  if (fast_) environment_.parts.poke();
  wipe_request();
  write_progress_if_due();
  read_next();
}

void AudioSession::block() {
  blocked_ = true;
  // In this order: the pass that the poke brings about finds this session in the list.
  publishers_.add_blocked(shared_from_this());
  environment_.parts.poke();
}

void AudioSession::resume() {
  try {
    const std::lock_guard lock(mutex_);
    if (end_reason_ || !blocked_) return;
    blocked_ = false;
    heard_mono_ns_ = environment_.clock().mono_ns();  // it was we who held it back
    if (half_closed_) {
      complete();
    } else {
      push_pending();
    }
  } catch (const std::exception& error) {
    fail(error);
  }
}

void AudioSession::on_half_close() {
  if (!ingest_) throw Error(ErrorCode::kInvalidArgument, "the call ended before its config", "config");
  half_closed_ = true;
  if (!writing_) write_progress();
}

void AudioSession::complete() {
  if (!ingest_->has_room(0)) return block();
  end(EndReason::kCompleted, grpc::Status::OK);
}

void AudioSession::write_progress_if_due() {
  const core::IngestCounters counters = ingest_->counters();
  if (counters.accepted - told_.accepted < format_.sample_rate_hz && counters.dropped == told_.dropped) return;
  if (writing_) {
    progress_wanted_ = true;
  } else {
    write_progress();
  }
}

void AudioSession::write_progress() {
  told_ = ingest_->counters();
  progress_wanted_ = false;
  if (half_closed_) probe_ = Probe::kSent;
  response_.Clear();
  set_progress(told_, *response_.mutable_progress());
  writing_ = true;
  StartWrite(&response_);
}

void AudioSession::OnWriteDone(bool ok) {
  const std::lock_guard lock(mutex_);
  writing_ = false;
  if (!ok) {
    end(EndReason::kSourceLost, grpc::Status::CANCELLED);
    return finish_call(end_status_);
  }
  if (end_reason_) return send_end();
  if (half_closed_ && probe_ == Probe::kSent) {
    probe_ = Probe::kAlive;
    complete();
  } else if ((half_closed_ && probe_ == Probe::kNone) || progress_wanted_) {
    write_progress();
  }
}

void AudioSession::OnCancel() {
  const std::lock_guard lock(mutex_);
  end(EndReason::kSourceLost, grpc::Status::CANCELLED);
  // A write under way comes back soon, with ok false.
  if (!writing_) finish_call(end_status_);
}

void AudioSession::OnDone() {
  publishers_.remove(*this);
  // The last holder may be another thread that is about to call; it finds the session over.
  const std::shared_ptr<AudioSession> last = std::move(self_);
}

void AudioSession::taken_over() {
  const std::lock_guard lock(mutex_);
  end(EndReason::kTakenOver, {grpc::StatusCode::ABORTED, "another publisher took the stream over"});
}

void AudioSession::shut_down() {
  const std::lock_guard lock(mutex_);
  end(EndReason::kShutdown, {grpc::StatusCode::UNAVAILABLE, "the daemon is shutting down; try again later"});
}

void AudioSession::end_if_idle(std::int64_t now_mono_ns) {
  const std::lock_guard lock(mutex_);
  const std::int64_t idle_ms = (now_mono_ns - heard_mono_ns_) / 1'000'000;
  if (blocked_ || idle_ms < environment_.options.publisher_idle_timeout.count()) return;
  end(EndReason::kSourceLost, {grpc::StatusCode::DEADLINE_EXCEEDED,
                               "nothing came for " + std::to_string(idle_ms) + " ms; send audio at least every " +
                                   std::to_string(environment_.options.publisher_idle_timeout.count()) +
                                   " ms (silence counts), or half-close to end"});
}

void AudioSession::fail(const std::exception& error) {
  const std::lock_guard lock(mutex_);
  end(EndReason::kSourceLost, to_status(error));
}

void AudioSession::end(EndReason reason, grpc::Status status) {
  if (end_reason_) return;
  end_reason_ = reason;
  end_status_ = std::move(status);
  blocked_ = false;
  if (ingest_) {
    ingest_->finish(reason);
    environment_.parts.poke();
  }
  if (!reading_) wipe_request();
  if (!writing_) send_end();
}

void AudioSession::send_end() {
  if (finished_) return;
  if (!ingest_ || end_sent_ || end_status_.error_code() == grpc::StatusCode::CANCELLED) return finish_call(end_status_);
  end_sent_ = true;
  response_.Clear();
  set_progress(ingest_->counters(), *response_.mutable_ended()->mutable_totals());
  response_.mutable_ended()->set_reason(from_end_reason(*end_reason_));
  if (end_status_.ok()) {
    finished_ = true;
    StartWriteAndFinish(&response_, grpc::WriteOptions(), end_status_);
  } else {
    // Together with an error gRPC would drop the message.
    writing_ = true;
    StartWrite(&response_);
  }
}

void AudioSession::finish_call(const grpc::Status& status) {
  if (std::exchange(finished_, true)) return;
  Finish(status);
}

void AudioSession::read_next() {
  if (end_reason_) return;
  reading_ = true;
  StartRead(&request_);
}

void AudioSession::wipe_request() {
  // No copy of the audio stays behind in memory that is ours.
  if (!request_.has_audio()) return;
  std::string& content = *request_.mutable_audio()->mutable_content();
  explicit_bzero(content.data(), content.size());
}

}  // namespace melstream::rpc
