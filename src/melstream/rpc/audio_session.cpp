#include "melstream/rpc/audio_session.hpp"

#include <utility>

#include "melstream/core/error.hpp"
#include "melstream/rpc/caller.hpp"
#include "melstream/rpc/status.hpp"

namespace melstream::rpc {
namespace {

using core::EndReason;
using core::Error;
using core::ErrorCode;

}  // namespace

AudioSession::AudioSession(const Environment& environment, Publishers& publishers)
    : environment_(environment), publishers_(publishers), heard_mono_ns_(environment.clock().mono_ns()) {}

AudioSession* AudioSession::start(const Environment& environment, Publishers& publishers,
                                  const grpc::CallbackServerContext& context) {
  const std::shared_ptr<AudioSession> session(new AudioSession(environment, publishers));
  session->self_ = session;
  std::optional<grpc::Status> refusal;
  try {
    session->grant_ = admit(environment, context, access::Access::Kind::kPublish);
  } catch (const std::exception& error) {
    refusal = to_status(error);
  }
  const bool added = !refusal && publishers.add(session);
  const std::lock_guard lock(session->mutex_);
  if (refusal) {
    session->end(EndReason::kSourceLost, *refusal);
  } else if (added) {
    session->read_next();
  } else {
    session->end(EndReason::kSourceLost, no_place_status(environment));
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
  auto audio = std::make_unique<PublishedAudio>(
      environment_, *grant_, choose_audio(config, environment_.parts.resampler_delay_ns), [weak = weak_from_this()] {
        if (const auto session = weak.lock()) session->taken_over();
      });
  const std::lock_guard lock(mutex_);
  if (end_reason_) return audio->finish(*end_reason_);  // ended while it opened
  audio_ = std::move(audio);
  audio_->set_started(*response_.mutable_started());
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
  if (!audio_) throw Error(ErrorCode::kInvalidArgument, "the first request must be the config", "config");
  audio_->begin(chunk_of(request_.audio()), heard_mono_ns_);
  push_pending();
}

void AudioSession::push_pending() {
  if (!audio_->take()) return block();
  if (audio_->is_fast()) environment_.parts.poke();
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
  if (!audio_) throw Error(ErrorCode::kInvalidArgument, "the call ended before its config", "config");
  half_closed_ = true;
  if (!writing_) write_progress();
}

void AudioSession::complete() {
  if (!audio_->can_finish()) return block();
  end(EndReason::kCompleted, grpc::Status::OK);
}

void AudioSession::write_progress_if_due() {
  if (!audio_->is_progress_due()) return;
  if (writing_) {
    progress_wanted_ = true;
  } else {
    write_progress();
  }
}

void AudioSession::write_progress() {
  progress_wanted_ = false;
  if (half_closed_) probe_ = Probe::kSent;
  response_.Clear();
  audio_->set_progress(*response_.mutable_progress());
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
  end(EndReason::kTakenOver, taken_over_status());
}

void AudioSession::shut_down() {
  const std::lock_guard lock(mutex_);
  end(EndReason::kShutdown, shutting_down_status());
}

void AudioSession::keep_house(std::int64_t now_mono_ns) {
  const std::lock_guard lock(mutex_);
  if (last_words_until_mono_ns_ && now_mono_ns >= *last_words_until_mono_ns_) return finish_call(end_status_);
  if (grant_->revoked()) return end(EndReason::kSourceLost, revoked_status(environment_));
  if (blocked_) return;
  if (const auto status = idle_status(environment_, heard_mono_ns_, now_mono_ns)) end(EndReason::kSourceLost, *status);
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
  if (audio_) {
    audio_->finish(reason);
    environment_.parts.poke();
  }
  if (!reading_) wipe_request();
  if (!writing_) send_end();
}

void AudioSession::send_end() {
  if (finished_) return;
  if (!audio_ || end_status_.error_code() == grpc::StatusCode::CANCELLED) return finish_call(end_status_);
  if (end_sent_) return finish_after_last_words();
  end_sent_ = true;
  response_.Clear();
  audio_->set_ended(*end_reason_, *response_.mutable_ended());
  if (end_status_.ok() && !*environment_.retired) {
    finished_ = true;
    StartWriteAndFinish(&response_, grpc::WriteOptions(), end_status_);
  } else {
    // Together with an error gRPC would drop the message.
    writing_ = true;
    StartWrite(&response_);
  }
}

void AudioSession::finish_after_last_words() {
  if (!*environment_.retired) return finish_call(end_status_);
  last_words_until_mono_ns_ = environment_.clock().mono_ns() + kLastWordsNs;
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
  if (request_.has_audio()) wipe(*request_.mutable_audio()->mutable_content());
}

}  // namespace melstream::rpc
