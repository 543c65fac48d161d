// What keys do in `melstream top`.
#include "client/top/top_keys.hpp"

#include <gtest/gtest.h>

namespace melstream::client {
namespace {

TEST(TopKeys, LettersSortAndTabTurns) {
  TopKeys keys;
  TopChoice choice;
  choice.skip = 7;
  EXPECT_TRUE(keys.press("g", 10, 100, choice));
  EXPECT_EQ(choice.order, TopOrder::kGaps);
  EXPECT_EQ(choice.skip, 0U);
  EXPECT_TRUE(keys.press("r", 10, 100, choice));
  EXPECT_TRUE(choice.reversed);
  EXPECT_TRUE(keys.press("\t", 10, 100, choice));
  EXPECT_TRUE(choice.subscribers);
  EXPECT_TRUE(keys.press("xyz", 10, 100, choice));
  EXPECT_FALSE(keys.press("q", 10, 100, choice));
}

TEST(TopKeys, ScrollsWithinTheList) {
  TopKeys keys;
  TopChoice choice;
  keys.press("\x1b[A", 10, 100, choice);
  EXPECT_EQ(choice.skip, 0U);
  keys.press("\x1b[B", 10, 100, choice);
  EXPECT_EQ(choice.skip, 1U);
  for (int i = 0; i < 20; ++i) keys.press("\x1b[6~", 10, 100, choice);
  EXPECT_EQ(choice.skip, 90U);
  keys.press("\x1b[5~", 10, 100, choice);
  EXPECT_EQ(choice.skip, 80U);
  // The list has become short.
  keys.press("\x1b[B", 10, 3, choice);
  EXPECT_EQ(choice.skip, 0U);
}

TEST(TopKeys, TypesALabelExpression) {
  TopKeys keys;
  TopChoice choice;
  EXPECT_TRUE(keys.press("/room=q", 10, 100, choice));
  EXPECT_TRUE(choice.labels.empty());
  EXPECT_NE(choice.note.find("room=q"), std::string::npos);
  keys.press("\x7f", 10, 100, choice);
  keys.press("3\r", 10, 100, choice);
  EXPECT_EQ(choice.labels, "room=3");
  EXPECT_TRUE(choice.note.empty());
  // Escape leaves it as it was.
  keys.press("/,x", 10, 100, choice);
  EXPECT_TRUE(keys.press("\x1b", 10, 100, choice));
  EXPECT_EQ(choice.labels, "room=3");
  EXPECT_FALSE(keys.press("q", 10, 100, choice));
}

}  // namespace
}  // namespace melstream::client
