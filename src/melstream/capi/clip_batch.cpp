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

/// More than rows at the end of a clip read beyond it before they read nothing else: three rows' spans.
constexpr std::size_t kMostZeros = 32768;

std::span<const float> zeros(std::int64_t n) {
  static const std::vector<float> all(kMostZeros);
  return {all.data(), static_cast<std::size_t>(n)};
}

/// What is converted at once, unless one row needs more: as much as stays in a cache.
constexpr std::int64_t kMostConverted = std::int64_t{1} << 18;

void check_strides(const melstream_output& output, std::int64_t n_bins, const std::string& argument) {
  const std::int64_t row = output.row_stride, bin = output.bin_stride;
  const std::string given = "row_stride " + std::to_string(row) + " and bin_stride " + std::to_string(bin);
  const bool rows_apart = output.n_rows <= 1 || row >= 1, bins_apart = n_bins <= 1 || bin >= 1;
  const bool nested =
      output.n_rows <= 1 || n_bins <= 1 || row >= (n_bins - 1) * bin + 1 || bin >= (output.n_rows - 1) * row + 1;
  if (rows_apart && bins_apart && nested) return;
  refuse(argument, given + " put values of " + std::to_string(output.n_rows) + " rows of " + std::to_string(n_bins) +
                       " bins over each other; time-major is " + std::to_string(n_bins) + " and 1, mel-major 1 and " +
                       std::to_string(output.n_rows));
}

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
  check_samples(clip.samples, clip.n_samples, rules_.sample_type, shape.name);
  shape.n_samples = rules_.pad_to_samples > 0 ? rules_.pad_to_samples : clip.n_samples;
  shape.n_given = std::min(clip.n_samples, shape.n_samples);
  const auto n = static_cast<std::size_t>(shape.n_given);
  if (rules_.sample_type == MELSTREAM_INT16) {
    shape.shorts = {static_cast<const std::int16_t*>(clip.samples), n};
  } else {
    shape.floats = {static_cast<const float*>(clip.samples), n};
  }
  const std::int64_t n_rows = engine::row_count(geometry_, shape.n_samples);
  const std::string argument = "outputs[" + std::to_string(index) + "]";
  if (output.n_rows < n_rows) {
    throw core::Error(core::ErrorCode::kOutOfRange,
                      argument + ".n_rows: room for " + std::to_string(output.n_rows) + " rows, the clip of " +
                          std::to_string(shape.n_samples) + " samples has " + std::to_string(n_rows) +
                          " (melstream_front_end_rows)",
                      argument + ".n_rows");
  }
  shape.n_room = output.n_rows;
  shape.place = {output.values, n_rows, n_bins_, output.row_stride, output.bin_stride};
  shape.maximum = -std::numeric_limits<float>::infinity();
  if (output.n_rows == 0) return shape;
  if (output.values == nullptr) refuse(argument + ".values", "is null");
  if (reinterpret_cast<std::uintptr_t>(output.values) % sizeof(float) != 0) {
    refuse(argument + ".values", "is not aligned to the 4 bytes of a float");
  }
  check_strides(output, n_bins_, argument);
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
    // A clip that lies in one tick is normalised while its rows are still in the cache.
    if (shape.n_computed() > room()) run_tick();
    if (shape.place.n_rows == 0) finish(shapes_[i]);
    add_rows(i, 0, shape.copied_begin < shape.copied_end ? shape.copied_begin : shape.place.n_rows);
    if (shape.copied_begin < shape.copied_end) add_rows(i, shape.copied_end, shape.place.n_rows);
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
  Part part;
  part.shape = index;
  part.first_row = first_row;
  part.n_rows = n_rows;
  engine::Lane lane;
  lane.prepared = &prepared_;
  lane.first_row = first_row;
  lane.n_rows = n_rows;
  lane.segment_samples = shape.n_samples;
  const engine::IndexRange needed = engine::samples_of_rows(geometry_, first_row, n_rows, shape.n_samples);
  lane.samples_begin = needed.begin;
  give_samples(shape, part, lane, needed);
  if (!shape.place.is_plain()) {
    part.rows_at = n_scratch_rows_;
    n_scratch_rows_ += static_cast<std::size_t>(n_rows * n_bins_);
  }
  n_rows_ += n_rows;
  parts_.push_back(part);
  lanes_.push_back(lane);
}

/// The caller's samples where they lie, then zeros; those that are converted get their place in run_tick().
void ClipBatch::give_samples(Shape& shape, Part& part, engine::Lane& lane, const engine::IndexRange& needed) {
  const std::int64_t end = std::min(needed.end, shape.n_given), begin = std::min(needed.begin, end);
  if (needed.end > end) lane.samples[1] = zeros(needed.end - std::max(needed.begin, end));
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
  std::vector<float>& scratch = worker_.scratch_rows();
  if (scratch.size() < n_scratch_rows_) scratch.resize(n_scratch_rows_);
  places_.clear();
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const Part& part = parts_[i];
    const Place& place = shapes_[part.shape].place;
    places_.push_back(place.is_plain() ? place.row(part.first_row) : scratch.data() + part.rows_at);
    if (part.n_converted > 0) {
      lanes_[i].samples[0] = {worker_.scratch_samples().data() + part.samples_at, part.n_converted};
    }
    if (lanes_[i].samples[0].empty()) std::swap(lanes_[i].samples[0], lanes_[i].samples[1]);
  }
  maxima_.resize(static_cast<std::size_t>(n_rows_));
  worker_.run(lanes_, places_, maxima_);

  const auto each_part = [this](const auto& f) {
    std::size_t at = 0;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      const auto n = static_cast<std::size_t>(parts_[i].n_rows);
      f(parts_[i], places_[i], std::span(maxima_).subspan(at, n));
      at += n;
    }
  };
  if (rules_.normalization == engine::Normalization::kWhisperWindow) {
    each_part([this](const Part& part, const float*, std::span<const float> maxima) {
      Shape& shape = shapes_[part.shape];
      shape.maximum = std::max(shape.maximum, *std::max_element(maxima.begin(), maxima.end()));
    });
  }
  for (const Part& part : parts_) shapes_[part.shape].n_here += part.n_rows;
  each_part([this](const Part& part, const float* rows, std::span<float> maxima) { place_part(part, rows, maxima); });
  for (const Part& part : parts_) {
    Shape& shape = shapes_[part.shape];
    shape.n_done += std::exchange(shape.n_here, 0);
    if (shape.n_done == shape.n_computed() && !std::exchange(shape.is_finished, true)) finish(shape);
  }
  parts_.clear();
  lanes_.clear();
  n_rows_ = 0;
  n_scratch_rows_ = n_scratch_samples_ = 0;
}

/// The maxima become what each row is clamped to.
void ClipBatch::place_part(const Part& part, const float* rows, std::span<float> maxima) {
  Shape& shape = shapes_[part.shape];
  std::span<const float> clamps = maxima;
  switch (rules_.normalization) {
    case engine::Normalization::kNone:
    case engine::Normalization::kPerFeatureWindow:
      clamps = {};
      break;
    case engine::Normalization::kRunningMax:
      for (float& maximum : maxima) maximum = shape.maximum = std::max(shape.maximum, maximum);
      break;
    case engine::Normalization::kFixedMax:
      std::fill(maxima.begin(), maxima.end(), rules_.fixed_max);
      break;
    case engine::Normalization::kWhisperWindow:
      shape.is_raw = shape.n_here != shape.n_computed();  // else its maximum is known
      std::fill(maxima.begin(), maxima.end(), shape.maximum);
      if (shape.is_raw) clamps = {};
      break;
  }
  place_rows(rows, clamps, shape.place.rows(part.first_row, part.n_rows));
}

/// Once all computed rows are placed: the rows of silence, what needs the whole clip, and the rest of the output.
void ClipBatch::finish(Shape& shape) {
  const Place& place = shape.place;
  const std::int64_t n_given = shape.n_given;
  if (rules_.sample_type == MELSTREAM_FLOAT32 && shape.n_checked < n_given) {  // samples that no row reads
    check_finite(shape.floats.subspan(static_cast<std::size_t>(shape.n_checked)), shape.n_checked,
                 shape.name + ".samples");
  }
  if (shape.copied_begin < shape.copied_end) {
    const std::int64_t source = shape.copied_begin - 1;
    repeat_row(place.rows(source, shape.copied_end - source), 0);
  }
  if (shape.is_raw) normalize_whisper(place, shape.maximum);
  if (rules_.normalization == engine::Normalization::kPerFeatureWindow) normalize_per_feature(place);
  if (shape.n_room > place.n_rows) {
    Place rest = place;
    rest.n_rows = shape.n_room;
    fill_rows(rest.rows(place.n_rows, shape.n_room - place.n_rows), rules_.fill);
  }
}

}  // namespace melstream::capi
