// GetWindow over the wire: exact clips, waiting for what is yet to come, and what it refuses.
#include <algorithm>
#include <cstring>
#include <future>

#include "tests/rpc/server_fixture.hpp"

namespace melstream::test {
namespace {

using grpc::StatusCode;

class WindowCallTest : public ServerTest {
 protected:
  static v1::GetWindowRequest request(std::int64_t begin, std::int64_t end) {
    v1::GetWindowRequest request;
    request.set_stream("mic");
    request.set_begin_sample(begin);
    request.set_end_sample(end);
    request.mutable_features()->set_front_end("whisper-80");
    return request;
  }
  static std::vector<float> values_of(const v1::GetWindowResponse& response) {
    std::vector<float> values(response.values().size() / sizeof(float));
    if (!values.empty()) std::memcpy(values.data(), response.values().data(), response.values().size());
    return values;
  }
};

TEST_F(WindowCallTest, IsTheOfflineTensorOfTheClip) {
  const auto samples = pcm_noise(24'000, 1);
  set_engine_status({.info = {"cuda", "sm_90", 1}, .loss = std::nullopt});
  Publisher publisher(audio());
  const std::uint64_t epoch = publisher.open(audio_config("mic")).streams(0).epoch();
  v1::GetWindowResponse response;
  ASSERT_TRUE(publisher.send(as_bytes({samples.begin(), samples.begin() + 12'000})));
  ASSERT_TRUE(get_window(request(0, 12'000), response).ok());  // so that the ring has room again
  ASSERT_TRUE(publisher.send(as_bytes({samples.begin() + 12'000, samples.begin() + 24'000})));
  v1::GetWindowRequest clip = request(3'001, 20'000);
  clip.set_epoch(epoch);
  grpc::Status status = get_window(clip, response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  const std::vector<float> expected =
      offline(as_floats({samples.begin() + 3'001, samples.begin() + 20'000}), "whisper-80");
  EXPECT_EQ(values_of(response), expected);
  EXPECT_EQ(response.epoch(), epoch);
  EXPECT_EQ(response.frame_count(), 106);
  EXPECT_EQ(response.bins(), 80);
  EXPECT_EQ(response.spec_sha256(), catalog().find("whisper-80")->sha256());
  EXPECT_EQ(response.window_max(), *std::max_element(expected.begin(), expected.end()));
  EXPECT_EQ(response.engine().backend(), "cpu") << "windows have an engine of their own";
  EXPECT_GT(response.capture_time_ns(), 1'600'000'000'000'000'000);

  // Padded, in Whisper's own normalization.
  clip.set_pad_to_samples(48'000);
  clip.mutable_features()->set_normalization(v1::NORMALIZATION_WHISPER_WINDOW);
  status = get_window(clip, response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  std::vector<float> padded = as_floats({samples.begin() + 3'001, samples.begin() + 20'000});
  padded.resize(48'000);
  std::vector<float> rows = offline(padded, "whisper-80");
  const float max = *std::max_element(rows.begin(), rows.end());
  for (float& value : rows) value = (std::max(value, max - 8.0F) + 4.0F) / 4.0F;
  const std::vector<float> values = values_of(response);
  ASSERT_EQ(values.size(), rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) ASSERT_NEAR(values[i], rows[i], 1e-6F);
}

TEST_F(WindowCallTest, WaitsForSamplesYetToCome) {
  const auto samples = pcm_noise(16'000, 2);
  Publisher publisher(audio());
  publisher.open(audio_config("mic"));
  ASSERT_TRUE(publisher.send(as_bytes({samples.begin(), samples.begin() + 8'000})));
  grpc::ClientContext context;
  set_deadline(context);
  v1::GetWindowResponse response;
  const v1::GetWindowRequest wanted = request(0, 16'000);
  std::promise<grpc::Status> done;
  features().async()->GetWindow(&context, &wanted, &response,
                                [&](const grpc::Status& status) { done.set_value(status); });
  // An answered call behind it: the first was not answered before its samples were there.
  v1::GetWindowResponse early;
  EXPECT_TRUE(get_window(request(0, 8'000), early).ok());
  auto future = done.get_future();
  EXPECT_EQ(future.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  ASSERT_TRUE(publisher.send(as_bytes({samples.begin() + 8'000, samples.end()})));
  EXPECT_TRUE(future.get().ok());
  EXPECT_EQ(values_of(response), offline(as_floats(samples), "whisper-80"));
}

TEST_F(WindowCallTest, TellsWhatIsHeldWhenTheDeadlineComes) {
  Publisher publisher(audio());
  publisher.open(audio_config("mic"));
  ASSERT_TRUE(publisher.send(as_bytes(pcm_noise(8'000, 3))));
  v1::GetWindowResponse response;
  ASSERT_TRUE(get_window(request(0, 8'000), response).ok());
  const grpc::Status status = get_window(request(0, 16'000), response, std::chrono::milliseconds(300));
  ASSERT_EQ(status.error_code(), StatusCode::OUT_OF_RANGE) << status.error_message();
  v1::WindowErrorDetail detail;
  ASSERT_TRUE(detail.ParseFromString(status.error_details()));
  EXPECT_EQ(detail.held().begin_sample(), 0);
  EXPECT_EQ(detail.held().end_sample(), 8'000);
}

TEST_F(WindowCallTest, RefusesWhatCannotBe) {
  Publisher publisher(audio());
  publisher.open(audio_config("mic"));
  const auto refused = [&](auto change) {
    v1::GetWindowRequest bad = request(0, 1'600);
    change(bad);
    v1::GetWindowResponse response;
    return get_window(bad, response).error_code();
  };
  EXPECT_EQ(refused([](auto& r) { r.set_stream("nobody"); }), StatusCode::NOT_FOUND);
  EXPECT_EQ(refused([](auto& r) { r.set_stream("no body"); }), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(refused([](auto& r) { r.set_epoch(1); }), StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(refused([](auto& r) { r.set_end_sample(0); }), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(refused([](auto& r) { r.set_begin_sample(-1); }), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(refused([](auto& r) { r.set_gaps(static_cast<v1::WindowGaps>(9)); }), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(refused([](auto& r) { r.set_pad_to_samples(0); }), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(refused([](auto& r) { r.mutable_features()->set_normalization(v1::NORMALIZATION_RUNNING_MAX); }),
            StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(refused([](auto& r) { r.mutable_features()->set_spec_sha256("11"); }), StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(refused([](auto& r) { r.set_end_sample(16'000'000); }), StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(WindowCallTest, RefusesGapsOrFillsThem) {
  Publisher publisher(audio());
  publisher.open(audio_config("mic"));
  // Eight seconds at once into a ring of one: the rest is lost, then audio goes on.
  const auto flood = pcm_noise(127'000, 4);
  ASSERT_TRUE(publisher.send(as_bytes(flood)));
  v1::StreamAudioResponse told;
  ASSERT_TRUE(publisher.receive(told));
  ASSERT_TRUE(told.has_progress());
  ASSERT_GT(told.progress().dropped_samples(), 0);
  // Once a window up to there can be had, the ring is empty again.
  v1::GetWindowResponse response;
  v1::GetWindowRequest before = request(0, told.progress().timeline_samples());
  before.set_gaps(v1::WINDOW_GAPS_ZERO_FILL);
  ASSERT_TRUE(get_window(before, response).ok());
  ASSERT_TRUE(publisher.send(as_bytes(pcm_noise(8'000, 5))));
  v1::GetWindowRequest whole = request(0, 135'000);
  const grpc::Status status = get_window(whole, response);
  ASSERT_EQ(status.error_code(), StatusCode::FAILED_PRECONDITION) << status.error_message();
  v1::WindowErrorDetail detail;
  ASSERT_TRUE(detail.ParseFromString(status.error_details()));
  ASSERT_GE(detail.gaps_size(), 1);
  whole.set_gaps(v1::WINDOW_GAPS_ZERO_FILL);
  ASSERT_TRUE(get_window(whole, response).ok());
  ASSERT_EQ(response.filled_size(), detail.gaps_size());
  std::vector<float> samples = as_floats(flood);
  const std::vector<float> after = as_floats(pcm_noise(8'000, 5));
  samples.insert(samples.end(), after.begin(), after.end());
  for (int i = 0; i < response.filled_size(); ++i) {
    EXPECT_EQ(response.filled(i).begin_sample(), detail.gaps(i).begin_sample());
    EXPECT_EQ(response.filled(i).end_sample(), detail.gaps(i).end_sample());
    std::fill(samples.begin() + response.filled(i).begin_sample(), samples.begin() + response.filled(i).end_sample(),
              0.0F);
  }
  EXPECT_EQ(values_of(response), offline(samples, "whisper-80"));
}

}  // namespace
}  // namespace melstream::test
