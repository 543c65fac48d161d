// Live streams as the daemon has them: each with a ring of arena memory full of audio, in mid segment. Every tick wants
// the next rows of each, so positions move and wrap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "melstream/core/host_arena.hpp"
#include "melstream/engine/engine.hpp"

namespace melstream::bench {

class RingStreams {
 public:
  /// @param n_streams of 64 KiB each. Throws core::Error where there is no memory.
  explicit RingStreams(std::size_t n_streams);

  std::size_t size() const noexcept { return rings_.size(); }
  static std::size_t bytes_of(std::size_t n_streams) noexcept;
  /// As the daemon does with each slab. Engines must be destroyed before the rings, and one at a time may hold them.
  void register_with(engine::Engine& engine) const;
  /// The next `n_rows` of the first lanes.size() streams.
  void next_tick(const engine::Prepared& prepared, int n_rows, std::span<engine::Lane> lanes);

 private:
  std::vector<std::span<std::byte>> slabs_;
  core::HostArena arena_;
  std::vector<core::AudioMemory> memory_;
  std::vector<std::span<float>> rings_;
  std::int64_t first_sample_ = 0;  ///< of the ticks to come: segments are endless, and so is the ring's audio
};

}  // namespace melstream::bench
