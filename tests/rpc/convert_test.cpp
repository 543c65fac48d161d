// Every value of the pipeline has its twin on the wire, and numbers of later versions are refused by name.
#include "melstream/rpc/convert.hpp"

#include <cmath>
#include <new>
#include <set>

#include <gtest/gtest.h>

#include "melstream/core/error.hpp"
#include "melstream/pipeline/window.hpp"
#include "melstream/rpc/status.hpp"

namespace melstream::rpc {
namespace {

template <typename Enum, typename Convert>
void expect_refused(Convert convert, const std::string& field) {
  try {
    convert(static_cast<Enum>(77));
    FAIL() << field;
  } catch (const core::Error& error) {
    EXPECT_EQ(error.code(), core::ErrorCode::kInvalidArgument);
    EXPECT_EQ(error.field(), field);
  }
}

TEST(Convert, RefusesNumbersThatItDoesNotKnow) {
  expect_refused<v1::AudioEncoding>(to_encoding, "encoding");
  expect_refused<v1::ChannelMode>(to_channel_mode, "channel_mode");
  expect_refused<v1::Pacing>(to_pacing, "pacing");
  expect_refused<v1::Conceal>(to_conceal, "conceal");
  expect_refused<v1::GapReason>(to_loss_reason, "lost_reason");
  expect_refused<v1::Smoothing>(to_smoothing, "smoothing");
  expect_refused<v1::Normalization>(to_normalization, "normalization");
  expect_refused<v1::SlowPolicy>(to_slow_policy, "slow_policy");
  EXPECT_THROW(to_encoding(v1::AUDIO_ENCODING_UNSPECIFIED), core::Error);
}

TEST(Convert, GivesEachEncodingItsSize) {
  const std::pair<v1::AudioEncoding, std::size_t> sizes[] = {
      {v1::AUDIO_ENCODING_LINEAR16, 2}, {v1::AUDIO_ENCODING_LINEAR24, 3}, {v1::AUDIO_ENCODING_LINEAR32, 4},
      {v1::AUDIO_ENCODING_FLOAT32, 4},  {v1::AUDIO_ENCODING_MULAW, 1},    {v1::AUDIO_ENCODING_ALAW, 1}};
  std::set<core::PcmEncoding> seen;
  for (const auto& [encoding, size] : sizes) {
    EXPECT_EQ(core::bytes_per_sample(to_encoding(encoding)), size);
    seen.insert(to_encoding(encoding));
  }
  EXPECT_EQ(seen.size(), 6U);
}

TEST(Convert, TakesTheDocumentedDefaults) {
  EXPECT_EQ(to_channel_mode(v1::CHANNEL_MODE_UNSPECIFIED), core::ChannelMode::kMix);
  EXPECT_EQ(to_pacing(v1::PACING_UNSPECIFIED), pipeline::Pacing::kLive);
  EXPECT_EQ(to_smoothing(v1::SMOOTHING_UNSPECIFIED), engine::Smoothing::kNone);
  EXPECT_EQ(to_normalization(v1::NORMALIZATION_UNSPECIFIED), engine::Normalization::kNone);
  EXPECT_EQ(to_slow_policy(v1::SLOW_POLICY_UNSPECIFIED), pipeline::SlowPolicy::kDropOldest);
}

TEST(Convert, TellsEveryReasonByItsName) {
  std::set<v1::GapReason> gaps;
  for (int reason = 0; reason <= static_cast<int>(core::GapReason::kShutdown); ++reason) {
    gaps.insert(from_gap_reason(static_cast<core::GapReason>(reason)));
  }
  EXPECT_EQ(gaps.size(), 12U);
  EXPECT_EQ(gaps.count(v1::GAP_REASON_UNSPECIFIED), 0U);
  EXPECT_EQ(from_gap_reason(core::GapReason::kSubscriberSlow), v1::GAP_REASON_SUBSCRIBER_SLOW);
  EXPECT_EQ(from_gap_reason(core::GapReason::kShutdown), v1::GAP_REASON_SHUTDOWN);
  EXPECT_EQ(from_end_reason(core::EndReason::kCompleted), v1::END_REASON_COMPLETED);
  EXPECT_EQ(from_end_reason(core::EndReason::kSourceLost), v1::END_REASON_SOURCE_LOST);
  EXPECT_EQ(from_end_reason(core::EndReason::kTakenOver), v1::END_REASON_TAKEN_OVER);
  EXPECT_EQ(from_end_reason(core::EndReason::kShutdown), v1::END_REASON_SHUTDOWN);
}

TEST(Convert, TellsLevels) {
  EXPECT_NEAR(power_dbfs(0.5), -3.0103, 1e-4);
  EXPECT_NEAR(amplitude_dbfs(0.5), -6.0206, 1e-4);
  EXPECT_TRUE(std::isinf(power_dbfs(0.0)));
  EXPECT_LT(amplitude_dbfs(0.0), 0.0F);
}

TEST(Status, NamesTheFieldOnce) {
  using core::Error;
  using core::ErrorCode;
  EXPECT_EQ(to_status(Error(ErrorCode::kInvalidArgument, "too long", "stream")).error_message(), "stream: too long");
  EXPECT_EQ(to_status(Error(ErrorCode::kInvalidArgument, "stream 'x' is long", "stream")).error_message(),
            "stream 'x' is long");
}

TEST(Status, MapsEveryCode) {
  using core::Error;
  using core::ErrorCode;
  const std::pair<ErrorCode, grpc::StatusCode> codes[] = {
      {ErrorCode::kInvalidArgument, grpc::StatusCode::INVALID_ARGUMENT},
      {ErrorCode::kNotFound, grpc::StatusCode::NOT_FOUND},
      {ErrorCode::kAlreadyExists, grpc::StatusCode::ALREADY_EXISTS},
      {ErrorCode::kFailedPrecondition, grpc::StatusCode::FAILED_PRECONDITION},
      {ErrorCode::kResourceExhausted, grpc::StatusCode::RESOURCE_EXHAUSTED},
      {ErrorCode::kOutOfRange, grpc::StatusCode::OUT_OF_RANGE},
      {ErrorCode::kUnavailable, grpc::StatusCode::UNAVAILABLE},
      {ErrorCode::kUnauthenticated, grpc::StatusCode::UNAUTHENTICATED},
      {ErrorCode::kPermissionDenied, grpc::StatusCode::PERMISSION_DENIED},
      {ErrorCode::kInternal, grpc::StatusCode::INTERNAL},
  };
  for (const auto& [code, status] : codes) EXPECT_EQ(to_status(Error(code, "x")).error_code(), status);
  EXPECT_EQ(to_status(std::bad_alloc()).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(to_status(std::runtime_error("x")).error_code(), grpc::StatusCode::INTERNAL);
}

TEST(Status, CarriesWhatAWindowLacks) {
  const grpc::Status status = to_status(
      pipeline::WindowError(core::ErrorCode::kFailedPrecondition, "gaps", {100, 900}, {{200, 300}, {400, 450}}));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  v1::WindowErrorDetail detail;
  ASSERT_TRUE(detail.ParseFromString(status.error_details()));
  EXPECT_EQ(detail.held().begin_sample(), 100);
  EXPECT_EQ(detail.held().end_sample(), 900);
  ASSERT_EQ(detail.gaps_size(), 2);
  EXPECT_EQ(detail.gaps(1).begin_sample(), 400);
  EXPECT_EQ(detail.gaps(1).end_sample(), 450);
}

}  // namespace
}  // namespace melstream::rpc
