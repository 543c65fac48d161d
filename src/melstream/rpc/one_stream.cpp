#include "melstream/rpc/one_stream.hpp"

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

#include "melstream/core/error.hpp"
#include "melstream/rpc/subscribe_config.hpp"

namespace melstream::rpc {
namespace {

/// What the token says, or a point without one.
ResumePoint point_of(const ReaderParts& parts, const FeatureChoice& features, const v1::SubscribeConfig& config) {
  if (config.start_case() != v1::SubscribeConfig::kResumeToken) {
    return {.stream = config.stream(), .running_max = -std::numeric_limits<float>::infinity()};
  }
  ResumePoint point = parts.tokens.open(config.resume_token(), features);
  if (point.stream != config.stream()) {
    throw core::Error(core::ErrorCode::kInvalidArgument,
                      "the token is of stream '" + point.stream + "', not '" + config.stream() + "'", "resume_token");
  }
  return point;
}

pipeline::SubscriptionOptions options_of(const FeatureChoice& features, const v1::SubscribeConfig& config,
                                         const ResumePoint& point) {
  pipeline::SubscriptionOptions options = to_options(config, features);
  if (config.start_case() == v1::SubscribeConfig::kResumeToken) options.start = start_at(point);
  return options;
}

}  // namespace

OneStream::OneStream(const ReaderParts& parts, const FeatureChoice& features, const v1::SubscribeConfig& config)
    : OneStream(parts, features, config, point_of(parts, features, config)) {}

OneStream::OneStream(const ReaderParts& parts, const FeatureChoice& features, const v1::SubscribeConfig& config,
                     const ResumePoint& point)
    : parts_(parts),
      features_(features),
      reader_(
          parts, features,
          std::make_unique<pipeline::Subscription>(parts.environment.registry(), options_of(features, config, point)),
          point.running_max) {}

ResponseSource::State OneStream::fill(std::int64_t now_mono_ns, WireMessage& out) {
  switch (reader_.next(now_mono_ns, out)) {
    case StreamReader::Step::kTold:
      return State::kMore;
    case StreamReader::Step::kEnded:
      return State::kOver;
    case StreamReader::Step::kNothing:
      break;
  }
  // Nobody opens what it waits for any more.
  if (reader_.subscription().stream() == nullptr && parts_.environment.registry().draining()) {
    throw core::Error(core::ErrorCode::kUnavailable, "the daemon is shutting down; try again later");
  }
  return State::kAllTold;
}

std::size_t OneStream::most_bytes() const { return most_response_bytes(features_, reader_.subscription().options()); }

bool OneStream::is_within(const access::Grant& grant) const {
  return grant.reaches(reader_.subscription().options().stream);
}

SourceView OneStream::view() const {
  const pipeline::Subscription& subscription = reader_.subscription();
  return {.streams = subscription.options().stream,
          .n_streams = subscription.stream() != nullptr ? 1 : 0,
          .next_frame = std::max<core::FrameIndex>(0, subscription.cursor().frame),
          .lag_frames = subscription.lag_frames(),
          .delivered_frames = subscription.n_delivered(),
          .gap_frames = subscription.n_gapped()};
}

}  // namespace melstream::rpc
