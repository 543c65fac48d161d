// Owners of what the CUDA runtime hands out, and the check of its calls. Included where CUDA is.
#pragma once

#include <memory>
#include <string>
#include <type_traits>

#include <cuda_runtime_api.h>

#include "melstream/core/error.hpp"

namespace melstream::engine::cuda {

/// Throws EngineError naming the call that failed.
inline void check(cudaError_t result, const char* call) {
  if (result == cudaSuccess) return;
  throw core::EngineError(std::string(call) + ": " + cudaGetErrorString(result));
}

struct DestroyStream {
  using pointer = cudaStream_t;
  void operator()(cudaStream_t stream) const noexcept { cudaStreamDestroy(stream); }
};
using Stream = std::unique_ptr<std::remove_pointer_t<cudaStream_t>, DestroyStream>;

struct DestroyEvent {
  using pointer = cudaEvent_t;
  void operator()(cudaEvent_t event) const noexcept { cudaEventDestroy(event); }
};
using Event = std::unique_ptr<std::remove_pointer_t<cudaEvent_t>, DestroyEvent>;

}  // namespace melstream::engine::cuda
