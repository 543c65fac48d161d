// A reader's cursor into one front end of one stream: blocks, gaps, discontinuities and the end, in order, tiling the
// frames from the start to the end without overlap or hole.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "melstream/core/error.hpp"
#include "melstream/pipeline/feature_history.hpp"
#include "melstream/pipeline/registry.hpp"

namespace melstream::pipeline {

enum class SlowPolicy : std::uint8_t {
  kDropOldest,  ///< what the history no longer holds becomes a gap
  kDisconnect,  ///< next() throws instead
  kBlock,       ///< the stream waits; only for Pacing::kFast
};

struct StartAt {
  enum class Kind : std::uint8_t { kLive, kSecondsBack, kFrame, kResume } kind = Kind::kLive;
  double seconds_back = 0.0;
  core::FrameIndex frame = 0;
  std::uint64_t epoch = 0;  ///< of the stream to be resumed
  Cursor cursor = {};       ///< where the subscription before stood
};

struct SubscriptionOptions {
  std::string stream;
  std::shared_ptr<const engine::FrontEnd> front_end;
  engine::Smoothing smoothing = engine::Smoothing::kNone;
  std::int32_t block_frames = 4;
  std::int64_t max_delay_ns = 50'000'000;
  StartAt start;
  SlowPolicy slow_policy = SlowPolicy::kDropOldest;
  bool wait = false;  ///< for a stream that is not there yet
};

/// All but the stream. Throws Error(kInvalidArgument) with the field.
void validate(const SubscriptionOptions& options);

struct Started {
  std::uint64_t epoch = 0;
  core::FrameIndex first_frame = 0;
  core::SampleIndex first_sample = 0;
  std::int64_t resampler_delay_ns = 0;
};

struct Ended {
  core::FrameIndex next_frame = 0;
  core::EndReason reason = core::EndReason::kCompleted;
};

/// The sink has taken this many rows.
struct RowsTaken {
  std::int32_t n_frames = 0;
};

/// What comes next.
using Delivery = std::variant<std::monostate, Started, RowsTaken, Hole, Ended>;

/// What a subscription to resume stood for is gone: the stream was opened anew, or is forgotten.
class EpochChanged : public core::Error {
 public:
  EpochChanged();
};

/// A kDisconnect reader fell behind.
class TooSlow : public core::Error {
 public:
  using Error::Error;
};

/// One thread at a time.
class Subscription {
 public:
  /// Throws Error: kNotFound (no such stream, without wait), kInvalidArgument (block_frames 1..1000,
  /// max_delay 1..10,000 ms, seconds_back, frame, smoothing; kBlock on a live stream), kFailedPrecondition
  /// (EpochChanged; or the stream has ended without this front end), kResourceExhausted (too many front ends,
  /// overload).
  Subscription(Registry& registry, SubscriptionOptions options);
  /// To this very stream, whatever its id stands for by now.
  Subscription(Registry& registry, SubscriptionOptions options, std::shared_ptr<Stream> stream);
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;
  ~Subscription();

  /// Never blocks for long: takes the history's mutex. monostate: nothing yet, call again after the next tick; after
  /// Ended nothing follows. Rows go to the sink. Throws TooSlow (cursor() is then where the loss begins), and the
  /// errors of the constructor when a stream waited for does not fit.
  Delivery next(std::int64_t now_mono_ns, RowSink& sink);

  const SubscriptionOptions& options() const noexcept { return options_; }
  /// Null while waiting for the stream.
  const Stream* stream() const noexcept { return stream_.get(); }
  /// Null while waiting for the stream. Readers of one history with the same wishes get the same blocks.
  const FeatureHistory* history() const noexcept { return history_.get(); }
  /// Where it stands, behind all that next() gave: what resuming needs. Frame -1 before Started.
  Cursor cursor() const noexcept { return started_ ? cursor_ : Cursor{.frame = -1}; }
  /// Frames that are computed and that next() has not given.
  std::int64_t lag_frames() const;
  std::int64_t n_delivered() const noexcept { return n_delivered_; }
  std::int64_t n_gapped() const noexcept { return n_gapped_; }

 private:
  std::shared_ptr<Stream> find() const;
  bool attach();
  void join(std::shared_ptr<Stream> stream);
  bool start();
  Delivery on_hole(Hole hole, const Cursor& before);

  Registry& registry_;
  SubscriptionOptions options_;
  std::uint64_t seen_generation_ = 0;
  std::shared_ptr<Stream> stream_;
  std::shared_ptr<FeatureHistory> history_;
  std::uint64_t blocker_ = 0;
  Cursor cursor_;
  std::optional<FeatureHistory::Wait> wait_;  ///< since the history had nothing
  Expectations::Ticket expectation_;          ///< while it waits for the stream
  bool waited_ = false;                       ///< for the stream: live is then its first frame
  bool started_ = false;
  std::int64_t n_delivered_ = 0;  ///< above 0, what is missing later was lost by slowness
  std::int64_t n_gapped_ = 0;
  bool done_ = false;
};

}  // namespace melstream::pipeline
