// What planning a tick needs to know of a prepared front end; backends derive theirs, with their tables.
#pragma once

#include <memory>
#include <utility>

#include "melstream/engine/engine.hpp"

namespace melstream::engine {

class PlannedPrepared : public Prepared {
 public:
  /// @param transform equal pointers mean equal power spectra: lanes with the same samples share the FFT.
  /// @param n_unit_frames base frames that the backend computes at once, more than lfr.m and than smoothing needs.
  PlannedPrepared(std::shared_ptr<const FrontEnd> front_end, Smoothing smoothing, const void* transform,
                  int n_unit_frames)
      : Prepared(std::move(front_end), smoothing),
        transform_(transform),
        geometry_(this->front_end().rows(smoothing)),
        n_unit_frames_(n_unit_frames),
        n_bins_(this->front_end().n_bins(smoothing)),
        is_assembled_(smoothing != Smoothing::kNone || geometry_.lfr != LowFrameRate{} ||
                      this->front_end().spec().cmvn.has_value()),
        centre_of_row_0_(smoothing == Smoothing::kBox3x3Valid ? 1 : 0) {}

  bool shares_spectra_with(const PlannedPrepared& other) const noexcept { return transform_ == other.transform_; }
  const RowGeometry& geometry() const noexcept { return geometry_; }
  int n_unit_frames() const noexcept { return n_unit_frames_; }
  /// Floats of an output row.
  int n_bins() const noexcept { return n_bins_; }
  /// True if an output row is not just one base row: it is smoothed, stacked or normalised from base rows.
  bool is_assembled() const noexcept { return is_assembled_; }
  /// Base frames that a row is made of, besides its centre.
  int halo() const noexcept { return smoothing() == Smoothing::kNone ? geometry_.lfr.m - 1 : 2; }
  /// The base frame that a row is built around; every base frame is the centre of at most one row.
  std::int64_t centre_of(std::int64_t row) const noexcept { return row * geometry_.lfr.n + centre_of_row_0_; }
  /// First row whose centre is at or behind a base frame (>= 0).
  std::int64_t first_row_from(std::int64_t frame) const noexcept {
    const std::int64_t distance = frame - centre_of_row_0_;
    return distance <= 0 ? 0 : (distance + geometry_.lfr.n - 1) / geometry_.lfr.n;
  }

 private:
  const void* transform_;
  RowGeometry geometry_;
  int n_unit_frames_;
  int n_bins_;
  bool is_assembled_;
  int centre_of_row_0_;
};

/// The backends put nothing else into lanes.
inline const PlannedPrepared& planned(const Lane& lane) noexcept {
  return static_cast<const PlannedPrepared&>(*lane.prepared);
}

}  // namespace melstream::engine
