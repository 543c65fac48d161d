#include "melstream/core/sample_ring.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>
#include <string>
#include <utility>

#include "melstream/core/error.hpp"

namespace melstream::core {

SampleRing::SampleRing(AudioMemory memory)
    : memory_(std::move(memory)), data_(memory_.samples().data()), capacity_(memory_.samples().size()) {
  if (!std::has_single_bit(capacity_)) {
    throw Error(ErrorCode::kInvalidArgument,
                "sample ring of " + std::to_string(capacity_) + " samples: take a power of two");
  }
}

std::size_t SampleRing::room() noexcept {
  const SampleIndex written = written_.load(std::memory_order_relaxed);
  released_cache_ = released_.load(std::memory_order_acquire);
  return capacity_ - static_cast<std::size_t>(written - released_cache_);
}

std::size_t SampleRing::write(std::span<const float> samples) noexcept {
  const SampleIndex written = written_.load(std::memory_order_relaxed);
  // The consumer's line is touched only when the cached index does not show enough room.
  std::size_t free = capacity_ - static_cast<std::size_t>(written - released_cache_);
  if (free < samples.size()) free = room();
  const std::size_t n = std::min(free, samples.size());
  if (n == 0) return 0;
  const std::size_t at = static_cast<std::size_t>(written) & (capacity_ - 1);
  const std::size_t head = std::min(n, capacity_ - at);
  std::memcpy(data_ + at, samples.data(), head * sizeof(float));
  if (n > head) std::memcpy(data_, samples.data() + head, (n - head) * sizeof(float));
  written_.store(written + static_cast<SampleIndex>(n), std::memory_order_release);
  return n;
}

std::array<std::span<const float>, 2> SampleRing::view(SampleIndex begin, std::size_t n) const noexcept {
  assert(released() <= begin && begin + static_cast<SampleIndex>(n) <= written());
  const std::size_t at = static_cast<std::size_t>(begin) & (capacity_ - 1);
  const std::size_t head = std::min(n, capacity_ - at);
  return {std::span<const float>(data_ + at, head), std::span<const float>(data_, n - head)};
}

void SampleRing::prefetch(SampleIndex begin, std::size_t n) const noexcept {
  constexpr std::size_t kLineSamples = 64 / sizeof(float);
  if (data_ == nullptr) return;
  const std::size_t at = static_cast<std::size_t>(begin) & (capacity_ - 1);
  const std::size_t end = std::min(at + n, capacity_);
  for (std::size_t i = at; i < end; i += kLineSamples) __builtin_prefetch(data_ + i);
}

void SampleRing::release(SampleIndex index) noexcept {
  assert(index <= written());
  if (index > released_.load(std::memory_order_relaxed)) released_.store(index, std::memory_order_release);
}

void SampleRing::give_back() noexcept {
  memory_ = AudioMemory();
  data_ = nullptr;
}

}  // namespace melstream::core
