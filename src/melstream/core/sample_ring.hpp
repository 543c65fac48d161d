// Single-producer, single-consumer ring of float samples, wait-free on both sides. Indices count accepted samples from
// 0 and never wrap. Each side caches the other's index (after rigtorp/SPSCQueue), one cache line a side.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <span>

#include "melstream/core/host_arena.hpp"
#include "melstream/core/nonblocking.hpp"
#include "melstream/core/units.hpp"

namespace melstream::core {

class SampleRing {
 public:
  /// @param memory its number of samples is the capacity and must be a power of two.
  explicit SampleRing(AudioMemory memory);

  // Producer.
  /// Samples that write() would accept now.
  std::size_t room() noexcept MELSTREAM_NONBLOCKING;
  /// Appends the first min(room, size) samples; returns how many. Wait-free.
  std::size_t write(std::span<const float> samples) noexcept MELSTREAM_NONBLOCKING;

  // Consumer, except capacity() and written(), which any thread may call.
  std::size_t capacity() const noexcept { return capacity_; }
  /// Number of samples accepted so far.
  SampleIndex written() const noexcept { return written_.load(std::memory_order_acquire); }
  /// First index still held.
  SampleIndex released() const noexcept { return released_.load(std::memory_order_relaxed); }
  /// [begin, begin + n) as one or two spans (the second is empty without a wrap). Needs released() <= begin and
  /// begin + n <= written(). Valid until release() passes begin.
  std::array<std::span<const float>, 2> view(SampleIndex begin, std::size_t n) const noexcept MELSTREAM_NONBLOCKING;
  /// Asks the processor for the memory of [begin, begin + n), written or not, as far as it lies in one piece.
  void prefetch(SampleIndex begin, std::size_t n) const noexcept MELSTREAM_NONBLOCKING;
  /// Gives back everything before index; never moves backwards.
  void release(SampleIndex index) noexcept MELSTREAM_NONBLOCKING;
  /// Gives the memory back, wiped. Only when the producer will not write again; view() is over then.
  void give_back() noexcept;

 private:
  AudioMemory memory_;
  float* data_;
  std::size_t capacity_;
  // Producer's line: written_ is stored by the producer (release) and read by the consumer (acquire).
  alignas(64) std::atomic<SampleIndex> written_{0};
  SampleIndex released_cache_ = 0;
  // Consumer's line: released_ is stored by the consumer (release) and read by the producer (acquire).
  alignas(64) std::atomic<SampleIndex> released_{0};
};

}  // namespace melstream::core
