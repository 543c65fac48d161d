// What the kernel says of memory, read back.
#include "melstream/core/memory_protection.hpp"

#include <sstream>

#include <sys/mman.h>

#include <gtest/gtest.h>

#include "melstream/core/host_arena.hpp"

namespace melstream::core {
namespace {

std::span<const std::byte> range(std::uintptr_t begin, std::size_t n_bytes) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): an address that nobody reads
  return {reinterpret_cast<const std::byte*>(begin), n_bytes};
}

constexpr char kSmaps[] =
    "10000-20000 rw-p 00000000 00:00 0 \n"
    "Size:                 64 kB\n"
    "VmFlags: rd wr mr mw me lo ac dd wf \n"
    "20000-30000 rw-p 00000000 00:00 0                          [heap]\n"
    "Locked:                0 kB\n"
    "VmFlags: rd wr mr mw me ac dd \n"
    "7f0000000000-7f0000010000 r-xp 00000000 08:01 42  /usr/lib/lo dd.so\n"
    "VmFlags: rd ex mr mw me \n";

TEST(MemoryProtection, CountsBytesByTheFlagsOfTheirMapping) {
  std::istringstream smaps(kSmaps);
  const auto protection = protection_of({range(0x18000, 0x10000)}, smaps);
  ASSERT_TRUE(protection);
  EXPECT_EQ(protection->locked_bytes, 0x8000U);
  EXPECT_EQ(protection->undumped_bytes, 0x10000U);
}

TEST(MemoryProtection, WhatLiesInNoMappingOrWithoutFlagsIsUnprotected) {
  std::istringstream smaps(kSmaps);
  EXPECT_EQ(protection_of({range(0x7f0000000000, 0x1000), range(0x900000, 0x1000)}, smaps), MemoryProtection{});
}

TEST(MemoryProtection, IsUnknownWithoutFlags) {
  std::istringstream smaps("10000-20000 rw-p 00000000 00:00 0 \nSize: 64 kB\n");
  EXPECT_FALSE(protection_of({range(0x10000, 0x1000)}, smaps));
}

TEST(MemoryProtection, OfAnArenaIsThatOfAllItsSlabs) {
  HostArena arena({.max_bytes = std::size_t{8} << 20, .lock = false});
  const auto protection = arena.protection();
  ASSERT_TRUE(protection);
  EXPECT_EQ(protection->undumped_bytes, arena.usage().mapped_bytes);
  EXPECT_EQ(protection->locked_bytes, 0U);
}

// A claim that is not true any more is seen.
TEST(MemoryProtection, SeesThatThePromiseWasTakenBack) {
  HostArena arena({.max_bytes = std::size_t{4} << 20, .lock = false});
  const AudioMemory memory = arena.take();
  const std::span<float> samples = memory.samples();
  ASSERT_EQ(madvise(samples.data(), samples.size_bytes(), MADV_DODUMP), 0);
  const auto protection = arena.protection();
  ASSERT_TRUE(protection);
  EXPECT_EQ(protection->undumped_bytes, arena.usage().mapped_bytes - samples.size_bytes());
}

}  // namespace
}  // namespace melstream::core
