#include "melstream/rpc/many_streams.hpp"

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

#include "melstream/core/error.hpp"
#include "melstream/rpc/status.hpp"
#include "melstream/rpc/subscribe_config.hpp"

namespace melstream::rpc {
namespace {

constexpr float kNoMax = -std::numeric_limits<float>::infinity();

}  // namespace

ManyStreams::ManyStreams(const ReaderParts& parts, const FeatureChoice& features, const v1::SubscribeConfig& config)
    : parts_(parts), features_(features), options_(to_options(config, features)), selection_(config.streams()) {
  pipeline::validate(options_);
  for (const std::string& token : config.resume_tokens()) resume(token);
}

void ManyStreams::resume(const std::string& token) {
  ResumePoint point{.stream = ResumeTokens::claimed_stream(token)};
  try {
    point = parts_.tokens.open(token, features_);
    auto stream = parts_.environment.registry().find(point.stream, point.epoch);
    if (!stream) throw pipeline::EpochChanged();
    if (known_.count(point.epoch) != 0) {
      throw core::Error(core::ErrorCode::kInvalidArgument,
                        "two tokens of stream '" + point.stream + "'; pass the newest", "resume_tokens");
    }
    pipeline::SubscriptionOptions options = options_;
    options.start = start_at(point);
    follow(std::move(options), std::move(stream), point.running_max);
  } catch (const pipeline::EpochChanged& error) {
    add_failure(point.stream, point.epoch, error);
  }
}

void ManyStreams::look_for_streams() {
  pipeline::Registry& registry = parts_.environment.registry();
  const std::uint64_t generation = registry.generation();
  if (generation == seen_generation_) return;
  seen_generation_ = generation;
  std::set<std::uint64_t> there;
  for (auto& stream : registry.all()) {
    const std::uint64_t epoch = stream->epoch();
    there.insert(epoch);
    if (known_.count(epoch) != 0 || !selection_.contains(*stream)) continue;
    if (!has_looked_ && stream->ended()) {
      known_.insert(epoch);
      continue;
    }
    // One that has come and gone since is followed too: what there was of it is told.
    pipeline::SubscriptionOptions options = options_;
    // From its first frame on: this reader was there before it.
    if (has_looked_) options.start = {.kind = pipeline::StartAt::Kind::kFrame};
    follow(std::move(options), std::move(stream), kNoMax);
  }
  std::erase_if(known_, [&](std::uint64_t epoch) { return there.count(epoch) == 0; });
  has_looked_ = true;
}

void ManyStreams::follow(pipeline::SubscriptionOptions options, std::shared_ptr<pipeline::Stream> stream,
                         float running_max) {
  const std::string id = stream->id();
  const std::uint64_t epoch = stream->epoch();
  options.stream = id;
  known_.insert(epoch);
  try {
    auto subscription =
        std::make_unique<pipeline::Subscription>(parts_.environment.registry(), std::move(options), std::move(stream));
    readers_.push_back(std::make_unique<StreamReader>(parts_, features_, std::move(subscription), running_max));
  } catch (const core::Error& error) {
    add_failure(id, epoch, error);
  }
}

ResponseSource::State ManyStreams::fill(std::int64_t now_mono_ns, WireMessage& out) {
  look_for_streams();
  tell_failures(out);
  const std::size_t n_readers = readers_.size();
  bool any_done = false;
  std::size_t i = 0;
  for (; i < n_readers && out.n_bytes() < kFullBytes; ++i) {
    std::unique_ptr<StreamReader>& reader = readers_[(next_ + i) % n_readers];
    if (tell(*reader, now_mono_ns, out)) continue;
    count(*reader);
    reader.reset();
    any_done = true;
  }
  const bool is_full = out.n_bytes() >= kFullBytes;
  // The one that filled the message may have more: it is the last to have its turn again.
  next_ = is_full && n_readers > 0 ? (next_ + i) % n_readers : next_;
  if (any_done) std::erase(readers_, nullptr);
  tell_failures(out);
  if (is_full) return State::kMore;
  if (out.empty() && readers_.empty() && parts_.environment.registry().draining()) {
    throw core::Error(core::ErrorCode::kUnavailable, "the daemon is shutting down; try again later");
  }
  return State::kAllTold;
}

bool ManyStreams::tell(StreamReader& reader, std::int64_t now_mono_ns, WireMessage& out) {
  try {
    while (out.n_bytes() < kFullBytes) {
      const StreamReader::Step step = reader.next(now_mono_ns, out);
      if (step == StreamReader::Step::kNothing) return true;
      if (step == StreamReader::Step::kEnded) return false;
    }
    return true;
  } catch (const core::Error& error) {
    add_failure(reader.subscription().options().stream, reader.subscription().stream()->epoch(), error, &reader);
    return false;
  }
}

void ManyStreams::add_failure(const std::string& stream, std::uint64_t epoch, const core::Error& error,
                              const StreamReader* reader) {
  const grpc::Status status = to_status(error);
  v1::SubscribeFailure& failure = *failures_.emplace_back().mutable_failure();
  failure.set_stream(stream);
  failure.set_epoch(epoch);
  failure.set_code(status.error_code());
  failure.set_message(status.error_message());
  if (reader != nullptr) {
    failure.set_next_frame(std::max<core::FrameIndex>(0, reader->subscription().cursor().frame));
  }
  if (const auto* resumable = dynamic_cast<const ResumableError*>(&error)) {
    failure.set_resume_token(resumable->token());
  }
}

void ManyStreams::tell_failures(WireMessage& out) {
  while (!failures_.empty() && out.n_bytes() < kFullBytes) {
    out.add(failures_.front());
    failures_.pop_front();
  }
}

void ManyStreams::count(const StreamReader& reader) {
  delivered_frames_ += reader.subscription().n_delivered();
  gap_frames_ += reader.subscription().n_gapped();
}

SourceView ManyStreams::view() const {
  SourceView view{.streams = selection_.text(),
                  .n_streams = static_cast<std::int32_t>(readers_.size()),
                  .delivered_frames = delivered_frames_,
                  .gap_frames = gap_frames_};
  for (const auto& reader : readers_) {
    const pipeline::Subscription& subscription = reader->subscription();
    view.lag_frames = std::max(view.lag_frames, subscription.lag_frames());
    view.delivered_frames += subscription.n_delivered();
    view.gap_frames += subscription.n_gapped();
  }
  return view;
}

bool ManyStreams::blocks_streams() const { return options_.slow_policy == pipeline::SlowPolicy::kBlock; }

}  // namespace melstream::rpc
