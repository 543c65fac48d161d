// Writes a block of constant values as the wire has it, with as little work as there can be.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace melstream::bench {

/// The fields of a FeatureBlock that differ from block to block.
struct BlockHead {
  std::string stream;
  std::int64_t first_frame = 0;
  int n_frames = 0;
  int n_bins = 80;
};

/// Most bytes that a response with this block needs.
std::size_t block_bytes(const BlockHead& head);
/// A SubscribeResponse with the block. @param at room for block_bytes(). @return the end of what was written.
std::uint8_t* write_block(const BlockHead& head, std::uint8_t* at);
/// The same as one of a SubscribeBatch's responses.
std::uint8_t* write_block_of_batch(const BlockHead& head, std::uint8_t* at);
/// What a SubscribeResponse with a batch of so many bytes begins with. @param at room for kBatchHeadBytes.
std::uint8_t* write_batch_head(std::size_t n_bytes, std::uint8_t* at);
inline constexpr std::size_t kBatchHeadBytes = 11;

}  // namespace melstream::bench
