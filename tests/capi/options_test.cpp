// Structs of headers that are older or newer than the library, on one that has grown.
#include "melstream/capi/options.hpp"

#include <gtest/gtest.h>

#include "melstream/core/error.hpp"

namespace melstream::capi {

struct Grown {
  std::uint32_t struct_size;
  std::int32_t first;
  std::int64_t second;  ///< came later
};
template <>
inline constexpr std::size_t kFirstSize<Grown> = offsetof(Grown, second);

namespace {

constexpr Grown kDefaults{sizeof(Grown), 1, 2};

Grown taken_with_size(std::size_t size) {
  const Grown given{static_cast<std::uint32_t>(size), 10, 20};
  return taken(&given, kDefaults, "options");
}

TEST(Taken, NullIsTheDefaults) { EXPECT_EQ(taken<Grown>(nullptr, kDefaults, "options").second, 2); }

TEST(Taken, WhatAnOlderHeaderDoesNotHaveIsAtItsDefault) {
  const Grown older = taken_with_size(kFirstSize<Grown>);
  EXPECT_EQ(older.first, 10);
  EXPECT_EQ(older.second, 2);
  EXPECT_EQ(taken_with_size(sizeof(Grown)).second, 20);
}

TEST(Taken, LessThanAnyHeaderHadIsRefused) {
  EXPECT_THROW(static_cast<void>(taken_with_size(kFirstSize<Grown> - sizeof(std::int32_t))), core::Error);
}

}  // namespace
}  // namespace melstream::capi
