#include "melstream/rpc/subscribe_call.hpp"

#include <exception>
#include <string>
#include <utility>

#include <grpcpp/support/proto_buffer_reader.h>

#include "melstream/core/error.hpp"
#include "melstream/core/units.hpp"
#include "melstream/pipeline/registry.hpp"
#include "melstream/rpc/caller.hpp"
#include "melstream/rpc/many_streams.hpp"
#include "melstream/rpc/one_stream.hpp"
#include "melstream/rpc/status.hpp"
#include "melstream/rpc/subscribe_config.hpp"

namespace melstream::rpc {
namespace {

constexpr std::int64_t kHeartbeatNs = core::kNsPerSecond;
constexpr std::int64_t kConfigTimeoutNs = 10 * core::kNsPerSecond;

v1::SubscribeRequest parse(grpc::ByteBuffer& bytes) {
  v1::SubscribeRequest request;
  if (!grpc::SerializationTraits<v1::SubscribeRequest>::Deserialize(&bytes, &request).ok()) {
    throw core::Error(core::ErrorCode::kInvalidArgument, "this is no SubscribeRequest of melstream.v1");
  }
  return request;
}

CloseReason reason_of(const std::exception& error) noexcept {
  if (dynamic_cast<const ResumableError*>(&error) != nullptr) return CloseReason::kSlow;
  const auto* const known = dynamic_cast<const core::Error*>(&error);
  if (known == nullptr) return CloseReason::kError;
  switch (known->code()) {
    case core::ErrorCode::kResourceExhausted:
      return CloseReason::kLimit;
    case core::ErrorCode::kUnavailable:
      return CloseReason::kShutdown;
    case core::ErrorCode::kInternal:
      return CloseReason::kError;
    default:
      return CloseReason::kRefused;
  }
}

}  // namespace

SubscribeCall::SubscribeCall(const CallParts& parts)
    : parts_(parts),
      tags_{{{this, Step::kAccept},
             {this, Step::kCancelled},
             {this, Step::kRead},
             {this, Step::kWrite},
             {this, Step::kFinish}}},
      stream_(&context_) {
  // Comes back only if a client comes, so it is counted in accepted().
  context_.AsyncNotifyWhenDone(&tags_[static_cast<std::size_t>(Step::kCancelled)]);
  parts.service.RequestSubscribe(&context_, &stream_, &parts.queue, &parts.queue, tag(Step::kAccept));
}

void* SubscribeCall::tag(Step step) noexcept {
  ++n_pending_;
  return &tags_[static_cast<std::size_t>(step)];
}

void SubscribeCall::accepted(bool admitted) {
  --n_pending_;
  accepted_ = true;
  tag(Step::kCancelled);
  if (!admitted) {
    finish(
        {grpc::StatusCode::RESOURCE_EXHAUSTED, "all " + std::to_string(parts_.environment().options.max_subscriptions) +
                                                   " subscriptions are in use; close one, or try again later"},
        CloseReason::kLimit);
    return;
  }
  told_mono_ns_ = parts_.environment().clock().mono_ns();
  try {
    grant_ = admit(parts_.environment(), context_, access::Access::Kind::kSubscribe);
    read();
  } catch (const std::exception& error) {
    fail(error);
  }
}

void SubscribeCall::complete(Step step, bool ok) {
  --n_pending_;
  switch (step) {
    case Step::kAccept:
      break;  // the server shut down before a client came
    case Step::kCancelled:
      if (!context_.IsCancelled()) break;
      finishing_ = true;
      last_words_until_mono_ns_.reset();
      let_go();
      break;
    case Step::kRead:
      on_read(ok);
      break;
    case Step::kWrite:
      on_write(ok);
      break;
    case Step::kFinish:
      parts_.budget.give_back(std::exchange(n_queued_bytes_, 0));
      break;
  }
}

void SubscribeCall::on_write(bool ok) {
  writing_ = false;
  parts_.budget.give_back(std::exchange(n_queued_bytes_, 0));
  if (!ok) {
    finishing_ = true;  // the client is gone; kCancelled follows
    let_go();
  } else if (last_status_ && *parts_.environment().retired) {
    last_words_until_mono_ns_ = parts_.environment().clock().mono_ns() + kLastWordsNs;
  } else if (last_status_) {
    send_last_status();
  } else if (has_more_ || missed_tick_) {
    pump(parts_.environment().clock().mono_ns());
  }
}

void SubscribeCall::send_last_status() {
  stream_.Finish(*last_status_, tag(Step::kFinish));
  last_status_.reset();
  last_words_until_mono_ns_.reset();
}

void SubscribeCall::read() { stream_.Read(&request_, tag(Step::kRead)); }

void SubscribeCall::on_read(bool ok) {
  if (finishing_) return;
  try {
    if (!ok) {
      if (!configured_) {
        throw core::Error(core::ErrorCode::kInvalidArgument, "the call ended before its config", "config");
      }
      // Half-closed: nothing will be acknowledged. Or gone, which kCancelled tells.
      credit_.waive();
      return;
    }
    on_request(parse(request_));
    if (!finishing_) read();
  } catch (const std::exception& error) {
    fail(error);
  }
}

void SubscribeCall::on_request(const v1::SubscribeRequest& request) {
  if (request.has_config()) {
    if (configured_) {
      throw core::Error(core::ErrorCode::kInvalidArgument, "a second config; open another call for it", "config");
    }
    return subscribe(request.config());
  }
  if (!configured_) {
    throw core::Error(core::ErrorCode::kInvalidArgument, "the first request must be the config", "config");
  }
  // Else a request of a later version: ignored.
  if (!request.has_acknowledgement()) return;
  credit_.acknowledge(request.acknowledgement().response_count());
  pump(parts_.environment().clock().mono_ns());
}

void SubscribeCall::subscribe(const v1::SubscribeConfig& config) {
  if (parts_.environment().registry().draining()) {
    throw core::Error(core::ErrorCode::kUnavailable, "the daemon is shutting down; try again later");
  }
  validate(config);
  features_ = choose_features(config.features(), parts_.environment().registry().catalog());
  require_streamable(features_);
  if (config.has_streams()) {
    source_ = std::make_unique<ManyStreams>(parts_.reader, features_, config, grant_);
    message_.emplace(WireMessage::Form::kBatch);
  } else {
    pipeline::validate_stream_id(config.stream());
    grant_->require(config.stream());
    source_ = std::make_unique<OneStream>(parts_.reader, features_, config);
    message_.emplace(WireMessage::Form::kOne);
  }
  configured_ = true;
  told_mono_ns_ = parts_.environment().clock().mono_ns();
  pump(told_mono_ns_);
}

void SubscribeCall::on_tick(std::int64_t now_mono_ns) {
  if (last_words_until_mono_ns_ && now_mono_ns >= *last_words_until_mono_ns_) return send_last_status();
  missed_tick_ = writing_;
  if (grant_ && grant_->revoked()) return finish(revoked_status(parts_.environment()), CloseReason::kRefused);
  try {
    if (source_) source_->look();
  } catch (const std::exception& error) {
    fail(error);
  }
  pump(now_mono_ns);
}

void SubscribeCall::pump(std::int64_t now_mono_ns) {
  if (!accepted_ || writing_ || finishing_) return;
  missed_tick_ = false;
  try {
    if (source_) return deliver(now_mono_ns);
    check_config_timeout(now_mono_ns);
  } catch (const std::exception& error) {
    fail(error);
  }
}

void SubscribeCall::check_config_timeout(std::int64_t now_mono_ns) {
  if (now_mono_ns - told_mono_ns_ > kConfigTimeoutNs) {
    finish({grpc::StatusCode::DEADLINE_EXCEEDED, "no config came in 10 s; send it as the first request"},
           CloseReason::kRefused);
  } else if (parts_.environment().registry().draining()) {
    finish({grpc::StatusCode::UNAVAILABLE, "the daemon is shutting down; try again later"}, CloseReason::kShutdown);
  }
}

void SubscribeCall::deliver(std::int64_t now_mono_ns) {
  if (!parts_.budget.has_room(source_->most_bytes())) return;
  // Also a reader that is held back hears each second that it is not forgotten, and may acknowledge.
  if (!credit_.allows(now_mono_ns)) return beat(now_mono_ns);
  const ResponseSource::State state = source_->fill(now_mono_ns, *message_);
  has_more_ = state == ResponseSource::State::kMore;
  if (message_->empty()) {
    if (std::exchange(unpoked_, false)) parts_.environment().parts.poke();
    return beat(now_mono_ns);
  }
  unpoked_ = source_->blocks_streams();
  const bool is_last = state == ResponseSource::State::kOver;
  if (is_last) let_go();
  write(*message_, is_last, now_mono_ns);
}

void SubscribeCall::beat(std::int64_t now_mono_ns) {
  if (now_mono_ns - told_mono_ns_ < kHeartbeatNs) return;
  const SourceView view = source_->view();
  v1::SubscribeResponse response;
  response.mutable_heartbeat()->set_next_frame(view.next_frame);
  response.mutable_heartbeat()->set_waiting_for_stream(view.n_streams == 0);
  WireMessage heartbeat(WireMessage::Form::kOne);
  heartbeat.add(response);
  write(heartbeat, false, now_mono_ns);
}

void SubscribeCall::write(WireMessage& message, bool is_last, std::int64_t now_mono_ns) {
  told_mono_ns_ = now_mono_ns;
  n_queued_bytes_ = message.n_bytes();
  parts_.budget.take(n_queued_bytes_);
  credit_.sent(now_mono_ns);
  if (is_last) {
    finishing_ = true;
    close_reason_ = CloseReason::kCompleted;
    if (!*parts_.environment().retired) {
      return stream_.WriteAndFinish(message.take(), grpc::WriteOptions(), grpc::Status::OK, tag(Step::kFinish));
    }
    last_status_ = grpc::Status::OK;
  }
  writing_ = true;
  stream_.Write(message.take(), tag(Step::kWrite));
}

void SubscribeCall::fail(const std::exception& error) { finish(to_status(error), reason_of(error)); }

void SubscribeCall::cut() {
  close_reason_ = CloseReason::kStalled;
  context_.TryCancel();
}

void SubscribeCall::finish(const grpc::Status& status, CloseReason reason) {
  if (finishing_) return;
  finishing_ = true;
  close_reason_ = reason;
  let_go();
  if (writing_) {
    last_status_ = status;
  } else {
    stream_.Finish(status, tag(Step::kFinish));
  }
}

void SubscribeCall::let_go() {
  // A stream that waited for this reader goes on.
  const bool blocking = source_ && source_->blocks_streams();
  source_.reset();
  if (blocking) parts_.environment().parts.poke();
}

std::optional<std::int64_t> SubscribeCall::writing_since_mono_ns() const noexcept {
  if (!writing_) return std::nullopt;
  return told_mono_ns_;
}

std::optional<std::int64_t> SubscribeCall::lag_ns() const {
  if (!source_) return std::nullopt;
  const std::int64_t stride = engine::row_stride(features_.front_end->rows(features_.smoothing));
  return core::samples_to_ns(source_->view().lag_frames * stride);
}

bool SubscribeCall::describe(std::int64_t now_mono_ns, v1::SubscriptionInfo& out) const {
  if (!source_) return false;
  const SourceView view = source_->view();
  out.set_peer(context_.peer());
  out.set_streams(view.streams);
  out.set_front_end(features_.front_end->name());
  out.set_stream_count(view.n_streams);
  out.set_lag_frames(view.lag_frames);
  out.set_delivered_frames(view.delivered_frames);
  out.set_gap_frames(view.gap_frames);
  out.set_responses(credit_.n_sent());
  if (credit_.acknowledges()) out.set_unacknowledged_responses(credit_.n_unacknowledged());
  out.set_queued_bytes(static_cast<std::int64_t>(n_queued_bytes_));
  const std::int64_t taken_ns =
      writing_ ? told_mono_ns_ : credit_.held_back_since_mono_ns(now_mono_ns).value_or(now_mono_ns);
  out.set_stalled_seconds(static_cast<double>(now_mono_ns - taken_ns) / core::kNsPerSecond);
  return true;
}

}  // namespace melstream::rpc
