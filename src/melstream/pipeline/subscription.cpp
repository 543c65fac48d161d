#include "melstream/pipeline/subscription.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "melstream/core/error.hpp"

namespace melstream::pipeline {
namespace {

constexpr std::int32_t kMaxBlockFrames = 1000;
constexpr std::int64_t kNsPerMs = 1'000'000;
constexpr std::int64_t kMaxDelayMs = 10'000;

[[noreturn]] void refuse(const std::string& message, const std::string& field) {
  throw core::Error(core::ErrorCode::kInvalidArgument, message, field);
}

}  // namespace

void validate(const SubscriptionOptions& options) {
  if (options.block_frames < 1 || options.block_frames > kMaxBlockFrames) {
    refuse("block_frames is " + std::to_string(options.block_frames) + "; take 1 to 1000", "block_frames");
  }
  if (options.max_delay_ns < kNsPerMs || options.max_delay_ns > kMaxDelayMs * kNsPerMs) {
    refuse("max_delay_ms is " + std::to_string(options.max_delay_ns / kNsPerMs) + "; take 1 to 10000", "max_delay_ms");
  }
  if (options.smoothing != engine::Smoothing::kNone && !options.front_end->allows_smoothing()) {
    refuse("front end '" + options.front_end->name() + "' takes no smoothing", "smoothing");
  }
  const core::FrameIndex frame = options.start.frame;
  const std::int64_t stride = engine::row_stride(options.front_end->rows(options.smoothing));
  if (options.start.kind == StartAt::Kind::kFrame && (frame < 0 || frame > core::kMaxPosition / stride)) {
    refuse("frame is " + std::to_string(frame) + "; frames count from 0, up to 2^53 samples", "frame");
  }
  const double seconds = options.start.seconds_back;
  if (options.start.kind == StartAt::Kind::kSecondsBack && !(seconds >= 0.0 && seconds <= 1e6)) {
    refuse("seconds_back is " + std::to_string(seconds) + "; take 0 or more", "seconds_back");
  }
}

EpochChanged::EpochChanged()
    : Error(core::ErrorCode::kFailedPrecondition,
            "EPOCH_CHANGED: what the token stands for is over and forgotten, or was another daemon's; subscribe "
            "without it",
            "") {}

Subscription::Subscription(Registry& registry, SubscriptionOptions options, std::shared_ptr<Stream> stream)
    : registry_(registry), options_(std::move(options)) {
  validate(options_);
  registry_.overload().admit_subscription();
  join(std::move(stream));
  registry_.counters().subscriptions.fetch_add(1, std::memory_order_relaxed);
}

Subscription::Subscription(Registry& registry, SubscriptionOptions options)
    : registry_(registry), options_(std::move(options)) {
  validate_stream_id(options_.stream);
  validate(options_);
  registry_.overload().admit_subscription();
  if (options_.wait) {  // before the look: who opens the stream right behind it sees this
    expectation_ = registry_.expectations().add(
        {.wants = [id = options_.stream](const Stream& stream) { return stream.id() == id; },
         .front_end = options_.front_end,
         .smoothing = options_.smoothing});
  }
  if (!attach() && !options_.wait) {
    throw core::Error(
        core::ErrorCode::kNotFound,
        "no stream '" + options_.stream +
            "'; `melstream streams` and `melstream sources` tell what there is, wait (--wait) waits for it",
        "stream");
  }
  waited_ = stream_ == nullptr;
  registry_.counters().subscriptions.fetch_add(1, std::memory_order_relaxed);
}

Subscription::~Subscription() {
  registry_.counters().subscriptions.fetch_sub(1, std::memory_order_relaxed);
  if (!history_) return;
  if (blocker_ != 0) history_->remove_blocker(blocker_);
  history_->idle_since_mono_ns.store(registry_.clock().mono_ns(), std::memory_order_relaxed);
  history_->n_readers.fetch_sub(1, std::memory_order_release);
}

std::shared_ptr<Stream> Subscription::find() const {
  if (options_.start.kind == StartAt::Kind::kResume) {
    if (auto stream = registry_.find(options_.stream, options_.start.epoch)) return stream;
    throw EpochChanged();
  }
  std::shared_ptr<Stream> stream = registry_.find(options_.stream);
  // Whoever waits for live audio wants the next stream of this id, not what is left of the last.
  if (options_.wait && options_.start.kind == StartAt::Kind::kLive && stream && stream->ended()) return nullptr;
  return stream;
}

bool Subscription::attach() {
  const std::uint64_t generation = registry_.generation();
  if (generation == seen_generation_) return false;
  seen_generation_ = generation;
  std::shared_ptr<Stream> stream = find();
  if (stream) join(std::move(stream));
  return stream_ != nullptr;
}

void Subscription::join(std::shared_ptr<Stream> stream) {
  if (options_.slow_policy == SlowPolicy::kBlock && stream->pacing() != Pacing::kFast) {
    refuse("stream '" + options_.stream + "' is live: it waits for nobody; take drop_oldest or disconnect",
           "slow_policy");
  }
  expectation_ = {};
  history_ = registry_.join_history(*stream, options_.front_end, options_.smoothing);
  stream_ = std::move(stream);
  if (options_.slow_policy != SlowPolicy::kBlock) return;
  // Before the first row can be published: from here on nothing that this reader wants is overwritten.
  core::FrameIndex frame = 0;
  if (options_.start.kind == StartAt::Kind::kFrame) frame = options_.start.frame;
  if (options_.start.kind == StartAt::Kind::kResume) frame = options_.start.cursor.frame;
  blocker_ = history_->add_blocker(frame);
}

bool Subscription::start() {
  const auto head = history_->head_frame();
  if (!head) return false;
  const int stride = engine::row_stride(history_->geometry());
  switch (options_.start.kind) {
    case StartAt::Kind::kLive:
      cursor_.frame = waited_ ? 0 : *head;
      break;
    case StartAt::Kind::kFrame:
      cursor_.frame = options_.start.frame;
      break;
    case StartAt::Kind::kResume:
      cursor_ = options_.start.cursor;
      break;
    case StartAt::Kind::kSecondsBack: {
      const auto back = static_cast<std::int64_t>(options_.start.seconds_back * core::kSampleRateHz / stride);
      cursor_.frame = std::max(*head - back, std::min(history_->oldest_frame(), *head));
      break;
    }
  }
  if (blocker_ != 0) history_->move_blocker(blocker_, cursor_.frame);
  started_ = true;
  return true;
}

Delivery Subscription::next(std::int64_t now_mono_ns, RowSink& sink) {
  if (done_) return {};
  if (!stream_) {
    if (!attach()) return {};
    // It was waited for, so all of it is wanted.
    if (options_.start.kind == StartAt::Kind::kLive) options_.start = {.kind = StartAt::Kind::kFrame};
  }
  if (!started_) {
    if (!start()) return {};
    return Started{.epoch = stream_->epoch(),
                   .first_frame = cursor_.frame,
                   .first_sample = history_->sample_of(cursor_.frame),
                   .resampler_delay_ns = stream_->resampler_delay_ns()};
  }
  const std::int64_t flush_before = now_mono_ns - options_.max_delay_ns;
  if (wait_ && !history_->has_news(*wait_, flush_before)) return {};
  wait_.reset();
  const Cursor before = cursor_;
  const FeatureHistory::ReadResult result = history_->read(cursor_, options_.block_frames, flush_before, sink);
  if (blocker_ != 0) history_->move_blocker(blocker_, cursor_.frame);
  switch (result.kind) {
    case FeatureHistory::ReadResult::Kind::kNothing:
      wait_ = result.wait;
      return {};
    case FeatureHistory::ReadResult::Kind::kRows: {
      const auto n_frames = static_cast<std::int32_t>(cursor_.frame - before.frame);
      registry_.counters().frames_delivered.fetch_add(n_frames, std::memory_order_relaxed);
      n_delivered_ += n_frames;
      return RowsTaken{n_frames};
    }
    case FeatureHistory::ReadResult::Kind::kHole:
      return on_hole(result.hole, before);
    case FeatureHistory::ReadResult::Kind::kEnd:
      done_ = true;
      return Ended{cursor_.frame, result.end_reason};
  }
  return {};
}

Delivery Subscription::on_hole(Hole hole, const Cursor& before) {
  // A blocking reader that was dropped had all that it asked for until then.
  const bool was_dropped = blocker_ != 0 && !history_->has_blocker(blocker_);
  if (hole.reader_lost && (n_delivered_ > 0 || was_dropped)) {
    hole.reason = core::GapReason::kSubscriberSlow;
    if (options_.slow_policy == SlowPolicy::kDisconnect) {
      done_ = true;
      cursor_ = before;
      throw TooSlow(core::ErrorCode::kResourceExhausted,
                    "too slow: frames " + std::to_string(hole.first_frame) + " to " +
                        std::to_string(hole.first_frame + hole.n_frames - 1) + " of stream '" + options_.stream +
                        "' left the history unread; read faster, or take drop_oldest");
    }
  } else if (hole.reader_lost) {
    hole.reason = core::GapReason::kHistoryEvicted;
  }
  Counters& counters = registry_.counters();
  counters.frames_gapped.fetch_add(hole.n_frames, std::memory_order_relaxed);
  counters.frames_gapped_by[static_cast<std::size_t>(hole.reason)].fetch_add(hole.n_frames, std::memory_order_relaxed);
  n_gapped_ += hole.n_frames;
  return hole;
}

std::int64_t Subscription::lag_frames() const {
  if (!started_) return 0;
  return std::max<std::int64_t>(0, history_->next_frame().value_or(0) - cursor_.frame);
}

}  // namespace melstream::pipeline
