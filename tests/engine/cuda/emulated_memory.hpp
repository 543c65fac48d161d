// Memory of the emulated device: it knows where it is counted, and who reads or writes behind its end is stopped.
#pragma once

#include <cstddef>

#include "melstream/engine/cuda/device.hpp"

namespace melstream::test {

/// Zeros, alignment 256. Pages are touched when they are used, and only then; behind the last byte (rounded up to the
/// alignment) lies a page that nobody may touch. @param counted_in outlives the memory; not thread-safe.
engine::cuda::Memory emulated_memory(std::size_t n_bytes, std::size_t& counted_in);

}  // namespace melstream::test
