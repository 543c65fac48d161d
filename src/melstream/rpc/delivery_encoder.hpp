// What a subscription delivers, as responses of Subscribe. Pure but for the running maximum and the newest capture
// time.
#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "melstream/pipeline/subscription.hpp"
#include "melstream/rpc/block_encoder.hpp"
#include "melstream/rpc/feature_choice.hpp"
#include "melstream/v1/feature_service.pb.h"

namespace melstream::rpc {

/// One subscription's. Not thread-safe.
class DeliveryEncoder {
 public:
  DeliveryEncoder(FeatureChoice choice, std::string stream);
  /// A start's engine is left to the caller. @param delivery anything but monostate. @param wall_minus_mono_ns the
  /// clocks' offset now. @param out its memory is reused from block to block.
  void encode(const pipeline::Delivery& delivery, std::int64_t wall_minus_mono_ns, v1::SubscribeResponse& out);

 private:
  void set_start(const pipeline::Started& started, v1::SubscriptionStart& out);
  void set_block(const pipeline::RowBatch& batch, std::int64_t wall_minus_mono_ns, v1::FeatureBlock& out);
  void set_hole(const pipeline::Hole& hole, v1::SubscribeResponse& out) const;

  const FeatureChoice choice_;
  const std::string stream_;
  BlockEncoder blocks_;
  std::uint64_t epoch_ = 0;
  std::int64_t capture_wall_ns_ = std::numeric_limits<std::int64_t>::min();
};

}  // namespace melstream::rpc
