// Host memory that the device reads in place: where its addresses begin for the host and for kernels.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <span>
#include <vector>

namespace melstream::engine::cuda {

/// Not thread-safe.
class PinnedRegions {
 public:
  void add(std::span<const std::byte> memory, const std::byte* on_device) {
    const auto before = [](const Region& region, const std::byte* begin) {
      return std::less<>()(region.host.data(), begin);
    };
    regions_.insert(std::lower_bound(regions_.begin(), regions_.end(), memory.data(), before), {memory, on_device});
  }

  /// The device's address of samples that lie in one region; null if they do not.
  const float* find(const float* samples, std::size_t n_samples) const noexcept {
    const auto* const begin = reinterpret_cast<const std::byte*>(samples);
    const auto* const end = begin + n_samples * sizeof(float);
    const auto behind = [](const std::byte* address, const Region& region) {
      return std::less<>()(address, region.host.data());
    };
    const auto next = std::upper_bound(regions_.begin(), regions_.end(), begin, behind);
    if (next == regions_.begin()) return nullptr;
    const Region& region = *(next - 1);
    if (std::less<>()(region.host.data() + region.host.size(), end)) return nullptr;
    return reinterpret_cast<const float*>(region.on_device + (begin - region.host.data()));
  }

 private:
  struct Region {
    std::span<const std::byte> host;
    const std::byte* on_device = nullptr;
  };
  std::vector<Region> regions_;  // by address
};

}  // namespace melstream::engine::cuda
