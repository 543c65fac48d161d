#include "melstream/capi/clip_batch.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "melstream/capi/options.hpp"
#include "melstream/capi/samples.hpp"
#include "melstream/capi/status.hpp"
#include "melstream/core/error.hpp"
#include "melstream/engine/framing.hpp"

namespace melstream::capi {
namespace {

/// What is converted at once, unless one row needs more: as much as stays in a cache.
constexpr std::int64_t kMostConverted = std::int64_t{1} << 18;

}  // namespace

ClipBatch::ClipBatch(Worker& worker, const ClipRules& rules)
    : worker_(worker),
      rules_(rules),
      prepared_(worker.prepared(rules.front_end, rules.smoothing)),
      geometry_(rules.front_end->rows(rules.smoothing)),
      n_bins_(rules.front_end->n_bins(rules.smoothing)) {}

ClipBatch::Shape ClipBatch::shape_of(std::size_t index, const melstream_clip& clip,
                                     const melstream_output& output) const {
  Shape shape;
  shape.name = "clips[" + std::to_string(index) + "]";
  check_samples(clip.samples, clip.n_samples, rules_.sample_type, shape.name + ".");
  shape.n_samples = rules_.pad_to_samples > 0 ? rules_.pad_to_samples : clip.n_samples;
  shape.n_given = std::min(clip.n_samples, shape.n_samples);
  const auto n = static_cast<std::size_t>(shape.n_given);
  if (rules_.sample_type == MELSTREAM_INT16) {
    shape.shorts = {static_cast<const std::int16_t*>(clip.samples), n};
  } else {
    shape.floats = {static_cast<const float*>(clip.samples), n};
  }
  const std::int64_t n_rows = engine::row_count(geometry_, shape.n_samples);
  check_output(output, n_rows, n_bins_, index, shape.n_samples);
  shape.n_room = output.n_rows;
  shape.place = {output.values, n_rows, n_bins_, output.row_stride, output.bin_stride};
  shape.maximum = -std::numeric_limits<float>::infinity();
  shape.copied_begin = shape.copied_end = n_rows;  // none
  find_copied_rows(shape);
  return shape;
}

void ClipBatch::find_copied_rows(Shape& shape) const noexcept {
  const std::int64_t n_rows = shape.place.n_rows;
  if (shape.n_samples == shape.n_given || n_rows == 0) return;
  // The first row from which on all read zeros alone.
  std::int64_t low = 0, high = n_rows;
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    if (engine::samples_of_rows(geometry_, middle, n_rows - middle, shape.n_samples).begin >= shape.n_given) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  // Smoothed rows at a border are means of fewer cells, so may differ in their last bit.
  const std::int64_t border = rules_.smoothing == engine::Smoothing::kNone ? 0 : 1;
  shape.copied_begin = std::min(low + 1 + border, n_rows);
  shape.copied_end = std::max(shape.copied_begin, n_rows - border);
}

std::int32_t ClipBatch::room() const noexcept {
  const bool has_lane = lanes_.size() < static_cast<std::size_t>(kTickLimits.max_lanes);
  return has_lane ? kTickLimits.max_rows - n_rows_ : 0;
}

void ClipBatch::extract(std::span<const melstream_clip> clips, std::span<const melstream_output> outputs) {
  shapes_.reserve(clips.size());
  for (std::size_t i = 0; i < clips.size(); ++i) shapes_.push_back(shape_of(i, clips[i], outputs[i]));
  for (std::size_t i = 0; i < shapes_.size(); ++i) {
    const Shape& shape = shapes_[i];
    // A clip that fits into one tick is normalised while its rows are still in the cache.
    if (shape.n_computed() > room()) run_tick();
    if (shape.place.n_rows == 0) finish(shapes_[i]);
    add_rows(i, 0, shape.copied_begin);
    add_rows(i, shape.copied_end, shape.place.n_rows);
  }
  run_tick();
}

void ClipBatch::add_rows(std::size_t index, std::int64_t begin, std::int64_t end) {
  const std::int64_t stride = engine::row_stride(geometry_);
  const std::int64_t most =
      rules_.sample_type == MELSTREAM_INT16 ? std::max<std::int64_t>(1, kMostConverted / stride) : kTickLimits.max_rows;
  while (begin < end) {
    const bool is_full = n_scratch_samples_ > static_cast<std::size_t>(kMostConverted);
    if (room() == 0 || is_full) run_tick();
    const auto n_rows = static_cast<std::int32_t>(std::min({end - begin, std::int64_t{room()}, most}));
    add_part(index, begin, n_rows);
    begin += n_rows;
  }
}

void ClipBatch::add_part(std::size_t index, std::int64_t first_row, std::int32_t n_rows) {
  Shape& shape = shapes_[index];
  const engine::IndexRange needed = engine::samples_of_rows(geometry_, first_row, n_rows, shape.n_samples);
  const auto n_zeros =
      static_cast<std::size_t>(std::max<std::int64_t>(0, needed.end - std::max(needed.begin, shape.n_given)));
  if (n_zeros > worker_.zeros().size()) {
    run_tick();  // whose lanes may hold those there are
    worker_.reserve_zeros(n_zeros);
  }
  Part part;
  part.shape = index;
  part.first_row = first_row;
  part.n_rows = n_rows;
  engine::Lane lane;
  lane.prepared = &prepared_;
  lane.first_row = first_row;
  lane.n_rows = n_rows;
  lane.segment_samples = shape.n_samples;
  lane.samples_begin = needed.begin;
  give_samples(shape, part, lane, needed);
  n_rows_ += n_rows;
  parts_.push_back(part);
  lanes_.push_back(lane);
}

/// The caller's samples where they lie, then zeros; those that are converted get their place in run_tick().
void ClipBatch::give_samples(Shape& shape, Part& part, engine::Lane& lane, const engine::IndexRange& needed) {
  const std::int64_t end = std::min(needed.end, shape.n_given), begin = std::min(needed.begin, end);
  if (const auto n_zeros = static_cast<std::size_t>(needed.end - std::max(needed.begin, end)); n_zeros > 0) {
    lane.samples[1] = worker_.zeros().first(n_zeros);
  }
  const auto n = static_cast<std::size_t>(end - begin);
  if (rules_.sample_type == MELSTREAM_INT16) {
    part.samples_at = n_scratch_samples_;
    part.n_converted = n;
    n_scratch_samples_ += n;
    std::vector<float>& scratch = worker_.scratch_samples();
    if (scratch.size() < n_scratch_samples_) scratch.resize(n_scratch_samples_);
    convert_int16(shape.shorts.subspan(static_cast<std::size_t>(begin), n), scratch.data() + part.samples_at);
    return;
  }
  lane.samples[0] = shape.floats.subspan(static_cast<std::size_t>(begin), n);
  if (end <= shape.n_checked) return;
  const auto unchecked = shape.floats.subspan(static_cast<std::size_t>(shape.n_checked));
  check_finite(unchecked.first(static_cast<std::size_t>(end - shape.n_checked)), shape.n_checked,
               shape.name + ".samples");
  shape.n_checked = end;
}

void ClipBatch::run_tick() {
  if (parts_.empty()) return;
  places_.clear();
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const Part& part = parts_[i];
    places_.push_back(shapes_[part.shape].place.from_row(part.first_row));
    if (part.n_converted > 0) {
      lanes_[i].samples[0] = {worker_.scratch_samples().data() + part.samples_at, part.n_converted};
    }
    if (lanes_[i].samples[0].empty()) std::swap(lanes_[i].samples[0], lanes_[i].samples[1]);
  }
  maxima_.resize(static_cast<std::size_t>(n_rows_));
  worker_.run(lanes_, places_, maxima_);
  std::size_t at = 0;
  for (const Part& part : parts_) {
    const auto n = static_cast<std::size_t>(part.n_rows);
    take_part(part, std::span(maxima_).subspan(at, n));
    at += n;
  }
  parts_.clear();
  lanes_.clear();
  n_rows_ = 0;
  n_scratch_samples_ = 0;
}

/// Rows that were computed. Each maximum becomes that of all rows up to its own.
void ClipBatch::take_part(const Part& part, std::span<float> maxima) {
  Shape& shape = shapes_[part.shape];
  for (float& maximum : maxima) maximum = shape.maximum = std::max(shape.maximum, maximum);
  if (rules_.normalization == engine::Normalization::kRunningMax) {
    normalize_rows(shape.place.rows(part.first_row, part.n_rows), maxima);
  }
  shape.n_done += part.n_rows;
  if (shape.n_done == shape.n_computed()) finish(shape);
}

/// What needs the whole clip, the rows of silence, and the rest of the output.
void ClipBatch::finish(Shape& shape) {
  const Place& place = shape.place;
  if (rules_.sample_type == MELSTREAM_FLOAT32 && shape.n_checked < shape.n_given) {  // samples that no row reads
    check_finite(shape.floats.subspan(static_cast<std::size_t>(shape.n_checked)), shape.n_checked,
                 shape.name + ".samples");
  }
  normalize(shape, place.rows(0, shape.copied_begin));
  normalize(shape, place.rows(shape.copied_end, place.n_rows - shape.copied_end));
  if (shape.copied_begin < shape.copied_end) {
    const std::int64_t source = shape.copied_begin - 1;
    repeat_first_row(place.rows(source, shape.copied_end - source));
  }
  if (rules_.normalization == engine::Normalization::kPerFeatureWindow) normalize_per_feature(place);
  fill_rows(place.rows(place.n_rows, shape.n_room - place.n_rows), rules_.fill);
}

/// Rows that are to be clamped by one maximum.
void ClipBatch::normalize(const Shape& shape, const Place& rows) const noexcept {
  if (rules_.normalization == engine::Normalization::kFixedMax) normalize_window(rows, rules_.fixed_max);
  if (rules_.normalization == engine::Normalization::kWhisperWindow) normalize_window(rows, shape.maximum);
}

}  // namespace melstream::capi
