// A device that counts the memory that is taken of it; everything else passes through.
#pragma once

#include <cstddef>
#include <memory>

#include "melstream/engine/cuda/device.hpp"

namespace melstream::bench {

/// What was asked for, rounding of the device not included. Outlives the device.
struct TakenMemory {
  std::size_t device_bytes = 0;
  std::size_t pinned_bytes = 0;      ///< of the engine's own
  std::size_t registered_bytes = 0;  ///< of the host arena
};

std::unique_ptr<engine::cuda::Device> count_memory(std::unique_ptr<engine::cuda::Device> device, TakenMemory& taken);

}  // namespace melstream::bench
