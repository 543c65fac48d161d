// What the kernel has made of the wishes about memory: read back from /proc, since a claim is no proof. Not for
// real-time code: it reads a file of the kernel's.
#pragma once

#include <cstddef>
#include <iosfwd>
#include <optional>
#include <span>
#include <vector>

namespace melstream::core {

struct MemoryProtection {
  std::size_t locked_bytes = 0;    ///< never swapped to disk
  std::size_t undumped_bytes = 0;  ///< left out of core dumps
  bool operator==(const MemoryProtection&) const = default;
};

using MemoryRanges = std::vector<std::span<const std::byte>>;

/// Of these ranges, by the flags of the mappings that hold them. @param smaps text of /proc/PID/smaps. Nothing if no
/// mapping has flags.
std::optional<MemoryProtection> protection_of(const MemoryRanges& ranges, std::istream& smaps);
/// Of this process. Nothing if the kernel does not tell.
std::optional<MemoryProtection> protection_of(const MemoryRanges& ranges);

}  // namespace melstream::core
