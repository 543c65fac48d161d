// Label expressions: what they match, and what is said of texts that are none.
#include "melstream/core/label_expression.hpp"

#include <map>
#include <string>

#include <gtest/gtest.h>

#include "melstream/core/error.hpp"

namespace melstream::core {
namespace {

using Labels = std::map<std::string, std::string>;

struct MatchCase {
  const char* expression;
  bool kitchen;  ///< {room: kitchen, floor: 1, agent: ""}
  bool odd;      ///< {"a b": "c \"d\" \\", room: lab}
  bool none;     ///< {}
};

class LabelExpressionMatch : public ::testing::TestWithParam<MatchCase> {};

TEST_P(LabelExpressionMatch, AsKubernetesWould) {
  const MatchCase& one = GetParam();
  const LabelExpression expression(one.expression);
  EXPECT_EQ(expression.matches({{"room", "kitchen"}, {"floor", "1"}, {"agent", ""}}), one.kitchen) << one.expression;
  EXPECT_EQ(expression.matches({{"a b", "c \"d\" \\"}, {"room", "lab"}}), one.odd) << one.expression;
  EXPECT_EQ(expression.matches({}), one.none) << one.expression;
  EXPECT_EQ(expression.text(), one.expression);
}

INSTANTIATE_TEST_SUITE_P(All, LabelExpressionMatch,
                         ::testing::Values(MatchCase{"room=kitchen", true, false, false},                          //
                                           MatchCase{"room==kitchen", true, false, false},                         //
                                           MatchCase{" room = kitchen ", true, false, false},                      //
                                           MatchCase{"room == \"kitchen\"", true, false, false},                   //
                                           MatchCase{"room!=kitchen", false, true, true},                          //
                                           MatchCase{"room != lab", true, false, true},                            //
                                           MatchCase{"room in (kitchen)", true, false, false},                     //
                                           MatchCase{"room in (hall,lab , kitchen)", true, true, false},           //
                                           MatchCase{"room notin (hall, lab)", true, false, true},                 //
                                           MatchCase{"room notin(kitchen)", false, true, true},                    //
                                           MatchCase{"room", true, true, false},                                   //
                                           MatchCase{"!room", false, false, true},                                 //
                                           MatchCase{"! agent", false, true, true},                                //
                                           MatchCase{"agent=\"\"", true, false, false},                            //
                                           MatchCase{"agent", true, false, false},                                 //
                                           MatchCase{"Room=kitchen", false, false, false},                         //
                                           MatchCase{"room=kitchen,floor in (1, 2), !muted", true, false, false},  //
                                           MatchCase{"room=kitchen, floor=2", false, false, false},                //
                                           MatchCase{"\"a b\"=\"c \\\"d\\\" \\\\\"", false, true, false},          //
                                           MatchCase{"!\"a b\",room", true, false, false},                         //
                                           MatchCase{"\"room\"\tin\n(\"lab\")", false, true, false}));

TEST(LabelExpression, KeysMayBeCalledAsOperatorsAre) {
  EXPECT_TRUE(LabelExpression("in in (in), notin").matches({{"in", "in"}, {"notin", ""}}));
  EXPECT_TRUE(LabelExpression("k8s.io/name=a:b_c-d").matches({{"k8s.io/name", "a:b_c-d"}}));
}

constexpr const char* kKey = "a key of A-Z a-z 0-9 . _ - / : or in double quotes";
constexpr const char* kValue = "a value of A-Z a-z 0-9 . _ - / : or in double quotes";

struct RefusedCase {
  const char* expression;
  int position;
  const char* expected;
  const char* found;
};

class LabelExpressionRefused : public ::testing::TestWithParam<RefusedCase> {};

TEST_P(LabelExpressionRefused, SaysWhereAndWhatWasExpected) {
  try {
    const LabelExpression expression(GetParam().expression);
    FAIL() << expression.text();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_EQ(error.field(), "labels");
    const RefusedCase& one = GetParam();
    EXPECT_EQ(std::string(error.what()),
              "position " + std::to_string(one.position) + ": expected " + one.expected + ", found " + one.found);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, LabelExpressionRefused,
    ::testing::Values(
        RefusedCase{"", 1, kKey, "the end"}, RefusedCase{"  ", 3, kKey, "the end"}, RefusedCase{"=a", 1, kKey, "'='"},
        RefusedCase{"a,", 3, kKey, "the end"}, RefusedCase{"a,,b", 3, kKey, "','"},
        RefusedCase{"!", 2, kKey, "the end"}, RefusedCase{"!!a", 2, kKey, "'!'"},
        RefusedCase{"!a=b", 3, "',' or the end", "'='"}, RefusedCase{"\"\"=b", 1, "a key of one byte or more", "'\"'"},
        RefusedCase{"a=", 3, kValue, "the end"}, RefusedCase{"a=,b", 3, kValue, "','"},
        RefusedCase{"a===b", 4, kValue, "'='"}, RefusedCase{"a= =b", 4, kValue, "'='"},
        RefusedCase{"a!b", 3, "'=' behind '!'", "'b'"}, RefusedCase{"a!", 3, "'=' behind '!'", "the end"},
        RefusedCase{"a b", 3, "=, ==, !=, in, notin or ','", "'b'"},
        RefusedCase{"a IN (b)", 3, "=, ==, !=, in, notin or ','", "'I'"}, RefusedCase{"a in b", 6, "'('", "'b'"},
        RefusedCase{"a in ()", 7, kValue, "')'"}, RefusedCase{"a in (b", 8, "',' or ')'", "the end"},
        RefusedCase{"a in (b c)", 9, "',' or ')'", "'c'"}, RefusedCase{"a in (b) c", 10, "',' or the end", "'c'"},
        RefusedCase{"a=b=c", 4, "',' or the end", "'='"}, RefusedCase{"a=\"b", 5, "a closing double quote", "the end"},
        RefusedCase{"a=\"\\n\"", 5, "\\\" or \\\\", "'n'"}, RefusedCase{"a=\"\\", 5, "\\\" or \\\\", "the end"},
        RefusedCase{"a=b\x01", 4, "',' or the end", "byte 0x01"}, RefusedCase{"\xc3\xa4=b", 1, kKey, "byte 0xc3"}));

TEST(LabelExpression, IsBounded) {
  EXPECT_NO_THROW(LabelExpression("a=" + std::string(4094, 'b')));
  EXPECT_THROW(LabelExpression("a=" + std::string(4095, 'b')), Error);
  std::string terms = "a";
  for (int i = 1; i < 64; ++i) terms += ",a";
  EXPECT_TRUE(LabelExpression(terms).matches({{"a", ""}}));
  EXPECT_THROW(LabelExpression(terms + ",a"), Error);
}

}  // namespace
}  // namespace melstream::core
