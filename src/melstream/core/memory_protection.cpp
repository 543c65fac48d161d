// /proc/PID/smaps: a line "BEGIN-END ..." in hexadecimal for each mapping, then its properties, "VmFlags: rd wr lo dd"
// among them (proc(5)): lo is locked, dd is MADV_DONTDUMP.
#include "melstream/core/memory_protection.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <istream>
#include <string>
#include <string_view>

namespace melstream::core {
namespace {

struct Mapping {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
};

/// Nothing for a line that begins no mapping.
std::optional<Mapping> mapping_of(std::string_view line) {
  Mapping mapping;
  const char* const end = line.data() + line.size();
  const auto [dash, error] = std::from_chars(line.data(), end, mapping.begin, 16);
  if (error != std::errc{} || dash == end || *dash != '-') return std::nullopt;
  const auto [stop, second] = std::from_chars(dash + 1, end, mapping.end, 16);
  if (second != std::errc{} || stop == end || *stop != ' ') return std::nullopt;
  return mapping;
}

/// Bytes of the ranges that lie in the mapping.
std::size_t overlap(const MemoryRanges& ranges, const Mapping& mapping) {
  std::size_t n_bytes = 0;
  for (const auto& range : ranges) {
    const auto begin = std::max(reinterpret_cast<std::uintptr_t>(range.data()), mapping.begin);
    const auto end = std::min(reinterpret_cast<std::uintptr_t>(range.data()) + range.size(), mapping.end);
    if (begin < end) n_bytes += end - begin;
  }
  return n_bytes;
}

}  // namespace

std::optional<MemoryProtection> protection_of(const MemoryRanges& ranges, std::istream& smaps) {
  constexpr std::string_view kFlags = "VmFlags:";
  MemoryProtection protection;
  bool has_flags = false;
  Mapping mapping;
  for (std::string line; std::getline(smaps, line);) {
    if (const auto next = mapping_of(line)) {
      mapping = *next;
    } else if (line.rfind(kFlags, 0) == 0) {
      has_flags = true;
      const std::size_t n_bytes = overlap(ranges, mapping);
      const std::string flags = line.substr(kFlags.size()) + " ";
      if (flags.find(" lo ") != std::string::npos) protection.locked_bytes += n_bytes;
      if (flags.find(" dd ") != std::string::npos) protection.undumped_bytes += n_bytes;
    }
  }
  if (!has_flags) return std::nullopt;
  return protection;
}

std::optional<MemoryProtection> protection_of(const MemoryRanges& ranges) {
  std::ifstream smaps("/proc/self/smaps");
  if (!smaps) return std::nullopt;
  return protection_of(ranges, smaps);
}

}  // namespace melstream::core
