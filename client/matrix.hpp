// A feature matrix in memory: [frames, bins], row-major float32, as a golden file holds it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace melstream::client {

struct FeatureMatrix {
  int bins = 0;
  std::vector<float> values;  ///< [frames][bins]

  std::int64_t frames() const noexcept {
    return bins == 0 ? 0 : static_cast<std::int64_t>(values.size()) / static_cast<std::int64_t>(bins);
  }
  std::span<const float> row(std::int64_t frame) const noexcept {
    return {values.data() + static_cast<std::size_t>(frame) * static_cast<std::size_t>(bins),
            static_cast<std::size_t>(bins)};
  }
};

}  // namespace melstream::client
