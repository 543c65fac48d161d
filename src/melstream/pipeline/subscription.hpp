// A reader's cursor into one front end of one stream: blocks, gaps, discontinuities and the end, in order, tiling the
// frames from the start to the end without overlap or hole.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>

#include "melstream/pipeline/feature_history.hpp"
#include "melstream/pipeline/registry.hpp"

namespace melstream::pipeline {

enum class SlowPolicy : std::uint8_t {
  kDropOldest,  ///< what the history no longer holds becomes a gap
  kDisconnect,  ///< next() throws instead
  kBlock,       ///< the stream waits; only for Pacing::kFast
};

struct StartAt {
  enum class Kind : std::uint8_t { kLive, kSecondsBack, kFrame } kind = Kind::kLive;
  double seconds_back = 0.0;
  core::FrameIndex frame = 0;
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

/// What comes next. A RowBatch stays valid until the next call of next().
using Delivery = std::variant<std::monostate, Started, const RowBatch*, Hole, Ended>;

/// One thread at a time.
class Subscription {
 public:
  /// Throws Error: kNotFound (no such stream, without wait), kInvalidArgument (block_frames 1..1000,
  /// max_delay 1..10,000 ms, seconds_back, frame, smoothing; kBlock on a live stream), kFailedPrecondition.
  Subscription(Registry& registry, SubscriptionOptions options);
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;
  ~Subscription();

  /// Never blocks for long: takes the history's mutex. monostate: nothing yet, call again after the next tick; after
  /// Ended nothing follows. Throws Error(kResourceExhausted) when a kDisconnect reader fell behind, and the errors of
  /// the constructor when a stream waited for does not fit.
  Delivery next(std::int64_t now_mono_ns);

  const SubscriptionOptions& options() const noexcept { return options_; }
  /// Null while waiting for the stream.
  const Stream* stream() const noexcept { return stream_.get(); }
  /// Frame that comes next, -1 before Started.
  core::FrameIndex next_frame() const noexcept { return started_ ? cursor_.frame : -1; }

 private:
  bool attach();
  bool start();
  Delivery on_hole(Hole hole);

  Registry& registry_;
  SubscriptionOptions options_;
  std::uint64_t seen_generation_ = 0;
  std::shared_ptr<Stream> stream_;
  std::shared_ptr<FeatureHistory> history_;
  std::uint64_t blocker_ = 0;
  Cursor cursor_;
  RowBatch batch_;
  bool started_ = false;
  bool delivered_ = false;  ///< a row has gone out: what is missing later was lost by slowness
  bool done_ = false;
};

}  // namespace melstream::pipeline
