// The Engine seam: a tick of lanes in, rows out. An engine keeps no audio state: a row depends only on its front end,
// its smoothing and the samples of its segment (batch invariance: docs/numerics.md).
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "melstream/engine/front_end.hpp"

namespace melstream::engine {

/// A (front end, smoothing) pair with the tables that one engine made for it. Immutable, shared; freed with its last
/// holder. Each backend derives its own.
class Prepared {
 public:
  Prepared(std::shared_ptr<const FrontEnd> front_end, Smoothing smoothing)
      : front_end_(std::move(front_end)), smoothing_(smoothing) {}
  virtual ~Prepared() = default;
  Prepared(const Prepared&) = delete;
  Prepared& operator=(const Prepared&) = delete;

  const FrontEnd& front_end() const noexcept { return *front_end_; }
  Smoothing smoothing() const noexcept { return smoothing_; }

 private:
  std::shared_ptr<const FrontEnd> front_end_;
  Smoothing smoothing_;
};

/// Rows wanted of one segment, and the samples they need. Positions are relative to the segment.
struct Lane {
  const Prepared* prepared = nullptr;  ///< of this engine; outlives the tick
  std::int64_t first_row = 0;
  std::int32_t n_rows = 0;
  std::int64_t segment_samples = kOpenEnd;  ///< the segment's length once known; decides edges and clamps at the end
  std::int64_t samples_begin = 0;           ///< position of samples[0][0]
  /// Adjacent in time; together they cover samples_of_rows(). Lanes of one stream that pass the same pointers and
  /// whose transforms agree share their FFTs if they are neighbours in the tick.
  std::array<std::span<const float>, 2> samples{};
};

/// Where rows of a lane go: value (t, m), row t of the lane and bin m, at values[t * row_stride + m * bin_stride].
/// Places do not overlap.
struct RowsPlace {
  float* values = nullptr;
  std::int64_t row_stride = 0;
  std::int64_t bin_stride = 1;
};

/// One pass over all streams. Everything in it belongs to the caller and stays untouched until poll() says done.
struct Tick {
  std::span<const Lane> lanes;
  /// Rows of lane 0, then lane 1, ...; each [n_rows][n_bins(smoothing)] row-major, not normalised.
  std::span<float> rows;
  std::span<float> maxima;  ///< largest value of each row, in the same order
  /// Where each lane's rows go instead, [n_lanes]; `rows` is then not looked at. Empty: as above.
  std::span<const RowsPlace> places{};
};

using Ticket = std::uint64_t;

/// Not thread-safe: one caller thread, the tick thread. All throw EngineError, after which the engine is unusable.
class Engine {
 public:
  virtual ~Engine() = default;
  /// Makes the tables of a front end, or finds them if they are in use. Allocates: not for the tick thread.
  /// Thread-safe. Throws Error(kInvalidArgument, field smoothing) where the front end allows none.
  virtual std::shared_ptr<const Prepared> prepare(const std::shared_ptr<const FrontEnd>& front_end,
                                                  Smoothing smoothing) = 0;
  /// Starts a tick. Several may be under way. Allocates nothing; the tick must keep within the engine's Limits.
  virtual Ticket submit(const Tick& tick) = 0;
  /// Waits at most `wait` for the ticket; true once its rows and maxima are written.
  virtual bool poll(Ticket ticket, std::chrono::nanoseconds wait) = 0;
  /// Samples in this memory will be passed in lanes from now on (CUDA pins it). Thread-safe.
  virtual void register_host(std::span<std::byte> slab) = 0;
};

/// What one tick may hold; buffers are made for it at start.
struct Limits {
  std::int32_t max_lanes = 4096;
  std::int32_t max_rows = 16384;
};

/// Told to clients: bits are equal only between engines of the same build with equal backend and target.
struct EngineInfo {
  std::string backend;  ///< "cpu", "cuda"
  std::string target;   ///< instruction target, e.g. "avx2", "sse4", "scalar"
  int n_threads = 1;
};

struct EngineInstance {
  std::unique_ptr<Engine> engine;
  EngineInfo info;
};

}  // namespace melstream::engine
