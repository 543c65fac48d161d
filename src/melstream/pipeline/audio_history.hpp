// The newest audio of a stream, for windows and for front ends that are asked for late, in blocks of a shared pool.
// When the pool is empty, the oldest block of all streams goes first.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "melstream/core/host_arena.hpp"
#include "melstream/core/units.hpp"
#include "melstream/engine/framing.hpp"

namespace melstream::pipeline {

class AudioHistory;

/// Blocks under one budget. The tick thread takes and gives; reserve() and usage from any thread.
class AudioHistoryPool {
 public:
  AudioHistoryPool(core::HostArena& arena, std::size_t budget_bytes);
  /// Maps memory for n_blocks besides those reserved before, as far as the budget reaches, so that the tick thread
  /// never maps any. Control threads.
  void reserve(std::size_t n_blocks);
  /// The memory stays, for the next who reserves.
  void unreserve(std::size_t n_blocks);
  std::size_t budget_blocks() const noexcept { return budget_blocks_; }
  std::size_t blocks_mapped() const;

 private:
  friend class AudioHistory;
  /// A free block; else the oldest of all histories; else none.
  core::AudioMemory take();
  void give(core::AudioMemory memory);
  /// Order of filling over all histories.
  std::uint64_t next_stamp();
  void add(AudioHistory* history);
  void remove(AudioHistory* history);

  core::HostArena& arena_;
  const std::size_t budget_blocks_;
  mutable std::mutex mutex_;  // protects all below
  std::size_t n_reserved_ = 0;
  std::size_t n_mapped_ = 0;
  std::vector<core::AudioMemory> free_;
  std::vector<AudioHistory*> histories_;
  std::uint64_t stamp_ = 0;
};

/// Positions are accepted indices. The tick thread writes; copy() and held() from any thread.
class AudioHistory {
 public:
  /// @param max_samples kept at most, rounded up to whole blocks.
  AudioHistory(AudioHistoryPool& pool, std::int64_t max_samples);
  AudioHistory(const AudioHistory&) = delete;
  AudioHistory& operator=(const AudioHistory&) = delete;
  ~AudioHistory();

  /// Reserves all blocks that it may fill, until clear(). Control threads, before the first append().
  void reserve();

  // Tick thread.
  void append(std::span<const float> samples);
  /// [begin, begin + n), n at most one block, which must be held; valid until the next append().
  std::array<std::span<const float>, 2> view(core::SampleIndex begin, std::size_t n) const noexcept;
  /// Nothing follows: gives all memory back, wiped.
  void clear();

  // Any thread.
  /// Kept at most.
  std::int64_t max_samples() const noexcept;
  engine::IndexRange held() const;
  /// False if any of it is not held.
  bool copy(core::SampleIndex begin, std::span<float> out) const;

 private:
  friend class AudioHistoryPool;
  // Tick thread.
  bool start_block();
  void drop_blocks();
  /// Holds a block besides the one being filled.
  bool evictable() const noexcept { return end_block_ - first_block_ > 1; }
  /// The oldest block, taken away from this history.
  core::AudioMemory evict();
  std::uint64_t oldest_stamp() const noexcept;

  AudioHistoryPool& pool_;
  const std::size_t max_blocks_;
  std::size_t n_reserved_ = 0;
  bool filling_ = false;  ///< the block at end_ has memory; tick thread
  // Written by the tick thread under mutex_; read by it without, by others with.
  mutable std::mutex mutex_;
  std::vector<core::AudioMemory> blocks_;  ///< ring of max_blocks_: block number b at b % max_blocks_
  std::vector<std::uint64_t> stamps_;      ///< when each block was started
  std::int64_t first_block_ = 0;
  std::int64_t end_block_ = 0;
  core::SampleIndex begin_ = 0;  ///< first sample held
  core::SampleIndex end_ = 0;
};

}  // namespace melstream::pipeline
