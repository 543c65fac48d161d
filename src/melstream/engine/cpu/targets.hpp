// The kernels by instruction target, as their translation units offer them.
#pragma once

#include <span>

#include "melstream/engine/cpu/kernels.hpp"

namespace melstream::engine::cpu {

const Kernels& scalar_kernels() noexcept;
/// Those on Highway that this machine can run, best first. Only in builds with Highway.
std::span<const Kernels* const> highway_kernels();

}  // namespace melstream::engine::cpu
