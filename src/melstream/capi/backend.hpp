// Which engine a handle gets: that of the CPU, or that of the CUDA plugin. Any thread.
#pragma once

#include <string>

#include "melstream/engine/clip_engine.hpp"
#include "melstream/engine/engine.hpp"

namespace melstream::capi {

/// @param backend "cpu", "cuda", or "auto": CUDA where it can be had.
/// Throws Error(kInvalidArgument, field backend, simd, threads), Error(kUnavailable, field backend).
engine::EngineInstance make_backend(const std::string& backend, const std::string& simd, int n_threads,
                                    int cuda_device);

/// What computes clips in a GPU's memory. Throws Error(kUnavailable, field backend).
engine::ClipEngineInstance make_clip_backend(int cuda_device);

}  // namespace melstream::capi
