// CRC-32 as zlib computes it (ISO 3309, the polynomial 0xEDB88320 bit-reversed): Python's zlib.crc32 gives the same.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace melstream::client {

namespace detail {

constexpr std::array<std::uint32_t, 256> make_crc32_table() noexcept {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0xEDB88320U : 0U);
    table[i] = value;
  }
  return table;
}

inline constexpr std::array<std::uint32_t, 256> kCrc32Table = make_crc32_table();

}  // namespace detail

inline std::uint32_t crc32(std::span<const std::byte> bytes) noexcept {
  std::uint32_t value = 0xFFFFFFFFU;
  for (const std::byte byte : bytes) {
    value = (value >> 8) ^ detail::kCrc32Table[(value ^ std::to_integer<std::uint32_t>(byte)) & 0xFF];
  }
  return ~value;
}

}  // namespace melstream::client
