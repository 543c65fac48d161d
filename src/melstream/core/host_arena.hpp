// All audio memory of the process: one arena of blocks, locked in RAM where the limits allow, kept out of core
// dumps, wiped when given back. An engine that wants pinned memory learns of every slab from the observer.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "melstream/core/memory_protection.hpp"

namespace melstream::core {

class HostArena;

/// Samples of one block: 16,384 float32 = 64 KiB = 1.024 s at 16 kHz.
inline constexpr std::size_t kBlockSamples = 16384;

/// Owns a run of adjacent blocks of an arena, zero-filled when taken; wiped and given back on destruction. Move-only.
/// The arena must outlive it.
class AudioMemory {
 public:
  AudioMemory() noexcept = default;
  AudioMemory(AudioMemory&& other) noexcept
      : arena_(std::exchange(other.arena_, nullptr)), samples_(std::exchange(other.samples_, {})) {}
  AudioMemory& operator=(AudioMemory&& other) noexcept {
    std::swap(arena_, other.arena_);
    std::swap(samples_, other.samples_);
    return *this;
  }
  ~AudioMemory();

  std::span<float> samples() const noexcept { return samples_; }
  bool empty() const noexcept { return samples_.empty(); }

 private:
  friend class HostArena;
  AudioMemory(HostArena* arena, std::span<float> samples) noexcept : arena_(arena), samples_(samples) {}
  HostArena* arena_ = nullptr;
  std::span<float> samples_;
};

/// Thread-safe; take() and the destructor of AudioMemory hold one mutex. take() maps slabs: never call it on the tick
/// thread.
class HostArena {
 public:
  struct Options {
    std::size_t max_bytes = std::size_t{64} << 20;  ///< rounded up to whole slabs
    bool lock = true;                               ///< try mlock; a refusal is counted, not an error
  };
  struct Usage {
    std::size_t max_bytes = 0;
    std::size_t mapped_bytes = 0;
    std::size_t locked_bytes = 0;
    std::size_t used_bytes = 0;
  };
  /// Told of each slab once, from the constructor's or take()'s thread, before any of its memory is handed out.
  using SlabObserver = std::function<void(std::span<std::byte> slab)>;

  explicit HostArena(const Options& options, SlabObserver observer = {});
  HostArena(const HostArena&) = delete;
  HostArena& operator=(const HostArena&) = delete;
  ~HostArena();

  /// n_blocks adjacent blocks, 1..64. Throws Error(kResourceExhausted) when max_bytes is reached.
  AudioMemory take(std::size_t n_blocks = 1);
  Usage usage() const;
  /// What the kernel has made of the wishes about the mapped memory; nothing if it does not tell. Reads /proc.
  std::optional<MemoryProtection> protection() const;

 private:
  friend class AudioMemory;
  void give_back(std::span<float> samples) noexcept;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace melstream::core
