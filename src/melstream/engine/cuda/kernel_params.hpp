// What the kernels are given: plain structs of device addresses. Units of one recipe, so one transform, a call.
#pragma once

#include <cstddef>
#include <cstdint>

#include "melstream/engine/front_end.hpp"

namespace melstream::engine::cuda {

/// One bin of a spectrum, laid out as cufftComplex.
struct Complex {
  float re = 0.0F;
  float im = 0.0F;
};

/// Where one base frame's samples lie.
struct FrameRef {
  const float* samples = nullptr;  ///< sample 0 of the frame; `lead` samples before it can be read as well
  std::int32_t n_valid = 0;        ///< samples before the segment's end; behind it a pre-emphasised signal is 0
  std::int32_t padding = 0;
};
static_assert(sizeof(FrameRef) == 16);

/// Where one row goes; -1: nobody wants it.
struct RowPlace {
  std::int32_t values = -1;   ///< offset in floats
  std::int32_t maximum = -1;  ///< offset in floats
};

/// From samples to the windowed input of the FFT, one frame a warp.
struct GatherParams {
  const FrameRef* frames = nullptr;  ///< [n_frames]
  const float* window = nullptr;     ///< [n_window], times the transform's scale
  float* input = nullptr;            ///< [n_frames][n_fft], zeros behind the window
  float* energy = nullptr;           ///< [n_frames] or null: sum of squares of the mean-free frame
  std::int32_t n_frames = 0;
  std::int32_t n_window = 0;
  std::int32_t n_fft = 0;
  bool remove_dc = false;
  PreEmphasisScope pre_emphasis_scope = PreEmphasisScope::kNone;
  float pre_emphasis = 0.0F;
  float energy_scale = 1.0F;
};

/// From spectra to base rows, one frame a warp: power, mel, logarithm, cepstrum.
struct RowsParams {
  const Complex* spectra = nullptr;         ///< [n_frames][n_bins]
  const float* energy = nullptr;            ///< [n_frames], where energy_first
  const RowPlace* places = nullptr;         ///< [n_frames]; null: frame t's row at t * n_values, no maxima
  const std::int32_t* first_bin = nullptr;  ///< [n_mels]
  const std::int32_t* offset = nullptr;     ///< [n_mels + 1] into weights
  const float* weights = nullptr;
  const float* cepstrum = nullptr;  ///< [n_ceps][n_mels]
  float* rows = nullptr;            ///< places and maxima count from here
  std::int32_t n_frames = 0;
  std::int32_t n_bins = 0;  ///< n_fft / 2 + 1
  std::int32_t n_mels = 0;
  std::int32_t n_ceps = 0;  ///< 0: the row is the log mels
  LogSpec log;
  bool energy_first = false;

  std::int32_t n_values() const noexcept { return n_ceps > 0 ? n_ceps : n_mels; }
};

/// One row that is made of several base rows. Frames count from `base`.
struct AssembleJob {
  std::int32_t base = 0;    ///< first base row of the piece
  std::int32_t centre = 0;  ///< the row's centre
  std::int32_t low = 0;     ///< first frame of the segment
  std::int32_t high = 0;    ///< last frame of the segment
  RowPlace place;
};

/// Smoothing, stacking (LFR) and CMVN, one row a warp.
struct AssembleParams {
  const AssembleJob* jobs = nullptr;  ///< [n_rows]
  const float* base_rows = nullptr;   ///< [n_frames][n_values]
  const float* cmvn_shift = nullptr;  ///< [n_bins] or null
  const float* cmvn_scale = nullptr;  ///< [n_bins] or null
  float* rows = nullptr;
  std::int32_t n_rows = 0;
  std::int32_t n_values = 0;  ///< floats of a base row
  std::int32_t n_bins = 0;    ///< floats of a row
  std::int32_t lfr_m = 1;
  Smoothing smoothing = Smoothing::kNone;
};

}  // namespace melstream::engine::cuda
