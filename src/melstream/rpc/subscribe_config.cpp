#include "melstream/rpc/subscribe_config.hpp"

#include "melstream/core/error.hpp"
#include "melstream/rpc/convert.hpp"

namespace melstream::rpc {
namespace {

constexpr std::int32_t kDefaultBlockFrames = 4;
constexpr std::int64_t kDefaultMaxDelayMs = 50;
constexpr std::int64_t kNsPerMs = 1'000'000;
constexpr int kMaxTokens = 10'000;

[[noreturn]] void refuse(const char* message, const char* field) {
  throw core::Error(core::ErrorCode::kInvalidArgument, message, field);
}

pipeline::StartAt start_of(const v1::SubscribeConfig& config) {
  using Kind = pipeline::StartAt::Kind;
  switch (config.start_case()) {
    case v1::SubscribeConfig::kSecondsBack:
      return {.kind = Kind::kSecondsBack, .seconds_back = config.seconds_back()};
    case v1::SubscribeConfig::kFrame:
      return {.kind = Kind::kFrame, .frame = config.frame()};
    case v1::SubscribeConfig::kResumeToken:  // the token says it
    case v1::SubscribeConfig::kLive:
    case v1::SubscribeConfig::START_NOT_SET:
      break;
  }
  return {};
}

}  // namespace

pipeline::SubscriptionOptions to_options(const v1::SubscribeConfig& config, const FeatureChoice& features) {
  const std::int64_t delay_ms = config.max_delay_ms() == 0 ? kDefaultMaxDelayMs : config.max_delay_ms();
  return {.stream = config.stream(),
          .front_end = features.front_end,
          .smoothing = features.smoothing,
          .block_frames = config.block_frames() == 0 ? kDefaultBlockFrames : config.block_frames(),
          .max_delay_ns = delay_ms * kNsPerMs,
          .start = start_of(config),
          .slow_policy = to_slow_policy(config.slow_policy()),
          .wait = config.wait()};
}

pipeline::StartAt start_at(const ResumePoint& point) {
  return {.kind = pipeline::StartAt::Kind::kResume, .epoch = point.epoch, .cursor = point.cursor};
}

void validate(const v1::SubscribeConfig& config) {
  if (config.has_streams()) {
    if (!config.stream().empty()) refuse("set the id of one stream, or a selection of many, not both", "streams");
    if (config.start_case() == v1::SubscribeConfig::kFrame) {
      refuse("many streams have no frame in common; take live or seconds_back", "frame");
    }
    if (config.start_case() == v1::SubscribeConfig::kResumeToken) {
      refuse("of many streams, each has a token of its own: put them into resume_tokens", "resume_token");
    }
    if (config.resume_tokens_size() > kMaxTokens) refuse("at most 10,000 of them", "resume_tokens");
  } else if (config.resume_tokens_size() > 0) {
    refuse("these are for many streams; of one stream, set resume_token", "resume_tokens");
  }
}

}  // namespace melstream::rpc
