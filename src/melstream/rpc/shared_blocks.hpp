// Blocks encoded once for all readers who want the same bytes of the same history. Thread: ms-subscribe.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <memory>
#include <tuple>

#include "melstream/pipeline/feature_history.hpp"
#include "melstream/rpc/block_encoder.hpp"
#include "melstream/rpc/feature_choice.hpp"

namespace melstream::rpc {

/// The newest blocks of one history in one form. Kept only while several readers share them.
class SharedBlocks {
 public:
  /// Null if it is not there.
  const EncodedBlock* find(const pipeline::RowRange& rows, float max_before) const noexcept;
  /// In the place of the oldest. A block of over 64 kB is not kept.
  void add(const EncodedBlock& block);
  /// Lets go of all that is kept.
  void clear();

 private:
  // Readers are served one after another in each tick: a block or two of all that are up to date, and of stragglers.
  std::array<EncodedBlock, 4> blocks_;
  std::size_t next_ = 0;
};

class BlockSharing {
 public:
  /// What the readers of this history with these wishes share.
  std::shared_ptr<SharedBlocks> join(const pipeline::FeatureHistory& history, const FeatureChoice& choice);
  /// Forgets what nobody shares any more, and blocks that are kept for one reader. Call now and then.
  void tidy();

 private:
  using Key = std::tuple<const pipeline::FeatureHistory*, ElementType, Layout, engine::Normalization, float>;
  std::map<Key, std::weak_ptr<SharedBlocks>> shared_;
};

}  // namespace melstream::rpc
