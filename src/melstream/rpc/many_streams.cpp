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

/// Joining streams whose front end nobody has asked for yet takes memory and time, and the other calls wait.
constexpr std::int64_t kFollowNs = 2'000'000;
constexpr float kNoMax = -std::numeric_limits<float>::infinity();

}  // namespace

ManyStreams::ManyStreams(const ReaderParts& parts, const FeatureChoice& features, const v1::SubscribeConfig& config,
                         const std::shared_ptr<const access::Grant>& grant)
    : parts_(parts),
      features_(features),
      options_(to_options(config, features)),
      newcomers_(parts.environment.registry(), StreamSelection(config.streams(), grant)) {
  pipeline::validate(options_);
  resume(config, *grant);
  expectation_ = parts.environment.registry().expectations().add(
      {.wants = [this](const pipeline::Stream& stream) { return newcomers_.selection().contains(stream); },
       .front_end = features.front_end,
       .smoothing = features.smoothing});
}

void ManyStreams::resume(const v1::SubscribeConfig& config, const access::Grant& grant) {
  struct Resumed {
    ResumePoint point;
    std::shared_ptr<pipeline::Stream> stream;
  };
  std::vector<Resumed> resumed;
  for (const std::string& token : config.resume_tokens()) {
    try {
      ResumePoint point = parts_.tokens.open(token, features_);
      grant.require(point.stream);
      auto stream = parts_.environment.registry().find(point.stream, point.epoch);
      if (!stream) throw pipeline::EpochChanged();
      resumed.push_back({std::move(point), std::move(stream)});
    } catch (const pipeline::EpochChanged& error) {
      add_failure(ResumeTokens::claimed_stream(token), 0, error);
    }
  }
  // Lives of one id in their order.
  std::sort(resumed.begin(), resumed.end(),
            [](const auto& a, const auto& b) { return a.stream->opened_order() < b.stream->opened_order(); });
  for (Resumed& one : resumed) {
    if (newcomers_.knows(one.point.epoch)) {
      throw core::Error(core::ErrorCode::kInvalidArgument,
                        "two tokens of stream '" + one.point.stream + "'; pass the newest", "resume_tokens");
    }
    pipeline::SubscriptionOptions options = options_;
    options.start = start_at(one.point);
    follow(std::move(options), std::move(one.stream), one.point.running_max);
  }
}

void ManyStreams::look() {
  newcomers_.look();
  drop_forgotten();
}

void ManyStreams::drop_forgotten() {
  const pipeline::Registry& registry = parts_.environment.registry();
  const std::uint64_t generation = registry.generation();
  if (generation == std::exchange(dropped_generation_, generation)) return;
  std::erase_if(readers_, [&](const std::unique_ptr<StreamReader>& reader) {
    const pipeline::Stream& stream = *reader->subscription().stream();
    if (!stream.ended() || registry.find(stream.id(), stream.epoch()) != nullptr) return false;
    add_failure(
        stream.id(), stream.epoch(),
        core::Error(core::ErrorCode::kOutOfRange,
                    "stream '" + stream.id() + "' has ended and is forgotten; its last frames were not read in time"),
        reader.get());
    count(*reader);
    let_next_life_go(stream);
    return true;
  });
}

void ManyStreams::follow_newcomers() {
  const core::Clock& clock = parts_.environment.clock();
  const std::int64_t until_ns = clock.mono_ns() + kFollowNs;
  while (auto one = newcomers_.take()) {
    if (one->stream) {
      pipeline::SubscriptionOptions options = options_;
      // From its first frame on: this reader was there before it.
      if (!one->is_first) options.start = {.kind = pipeline::StartAt::Kind::kFrame};
      follow(std::move(options), std::move(one->stream), kNoMax);
    } else {
      add_failure(one->id, one->epoch,
                  core::Error(core::ErrorCode::kOutOfRange,
                              "stream '" + one->id + "' came, went and was forgotten while this reader took nothing"));
    }
    if (clock.mono_ns() > until_ns) return;  // the rest in the next tick
  }
}

void ManyStreams::follow(pipeline::SubscriptionOptions options, std::shared_ptr<pipeline::Stream> stream,
                         float running_max) {
  const std::string id = stream->id();
  const std::uint64_t epoch = stream->epoch();
  options.stream = id;
  newcomers_.know(epoch);
  try {
    auto subscription =
        std::make_unique<pipeline::Subscription>(parts_.environment.registry(), std::move(options), std::move(stream));
    readers_.push_back(std::make_unique<StreamReader>(parts_, features_, std::move(subscription), running_max));
    const auto [newest, is_first] = newest_.try_emplace(id, epoch);
    if (!is_first) waits_for_[epoch] = std::exchange(newest->second, epoch);
  } catch (const core::Error& error) {
    add_failure(id, epoch, error);
  }
}

ResponseSource::State ManyStreams::fill(std::int64_t now_mono_ns, WireMessage& out) {
  look();
  follow_newcomers();
  tell_failures(out);
  const std::size_t n_readers = readers_.size();
  bool any_done = false;
  std::size_t i = 0;
  for (; i < n_readers && out.n_bytes() < kFullBytes; ++i) {
    std::unique_ptr<StreamReader>& reader = readers_[(next_ + i) % n_readers];
    if (!waits_for_.empty() && waits_for_.count(reader->subscription().stream()->epoch()) != 0) continue;
    if (tell(*reader, now_mono_ns, out)) continue;
    count(*reader);
    let_next_life_go(*reader->subscription().stream());
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

void ManyStreams::let_next_life_go(const pipeline::Stream& stream) {
  const std::uint64_t epoch = stream.epoch();
  std::erase_if(waits_for_, [epoch](const auto& entry) { return entry.second == epoch; });
  const auto newest = newest_.find(stream.id());
  if (newest != newest_.end() && newest->second == epoch) newest_.erase(newest);
}

void ManyStreams::count(const StreamReader& reader) {
  delivered_frames_ += reader.subscription().n_delivered();
  gap_frames_ += reader.subscription().n_gapped();
}

SourceView ManyStreams::view() const {
  SourceView view{.streams = newcomers_.selection().text(),
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

bool ManyStreams::is_within(const access::Grant& grant) const {
  const std::vector<std::string>& ids = newcomers_.selection().ids();
  return !(ids.empty() && readers_.empty()) &&
         std::all_of(ids.begin(), ids.end(), [&](const std::string& id) { return grant.reaches(id); }) &&
         std::all_of(readers_.begin(), readers_.end(),
                     [&](const auto& reader) { return grant.reaches(reader->subscription().stream()->id()); });
}

bool ManyStreams::blocks_streams() const { return options_.slow_policy == pipeline::SlowPolicy::kBlock; }

}  // namespace melstream::rpc
