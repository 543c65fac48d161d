#include "melstream/rpc/batch_session.hpp"

#include <string>
#include <utility>

#include "melstream/core/error.hpp"
#include "melstream/rpc/caller.hpp"
#include "melstream/rpc/convert.hpp"
#include "melstream/rpc/status.hpp"

namespace melstream::rpc {
namespace {

using core::EndReason;
using core::Error;
using core::ErrorCode;

constexpr std::size_t kMaxContentBytes = 1'000'000;
// Each becomes an object of some 60 bytes that stays with the call: not a million of a few bytes each.
constexpr int kMaxParts = 8'000;
// A client that does not read what its streams are told is not read either.
constexpr int kMaxPendingUpdates = 2 * kMaxParts;

void check_size(const v1::StreamAudioBatchRequest& request) {
  const std::int64_t n_parts =
      std::int64_t{request.opens_size()} + request.chunks_size() + std::int64_t{request.closes_size()};
  if (n_parts > kMaxParts) {
    throw Error(
        ErrorCode::kInvalidArgument,
        std::to_string(n_parts) + " opens, chunks and closes in one message; send at most " + std::to_string(kMaxParts),
        "chunks");
  }
  std::size_t n_bytes = 0;
  for (const v1::BatchChunk& chunk : request.chunks()) n_bytes += chunk.content().size();
  if (n_bytes > kMaxContentBytes) {
    throw Error(
        ErrorCode::kInvalidArgument,
        std::to_string(n_bytes) + " bytes of audio in one message; send at most " + std::to_string(kMaxContentBytes),
        "chunks");
  }
}

}  // namespace

BatchSession* BatchSession::start(const Environment& environment, Publishers& publishers,
                                  const grpc::CallbackServerContext& context) {
  const std::shared_ptr<BatchSession> session(new BatchSession(environment, publishers));
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

void BatchSession::OnReadDone(bool ok) {
  try {
    Opened opened;
    if (ok) {
      check_size(request_);
      opened = open_streams();
    }
    const std::lock_guard lock(mutex_);
    reading_ = false;
    if (end_reason_) {  // meanwhile
      for (const auto& stream : opened) {
        if (stream->audio) stream->audio->finish(*end_reason_);
      }
      return wipe_request();
    }
    if (!ok) {
      half_closed_ = true;
      if (!writing_) write();
      return;
    }
    const std::int64_t now_mono_ns = environment_.clock().mono_ns();
    add(opened, now_mono_ns);
    take_chunks(now_mono_ns);
    close_streams();
    wipe_request();
    flush();
    read_next();
  } catch (const std::exception& error) {
    const std::lock_guard lock(mutex_);
    reading_ = false;
    if (end_reason_) wipe_request();
    end(EndReason::kSourceLost, to_status(error));
  }
}

BatchSession::Opened BatchSession::open_streams() {
  for (int i = 0; i < request_.opens_size(); ++i) {
    const std::uint32_t next = n_opens_ + 1 + static_cast<std::uint32_t>(i);
    if (request_.opens(i).number() == next) continue;
    throw Error(ErrorCode::kInvalidArgument,
                "stream " + std::to_string(request_.opens(i).number()) + " is opened, but the next number is " +
                    std::to_string(next) + "; count streams from 1 in the order of opening",
                "opens.number");
  }
  Opened opened;
  opened.reserve(static_cast<std::size_t>(request_.opens_size()));
  for (const v1::BatchOpen& one : request_.opens()) {
    const auto stream = std::make_shared<BatchStream>();
    stream->number = ++n_opens_;
    open(one.config(), stream);
    opened.push_back(stream);
  }
  return opened;
}

void BatchSession::open(const v1::AudioConfig& config, const std::shared_ptr<BatchStream>& stream) {
  try {
    AudioChoice choice = choose_audio(config, environment_.parts.resampler_delay_ns);
    if (choice.fast) {
      throw Error(ErrorCode::kInvalidArgument,
                  "FAST is not for a batch, where one stream would hold up the others; publish it by StreamAudio",
                  "pacing");
    }
    stream->audio = std::make_unique<PublishedAudio>(environment_, *grant_, std::move(choice),
                                                     [weak = weak_from_this(), weak_stream = std::weak_ptr(stream)] {
                                                       const auto session = weak.lock();
                                                       const auto taken = weak_stream.lock();
                                                       if (session && taken) session->taken_over(taken);
                                                     });
  } catch (const std::exception& error) {
    stream->refusal = to_status(error);
  }
}

void BatchSession::taken_over(const std::shared_ptr<BatchStream>& stream) {
  const std::lock_guard lock(mutex_);
  stream->taken_over = true;
  const auto found = streams_.find(stream->number);
  if (found == streams_.end()) return;  // it is over, or add() will see
  fail(*stream, EndReason::kTakenOver, taken_over_status());
  flush();
}

void BatchSession::add(const Opened& opened, std::int64_t now_mono_ns) {
  for (const auto& stream : opened) {
    v1::BatchUpdate& update = add_update(stream->number);
    if (!stream->audio) {
      update.mutable_failed()->set_code(stream->refusal.error_code());
      update.mutable_failed()->set_message(stream->refusal.error_message());
      continue;
    }
    stream->heard_mono_ns = now_mono_ns;
    stream->audio->set_started(*update.mutable_started());
    streams_.emplace(stream->number, stream);
    if (stream->taken_over) fail(*stream, EndReason::kTakenOver, taken_over_status());
  }
}

void BatchSession::take_chunks(std::int64_t now_mono_ns) {
  for (const v1::BatchChunk& chunk : request_.chunks()) {
    BatchStream* const stream = find(chunk.number());
    if (stream == nullptr) continue;
    stream->heard_mono_ns = now_mono_ns;
    try {
      stream->audio->begin(chunk_of(chunk), now_mono_ns);
      stream->audio->take();
    } catch (const std::exception& error) {
      fail(*stream, EndReason::kSourceLost, to_status(error));
    }
  }
}

void BatchSession::close_streams() {
  for (const v1::BatchClose& one : request_.closes()) {
    if (BatchStream* const stream = find(one.number())) close(*stream);
  }
}

BatchSession::BatchStream* BatchSession::find(std::uint32_t number) {
  const auto found = streams_.find(number);
  if (found != streams_.end()) return found->second->closing ? nullptr : found->second.get();
  if (number >= 1 && number <= n_opens_) return nullptr;
  throw Error(ErrorCode::kInvalidArgument,
              "stream " + std::to_string(number) + " was never opened; " + std::to_string(n_opens_) +
                  " streams were, counted from 1",
              "number");
}

void BatchSession::fail(BatchStream& stream, EndReason reason, const grpc::Status& status) {
  v1::BatchFailure& failure = *add_update(stream.number).mutable_failed();
  failure.set_code(status.error_code());
  failure.set_message(status.error_message());
  end_stream(stream, reason);
}

void BatchSession::end_stream(BatchStream& stream, EndReason reason) {
  stream.audio->finish(reason);
  stream.audio->set_ended(reason, *add_update(stream.number).mutable_ended());
  const std::uint32_t number = stream.number;
  streams_.erase(number);
  environment_.parts.poke();
}

void BatchSession::close(BatchStream& stream) {
  if (stream.audio->can_finish()) return end_stream(stream, EndReason::kCompleted);
  stream.closing = true;
  if (std::exchange(blocked_, true)) return;
  // In this order: the pass that the poke brings about finds this session in the list.
  publishers_.add_blocked(shared_from_this());
  environment_.parts.poke();
}

void BatchSession::resume() {
  const std::lock_guard lock(mutex_);
  if (end_reason_ || !std::exchange(blocked_, false)) return;
  std::vector<BatchStream*> closing;
  for (const auto& [number, stream] : streams_) {
    if (stream->closing) closing.push_back(stream.get());
  }
  for (BatchStream* const stream : closing) close(*stream);
  flush();
  end_if_complete();
}

void BatchSession::end_if_complete() {
  if (probe_ == Probe::kAlive && streams_.empty()) end(EndReason::kCompleted, grpc::Status::OK);
}

void BatchSession::keep_house(std::int64_t now_mono_ns) {
  const std::lock_guard lock(mutex_);
  if (last_words_until_mono_ns_ && now_mono_ns >= *last_words_until_mono_ns_) return finish_call(end_status_);
  if (end_reason_) return;
  if (grant_->revoked()) return end(EndReason::kSourceLost, revoked_status(environment_));
  std::vector<std::pair<BatchStream*, grpc::Status>> idle;
  for (const auto& [number, stream] : streams_) {
    if (stream->closing) continue;
    if (auto status = idle_status(environment_, stream->heard_mono_ns, now_mono_ns)) {
      idle.emplace_back(stream.get(), std::move(*status));
    } else if (!writing_ && stream->audio->has_progress()) {
      stream->audio->set_progress(*add_update(number).mutable_progress());
    }
  }
  for (const auto& [stream, status] : idle) fail(*stream, EndReason::kSourceLost, status);
  flush();
}

void BatchSession::shut_down() {
  const std::lock_guard lock(mutex_);
  end(EndReason::kShutdown, shutting_down_status());
}

v1::BatchUpdate& BatchSession::add_update(std::uint32_t number) {
  v1::BatchUpdate& update = *pending_.add_updates();
  update.set_number(number);
  return update;
}

void BatchSession::read_next() {
  if (end_reason_ || half_closed_) return;
  read_wanted_ = writing_ && pending_.updates_size() > kMaxPendingUpdates;
  if (read_wanted_) return;
  reading_ = true;
  StartRead(&request_);
}

void BatchSession::wipe_request() {
  for (v1::BatchChunk& chunk : *request_.mutable_chunks()) wipe(*chunk.mutable_content());
}

void BatchSession::flush() {
  if (!writing_ && !end_reason_ && pending_.updates_size() > 0) write();
}

void BatchSession::write() {
  if (half_closed_ && probe_ == Probe::kNone) probe_ = Probe::kSent;
  response_.Clear();
  response_.Swap(&pending_);
  writing_ = true;
  StartWrite(&response_);
}

void BatchSession::OnWriteDone(bool ok) {
  const std::lock_guard lock(mutex_);
  writing_ = false;
  if (!ok) {
    end(EndReason::kSourceLost, grpc::Status::CANCELLED);
    return finish_call(end_status_);
  }
  if (end_reason_) return send_rest();
  if (probe_ == Probe::kSent) {
    probe_ = Probe::kAlive;
    std::vector<std::shared_ptr<BatchStream>> all;
    for (const auto& [number, stream] : streams_) all.push_back(stream);
    for (const auto& stream : all) close(*stream);
    flush();
    return end_if_complete();
  }
  if (half_closed_ && probe_ == Probe::kNone) return write();
  flush();
  if (read_wanted_) read_next();
}

void BatchSession::OnCancel() {
  const std::lock_guard lock(mutex_);
  end(EndReason::kSourceLost, grpc::Status::CANCELLED);
  // A write under way comes back soon, with ok false.
  if (!writing_) finish_call(end_status_);
}

void BatchSession::OnDone() {
  publishers_.remove(*this);
  // The last holder may be another thread that is about to call; it finds the session over.
  const std::shared_ptr<BatchSession> last = std::move(self_);
}

void BatchSession::end(EndReason reason, grpc::Status status) {
  if (end_reason_) return;
  end_reason_ = reason;
  end_status_ = std::move(status);
  for (const auto& [number, stream] : streams_) {
    stream->audio->finish(reason);
    stream->audio->set_ended(reason, *add_update(number).mutable_ended());
  }
  streams_.clear();
  environment_.parts.poke();
  if (!reading_) wipe_request();
  if (!writing_) send_rest();
}

void BatchSession::send_rest() {
  if (finished_) return;
  const bool cancelled = end_status_.error_code() == grpc::StatusCode::CANCELLED;
  if (cancelled) return finish_call(end_status_);
  if (pending_.updates_size() == 0) return finish_after_last_words();
  // Together with an error gRPC would drop the message.
  if (!end_status_.ok() || *environment_.retired) return write();
  response_.Clear();
  response_.Swap(&pending_);
  finished_ = true;
  StartWriteAndFinish(&response_, grpc::WriteOptions(), end_status_);
}

void BatchSession::finish_after_last_words() {
  if (!*environment_.retired) return finish_call(end_status_);
  last_words_until_mono_ns_ = environment_.clock().mono_ns() + kLastWordsNs;
}

void BatchSession::finish_call(const grpc::Status& status) {
  if (std::exchange(finished_, true)) return;
  Finish(status);
}

}  // namespace melstream::rpc
