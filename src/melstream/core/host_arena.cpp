#include "melstream/core/host_arena.hpp"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/mman.h>

#include <string.h>  // explicit_bzero

#include "melstream/core/error.hpp"

namespace melstream::core {
namespace {

constexpr std::size_t kBlockBytes = kBlockSamples * sizeof(float);
constexpr std::size_t kSlabBlocks = 64;  // one word is the map of a slab
constexpr std::size_t kSlabBytes = kSlabBlocks * kBlockBytes;

/// 4 MiB of anonymous memory; unmapped on destruction.
class Slab {
 public:
  explicit Slab(bool lock);
  Slab(Slab&& other) noexcept
      : base_(std::exchange(other.base_, nullptr)), locked_(other.locked_), used_(other.used_) {}
  Slab& operator=(Slab&&) = delete;
  ~Slab() {
    if (base_ != nullptr) munmap(base_, kSlabBytes);
  }

  std::byte* base() const noexcept { return base_; }
  bool locked() const noexcept { return locked_; }
  bool holds(const void* address) const noexcept {
    const auto* at = static_cast<const std::byte*>(address);
    return at >= base_ && at < base_ + kSlabBytes;
  }

  /// First of n_blocks adjacent free blocks, now taken, or null.
  float* take(std::size_t n_blocks) noexcept {
    for (std::size_t first = 0; first + n_blocks <= kSlabBlocks; ++first) {
      const std::uint64_t wanted = mask(n_blocks) << first;
      if ((used_ & wanted) != 0) continue;
      used_ |= wanted;
      return reinterpret_cast<float*>(base_ + first * kBlockBytes);
    }
    return nullptr;
  }

  void give_back(const float* samples, std::size_t n_blocks) noexcept {
    const std::size_t first =
        static_cast<std::size_t>(reinterpret_cast<const std::byte*>(samples) - base_) / kBlockBytes;
    assert((used_ >> first & mask(n_blocks)) == mask(n_blocks));
    used_ &= ~(mask(n_blocks) << first);
  }

 private:
  static std::uint64_t mask(std::size_t n_blocks) noexcept {
    return n_blocks == kSlabBlocks ? ~std::uint64_t{0} : (std::uint64_t{1} << n_blocks) - 1;
  }

  std::byte* base_ = nullptr;
  bool locked_ = false;
  std::uint64_t used_ = 0;  // bit i: block i is taken
};

Slab::Slab(bool lock) {
  // Populated, so that no real-time thread meets a page fault where locking is refused.
  void* const mapped =
      mmap(nullptr, kSlabBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (mapped == MAP_FAILED) {
    throw Error(ErrorCode::kResourceExhausted, "cannot map " + std::to_string(kSlabBytes) +
                                                   " bytes of audio memory: " + std::generic_category().message(errno));
  }
  base_ = static_cast<std::byte*>(mapped);
  if (madvise(base_, kSlabBytes, MADV_DONTDUMP) != 0) {
    const int error = errno;
    munmap(base_, kSlabBytes);
    throw Error(ErrorCode::kInternal,
                "cannot keep audio memory out of core dumps: " + std::generic_category().message(error));
  }
  // A child never sees audio, yet may run destructors that touch the memory, which MADV_DONTFORK would turn into a
  // crash. Kernels before 4.14 refuse it; nothing here forks without exec.
  madvise(base_, kSlabBytes, MADV_WIPEONFORK);
  locked_ = lock && mlock(base_, kSlabBytes) == 0;
}

}  // namespace

struct HostArena::State {
  Options options;
  SlabObserver observer;
  mutable std::mutex mutex;
  std::condition_variable slab_came;
  std::vector<Slab> slabs;       // guarded by mutex
  std::size_t coming_slabs = 0;  // being mapped; guarded by mutex
  std::size_t used_blocks = 0;   // guarded by mutex
  std::size_t locked_slabs = 0;  // guarded by mutex

  /// Maps a slab and tells the observer. Without the mutex: pinning a slab may take long, and memory that is given back
  /// meanwhile must not wait for it.
  Slab make_slab() const {
    Slab slab(options.lock);
    if (observer) observer({slab.base(), kSlabBytes});
    return slab;
  }
  /// Caller holds the mutex, or is the constructor.
  void add(Slab slab) {
    locked_slabs += slab.locked() ? 1 : 0;
    slabs.push_back(std::move(slab));
  }
  /// Caller holds the mutex. Null if no slab has room.
  float* take(std::size_t n_blocks) noexcept {
    for (Slab& slab : slabs) {
      if (float* const samples = slab.take(n_blocks)) {
        used_blocks += n_blocks;
        return samples;
      }
    }
    return nullptr;
  }
};

AudioMemory::~AudioMemory() {
  if (arena_ != nullptr) arena_->give_back(samples_);
}

HostArena::HostArena(const Options& options, SlabObserver observer) : state_(std::make_unique<State>()) {
  state_->options = options;
  state_->options.max_bytes = (options.max_bytes + kSlabBytes - 1) / kSlabBytes * kSlabBytes;
  state_->observer = std::move(observer);
  // At once, so that usage() tells at the start whether the limits allow locking.
  if (state_->options.max_bytes > 0) state_->add(state_->make_slab());
}

HostArena::~HostArena() { assert(state_->used_blocks == 0); }

AudioMemory HostArena::take(std::size_t n_blocks) {
  if (n_blocks < 1 || n_blocks > kSlabBlocks) {
    throw Error(ErrorCode::kInvalidArgument, "audio memory of " + std::to_string(n_blocks) +
                                                 " blocks, but must be 1 to " + std::to_string(kSlabBlocks));
  }
  std::unique_lock lock(state_->mutex);
  float* samples = state_->take(n_blocks);
  while (samples == nullptr) {
    if ((state_->slabs.size() + state_->coming_slabs + 1) * kSlabBytes > state_->options.max_bytes) {
      if (state_->coming_slabs == 0) {
        throw Error(ErrorCode::kResourceExhausted,
                    "audio memory is full: " + std::to_string(state_->used_blocks * kBlockBytes) + " of " +
                        std::to_string(state_->options.max_bytes) + " bytes in use, " +
                        std::to_string(n_blocks * kBlockBytes) + " adjacent bytes asked for");
      }
      state_->slab_came.wait(lock);  // the last one may have room for both
      samples = state_->take(n_blocks);
      continue;
    }
    ++state_->coming_slabs;
    lock.unlock();
    std::optional<Slab> slab;
    std::exception_ptr failure;
    try {
      slab.emplace(state_->make_slab());
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    --state_->coming_slabs;
    state_->slab_came.notify_all();
    if (failure) std::rethrow_exception(failure);
    state_->add(std::move(*slab));
    samples = state_->take(n_blocks);  // another thread may have been quicker
  }
  return AudioMemory(this, std::span<float>(samples, n_blocks * kBlockSamples));
}

HostArena::Usage HostArena::usage() const {
  const std::lock_guard lock(state_->mutex);
  return {.max_bytes = state_->options.max_bytes,
          .mapped_bytes = state_->slabs.size() * kSlabBytes,
          .locked_bytes = state_->locked_slabs * kSlabBytes,
          .used_bytes = state_->used_blocks * kBlockBytes};
}

std::optional<MemoryProtection> HostArena::protection() const {
  MemoryRanges ranges;
  {
    const std::lock_guard lock(state_->mutex);
    ranges.reserve(state_->slabs.size());
    for (const Slab& slab : state_->slabs) ranges.emplace_back(slab.base(), kSlabBytes);
  }
  return protection_of(ranges);  // slabs are never unmapped before the arena
}

void HostArena::give_back(std::span<float> samples) noexcept {
  explicit_bzero(samples.data(), samples.size_bytes());  // outside the mutex: the blocks are still taken
  const std::size_t n_blocks = samples.size() / kBlockSamples;
  const std::lock_guard lock(state_->mutex);
  const auto slab = std::find_if(state_->slabs.begin(), state_->slabs.end(),
                                 [&](const Slab& candidate) { return candidate.holds(samples.data()); });
  assert(slab != state_->slabs.end());
  slab->give_back(samples.data(), n_blocks);
  state_->used_blocks -= n_blocks;
}

}  // namespace melstream::core
