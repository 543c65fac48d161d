// Rows as the bytes of a FeatureBlock: normalization, element type, layout, and the figures that go with them.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <grpcpp/support/slice.h>

#include "melstream/pipeline/feature_history.hpp"
#include "melstream/rpc/feature_choice.hpp"
#include "melstream/v1/feature_service.pb.h"

namespace melstream::rpc {

/// @param values [n_frames][n_bins] row-major. @param out little-endian elements in the layout; its capacity is reused.
void pack_values(std::span<const float> values, int n_bins, ElementType type, Layout layout, std::string& out);

/// A block that any number of readers can be sent.
struct EncodedBlock {
  core::FrameIndex first_frame = 0;
  std::int32_t n_frames = 0;
  float max_before = 0.0F;  ///< that it was normalised with; 0 where that is not asked for
  float block_max = 0.0F;   ///< before normalization
  bool segment_end = false;
  /// Serialized FeatureBlock without running_max and resume_token, which are each reader's own.
  grpc::Slice bytes;
};

/// What a block says besides its rows.
struct BlockSource {
  const std::string& stream;
  std::uint64_t epoch = 0;
  std::int64_t wall_minus_mono_ns = 0;  ///< the clocks' offset now
};

/// Not thread-safe.
class BlockEncoder {
 public:
  explicit BlockEncoder(const FeatureChoice& choice);
  /// Copies the values once, into the block. @param running_max largest value of the subscription before these rows;
  /// for kRunningMax alone.
  EncodedBlock encode(const pipeline::RowView& rows, const BlockSource& source, float running_max);
  /// What blocks of one reader depend on besides their rows: 0 unless the normalization is kRunningMax.
  float max_before(float running_max) const noexcept {
    return normalization_ == engine::Normalization::kRunningMax ? running_max : 0.0F;
  }

 private:
  void set_figures(const pipeline::RowView& rows, const BlockSource& source);
  void pack(const pipeline::RowView& rows, float running_max, char* out);

  const engine::Normalization normalization_;
  const float fixed_max_;
  const ElementType element_type_;
  const Layout layout_;
  const std::size_t n_bins_;
  v1::FeatureBlock figures_;  ///< scratch: all fields but values, running_max and resume_token
  std::vector<float> row_;    ///< scratch: one row, normalised
};

}  // namespace melstream::rpc
