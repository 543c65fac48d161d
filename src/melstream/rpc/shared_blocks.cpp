#include "melstream/rpc/shared_blocks.hpp"

#include <algorithm>

namespace melstream::rpc {

const EncodedBlock* SharedBlocks::find(const pipeline::RowRange& rows, float max_before) const noexcept {
  const auto found = std::find_if(blocks_.begin(), blocks_.end(), [&](const EncodedBlock& block) {
    return block.n_frames == rows.n_frames && block.first_frame == rows.first_frame && block.max_before == max_before;
  });
  return found == blocks_.end() ? nullptr : &*found;
}

void SharedBlocks::add(const EncodedBlock& block) {
  blocks_[next_] = block;
  next_ = (next_ + 1) % blocks_.size();
}

void SharedBlocks::clear() { blocks_ = {}; }

std::shared_ptr<SharedBlocks> BlockSharing::join(const pipeline::FeatureHistory& history, const FeatureChoice& choice) {
  std::weak_ptr<SharedBlocks>& slot =
      shared_[{&history, choice.element_type, choice.layout, choice.normalization, choice.fixed_max}];
  if (auto shared = slot.lock()) return shared;
  auto made = std::make_shared<SharedBlocks>();
  slot = made;
  return made;
}

void BlockSharing::tidy() {
  for (auto one = shared_.begin(); one != shared_.end();) {
    const long n_readers = one->second.use_count();
    if (n_readers == 1) one->second.lock()->clear();
    one = n_readers == 0 ? shared_.erase(one) : std::next(one);
  }
}

}  // namespace melstream::rpc
