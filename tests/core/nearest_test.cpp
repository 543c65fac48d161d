// Names for error messages.
#include "melstream/core/nearest.hpp"

#include <gtest/gtest.h>

namespace melstream::core {
namespace {

TEST(NearestName, TakesTheSmallestEditDistanceAndRefusesStrangers) {
  constexpr std::string_view kNames[] = {"kaldi-80", "kaldi-80-hf0", "nemo-80", "nemo-128"};
  EXPECT_EQ(nearest_name("kaldy-80", kNames), "kaldi-80");
  EXPECT_EQ(nearest_name("nemo128", kNames), "nemo-128");
  EXPECT_EQ(nearest_name("kaldi-80-hf", kNames), "kaldi-80-hf0");
  EXPECT_EQ(nearest_name("xyz", kNames), "");
  EXPECT_EQ(nearest_name("kaldi-80", {}), "");
}

TEST(NearestName, CompletesWhatIsCutShort) {
  constexpr std::string_view kNames[] = {"check-config", "print-config", "list-targets", "list-devices"};
  EXPECT_EQ(nearest_name("check", kNames), "check-config");
  EXPECT_EQ(nearest_name("list", kNames), "") << "two begin so";
  EXPECT_EQ(nearest_name("ch", kNames), "") << "too short";
}

TEST(DidYouMean, IsPartOfAMessage) {
  constexpr std::string_view kNames[] = {"rate", "channels"};
  EXPECT_EQ(did_you_mean("chanels", kNames), " (did you mean 'channels'?)");
  EXPECT_EQ(did_you_mean("xyz", kNames), "");
}

}  // namespace
}  // namespace melstream::core
