#include "melstream/capi/stream.hpp"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <span>
#include <utility>

#include "melstream/capi/options.hpp"
#include "melstream/capi/place.hpp"
#include "melstream/capi/samples.hpp"
#include "melstream/core/error.hpp"
#include "melstream/engine/framing.hpp"

namespace melstream::capi {
namespace {

constexpr float kNoMaximum = -std::numeric_limits<float>::infinity();

}  // namespace

Stream::Stream(EnginePool& pool, Rules rules)
    : pool_(pool),
      rules_(std::move(rules)),
      geometry_(rules_.front_end->rows(rules_.smoothing)),
      n_bins_(rules_.front_end->n_bins(rules_.smoothing)),
      maximum_(kNoMaximum) {}

void Stream::push(const void* samples, std::int64_t n_samples) {
  if (is_flushed_) {
    throw core::Error(core::ErrorCode::kFailedPrecondition,
                      "samples after the flush: reset the stream to begin the next segment", "samples");
  }
  check_samples(samples, n_samples, rules_.sample_type, "");
  const auto n = static_cast<std::size_t>(n_samples);
  if (n == 0) return;
  if (rules_.sample_type == MELSTREAM_FLOAT32) {
    const std::span<const float> given(static_cast<const float*>(samples), n);
    check_finite(given, 0, "samples");
    samples_.insert(samples_.end(), given.begin(), given.end());
  } else {
    samples_.resize(samples_.size() + n);
    convert_int16({static_cast<const std::int16_t*>(samples), n}, samples_.data() + samples_.size() - n);
  }
  n_samples_ += n_samples;
}

std::int64_t Stream::n_ready() const noexcept {
  const std::int64_t n_rows =
      is_flushed_ ? engine::row_count(geometry_, n_samples_) : engine::rows_ready(geometry_, n_samples_);
  return n_rows - next_row_;
}

std::int64_t Stream::pull(float* rows, std::int64_t max_rows) {
  const std::int64_t n_rows = std::min(max_rows, n_ready());
  if (n_rows <= 0) return 0;
  const EnginePool::Lease worker(pool_);
  for (std::int64_t done = 0; done < n_rows;) {
    const auto n = static_cast<std::int32_t>(std::min<std::int64_t>(n_rows - done, kTickLimits.max_rows));
    compute(*worker, rows + done * n_bins_, n);
    done += n;
  }
  drop_samples();
  return n_rows;
}

void Stream::compute(Worker& worker, float* rows, std::int32_t n_rows) {
  engine::Lane lane;
  lane.prepared = &worker.prepared(rules_.front_end, rules_.smoothing);
  lane.first_row = next_row_;
  lane.n_rows = n_rows;
  lane.segment_samples = is_flushed_ ? n_samples_ : engine::kOpenEnd;
  const engine::IndexRange needed = engine::samples_of_rows(geometry_, next_row_, n_rows, lane.segment_samples);
  lane.samples_begin = needed.begin;
  if (needed.size() > 0) {  // else a row of nothing but zeros behind the end
    lane.samples[0] = std::span<const float>(samples_).subspan(static_cast<std::size_t>(needed.begin - samples_begin_),
                                                               static_cast<std::size_t>(needed.size()));
  }
  maxima_.resize(static_cast<std::size_t>(n_rows));
  const engine::RowsPlace place{rows, n_bins_, 1};
  worker.run({&lane, 1}, {&place, 1}, maxima_);
  normalize(rows, n_rows);
  next_row_ += n_rows;
}

void Stream::normalize(float* rows, std::int32_t n_rows) {
  if (rules_.normalization == engine::Normalization::kNone) return;
  for (float& maximum : maxima_) {
    maximum_ = std::max(maximum_, maximum);
    maximum = rules_.normalization == engine::Normalization::kFixedMax ? rules_.fixed_max : maximum_;
  }
  normalize_rows({rows, n_rows, n_bins_, n_bins_, 1}, maxima_);
}

/// What no row to come can read, once it is worth moving the rest.
void Stream::drop_samples() {
  constexpr std::int64_t kWorthIt = 16000;
  const std::int64_t needed = std::min(engine::first_sample_needed(geometry_, next_row_), n_samples_);
  const std::int64_t n = needed - samples_begin_;
  if (n < kWorthIt && n < static_cast<std::int64_t>(samples_.size()) / 2) return;
  samples_.erase(samples_.begin(), samples_.begin() + n);
  samples_begin_ = needed;
}

void Stream::reset() noexcept {
  samples_.clear();
  samples_begin_ = n_samples_ = next_row_ = 0;
  maximum_ = kNoMaximum;
  is_flushed_ = false;
}

}  // namespace melstream::capi
