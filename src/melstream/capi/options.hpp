// The structs of the C ABI as they are taken in: of whatever size the caller's header knew, checked, as C++ types.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "melstream/capi/status.hpp"
#include "melstream/engine.h"
#include "melstream/engine/framing.hpp"
#include "melstream/engine/normalization.hpp"

namespace melstream::capi {

/// Two years of audio: far from where sums of positions could overflow.
inline constexpr std::int64_t kMostSamples = std::int64_t{1} << 40;

/// Bytes of each struct in ABI version 1, the first: no header knows less.
template <typename Options>
inline constexpr std::size_t kFirstSize = 0;
template <>
inline constexpr std::size_t kFirstSize<melstream_engine_options> = offsetof(melstream_engine_options, reserved) +
                                                                    sizeof(std::int32_t);
template <>
inline constexpr std::size_t kFirstSize<melstream_clip_options> = offsetof(melstream_clip_options, cuda_stream) +
                                                                  sizeof(void*);
template <>
inline constexpr std::size_t kFirstSize<melstream_stream_options> = offsetof(melstream_stream_options, fixed_max) +
                                                                    sizeof(float);

/// The caller's options; what their header did not know is at its default. Throws Error(kInvalidArgument) if they have
/// more than this library knows, or less than any header.
template <typename Options>
Options taken(const Options* given, const Options& defaults, const char* argument) {
  if (given == nullptr) return defaults;
  const std::size_t size = given->struct_size;
  static_assert(kFirstSize<Options> > 0);
  constexpr std::size_t kLargest = 4096;  // what no header will ever have: memory that nobody has set
  if (size < kFirstSize<Options> || size > kLargest || size % sizeof(std::uint32_t) != 0) {
    refuse(argument, "struct_size is " + std::to_string(size) + ": begin with the MELSTREAM_..._INIT of its type");
  }
  const auto* const bytes = reinterpret_cast<const unsigned char*>(given);
  const auto is_set = [](unsigned char byte) { return byte != 0; };
  if (size > sizeof(Options) && std::any_of(bytes + sizeof(Options), bytes + size, is_set)) {
    refuse(argument, "has fields that this library (ABI version " + std::to_string(MELSTREAM_ABI_VERSION) +
                         ") does not know: install the library of the header");
  }
  Options options = defaults;
  std::memcpy(&options, given, std::min(size, sizeof(Options)));
  return options;
}

/// Throw Error(kInvalidArgument, field) for numbers that mean nothing.
engine::Smoothing smoothing_of(melstream_smoothing smoothing);
engine::Normalization normalization_of(melstream_normalization normalization);
void check_sample_type(melstream_sample_type type);

/// Throws Error(kInvalidArgument) where samples are null, fewer than none, or not aligned. @param argument what has
/// them, as "clips[3]."; empty where they are arguments themselves.
void check_samples(const void* samples, std::int64_t n_samples, melstream_sample_type type,
                   const std::string& argument);

/// Throws Error(kOutOfRange) where an output has no room for its clip's rows, Error(kInvalidArgument) where it is null,
/// not aligned, or puts values over each other.
void check_output(const melstream_output& output, std::int64_t n_rows, std::int64_t n_bins, std::size_t index,
                  std::int64_t n_samples);

}  // namespace melstream::capi
