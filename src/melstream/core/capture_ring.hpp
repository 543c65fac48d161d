// A device's samples on their way from its callback to the ingest thread: interleaved float32 at the device's own rate,
// with the times of each call. Wait-free on both sides; wakes nobody.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "melstream/core/host_arena.hpp"
#include "melstream/core/nonblocking.hpp"
#include "melstream/core/spsc_queue.hpp"

namespace melstream::core {

/// What one call of the callback brought.
struct CaptureBlock {
  std::int64_t n_samples = 0;        ///< per channel
  std::int64_t n_lost_before = 0;    ///< per channel, just before it: the ring was full
  std::int64_t called_mono_ns = 0;   ///< when the callback ran
  std::int64_t capture_mono_ns = 0;  ///< when its first sample was captured
};

/// Totals, per channel.
struct CaptureCounts {
  std::int64_t n_callbacks = 0;
  std::int64_t n_samples = 0;       ///< came, whether they had room or not
  std::int64_t n_overflowed = 0;    ///< of these: had no room
  std::int64_t n_xruns = 0;         ///< of the callbacks: had no room
  std::int64_t last_called_ns = 0;  ///< 0 before the first call
};

class CaptureRing {
 public:
  /// @param memory holds memory.samples().size() / n_channels samples per channel.
  CaptureRing(AudioMemory memory, int n_channels);

  // Producer: the device's callback.
  /// Takes n_samples per channel; without room for all of them they are dropped and counted. The capture time is kept
  /// as it is. @param interleaved null counts as samples without room.
  void write(const float* interleaved, std::size_t n_samples, std::int64_t called_mono_ns,
             std::int64_t capture_mono_ns) noexcept MELSTREAM_NONBLOCKING;

  // Any thread.
  /// Nothing more comes. Idempotent.
  void finish() noexcept MELSTREAM_NONBLOCKING { finished_.store(true, std::memory_order_release); }
  bool finished() const noexcept MELSTREAM_NONBLOCKING { return finished_.load(std::memory_order_acquire); }
  /// Takes nothing from now on, for a device that cannot be closed.
  void shut() noexcept MELSTREAM_NONBLOCKING { shut_.store(true, std::memory_order_release); }
  CaptureCounts counts() const noexcept MELSTREAM_NONBLOCKING;

  // Consumer: the ingest thread.
  /// The oldest block not yet popped, or null.
  const CaptureBlock* block() const noexcept MELSTREAM_NONBLOCKING { return blocks_.front(); }
  /// Its samples, interleaved: whole samples per channel in each of the two parts.
  std::array<std::span<const float>, 2> samples() const noexcept MELSTREAM_NONBLOCKING;
  /// Overwrites its samples and gives their place back.
  void pop() noexcept;

 private:
  std::array<std::span<float>, 2> parts(std::int64_t at, std::int64_t n) const noexcept;

  static constexpr std::size_t kMaxBlocks = 1024;  // 10 s of calls every 10 ms

  AudioMemory memory_;
  const std::int64_t n_channels_;
  const std::int64_t capacity_;  // samples per channel
  SpscQueue<CaptureBlock, kMaxBlocks> blocks_;
  std::int64_t written_ = 0;  // producer's: samples per channel
  std::int64_t pending_ = 0;  // producer's: dropped since the last block that was taken
  // Stored by the consumer (release), read by the producer (acquire).
  alignas(64) std::atomic<std::int64_t> read_{0};
  // Stored by any thread, read by the consumer (finished_) and the producer (shut_).
  std::atomic<bool> finished_{false};
  std::atomic<bool> shut_{false};
  // Stored by the producer alone, read by anyone, each for itself (relaxed).
  alignas(64) std::atomic<std::int64_t> n_callbacks_{0};
  std::atomic<std::int64_t> n_samples_{0};
  std::atomic<std::int64_t> n_overflowed_{0};
  std::atomic<std::int64_t> n_xruns_{0};
  std::atomic<std::int64_t> last_called_ns_{0};
};

}  // namespace melstream::core
