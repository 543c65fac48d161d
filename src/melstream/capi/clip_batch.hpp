// Features of whole clips, from caller's memory to caller's memory: cuts clips into ticks, whose rows the engine writes
// where the caller wants them, and normalises them there. Memory is bounded whatever the clips' lengths.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "melstream/capi/place.hpp"
#include "melstream/capi/worker.hpp"
#include "melstream/engine.h"
#include "melstream/engine/front_end.hpp"
#include "melstream/engine/normalization.hpp"

namespace melstream::capi {

/// melstream_clip_options, checked against the front end.
struct ClipRules {
  std::shared_ptr<const engine::FrontEnd> front_end;
  melstream_sample_type sample_type = MELSTREAM_FLOAT32;
  engine::Smoothing smoothing = engine::Smoothing::kNone;
  engine::Normalization normalization = engine::Normalization::kNone;
  float fixed_max = 0.0F;
  float fill = 0.0F;
  std::int64_t pad_to_samples = 0;
};

/// For one call. Thread: the worker's.
class ClipBatch {
 public:
  ClipBatch(Worker& worker, const ClipRules& rules);

  /// Throws Error(kInvalidArgument, kOutOfRange) naming the clip, before anything of that clip is written; EngineError.
  void extract(std::span<const melstream_clip> clips, std::span<const melstream_output> outputs);

 private:
  /// A clip as it is computed. Rows [copied_begin, copied_end) read nothing but zeros of the padding, so they equal the
  /// row before them.
  struct Shape {
    std::string name;  ///< "clips[3]"
    std::span<const float> floats;
    std::span<const std::int16_t> shorts;  ///< one of the two is empty
    std::int64_t n_samples = 0;            ///< padded
    std::int64_t n_given = 0;              ///< of these, from the caller
    std::int64_t n_checked = 0;            ///< of these, known to be finite
    Place place;                           ///< of all rows
    std::int64_t n_room = 0;               ///< rows that the output has
    std::int64_t copied_begin = 0;
    std::int64_t copied_end = 0;
    std::int64_t n_done = 0;  ///< of n_computed()
    float maximum = 0.0F;     ///< of all rows so far
    std::int64_t n_computed() const noexcept { return place.n_rows - (copied_end - copied_begin); }
  };
  /// Rows of one clip in the tick: one lane.
  struct Part {
    std::size_t shape = 0;
    std::int64_t first_row = 0;
    std::int32_t n_rows = 0;
    std::size_t samples_at = 0;  ///< in the scratch samples, if the samples had to be converted
    std::size_t n_converted = 0;
  };

  Shape shape_of(std::size_t index, const melstream_clip& clip, const melstream_output& output) const;
  void find_copied_rows(Shape& shape) const noexcept;
  void add_rows(std::size_t index, std::int64_t begin, std::int64_t end);
  void add_part(std::size_t index, std::int64_t first_row, std::int32_t n_rows);
  void give_samples(Shape& shape, Part& part, engine::Lane& lane, const engine::IndexRange& needed);
  std::int32_t room() const noexcept;
  void run_tick();
  void take_part(const Part& part, std::span<float> maxima);
  void finish(Shape& shape);
  void normalize(const Shape& shape, const Place& rows) const noexcept;

  Worker& worker_;
  const ClipRules& rules_;
  const engine::Prepared& prepared_;
  const engine::RowGeometry geometry_;
  const std::int64_t n_bins_;
  std::vector<Shape> shapes_;
  // The tick that is being filled.
  std::vector<Part> parts_;
  std::vector<engine::Lane> lanes_;  // one a part
  std::int32_t n_rows_ = 0;
  std::size_t n_scratch_samples_ = 0;  // floats
  // Of run_tick(), kept for the next.
  std::vector<engine::RowsPlace> places_;
  std::vector<float> maxima_;
};

}  // namespace melstream::capi
