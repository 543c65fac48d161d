// GetWindow's work: cut [a, b) out of a stream's audio history and compute its offline tensor on an engine of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "melstream/core/error.hpp"
#include "melstream/engine/engine.hpp"
#include "melstream/engine/normalization.hpp"
#include "melstream/pipeline/stream.hpp"

namespace melstream::pipeline {

struct WindowRequest {
  core::SampleIndex begin = 0;  ///< timeline
  core::SampleIndex end = 0;
  std::shared_ptr<const engine::FrontEnd> front_end;
  engine::Smoothing smoothing = engine::Smoothing::kNone;
  engine::Normalization normalization = engine::Normalization::kNone;
  float fixed_max = 0.0F;
  std::optional<std::int64_t> pad_to_samples;
  bool zero_fill = false;
};

struct Window {
  std::int64_t n_frames = 0;
  int n_bins = 0;
  std::vector<float> values;  ///< [n_frames][n_bins], normalised
  float max = 0.0F;           ///< before normalization
  std::int64_t capture_wall_ns = 0;
  std::vector<engine::IndexRange> filled;      ///< timeline, zeros in place of missing samples
  std::vector<engine::IndexRange> concealed;   ///< timeline, samples made up for a loss
  std::vector<engine::IndexRange> suppressed;  ///< timeline, silence that the sender left out
};

/// A moment's view of what a stream can give, and could once more audio comes.
struct WindowReach {
  bool grows = false;             ///< it is live, and keeps audio
  engine::IndexRange held;        ///< timeline, gaps included; empty without
  core::SampleIndex head = 0;     ///< timeline: all that was seen
  engine::IndexRange accepted;    ///< held, by accepted index
  std::vector<Segment> segments;  ///< oldest first
};

/// Why a window cannot be had: kOutOfRange or kFailedPrecondition (gaps).
class WindowError : public core::Error {
 public:
  WindowError(core::ErrorCode code, const std::string& message, engine::IndexRange held,
              std::vector<engine::IndexRange> gaps)
      : Error(code, message), held_(held), gaps_(std::move(gaps)) {}
  engine::IndexRange held() const noexcept { return held_; }
  const std::vector<engine::IndexRange>& gaps() const noexcept { return gaps_; }

 private:
  engine::IndexRange held_;
  std::vector<engine::IndexRange> gaps_;
};

/// Values of one answer at most.
inline constexpr std::int64_t kMaxWindowBytes = std::int64_t{4} << 20;

/// Thread-safe; one window at a time.
class WindowReader {
 public:
  explicit WindowReader(engine::EngineInstance instance, const engine::Limits& limits);

  /// Throws Error(kInvalidArgument) for what can never be answered: an empty or negative range, a normalization that
  /// the front end does not take, kRunningMax; kResourceExhausted for more than kMaxWindowBytes.
  static void validate(const WindowRequest& request);
  static WindowReach reach(const Stream& stream);
  /// True if waiting for live audio could still make it answerable: `end` lies beyond what the stream holds so far.
  static bool must_wait(const WindowReach& reach, const WindowRequest& request) noexcept;
  static bool must_wait(const Stream& stream, const WindowRequest& request) {
    return must_wait(reach(stream), request);
  }
  /// Timeline position up to which samples are needed: a window that is cut needs no more than it keeps.
  static core::SampleIndex read_end(const WindowRequest& request) noexcept;
  /// Throws WindowError, and Error as validate().
  Window read(const Stream& stream, const WindowRequest& request);

 private:
  void compute(const WindowRequest& request, std::span<const float> clip, Window& window);

  engine::EngineInstance instance_;
  const engine::Limits limits_;
  std::mutex mutex_;  // protects the engine
};

}  // namespace melstream::pipeline
