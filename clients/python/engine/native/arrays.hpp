// Arrays of NumPy, PyTorch and whoever speaks DLPack, as clips and outputs of the C ABI. Nothing is copied.
#pragma once

#include <cstdint>
#include <vector>

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include "melstream/engine.h"

namespace melstream::python {

using AnyArray = nanobind::ndarray<nanobind::ro>;

/// Clips, and the arrays that hold their samples.
struct Clips {
  std::vector<AnyArray> arrays;
  std::vector<melstream_clip> clips;
  melstream_sample_type sample_type = MELSTREAM_FLOAT32;
  melstream_memory memory = MELSTREAM_HOST;
};

/// @param audio [n], [batch][n], or a list of [n]. @param lengths of the clips of a batch, or None.
/// Raises TypeError (no array, dtype), ValueError (dimensions, strides, lengths, device).
Clips clips_of(nanobind::handle audio, nanobind::handle lengths);

/// An array of samples, [n]. The same errors. @param name of the argument.
AnyArray samples_of(nanobind::handle audio, const char* name);
melstream_sample_type sample_type_of(const AnyArray& array, const char* name);

/// @param out float32 [n_clips][rows][bins], or [n_clips][bins][rows] if it is mel-major; without the first dimension
/// for one clip. Raises TypeError, ValueError. Its number of bins must be that given.
std::vector<melstream_output> outputs_of(const nanobind::ndarray<>& out, std::size_t n_clips, std::int32_t n_bins,
                                         bool mel_major, melstream_memory memory);

/// A writable array. Raises TypeError.
nanobind::ndarray<> writable(nanobind::handle out);

}  // namespace melstream::python
