// Tokens: what is sealed comes out again, and nothing else does.
#include "melstream/rpc/resume_token.hpp"

#include <gtest/gtest.h>

#include "melstream/core/error.hpp"
#include "melstream/pipeline/subscription.hpp"

namespace melstream::rpc {
namespace {

class ResumeTokensTest : public ::testing::Test {
 protected:
  FeatureChoice features(const std::string& name, engine::Smoothing smoothing = engine::Smoothing::kNone) const {
    return {.front_end = catalog_.find(name), .smoothing = smoothing};
  }
  std::string seal(const std::string& stream = "desk") {
    std::string token;
    tokens_.seal({.stream = stream,
                  .epoch = 0xFEDCBA9876543210U,
                  .cursor = {.frame = 123456789012, .segment_ordinal = 77},
                  .running_max = -1.25F},
                 features("whisper-80"), token);
    return token;
  }
  const engine::FrontEndCatalog catalog_;
  ResumeTokens tokens_;
};

TEST_F(ResumeTokensTest, GivesBackWhatWasSealed) {
  for (const std::string& stream : {std::string("a"), std::string(64, 'z')}) {
    const ResumePoint point = tokens_.open(seal(stream), features("whisper-80"));
    EXPECT_EQ(point.stream, stream);
    EXPECT_EQ(point.epoch, 0xFEDCBA9876543210U);
    EXPECT_EQ(point.cursor.frame, 123456789012);
    EXPECT_EQ(point.cursor.segment_ordinal, 77);
    EXPECT_EQ(point.running_max, -1.25F);
    EXPECT_EQ(ResumeTokens::claimed_stream(seal(stream)), stream);
  }
}

TEST_F(ResumeTokensTest, AnyBitThatDiffersMakesItNobodys) {
  const std::string token = seal();
  for (std::size_t bit = 0; bit < token.size() * 8; ++bit) {
    std::string forged = token;
    forged[bit / 8] = static_cast<char>(forged[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_THROW(tokens_.open(forged, features("whisper-80")), pipeline::EpochChanged) << bit;
  }
}

TEST_F(ResumeTokensTest, AnotherDaemonsTokenIsNobodys) {
  ResumeTokens others;
  EXPECT_THROW(others.open(seal(), features("whisper-80")), pipeline::EpochChanged);
}

TEST_F(ResumeTokensTest, APartOfOneIsRefused) {
  const std::string token = seal();
  for (std::size_t n = 0; n < token.size(); ++n) {
    EXPECT_THROW(tokens_.open(token.substr(0, n), features("whisper-80")), core::Error) << n;
  }
  EXPECT_THROW(tokens_.open(token + "x", features("whisper-80")), core::Error);
  EXPECT_THROW(tokens_.open(std::string(100'000, 'x'), features("whisper-80")), core::Error);
  EXPECT_EQ(ResumeTokens::claimed_stream("short"), "");
}

TEST_F(ResumeTokensTest, OtherFeaturesCountOtherFrames) {
  for (const FeatureChoice& other :
       {features("whisper-128"), features("kaldi-80"), features("whisper-80", engine::Smoothing::kBox3x3)}) {
    try {
      tokens_.open(seal(), other);
      FAIL();
    } catch (const core::Error& error) {
      EXPECT_EQ(error.code(), core::ErrorCode::kInvalidArgument);
      EXPECT_EQ(error.field(), "resume_token");
    }
  }
}

}  // namespace
}  // namespace melstream::rpc
