#include "melstream/audio/rtp/packet_pool.hpp"

#include <cstring>
#include <string>

#include <sys/mman.h>

#include <string.h>  // explicit_bzero

#include "melstream/core/error.hpp"

namespace melstream::audio {

PacketPool::PacketPool(std::int32_t n_slots) : sizes_(static_cast<std::size_t>(n_slots)) {
  const std::size_t n_bytes = sizes_.size() * kSlotBytes;
  void* const mapped =
      mmap(nullptr, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) {
    throw core::Error(core::ErrorCode::kResourceExhausted,
                      "cannot map " + std::to_string(n_bytes) + " bytes for packets that wait; free memory");
  }
  memory_ = static_cast<std::byte*>(mapped);
  madvise(mapped, n_bytes, MADV_DONTDUMP);
  free_.reserve(sizes_.size());
}

PacketPool::~PacketPool() { munmap(memory_, sizes_.size() * kSlotBytes); }

std::int32_t PacketPool::keep(std::span<const std::byte> payload) noexcept {
  const bool is_full = free_.empty() && static_cast<std::size_t>(n_touched_) == sizes_.size();
  if (is_full || payload.size() > kSlotBytes) return kNoSlot;
  std::int32_t slot = n_touched_;
  if (free_.empty()) {
    ++n_touched_;
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  sizes_[static_cast<std::size_t>(slot)] = static_cast<std::uint16_t>(payload.size());
  if (!payload.empty())
    std::memcpy(memory_ + static_cast<std::size_t>(slot) * kSlotBytes, payload.data(), payload.size());
  return slot;
}

std::span<const std::byte> PacketPool::payload(std::int32_t slot) const noexcept {
  if (slot == kNoSlot) return {};
  return {memory_ + static_cast<std::size_t>(slot) * kSlotBytes, sizes_[static_cast<std::size_t>(slot)]};
}

void PacketPool::give_back(std::int32_t slot) noexcept {
  if (slot == kNoSlot) return;
  explicit_bzero(memory_ + static_cast<std::size_t>(slot) * kSlotBytes, sizes_[static_cast<std::size_t>(slot)]);
  free_.push_back(slot);
}

}  // namespace melstream::audio
