// The sizes that the CUDA engine's memory is made for. A tick of any size is cut into units of one recipe, and units
// are put into slices, each one upload and one download.
#pragma once

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "melstream/engine/tick_plan.hpp"

namespace melstream::engine::cuda {

/// As many base frames as the longest row is made of.
inline constexpr int kMinUnitFrames = 64;
/// Tiles of this size stay in the caches of a large GPU.
inline constexpr int kMaxUnitFrames = 8192;
inline constexpr int kSliceUnits = 64;
/// Slices under way: one is gathered by the host while the other is on the device.
inline constexpr int kSlices = 2;

/// Longer than this, and the device counts as lost: a tick takes below a millisecond.
inline constexpr std::chrono::milliseconds kHangLimit{250};
/// Between two looks at the device.
inline constexpr std::chrono::microseconds kNap{20};

/// Memory for units of at most `unit_frames` base frames, and for the smallest unit of the largest front end.
struct Sizes {
  /// @param most_frames 64..8192, a power of two.
  explicit Sizes(int most_frames) noexcept
      : unit_frames(most_frames),
        tile_floats(std::max(frames() * 512, kMinUnitFrames * kLargestFrame)),
        tile_bins(tile_floats / 2 + frames()),
        row_floats(std::max(frames() * 1152, kMinUnitFrames * kMaxSharing * kLargestRow)),
        upload_bytes(tile_floats * sizeof(float) * 5 / 2),
        slice_frames(2 * most_frames) {}

  /// Base frames of the largest unit whose frames take so many floats: a power of two, as the FFT plans are.
  int largest_unit(int frame_floats, int row_floats_of_frame = 1) const noexcept {
    const std::size_t most = std::min(tile_floats / static_cast<std::size_t>(frame_floats),
                                      row_floats / (static_cast<std::size_t>(row_floats_of_frame) * kMaxSharing));
    return static_cast<int>(std::clamp<std::size_t>(std::bit_floor(most), kMinUnitFrames, frames()));
  }

  /// Base frames of one unit of a front end.
  int unit_frames_of(const FrontEnd& front_end, int n_bins) const noexcept {
    const FrameGeometry& geometry = front_end.spec().transform.geometry;
    // What a frame adds at most to what is downloaded: a base row to assemble from, or a row of its own and its
    // maximum, as where a segment of one frame is stacked.
    const int row_floats_of_frame = std::max(front_end.spec().mel.n_mels, n_bins) + 1;
    return largest_unit(std::max(front_end.spec().transform.n_fft, geometry.hop + geometry.lead), row_floats_of_frame);
  }

  int unit_frames;
  std::size_t tile_floats;   ///< of the FFT's input of one unit
  std::size_t tile_bins;     ///< complex numbers of its spectra: half as many, and one more a frame
  std::size_t row_floats;    ///< of rows and maxima of one slice; also of base rows of one unit
  std::size_t upload_bytes;  ///< of one slice: two units of single frames, with their tables
  int slice_frames;          ///< base frames of one slice

 private:
  static constexpr std::size_t kLargestFrame = 8208;        ///< floats: FrontEnd's largest hop, rounded up
  static constexpr std::size_t kLargestRow = 64 * 512 + 1;  ///< floats: FrontEnd's most mel bins, stacked, a maximum
  std::size_t frames() const noexcept { return static_cast<std::size_t>(unit_frames); }
};

}  // namespace melstream::engine::cuda
