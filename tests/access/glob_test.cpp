#include "melstream/access/glob.hpp"

#include <gtest/gtest.h>

namespace melstream::access {
namespace {

TEST(Glob, MatchesRunsAndSingles) {
  EXPECT_TRUE(matches_glob("*", "anything"));
  EXPECT_TRUE(matches_glob("desk-*", "desk-4"));
  EXPECT_TRUE(matches_glob("desk-*", "desk-"));
  EXPECT_FALSE(matches_glob("desk-*", "desk"));
  EXPECT_TRUE(matches_glob("*.?", "call.7"));
  EXPECT_FALSE(matches_glob("*.?", "call.77"));
  EXPECT_TRUE(matches_glob("a*b*c", "a-b-b-c"));
  EXPECT_FALSE(matches_glob("a*b*c", "a-b-b-c-"));
  EXPECT_TRUE(matches_glob("exact", "exact"));
  EXPECT_FALSE(matches_glob("exact", "Exact"));
  EXPECT_FALSE(matches_glob("", "x"));
  EXPECT_TRUE(matches_glob("**", ""));
}

TEST(Glob, ManyStarsDoNotExplode) {
  std::string pattern;
  for (int i = 0; i < 31; ++i) pattern += "*a";
  EXPECT_FALSE(matches_glob(pattern, std::string(63, 'a') + "b"));
}

TEST(Glob, OnlyWhatStreamsCanBeCalled) {
  EXPECT_TRUE(is_glob("desk-*.?_A"));
  EXPECT_FALSE(is_glob(""));
  EXPECT_FALSE(is_glob("a b"));
  EXPECT_FALSE(is_glob("[ab]"));
  EXPECT_FALSE(is_glob(std::string(65, 'a')));
}

}  // namespace
}  // namespace melstream::access
