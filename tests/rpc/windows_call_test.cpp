// GetWindows over the wire: lists of windows, streams that are followed, and what it refuses.
#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/rpc/server_fixture.hpp"

namespace melstream::test {
namespace {

using grpc::StatusCode;

/// One call of GetWindows.
class WindowsReader {
 public:
  WindowsReader(v1::FeatureService::Stub& stub, const v1::GetWindowsRequest& request,
                std::chrono::milliseconds deadline = kCallDeadline) {
    set_deadline(context_, deadline);
    reader_ = stub.GetWindows(&context_, request);
  }
  /// From here on streams are followed.
  void wait_for_begin() { reader_->WaitForInitialMetadata(); }
  /// The next response; empty if the call is over.
  v1::GetWindowsResponse next() {
    v1::GetWindowsResponse response;
    reader_->Read(&response);
    return response;
  }
  /// Reads to the end of the call.
  grpc::Status finish(std::vector<v1::GetWindowsResponse>* rest = nullptr) {
    v1::GetWindowsResponse response;
    while (reader_->Read(&response)) {
      if (rest != nullptr) rest->push_back(response);
    }
    return reader_->Finish();
  }
  void cancel() { context_.TryCancel(); }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::GetWindowsResponse>> reader_;
};

class WindowsCallTest : public ServerTest {
 protected:
  static v1::GetWindowRequest window(const std::string& stream, std::int64_t begin, std::int64_t end) {
    v1::GetWindowRequest request;
    request.set_stream(stream);
    request.set_begin_sample(begin);
    request.set_end_sample(end);
    request.mutable_features()->set_front_end("whisper-80");
    return request;
  }
  static v1::GetWindowsRequest list(const std::vector<v1::GetWindowRequest>& windows) {
    v1::GetWindowsRequest request;
    request.mutable_list()->mutable_windows()->Add(windows.begin(), windows.end());
    return request;
  }
  static v1::GetWindowsRequest follow_all(double window_s, double every_s) {
    v1::GetWindowsRequest request;
    v1::WindowFollow& follow = *request.mutable_follow();
    follow.mutable_streams()->mutable_all();
    follow.mutable_features()->set_front_end("whisper-80");
    follow.set_window_seconds(window_s);
    follow.set_every_seconds(every_s);
    return request;
  }
  v1::GetWindowResponse get(const v1::GetWindowRequest& request) {
    v1::GetWindowResponse response;
    const grpc::Status status = get_window(request, response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
  /// Sends noise and waits until windows can have all of it.
  void send(Publisher& publisher, const std::string& stream, std::size_t n_samples) {
    std::int64_t& n_sent = n_sent_[stream];
    ASSERT_TRUE(publisher.send(as_bytes(pcm_noise(n_samples, static_cast<std::uint32_t>(n_sent)))));
    n_sent += static_cast<std::int64_t>(n_samples);
    get(window(stream, n_sent - 1, n_sent));
  }
  StatusCode code_of(const v1::GetWindowsRequest& request) {
    return WindowsReader(features(), request).finish().error_code();
  }

 private:
  std::map<std::string, std::int64_t> n_sent_;
};

TEST_F(WindowsCallTest, AListIsAnsweredAsGetWindowAnswers) {
  Publisher a(audio());
  a.open(audio_config("a"));
  Publisher b(audio());
  b.open(audio_config("b"));
  send(a, "a", 12'000);
  send(b, "b", 16'000);
  std::vector<v1::GetWindowRequest> windows{window("a", 0, 12'000), window("b", 3'001, 15'999), window("a", 100, 9'000),
                                            window("b", 0, 16'000)};
  windows[1].mutable_features()->set_element_type(v1::ELEMENT_TYPE_FLOAT16);
  windows[1].mutable_features()->set_layout(v1::LAYOUT_MEL_MAJOR);
  windows[2].mutable_features()->set_smoothing(v1::SMOOTHING_BOX3X3);
  windows[2].set_pad_to_samples(16'000);
  windows[3].mutable_features()->set_front_end("kaldi-80");
  WindowsReader reader(features(), list(windows));
  for (std::size_t i = 0; i < windows.size(); ++i) {
    const v1::GetWindowsResponse response = reader.next();
    EXPECT_EQ(response.index(), static_cast<int>(i));
    EXPECT_EQ(response.stream(), windows[i].stream());
    EXPECT_EQ(response.window().begin_sample(), windows[i].begin_sample());
    EXPECT_EQ(response.window().end_sample(), windows[i].end_sample());
    ASSERT_TRUE(response.has_answer()) << response.ShortDebugString();
    EXPECT_EQ(response.answer().SerializeAsString(), get(windows[i]).SerializeAsString());
  }
  EXPECT_TRUE(reader.finish().ok());
}

TEST_F(WindowsCallTest, WhatIsWrongWithOneIsToldInItsPlace) {
  Publisher publisher(audio());
  publisher.open(audio_config("mic"));
  send(publisher, "mic", 8'000);
  v1::StreamAudioRequest lossy;
  lossy.mutable_audio()->set_content(as_bytes(pcm_noise(8'000, 2)));
  lossy.mutable_audio()->set_lost_samples(2'000);
  ASSERT_TRUE(publisher.send(lossy));
  get(window("mic", 10'000, 18'000));
  std::vector<v1::GetWindowRequest> windows(7, window("mic", 0, 8'000));
  windows[0].set_stream("yet-to-come");
  windows[1].set_begin_sample(-1);
  windows[2].set_epoch(1);
  windows[3].set_end_sample(16'000'000);
  windows[4].set_end_sample(12'000);
  windows[5].set_stream("no body");
  std::vector<v1::GetWindowsResponse> responses;
  ASSERT_TRUE(WindowsReader(features(), list(windows)).finish(&responses).ok());
  ASSERT_EQ(responses.size(), windows.size());
  std::sort(responses.begin(), responses.end(), [](const auto& a, const auto& b) { return a.index() < b.index(); });
  const std::vector<StatusCode> codes{StatusCode::NOT_FOUND,           StatusCode::INVALID_ARGUMENT,
                                      StatusCode::FAILED_PRECONDITION, StatusCode::RESOURCE_EXHAUSTED,
                                      StatusCode::FAILED_PRECONDITION, StatusCode::INVALID_ARGUMENT};
  for (std::size_t i = 0; i < codes.size(); ++i) {
    EXPECT_EQ(responses[i].failure().code(), codes[i]) << i;
    EXPECT_FALSE(responses[i].failure().message().empty());
    v1::GetWindowResponse alone;
    EXPECT_EQ(get_window(windows[i], alone).error_message(), responses[i].failure().message());
  }
  ASSERT_EQ(responses[4].failure().detail().gaps_size(), 1);
  EXPECT_EQ(responses[4].failure().detail().gaps(0).begin_sample(), 8'000);
  EXPECT_EQ(responses[4].failure().detail().gaps(0).end_sample(), 10'000);
  EXPECT_EQ(responses[4].failure().detail().held().end_sample(), 18'000);
  EXPECT_TRUE(responses[6].has_answer());
}

TEST_F(WindowsCallTest, WindowsYetToComeAreAnsweredOnceTheirSamplesAreThere) {
  Publisher publisher(audio());
  publisher.open(audio_config("mic"));
  WindowsReader reader(features(), list({window("mic", 0, 16'000), window("mic", 0, 8'000), window("mic", 0, 12'000)}));
  reader.wait_for_begin();
  send(publisher, "mic", 8'000);
  EXPECT_EQ(reader.next().index(), 1);
  send(publisher, "mic", 4'000);
  EXPECT_EQ(reader.next().index(), 2);
  send(publisher, "mic", 4'000);
  const v1::GetWindowsResponse last = reader.next();
  EXPECT_EQ(last.index(), 0);
  EXPECT_TRUE(last.has_answer());
  EXPECT_TRUE(reader.finish().ok());
}

TEST_F(WindowsCallTest, TheDeadlineTellsWhatIsHeld) {
  Publisher publisher(audio());
  publisher.open(audio_config("mic"));
  send(publisher, "mic", 8'000);
  WindowsReader reader(features(), list({window("mic", 0, 16'000), window("mic", 0, 8'000)}),
                       std::chrono::milliseconds(500));
  EXPECT_TRUE(reader.next().has_answer());
  const v1::GetWindowsResponse late = reader.next();
  EXPECT_EQ(late.index(), 0);
  EXPECT_EQ(late.failure().code(), StatusCode::OUT_OF_RANGE);
  EXPECT_EQ(late.failure().detail().held().end_sample(), 8'000);
  EXPECT_TRUE(reader.finish().ok());
}

TEST_F(WindowsCallTest, FollowsStreamsThatComeAndGo) {
  Publisher a(audio());
  a.open(audio_config("a"));
  send(a, "a", 10'000);
  WindowsReader reader(features(), follow_all(0.5, 0.25));
  reader.wait_for_begin();
  const auto expect_window = [&](const std::string& stream, std::int64_t begin) {
    const v1::GetWindowsResponse response = reader.next();
    ASSERT_TRUE(response.has_answer()) << response.ShortDebugString();
    EXPECT_EQ(response.stream(), stream);
    EXPECT_EQ(response.window().begin_sample(), begin);
    EXPECT_EQ(response.answer().SerializeAsString(), get(window(stream, begin, begin + 8'000)).SerializeAsString());
  };
  send(a, "a", 6'000);
  expect_window("a", 4'000);
  expect_window("a", 8'000);
  Publisher b(audio());
  const std::uint64_t epoch = b.open(audio_config("b")).streams(0).epoch();
  send(b, "b", 12'000);
  expect_window("b", 0);
  expect_window("b", 4'000);
  // The last window ends with the last sample, and the publisher leaves at once.
  ASSERT_TRUE(b.send(as_bytes(pcm_noise(4'000, 9))));
  b.half_close();
  EXPECT_TRUE(b.finish().ok());
  const v1::GetWindowsResponse last = reader.next();
  EXPECT_TRUE(last.has_answer()) << last.ShortDebugString();
  EXPECT_EQ(last.window().begin_sample(), 8'000);
  const v1::GetWindowsResponse end = reader.next();
  ASSERT_TRUE(end.has_end()) << end.ShortDebugString();
  EXPECT_EQ(end.stream(), "b");
  EXPECT_EQ(end.end().epoch(), epoch);
  EXPECT_EQ(end.end().reason(), v1::END_REASON_COMPLETED);
  // Again, from its beginning.
  Publisher again(audio());
  again.open(audio_config("b"));
  ASSERT_TRUE(again.send(as_bytes(pcm_noise(8'000, 10))));
  const v1::GetWindowsResponse anew = reader.next();
  EXPECT_EQ(anew.stream(), "b");
  EXPECT_EQ(anew.window().begin_sample(), 0);
  EXPECT_NE(anew.answer().epoch(), epoch);
  reader.cancel();
  EXPECT_EQ(reader.finish().error_code(), StatusCode::CANCELLED);
}

TEST_F(WindowsCallTest, DrainingEndsWhatIsUnderWay) {
  Publisher publisher(audio());
  publisher.open(audio_config("mic"));
  WindowsReader follower(features(), follow_all(1, 1));
  WindowsReader lister(features(), list({window("mic", 0, 16'000)}));
  follower.wait_for_begin();
  lister.wait_for_begin();
  server().drain(std::chrono::milliseconds(0));
  EXPECT_EQ(follower.finish().error_code(), StatusCode::UNAVAILABLE);
  // What waits is ended, or has been told that the stream has.
  const grpc::Status listed = lister.finish();
  EXPECT_TRUE(listed.ok() || listed.error_code() == StatusCode::UNAVAILABLE) << listed.error_message();
}

TEST_F(WindowsCallTest, ReadersThatNeverReadHarmNobody) {
  Publisher publisher(audio());
  publisher.open(audio_config("mic"));
  for (int i = 0; i < 5; ++i) send(publisher, "mic", 16'000);
  // Each of them has far more to say than connections hold: 1,000 windows of 5 s are 160 MB.
  const auto slow_channel = connect();
  const auto slow = v1::FeatureService::NewStub(slow_channel);
  std::vector<std::unique_ptr<WindowsReader>> stopped;
  for (int i = 0; i < 4; ++i) {
    stopped.push_back(std::make_unique<WindowsReader>(
        *slow, list(std::vector<v1::GetWindowRequest>(1'000, window("mic", 0, 80'000)))));
    stopped.push_back(std::make_unique<WindowsReader>(*slow, follow_all(5, 0.01)));
  }
  for (const auto& one : stopped) one->wait_for_begin();
  send(publisher, "mic", 16'000);
  std::vector<v1::GetWindowsResponse> responses;
  EXPECT_TRUE(WindowsReader(features(), list({window("mic", 80'000, 96'000), window("mic", 0, 96'000)}))
                  .finish(&responses)
                  .ok());
  ASSERT_EQ(responses.size(), 2U);
  EXPECT_TRUE(responses[0].has_answer());
  EXPECT_TRUE(responses[1].has_answer());
  publisher.half_close();
  EXPECT_TRUE(publisher.finish().ok());
  wait_until_ended("mic");
}

TEST_F(WindowsCallTest, HasALimitOfCalls) {
  std::vector<std::unique_ptr<WindowsReader>> calls;
  for (int i = 0; i < 64; ++i) {
    calls.push_back(std::make_unique<WindowsReader>(features(), follow_all(1, 1)));
    calls.back()->wait_for_begin();
  }
  EXPECT_EQ(code_of(follow_all(1, 1)), StatusCode::RESOURCE_EXHAUSTED);
  calls.front()->cancel();
  EXPECT_EQ(calls.front()->finish().error_code(), StatusCode::CANCELLED);
}

TEST_F(WindowsCallTest, RefusesWhatCannotBe) {
  EXPECT_EQ(code_of({}), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code_of(list({})), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code_of(list(std::vector<v1::GetWindowRequest>(1'001, window("mic", 0, 1)))), StatusCode::INVALID_ARGUMENT);
  const auto refused = [&](auto change) {
    v1::GetWindowsRequest request = follow_all(1, 1);
    change(*request.mutable_follow());
    return code_of(request);
  };
  EXPECT_EQ(refused([](auto& r) { r.clear_streams(); }), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(refused([](auto& r) { r.set_window_seconds(41); }), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(refused([](auto& r) { r.set_every_seconds(0); }), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(refused([](auto& r) { r.mutable_features()->set_front_end("whisper-81"); }), StatusCode::NOT_FOUND);
}

TEST_F(WindowsCallTest, ListsAndWatchesHonourASelection) {
  const auto open = [&](const std::string& id, const std::string& room) {
    auto publisher = std::make_unique<Publisher>(audio());
    v1::AudioConfig config = audio_config(id);
    (*config.mutable_labels())["room"] = room;
    publisher->open(config);
    return publisher;
  };
  const auto a = open("a", "kitchen");
  const auto b = open("b", "hall");
  grpc::ClientContext watch_context;
  set_deadline(watch_context);
  v1::WatchStreamsRequest watch_request;
  watch_request.mutable_streams()->set_labels("room=hall");
  const auto watch = features().WatchStreams(&watch_context, watch_request);
  v1::WatchStreamsResponse watched;
  ASSERT_TRUE(watch->Read(&watched));
  EXPECT_EQ(watched.stream().stream(), "b");
  const auto c = open("c", "kitchen");
  const auto d = open("d", "hall");
  ASSERT_TRUE(watch->Read(&watched));
  EXPECT_EQ(watched.stream().stream(), "d");
  watch_context.TryCancel();

  const auto listed = [&](const v1::ListStreamsRequest& request, StatusCode expected = StatusCode::OK) {
    grpc::ClientContext context;
    set_deadline(context);
    v1::ListStreamsResponse response;
    EXPECT_EQ(features().ListStreams(&context, request, &response).error_code(), expected);
    std::string ids;
    for (const auto& stream : response.streams()) ids += stream.stream();
    return ids;
  };
  v1::ListStreamsRequest request;
  EXPECT_EQ(listed(request), "abcd");
  request.mutable_streams()->set_labels("room!=hall");
  EXPECT_EQ(listed(request), "ac");
  request.mutable_streams()->mutable_ids()->add_ids("d");
  EXPECT_EQ(listed(request), "d");
  request.mutable_streams()->mutable_all();
  EXPECT_EQ(listed(request), "abcd");
  request.mutable_streams()->set_labels("room=");
  EXPECT_EQ(listed(request, StatusCode::INVALID_ARGUMENT), "");
  grpc::ClientContext context;
  set_deadline(context);
  *watch_request.mutable_streams() = request.streams();
  EXPECT_EQ(features().WatchStreams(&context, watch_request)->Finish().error_code(), StatusCode::INVALID_ARGUMENT);
}

}  // namespace
}  // namespace melstream::test
