#include "melstream/rpc/shared_blocks.hpp"

#include <algorithm>

namespace melstream::rpc {
namespace {

/// What is kept is not counted among the queued bytes. Larger blocks are rare, and dear to send anyway.
constexpr std::size_t kMostBytes = std::size_t{64} << 10;

}  // namespace

const EncodedBlock* SharedBlocks::find(const pipeline::RowRange& rows, float max_before) const noexcept {
  const auto found = std::find_if(blocks_.begin(), blocks_.end(), [&](const EncodedBlock& block) {
    // Rows that go out before their segment is closed do not tell that they are its last.
    return block.n_frames == rows.n_frames && block.first_frame == rows.first_frame && block.max_before == max_before &&
           block.segment_end == rows.segment_end;
  });
  return found == blocks_.end() ? nullptr : &*found;
}

void SharedBlocks::add(const EncodedBlock& block) {
  if (block.bytes.size() > kMostBytes) return;
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
