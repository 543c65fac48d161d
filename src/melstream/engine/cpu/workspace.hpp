// The scratch memory of one computing thread, made once for the largest transform and filterbank allowed.
#pragma once

#include <cstddef>
#include <memory>

#include "melstream/engine/cpu/fft_tables.hpp"
#include "melstream/engine/tick_plan.hpp"

namespace melstream::engine::cpu {

/// Limits of what this engine prepares; its scratch memory is made for them.
inline constexpr int kMaxLanes = 16;
inline constexpr int kMaxFft = 4096;
inline constexpr int kMaxMels = 512;
inline constexpr int kUnitFrames =
    64;  ///< base frames of one unit of work, so also the most of one row; a multiple of every n_lanes

inline constexpr std::size_t kAssembledFloats = std::size_t{kUnitFrames} * kMaxMels;

/// A buffer of floats aligned to the widest vector.
class AlignedFloats {
 public:
  static constexpr std::size_t kAlignment = 64;
  explicit AlignedFloats(std::size_t n_floats);
  float* get() const noexcept { return floats_.get(); }

 private:
  struct Free {
    void operator()(float* floats) const noexcept;
  };
  std::unique_ptr<float[], Free> floats_;
};

/// One thread at a time. A "vector" is n_lanes floats, one a frame.
class Workspace {
 public:
  Workspace();

  float* raw() const noexcept { return raw_.get(); }          ///< samples, [window] vectors
  float* input() const noexcept { return input_.get(); }      ///< of the FFT, fft_input_vectors(n_fft)
  float* scratch() const noexcept { return scratch_.get(); }  ///< of the FFT, [n_fft] vectors
  float* power() const noexcept { return power_.get(); }      ///< [n_fft / 2 + 1] vectors, then one of zeros
  float* energy() const noexcept { return energy_.get(); }    ///< one vector: sum of squares, in sample units
  float* values() const noexcept { return values_.get(); }    ///< [n_mels] vectors: log mels that cepstra are made of
  /// Samples of a frame that do not lie in one piece: [kMaxLanes][kFrameStride], sample 0 at kFrameLead.
  float* frame_copy(std::size_t lane) const noexcept { return copies_.get() + lane * kFrameStride + kFrameLead; }
  /// Base rows of a unit that are not yet rows: [kMaxSharing][kUnitFrames][kMaxMels].
  float* base_rows(std::size_t lane_of_strand) const noexcept {
    return base_rows_.get() + lane_of_strand * kUnitFrames * kMaxMels;
  }
  /// Rows of several base rows that do not go to adjacent floats: [kAssembledFloats], one row at least.
  float* assembled() const noexcept { return assembled_.get(); }
  /// Takes rows that nobody wants.
  float* unwanted() const noexcept { return unwanted_.get(); }

  static constexpr std::size_t kFrameLead = 16;

 private:
  static constexpr std::size_t kFrameStride = kMaxFft + 2 * kFrameLead;

  AlignedFloats raw_, input_, scratch_, power_, energy_, values_, copies_, base_rows_, assembled_, unwanted_;
};

}  // namespace melstream::engine::cpu
