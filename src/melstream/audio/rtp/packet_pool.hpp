// Payloads that wait: slots of one size in memory that is mapped once, kept out of core dumps, and wiped when a slot is
// given back. Pages are touched as far as so many slots were ever in use. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace melstream::audio {

/// Datagrams are at most this long, and so are payloads. Not a power of two, so that slots do not share their lines of
/// a cache.
inline constexpr std::size_t kSlotBytes = 2112;
inline constexpr std::int32_t kNoSlot = -1;

class PacketPool {
 public:
  /// Throws core::Error(kResourceExhausted).
  explicit PacketPool(std::int32_t n_slots);
  PacketPool(const PacketPool&) = delete;
  PacketPool& operator=(const PacketPool&) = delete;
  ~PacketPool();

  /// A slot with a copy of the payload, or kNoSlot if there is none or the payload is too long.
  std::int32_t keep(std::span<const std::byte> payload) noexcept;
  std::span<const std::byte> payload(std::int32_t slot) const noexcept;
  /// Wipes it. kNoSlot is taken.
  void give_back(std::int32_t slot) noexcept;

 private:
  std::byte* memory_ = nullptr;
  std::vector<std::uint16_t> sizes_;  ///< of the payload in each slot
  std::vector<std::int32_t> free_;    ///< given back; the last is taken next
  std::int32_t n_touched_ = 0;        ///< slots that were ever in use
};

}  // namespace melstream::audio
