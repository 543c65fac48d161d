// A GPU through the CUDA runtime and cuFFT.
#pragma once

#include <memory>

#include "melstream/engine/cuda/device.hpp"

namespace melstream::engine::cuda {

/// @param index as the CUDA runtime counts: the fastest first, unless CUDA_DEVICE_ORDER=PCI_BUS_ID, as nvidia-smi does.
/// @param measure whether Queue::seconds_between() tells times.
/// Throws UnusableDevice with one line that says what is missing.
std::unique_ptr<Device> open_device(int index, bool measure = false);
/// The same, for clips.
std::unique_ptr<ClipDevice> open_clip_device(int index);

/// Bytes of device memory in use by all processes; for benchmarks.
std::size_t used_device_bytes(int index);

}  // namespace melstream::engine::cuda
