// Frame arithmetic: which samples a frame covers, how many frames n samples give, which can be computed already.
// Pure integer functions on 64-bit indices, shared by all backends, apart from any buffer. Positions are relative to
// the segment: its first sample is 0. Formulas: tests/golden/README.md section 2.
#pragma once

#include <cstdint>
#include <limits>

namespace melstream::engine {

/// What stands outside [0, N).
enum class Edge : std::uint8_t {
  kNone,  ///< frames never reach outside
  kZeros,
  kReflect,    ///< without repeating the edge: x[-i] = x[i], x[N-1+i] = x[N-1-i]; needs N > left, else 0 frames
  kSymmetric,  ///< repeating the edge: x[-1-i] = x[i], x[N+i] = x[N-1-i], bouncing until inside
};

/// Number of frames of N samples.
enum class FrameCount : std::uint8_t {
  kFloor,         ///< floor(N / hop): Whisper, NeMo
  kFloorPlusOne,  ///< 1 + floor(N / hop): torch.stft, librosa; 0 for N = 0
  kRounded,       ///< floor((N + hop/2) / hop): Kaldi snip_edges=false
  kSnip,          ///< N < window ? 0 : 1 + floor((N - window) / hop): Kaldi snip_edges=true
};

/// Frame t covers samples [t*hop - left, t*hop - left + window).
struct FrameGeometry {
  int window = 400;
  int hop = 160;
  int left = 200;
  int lead = 0;  ///< samples before the frame that it needs as well (1 for pre-emphasis of the whole signal)
  Edge edge = Edge::kReflect;
  FrameCount count = FrameCount::kFloor;

  bool operator==(const FrameGeometry&) const = default;
};

/// 3x3 mean over time and mel bins, before any normalization (DESIGN of the project: docs/numerics.md).
enum class Smoothing : std::uint8_t {
  kNone,
  kBox3x3,       ///< same shape; at borders the mean of the cells that exist
  kBox3x3Valid,  ///< no borders: two frames and two bins fewer; row i is centred on frame i + 1
};

/// Low frame rate: row i stacks base frames clamp(n*i - floor(m/2) + k, 0, T-1), k = 0..m-1; ceil(T/n) rows. m = n = 1:
/// off.
struct LowFrameRate {
  int m = 1;
  int n = 1;
  bool operator==(const LowFrameRate&) const = default;
};

/// From samples to rows. A row is what a subscriber receives: a base frame, smoothed, or stacked.
struct RowGeometry {
  FrameGeometry frame;
  LowFrameRate lfr;
  Smoothing smoothing = Smoothing::kNone;  ///< only with lfr off
  bool operator==(const RowGeometry&) const = default;
};

/// End of a segment that is still growing. Later than any position, and far enough from the largest number that
/// positions may be added to and subtracted from it.
inline constexpr std::int64_t kOpenEnd = std::numeric_limits<std::int64_t>::max() / 4;

/// Half open.
struct IndexRange {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  std::int64_t size() const noexcept { return end - begin; }
  bool operator==(const IndexRange&) const = default;
};

/// Frames of a whole segment of n_samples (>= 0).
std::int64_t frame_count(const FrameGeometry& geometry, std::int64_t n_samples) noexcept;

/// Frames [0, result) whose every sample is among the first n_samples, whatever follows: what may be computed while
/// the segment grows. Never more than frame_count of the samples so far.
std::int64_t frames_ready(const FrameGeometry& geometry, std::int64_t n_samples) noexcept;

/// Samples that frames [first, first + n) read, lead included and edges resolved, within [0, min(n_samples known)).
/// @param segment_samples length of the segment, or kOpenEnd; then the frames must be ready.
IndexRange samples_of_frames(const FrameGeometry& geometry, std::int64_t first, std::int64_t n,
                             std::int64_t segment_samples) noexcept;

/// The sample in [0, n_samples) that stands for position `index` by the edge rule; -1 for a zero. O(1).
/// @param n_samples may be kOpenEnd.
std::int64_t resolve_edge(Edge edge, std::int64_t index, std::int64_t n_samples) noexcept;

/// Rows of a whole segment.
std::int64_t row_count(const RowGeometry& geometry, std::int64_t n_samples) noexcept;
/// Rows [0, result) that may be computed while the segment grows.
std::int64_t rows_ready(const RowGeometry& geometry, std::int64_t n_samples) noexcept;
/// Base frames that rows [first, first + n) are made of, clamped to [0, frame_count).
IndexRange frames_of_rows(const RowGeometry& geometry, std::int64_t first, std::int64_t n,
                          std::int64_t segment_samples) noexcept;
/// Samples that rows [first, first + n) read, as samples_of_frames.
IndexRange samples_of_rows(const RowGeometry& geometry, std::int64_t first, std::int64_t n,
                           std::int64_t segment_samples) noexcept;
/// The smallest sample that any row >= first_row may read, wherever the segment ends: reflections at its end reach
/// back further than the frame itself. Samples before it may be dropped. Not below 0; may lie beyond the samples so
/// far.
std::int64_t first_sample_needed(const RowGeometry& geometry, std::int64_t first_row) noexcept;
/// Most samples that are waited for and kept at once to compute one row: what a sample ring must hold.
std::int64_t row_span(const RowGeometry& geometry) noexcept;
/// Samples between the starts of two rows: hop * lfr.n.
int row_stride(const RowGeometry& geometry) noexcept;
/// Samples that must have arrived after the nominal position row*stride before the row can be computed: the
/// algorithmic delay told in Start, smoothing's look-ahead included. (Row 0 may wait for more: a reflection at the
/// segment's start needs left + 1 samples.)
int row_lookahead(const RowGeometry& geometry) noexcept;

}  // namespace melstream::engine
