// One segment of audio that arrives bit by bit: keeps the samples that rows to come may read, computes rows when they
// are asked for, straight into the caller's memory. One thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "melstream/capi/engine_pool.hpp"
#include "melstream/engine.h"
#include "melstream/engine/front_end.hpp"
#include "melstream/engine/normalization.hpp"

namespace melstream::capi {

class Stream {
 public:
  struct Rules {
    std::shared_ptr<const engine::FrontEnd> front_end;
    melstream_sample_type sample_type = MELSTREAM_FLOAT32;
    engine::Smoothing smoothing = engine::Smoothing::kNone;
    engine::Normalization normalization = engine::Normalization::kNone;  ///< kNone, kRunningMax or kFixedMax
    float fixed_max = 0.0F;
  };

  /// @param pool outlives every call but the destructor.
  Stream(EnginePool& pool, Rules rules);

  /// Throws Error(kInvalidArgument) if a sample is not finite, kFailedPrecondition after flush(); nothing is taken
  /// then.
  void push(const void* samples, std::int64_t n_samples);
  void flush() noexcept { is_flushed_ = true; }
  std::int64_t n_ready() const noexcept;
  /// Writes min(max_rows, n_ready()) rows and returns how many. Throws EngineError.
  std::int64_t pull(float* rows, std::int64_t max_rows);
  void reset() noexcept;
  std::int64_t n_bins() const noexcept { return n_bins_; }

 private:
  void compute(Worker& worker, float* rows, std::int32_t n_rows);
  void normalize(float* rows, std::int32_t n_rows);
  void drop_samples();

  EnginePool& pool_;
  const Rules rules_;
  const engine::RowGeometry geometry_;
  const std::int64_t n_bins_;
  std::vector<float> samples_;      ///< from samples_begin_ on
  std::int64_t samples_begin_ = 0;  ///< position of samples_[0]
  std::int64_t n_samples_ = 0;      ///< pushed
  std::int64_t next_row_ = 0;
  std::vector<float> maxima_;  ///< of the rows that are being computed
  float maximum_;              ///< of all rows so far
  bool is_flushed_ = false;
};

}  // namespace melstream::capi
