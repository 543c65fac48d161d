#include "melstream/rpc/subscribe_call.hpp"

#include <algorithm>
#include <exception>
#include <utility>
#include <variant>

#include "melstream/core/error.hpp"
#include "melstream/rpc/convert.hpp"
#include "melstream/rpc/status.hpp"

namespace melstream::rpc {
namespace {

constexpr std::int64_t kHeartbeatNs = core::kNsPerSecond;
constexpr std::int64_t kConfigTimeoutNs = 10 * core::kNsPerSecond;
constexpr std::int32_t kDefaultBlockFrames = 4;
constexpr std::int64_t kDefaultMaxDelayMs = 50;
constexpr std::int64_t kNsPerMs = 1'000'000;

pipeline::StartAt start_at(const v1::SubscribeConfig& config) {
  using Kind = pipeline::StartAt::Kind;
  switch (config.start_case()) {
    case v1::SubscribeConfig::kSecondsBack:
      return {.kind = Kind::kSecondsBack, .seconds_back = config.seconds_back()};
    case v1::SubscribeConfig::kFrame:
      return {.kind = Kind::kFrame, .frame = config.frame()};
    case v1::SubscribeConfig::kResumeToken:
      throw core::Error(core::ErrorCode::kInvalidArgument, "not served by this build", "resume_token");
    case v1::SubscribeConfig::kLive:
    case v1::SubscribeConfig::START_NOT_SET:
      break;
  }
  return {};
}

pipeline::SubscriptionOptions to_options(const v1::SubscribeConfig& config, const FeatureChoice& choice) {
  const std::int64_t delay_ms = config.max_delay_ms() == 0 ? kDefaultMaxDelayMs : config.max_delay_ms();
  return {.stream = config.stream(),
          .front_end = choice.front_end,
          .smoothing = choice.smoothing,
          .block_frames = config.block_frames() == 0 ? kDefaultBlockFrames : config.block_frames(),
          .max_delay_ns = delay_ms * kNsPerMs,
          .start = start_at(config),
          .slow_policy = to_slow_policy(config.slow_policy()),
          .wait = config.wait()};
}

}  // namespace

SubscribeCall::SubscribeCall(const Environment& environment, FeatureServiceBase& service,
                             grpc::ServerCompletionQueue& queue)
    : environment_(environment),
      tags_{{{this, Step::kAccept},
             {this, Step::kCancelled},
             {this, Step::kRead},
             {this, Step::kWrite},
             {this, Step::kFinish}}},
      stream_(&context_) {
  // Comes back only if a client comes, so it is counted in accepted().
  context_.AsyncNotifyWhenDone(&tags_[static_cast<std::size_t>(Step::kCancelled)]);
  service.RequestSubscribe(&context_, &stream_, &queue, &queue, tag(Step::kAccept));
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
    finish({grpc::StatusCode::RESOURCE_EXHAUSTED, "all " + std::to_string(environment_.options.max_subscriptions) +
                                                      " subscriptions are in use; close one, or try again later"});
    return;
  }
  told_mono_ns_ = environment_.clock().mono_ns();
  read();
}

void SubscribeCall::complete(Step step, bool ok) {
  --n_pending_;
  switch (step) {
    case Step::kAccept:
      break;  // the server shut down before a client came
    case Step::kCancelled:
      if (!context_.IsCancelled()) break;
      finishing_ = true;
      let_go();
      break;
    case Step::kRead:
      on_read(ok);
      break;
    case Step::kWrite:
      writing_ = false;
      if (!ok) {
        finishing_ = true;  // the client is gone; kCancelled follows
        let_go();
      } else if (last_status_) {
        stream_.Finish(*last_status_, tag(Step::kFinish));
        last_status_.reset();
      } else {
        pump(environment_.clock().mono_ns());
      }
      break;
    case Step::kFinish:
      break;
  }
}

void SubscribeCall::read() { stream_.Read(&request_, tag(Step::kRead)); }

void SubscribeCall::on_read(bool ok) {
  if (finishing_) return;
  try {
    if (!ok) {
      if (configured_) return;  // half-closed, which changes nothing; or gone, which kCancelled tells
      throw core::Error(core::ErrorCode::kInvalidArgument, "the call ended before its config", "config");
    }
    if (request_.has_config()) {
      if (configured_) {
        throw core::Error(core::ErrorCode::kInvalidArgument, "a second config; open another call for it", "config");
      }
      subscribe(request_.config());
    } else if (!configured_) {
      throw core::Error(core::ErrorCode::kInvalidArgument, "the first request must be the config", "config");
    }
    // Else a request of a later version, such as an acknowledgement: ignored.
    read();
  } catch (const std::exception& error) {
    finish(to_status(error));
  }
}

void SubscribeCall::subscribe(const v1::SubscribeConfig& config) {
  if (environment_.registry().draining()) {
    throw core::Error(core::ErrorCode::kUnavailable, "the daemon is shutting down; try again later");
  }
  FeatureChoice choice = choose_features(config.features(), environment_.registry().catalog());
  require_streamable(choice);
  subscription_ = std::make_unique<pipeline::Subscription>(environment_.registry(), to_options(config, choice));
  encoder_.emplace(std::move(choice), config.stream());
  configured_ = true;
  told_mono_ns_ = environment_.clock().mono_ns();
  pump(told_mono_ns_);
}

void SubscribeCall::pump(std::int64_t now_mono_ns) {
  if (!accepted_ || writing_ || finishing_) return;
  try {
    if (subscription_) deliver(now_mono_ns);
    if (!configured_ && !finishing_ && now_mono_ns - told_mono_ns_ > kConfigTimeoutNs) {
      finish({grpc::StatusCode::DEADLINE_EXCEEDED, "no config came in 10 s; send it as the first request"});
    }
    // Nobody opens what it waits for any more.
    const bool waits = !subscription_ || subscription_->stream() == nullptr;
    if (waits && !finishing_ && environment_.registry().draining()) {
      finish({grpc::StatusCode::UNAVAILABLE, "the daemon is shutting down; try again later"});
    }
  } catch (const std::exception& error) {
    finish(to_status(error));
  }
}

void SubscribeCall::deliver(std::int64_t now_mono_ns) {
  const pipeline::Delivery delivery = subscription_->next(now_mono_ns);
  if (std::holds_alternative<std::monostate>(delivery)) {
    if (std::exchange(unpoked_, false)) environment_.parts.poke();
    if (now_mono_ns - told_mono_ns_ < kHeartbeatNs) return;
    v1::Heartbeat& heartbeat = *response_.mutable_heartbeat();
    heartbeat.set_next_frame(std::max<std::int64_t>(0, subscription_->next_frame()));
    heartbeat.set_waiting_for_stream(subscription_->stream() == nullptr);
    return write(now_mono_ns);
  }
  unpoked_ = subscription_->options().slow_policy == pipeline::SlowPolicy::kBlock;
  encoder_->encode(delivery, environment_.clock().wall_ns() - now_mono_ns, response_);
  if (response_.has_start()) {
    set_engine_info(environment_.parts.engine().info, environment_.options.build,
                    *response_.mutable_start()->mutable_engine());
  }
  if (!std::holds_alternative<pipeline::Ended>(delivery)) return write(now_mono_ns);
  let_go();
  finishing_ = true;
  stream_.WriteAndFinish(response_, grpc::WriteOptions(), grpc::Status::OK, tag(Step::kFinish));
}

void SubscribeCall::write(std::int64_t now_mono_ns) {
  told_mono_ns_ = now_mono_ns;
  writing_ = true;
  stream_.Write(response_, tag(Step::kWrite));
}

void SubscribeCall::finish(const grpc::Status& status) {
  if (finishing_) return;
  finishing_ = true;
  let_go();
  if (writing_) {
    last_status_ = status;
  } else {
    stream_.Finish(status, tag(Step::kFinish));
  }
}

void SubscribeCall::let_go() {
  // A stream that waited for this reader goes on.
  const bool blocking = subscription_ && subscription_->options().slow_policy == pipeline::SlowPolicy::kBlock;
  subscription_.reset();
  if (blocking) environment_.parts.poke();
}

}  // namespace melstream::rpc
