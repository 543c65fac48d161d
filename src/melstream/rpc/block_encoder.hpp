// Rows as the bytes that a reader asked for: normalization, element type, layout, and the figures that go with them.
// Pure but for the running maximum.
#pragma once

#include <limits>
#include <span>
#include <string>
#include <vector>

#include "melstream/pipeline/feature_history.hpp"
#include "melstream/rpc/feature_choice.hpp"
#include "melstream/v1/feature_service.pb.h"

namespace melstream::rpc {

/// @param values [n_frames][n_bins] row-major. @param out little-endian elements in the layout; its capacity is reused.
void pack_values(std::span<const float> values, int n_bins, ElementType type, Layout layout, std::string& out);

/// One subscription's encoder. Not thread-safe.
class BlockEncoder {
 public:
  explicit BlockEncoder(const FeatureChoice& choice);
  /// Sets values, block_max, running_max, rms_dbfs, peak_dbfs, concealed_share, flags and frame_count.
  void encode(const pipeline::RowBatch& batch, v1::FeatureBlock& out);

 private:
  std::span<const float> normalize(const pipeline::RowBatch& batch);

  const engine::Normalization normalization_;
  const float fixed_max_;
  const ElementType element_type_;
  const Layout layout_;
  const int n_bins_;
  float running_max_ = -std::numeric_limits<float>::infinity();
  std::vector<float> normalized_;
};

}  // namespace melstream::rpc
