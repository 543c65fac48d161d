// The kernels, one warp a frame or row, as functions over a Warp: the CUDA compiler makes them kernels (kernels.cu),
// any other compiler runs them on the host, so that a machine without a GPU can test them. Sums run in one order that
// does not depend on neighbours: each lane adds its own indices in order, then lanes are added as a tree. Every
// multiply-and-add that is fused says so; the rest is compiled without contraction.
//
// A Warp offers
//   lanes(f)            calls f(lane) for lanes 0..31, then makes their writes visible to each other
//   sum(PerLane<float>) the sum over lanes; max(PerLane<float>) the largest
// and Warp::PerLane<T>, a value a lane that lives from one lanes() to the next.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "melstream/engine/cuda/kernel_params.hpp"
#include "melstream/engine/log_fit.hpp"

#if defined(__CUDACC__)
#define MELSTREAM_KERNEL __device__ __forceinline__
#else
#define MELSTREAM_KERNEL inline
#endif

namespace melstream::engine::cuda {

inline constexpr int kWarpLanes = 32;

MELSTREAM_KERNEL float mul_add(float a, float b, float c) {
#if defined(__CUDA_ARCH__)
  return __fmaf_rn(a, b, c);
#else
  return std::fma(a, b, c);
#endif
}

/// Of a positive normal float. Source: log_fit.hpp.
MELSTREAM_KERNEL float logarithm(LogBase base, float x) {
  std::int32_t bits = 0;
  memcpy(&bits, &x, sizeof bits);
  const std::int32_t steps = (bits - kTwoThirdsBits) >> 23;
  bits -= static_cast<std::int32_t>(static_cast<std::uint32_t>(steps) << 23);
  float mantissa = 0.0F;
  memcpy(&mantissa, &bits, sizeof mantissa);
  const auto exponent = static_cast<float>(steps);
  const float f = mantissa - 1.0F;
  float q = kLogFit8;
  q = mul_add(q, f, kLogFit7);
  q = mul_add(q, f, kLogFit6);
  q = mul_add(q, f, kLogFit5);
  q = mul_add(q, f, kLogFit4);
  q = mul_add(q, f, kLogFit3);
  q = mul_add(q, f, kLogFit2);
  q = mul_add(q, f, kLogFit1);
  q = mul_add(q, f, kLogFit0);
  const float ln_mantissa = mul_add(f * f, q, f);
  if (base == LogBase::kTen) {
    return mul_add(exponent, kLog10Of2High, mul_add(ln_mantissa, kLog10OfE, exponent * kLog10Of2Low));
  }
  return mul_add(exponent, kLn2High, mul_add(exponent, kLn2Low, ln_mantissa));
}

MELSTREAM_KERNEL float floored_logarithm(const LogSpec& log, float v) {
  if (log.base == LogBase::kNone) return v;
  if (log.floor == LogFloor::kAdd) return logarithm(log.base, v + log.floor_value);
  return logarithm(log.base, v > log.floor_value ? v : log.floor_value);
}

/// The smallest of the largest: below every float.
MELSTREAM_KERNEL float no_maximum() { return -INFINITY; }

/// Kaldi's frame: minus its mean, then y[n] = x[n] - c x[n - 1] with x[-1] = x[0], then the window.
/// @param x samples of the frame. @param scratch [n_window] floats of this warp's own: the samples may lie beyond a
/// slow link and are read once.
template <typename Warp, typename Samples>
MELSTREAM_KERNEL void condition_frame(const Warp& warp, const GatherParams& p, int frame, const Samples& x,
                                      float* scratch) {
  float* const y = p.input + static_cast<std::size_t>(frame) * static_cast<std::size_t>(p.n_fft);
  typename Warp::template PerLane<float> sums;
  warp.lanes([&](int lane) {
    float sum = 0.0F;
    for (int n = lane; n < p.n_window; n += kWarpLanes) {
      scratch[n] = x[n];
      sum += scratch[n];
    }
    sums(lane) = sum;
  });
  const float mean = p.remove_dc ? warp.sum(sums) / static_cast<float>(p.n_window) : 0.0F;
  const float c = p.pre_emphasis_scope == PreEmphasisScope::kFrame ? p.pre_emphasis : 0.0F;
  warp.lanes([&](int lane) {
    float energy = 0.0F;
    for (int n = lane; n < p.n_window; n += kWarpLanes) {
      const float v = scratch[n] - mean;
      const float previous = scratch[n > 0 ? n - 1 : 0] - mean;
      energy = mul_add(v, v, energy);
      y[n] = mul_add(-c, previous, v) * p.window[n];
    }
    sums(lane) = energy;
  });
  if (p.energy == nullptr) return;
  const float energy = warp.sum(sums) * p.energy_scale;
  warp.lanes([&](int lane) {
    if (lane == 0) p.energy[frame] = energy;
  });
}

/// Window and, for pre-emphasis of the whole signal, y[n] = x[n] - c x[n - 1] before it, 0 behind the segment's end.
template <typename Warp, typename Samples>
MELSTREAM_KERNEL void window_frame(const Warp& warp, const GatherParams& p, int frame, const Samples& x, int n_valid) {
  float* const y = p.input + static_cast<std::size_t>(frame) * static_cast<std::size_t>(p.n_fft);
  const bool emphasize = p.pre_emphasis_scope == PreEmphasisScope::kSignal;
  warp.lanes([&](int lane) {
    for (int n = lane; n < p.n_window; n += kWarpLanes) {
      float v = x[n];
      if (emphasize) v = n < n_valid ? mul_add(-p.pre_emphasis, x[n - 1], v) : 0.0F;
      y[n] = v * p.window[n];
    }
  });
}

/// @param x x[n] is sample n of the frame; where the signal is pre-emphasised, x[-1] is the one before it.
/// @param n_valid as in FrameRef. @param scratch [n_window] floats of this warp's own.
template <typename Warp, typename Samples>
MELSTREAM_KERNEL void gather_samples(const Warp& warp, const GatherParams& p, int frame, const Samples& x, int n_valid,
                                     float* scratch) {
  if (p.remove_dc || p.pre_emphasis_scope == PreEmphasisScope::kFrame || p.energy != nullptr) {
    condition_frame(warp, p, frame, x, scratch);
  } else {
    window_frame(warp, p, frame, x, n_valid);
  }
  float* const y = p.input + static_cast<std::size_t>(frame) * static_cast<std::size_t>(p.n_fft);
  warp.lanes([&](int lane) {
    for (int n = p.n_window + lane; n < p.n_fft; n += kWarpLanes) y[n] = 0.0F;
  });
}

/// @param scratch [n_window] floats of this warp's own.
template <typename Warp>
MELSTREAM_KERNEL void gather_frame(const Warp& warp, const GatherParams& p, int frame, float* scratch) {
  const FrameRef ref = p.frames[frame];
  gather_samples(warp, p, frame, ref.samples, ref.n_valid, scratch);
}

/// Where a row goes: values side by side, its maximum elsewhere or nowhere. (Kernels that write rows take any such
/// type.)
struct RowInMemory {
  float* rows = nullptr;
  RowPlace place;
  MELSTREAM_KERNEL void put(int i, float v) const { rows[place.values + i] = v; }
  MELSTREAM_KERNEL bool wants_maximum() const { return place.maximum >= 0; }
  MELSTREAM_KERNEL void put_maximum(float v) const { rows[place.maximum] = v; }
};

/// Cepstrum i; the first may be the logarithm of the raw energy instead.
MELSTREAM_KERNEL float cepstrum(const RowsParams& p, int frame, const float* log_mels, int i) {
  if (i == 0 && p.energy_first) {
    const float energy = p.energy[frame];
    return logarithm(LogBase::kE, energy > p.log.floor_value ? energy : p.log.floor_value);
  }
  const float* const weights = p.cepstrum + static_cast<std::size_t>(i) * static_cast<std::size_t>(p.n_mels);
  float sum = 0.0F;
  for (int j = 0; j < p.n_mels; ++j) sum = mul_add(weights[j], log_mels[j], sum);
  return sum;
}

/// The largest value of all lanes, if the row wants it.
template <typename Warp, typename Row>
MELSTREAM_KERNEL void put_maximum(const Warp& warp, const Row& row, typename Warp::template PerLane<float>& largest) {
  if (!row.wants_maximum()) return;
  const float maximum = warp.max(largest);
  warp.lanes([&](int lane) {
    if (lane == 0) row.put_maximum(maximum);
  });
}

/// @param scratch [n_bins + n_mels] floats of this warp's own.
template <typename Warp, typename Row>
MELSTREAM_KERNEL void compute_values(const Warp& warp, const RowsParams& p, int frame, float* scratch, const Row& row) {
  const Complex* const spectrum = p.spectra + static_cast<std::size_t>(frame) * static_cast<std::size_t>(p.n_bins);
  float* const powers = scratch;
  float* const log_mels = scratch + p.n_bins;
  warp.lanes([&](int lane) {
    for (int bin = lane; bin < p.n_bins; bin += kWarpLanes) {
      const Complex x = spectrum[bin];
      powers[bin] = mul_add(x.re, x.re, x.im * x.im);
    }
  });
  typename Warp::template PerLane<float> largest;
  warp.lanes([&](int lane) {
    largest(lane) = no_maximum();
    for (int m = lane; m < p.n_mels; m += kWarpLanes) {
      const float* const bins = powers + p.first_bin[m];
      float sum = 0.0F;
      for (std::int32_t k = p.offset[m]; k < p.offset[m + 1]; ++k) {
        sum = mul_add(p.weights[k], bins[k - p.offset[m]], sum);
      }
      const float v = floored_logarithm(p.log, sum);
      if (p.n_ceps > 0) {
        log_mels[m] = v;
      } else {
        row.put(m, v);
      }
      largest(lane) = v > largest(lane) ? v : largest(lane);
    }
  });
  if (p.n_ceps > 0) {
    warp.lanes([&](int lane) {
      largest(lane) = no_maximum();
      for (int i = lane; i < p.n_ceps; i += kWarpLanes) {
        const float v = cepstrum(p, frame, log_mels, i);
        row.put(i, v);
        largest(lane) = v > largest(lane) ? v : largest(lane);
      }
    });
  }
  put_maximum(warp, row, largest);
}

/// @param scratch [n_bins + n_mels] floats of this warp's own.
template <typename Warp>
MELSTREAM_KERNEL void compute_row(const Warp& warp, const RowsParams& p, int frame, float* scratch) {
  const int n_values = p.n_ceps > 0 ? p.n_ceps : p.n_mels;
  const RowPlace place = p.places != nullptr ? p.places[frame] : RowPlace{frame * n_values, -1};
  if (place.values < 0) return;
  compute_values(warp, p, frame, scratch, RowInMemory{p.rows, place});
}

/// The mean over three frames and the bins beside bin m, of the cells that exist: sums over frames first, in time
/// order, then over bins in order. The expressions are those of the CPU engine.
MELSTREAM_KERNEL float smoothed(const AssembleParams& p, const AssembleJob& job, int m) {
  const float* const middle =
      p.base_rows + static_cast<std::size_t>(job.base + job.centre) * static_cast<std::size_t>(p.n_values);
  const bool has_above = job.centre > job.low, has_below = job.centre < job.high;
  const int n_rows = 1 + (has_above ? 1 : 0) + (has_below ? 1 : 0);
  const auto column = [&](int i) {
    const float above = has_above ? middle[i - p.n_values] : 0.0F;
    const float below = has_below ? middle[i + p.n_values] : 0.0F;
    return (above + middle[i]) + below;
  };
  if (m == 0) return (column(0) + column(1)) / static_cast<float>(2 * n_rows);
  if (m == p.n_values - 1) return (column(m - 1) + column(m)) / static_cast<float>(2 * n_rows);
  return ((column(m - 1) + column(m)) + column(m + 1)) / static_cast<float>(3 * n_rows);
}

/// Element i of the frames stacked around the centre, the segment's first and last repeated.
MELSTREAM_KERNEL float stacked(const AssembleParams& p, const AssembleJob& job, int i) {
  const int k = i / p.n_values;
  int frame = job.centre - p.lfr_m / 2 + k;
  frame = frame < job.low ? job.low : frame > job.high ? job.high : frame;
  return p.base_rows[static_cast<std::size_t>(job.base + frame) * static_cast<std::size_t>(p.n_values) +
                     static_cast<std::size_t>(i - k * p.n_values)];
}

template <typename Warp, typename Row>
MELSTREAM_KERNEL void assemble_values(const Warp& warp, const AssembleParams& p, const AssembleJob& job,
                                      const Row& row) {
  const int shift = p.smoothing == Smoothing::kBox3x3Valid ? 1 : 0;
  typename Warp::template PerLane<float> largest;
  warp.lanes([&](int lane) {
    largest(lane) = no_maximum();
    for (int i = lane; i < p.n_bins; i += kWarpLanes) {
      float v = p.smoothing == Smoothing::kNone ? stacked(p, job, i) : smoothed(p, job, i + shift);
      if (p.cmvn_shift != nullptr) v = (v + p.cmvn_shift[i]) * p.cmvn_scale[i];
      row.put(i, v);
      largest(lane) = v > largest(lane) ? v : largest(lane);
    }
  });
  put_maximum(warp, row, largest);
}

template <typename Warp>
MELSTREAM_KERNEL void assemble_row(const Warp& warp, const AssembleParams& p, int index) {
  const AssembleJob job = p.jobs[index];
  assemble_values(warp, p, job, RowInMemory{p.rows, job.place});
}

}  // namespace melstream::engine::cuda
