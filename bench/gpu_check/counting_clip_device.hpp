// A device for clips that counts what crosses the link and what memory is taken; everything else passes through.
#pragma once

#include <cstdint>
#include <memory>

#include "melstream/engine/cuda/device.hpp"

namespace melstream::bench {

/// Outlives the device.
struct ClipTraffic {
  std::uint64_t n_copies = 0;  ///< between host and device, tables included
  std::uint64_t n_allocations = 0;
  std::uint64_t n_plans = 0;
  std::size_t device_bytes = 0;
};

std::unique_ptr<engine::cuda::ClipDevice> count_traffic(std::unique_ptr<engine::cuda::ClipDevice> device,
                                                        ClipTraffic& traffic);

}  // namespace melstream::bench
