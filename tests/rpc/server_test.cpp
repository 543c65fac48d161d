// The server as a whole: lists, watches, health, limits of connections, heartbeats, and an end that is bounded.
#include <algorithm>
#include <future>
#include <set>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <grpcpp/generic/generic_stub.h>

#include "tests/rpc/server_fixture.hpp"
#include "tests/support/eventually.hpp"

namespace melstream::test {
namespace {

using grpc::StatusCode;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

class WholeServerTest : public ServerTest {
 protected:
  using ServerTest::ServerTest;

  v1::GetServerInfoResponse info() {
    grpc::ClientContext context;
    set_deadline(context);
    v1::GetServerInfoResponse response;
    EXPECT_TRUE(features().GetServerInfo(&context, {}, &response).ok());
    return response;
  }
};

TEST_F(WholeServerTest, ListsFrontEndsWithTheNormalizationsTheyTake) {
  grpc::ClientContext context;
  set_deadline(context);
  v1::ListFrontEndsResponse response;
  ASSERT_TRUE(features().ListFrontEnds(&context, {}, &response).ok());
  ASSERT_EQ(static_cast<std::size_t>(response.front_ends_size()), catalog().all().size());
  for (const v1::FrontEndInfo& front_end : response.front_ends()) {
    const auto known = catalog().find(front_end.name());
    EXPECT_EQ(front_end.spec_sha256(), known->sha256());
    EXPECT_EQ(front_end.spec(), known->canonical_text());
    EXPECT_EQ(front_end.bins(), known->n_bins());
    const std::set<int> normalizations(front_end.normalizations().begin(), front_end.normalizations().end());
    EXPECT_EQ(normalizations.count(v1::NORMALIZATION_WHISPER_WINDOW), known->is_whisper() ? 1U : 0U);
    EXPECT_EQ(normalizations.count(v1::NORMALIZATION_PER_FEATURE_WINDOW), 1U);
  }
}

TEST_F(WholeServerTest, ListsStreams) {
  Publisher publisher(audio());
  v1::AudioConfig config = audio_config("mic");
  (*config.mutable_labels())["room"] = "kitchen";
  const std::uint64_t epoch = publisher.open(config).streams(0).epoch();
  v1::SubscribeConfig subscribe = subscribe_config("mic");
  subscribe.set_frame(0);
  Subscriber subscriber(features(), subscribe);
  ASSERT_TRUE(publisher.send(as_bytes(pcm_noise(3'200, 1))));
  v1::SubscribeResponse response;
  ASSERT_TRUE(subscriber.receive_until(v1::SubscribeResponse::kBlock, response));
  v1::ListStreamsResponse list;
  // A tick may pass while the samples are being written.
  ASSERT_TRUE(eventually([&] {
    grpc::ClientContext context;
    set_deadline(context);
    EXPECT_TRUE(features().ListStreams(&context, {}, &list).ok());
    return list.streams_size() == 1 && list.streams(0).timeline_samples() == 3'200;
  }));
  const v1::StreamInfo& stream = list.streams(0);
  EXPECT_EQ(stream.stream(), "mic");
  EXPECT_EQ(stream.epoch(), epoch);
  EXPECT_EQ(stream.state(), v1::STREAM_STATE_LIVE);
  EXPECT_EQ(stream.labels().at("room"), "kitchen");
  EXPECT_EQ(stream.timeline_samples(), 3'200);
  EXPECT_EQ(stream.audio_held().end_sample(), 3'200);
  EXPECT_EQ(stream.subscriber_count(), 1);
  ASSERT_EQ(stream.front_ends_size(), 1);
  EXPECT_EQ(stream.front_ends(0), "whisper-80");
  EXPECT_FALSE(stream.fast());
  EXPECT_TRUE(stream.has_behind_ns());  // there is a row, for there was a block
  EXPECT_GE(stream.behind_ns(), 0);
  const v1::GetServerInfoResponse server_info = info();
  EXPECT_EQ(server_info.stream_count(), 1);
  EXPECT_EQ(server_info.max_streams(), 32);
  EXPECT_EQ(server_info.subscription_count(), 1);
  EXPECT_EQ(server_info.engine().backend(), "cpu");
  EXPECT_GT(server_info.frames_computed(), 0);
  // Counted at the end of a pass, which may come after its rows.
  EXPECT_TRUE(eventually([&] { return info().load().engine_busy_ns() > 0; }));
  const v1::ServerLoad load = info().load();
  EXPECT_GT(load.tick_busy_ns(), load.engine_busy_ns());
  EXPECT_GT(load.frames_delivered(), 0);
  EXPECT_EQ(load.cpu_seconds(), 0);  // nobody was given who knows
  EXPECT_EQ(server_info.streams_shed(), 0);
  EXPECT_EQ(server_info.frames_shed(), 0);
  registry().counters().frames_shed = 4711;
  // The tick thread says with every pass how many are shed: between two passes it is what we say.
  bool is_shown = false;
  for (int i = 0; i < 100 && !is_shown; ++i) {
    registry().counters().streams_shed = 3;
    is_shown = info().streams_shed() == 3;
  }
  EXPECT_TRUE(is_shown);
  EXPECT_EQ(info().frames_shed(), 4711);
  EXPECT_FALSE(server_info.draining());
}

TEST_F(WholeServerTest, ShowsTheEngineInUseAndItsLoss) {
  set_engine_status({.info = {"cuda", "sm_90", 1}, .loss = std::nullopt});
  EXPECT_EQ(info().engine().backend(), "cuda");
  EXPECT_EQ(info().engine().target(), "sm_90");
  EXPECT_EQ(info().engine_losses(), 0);
  EXPECT_EQ(info().engine_loss_reason(), "");
  v1::SubscribeConfig waiting = subscribe_config("mic");
  waiting.set_wait(true);
  Subscriber early(features(), waiting);
  v1::SubscribeResponse response;
  ASSERT_TRUE(early.receive_until(v1::SubscribeResponse::kHeartbeat, response)) << "it waits for the stream";

  set_engine_status({.info = {"cpu", "avx2", 3}, .loss = "a tick took more than 250 ms"});
  EXPECT_EQ(info().engine().backend(), "cpu");
  EXPECT_EQ(info().engine_threads(), 3);
  EXPECT_EQ(info().engine_losses(), 1);
  EXPECT_EQ(info().engine_loss_reason(), "a tick took more than 250 ms");
  Publisher publisher(audio());
  publisher.open(audio_config("mic"));
  ASSERT_TRUE(early.receive_until(v1::SubscribeResponse::kStart, response));
  EXPECT_EQ(response.start().engine().target(), "avx2") << "the engine in use at the start, not when it was asked";
}

class ForgetfulTest : public WholeServerTest {
 protected:
  ForgetfulTest() : WholeServerTest(FixtureOptions{.registry = {.max_streams = 4, .history_s = 0.2}, .server = {}}) {}
};

TEST_F(ForgetfulTest, WatchesStreamsOpenEndAndBeForgotten) {
  grpc::ClientContext context;
  set_deadline(context);
  const auto watch = features().WatchStreams(&context, {});
  Publisher publisher(audio());
  const std::uint64_t epoch = publisher.open(audio_config("mic")).streams(0).epoch();
  publisher.half_close();
  EXPECT_TRUE(publisher.finish().ok());
  std::vector<v1::StreamState> states;
  v1::WatchStreamsResponse response;
  while (watch->Read(&response)) {
    EXPECT_EQ(response.stream().stream(), "mic");
    EXPECT_EQ(response.stream().epoch(), epoch);
    states.push_back(response.stream().state());
    if (states.back() == v1::STREAM_STATE_FORGOTTEN) context.TryCancel();
  }
  // It may have ended before the watch saw it live.
  ASSERT_GE(states.size(), 2U);
  EXPECT_EQ(states[states.size() - 2], v1::STREAM_STATE_ENDED);
  EXPECT_EQ(states.back(), v1::STREAM_STATE_FORGOTTEN);
  EXPECT_EQ(watch->Finish().error_code(), StatusCode::CANCELLED);
}

TEST_F(WholeServerTest, BeatsWhileItWaitsForAStream) {
  v1::SubscribeConfig config = subscribe_config("later");
  config.set_wait(true);
  Subscriber subscriber(features(), config);
  v1::SubscribeResponse response;
  ASSERT_TRUE(subscriber.receive(response));
  ASSERT_TRUE(response.has_heartbeat());
  EXPECT_TRUE(response.heartbeat().waiting_for_stream());
  Publisher publisher(audio());
  publisher.open(audio_config("later"));
  ASSERT_TRUE(publisher.send(as_bytes(pcm_noise(3'200, 1))));
  ASSERT_TRUE(subscriber.receive_until(v1::SubscribeResponse::kStart, response));
  ASSERT_TRUE(subscriber.receive_until(v1::SubscribeResponse::kHeartbeat, response));
  EXPECT_FALSE(response.heartbeat().waiting_for_stream());
  EXPECT_EQ(response.heartbeat().next_frame(), 19);
}

/// Calls a method of which there are no stubs here, with an empty request.
grpc::Status call_generic(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                          std::string& answer) {
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  set_deadline(context);
  grpc::CompletionQueue queue;
  const grpc::Slice empty("");
  const auto call = stub.PrepareUnaryCall(&context, method, grpc::ByteBuffer(&empty, 1), &queue);
  grpc::ByteBuffer response;
  grpc::Status status;
  call->StartCall();
  call->Finish(&response, &status, &status);
  void* tag = nullptr;
  bool ok = false;
  EXPECT_TRUE(queue.Next(&tag, &ok));
  grpc::Slice slice;
  if (status.ok() && response.DumpToSingleSlice(&slice).ok()) {
    answer.assign(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return status;
}

TEST_F(WholeServerTest, IsHealthy) {
  std::string answer;
  ASSERT_TRUE(call_generic(connect(), "/grpc.health.v1.Health/Check", answer).ok());
  EXPECT_EQ(answer, std::string("\x08\x01", 2));  // status = SERVING
}

TEST_F(WholeServerTest, RefusesMethodsThatItDoesNotHave) {
  std::string answer;
  EXPECT_EQ(call_generic(connect(), "/melstream.v1.FeatureService/GetAudio", answer).error_code(),
            StatusCode::UNIMPLEMENTED);
}

class FewConnectionsTest : public WholeServerTest {
 protected:
  FewConnectionsTest()
      : WholeServerTest(FixtureOptions{.registry = {}, .server = {.connections = {.max_connections = 3}}}) {}

  int connect_raw() const {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket_path().copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    return fd;
  }
};

TEST_F(FewConnectionsTest, OutlivesAStormOfConnections) {
  std::vector<int> connections;
  for (int i = 0; i < 300; ++i) connections.push_back(connect_raw());
  // The last was accepted after all others, and closed: the server sends its settings to those that it keeps.
  char byte = 0;
  EXPECT_EQ(::read(connections.back(), &byte, 1), 0);
  for (const int fd : connections) ::close(fd);
  // gRPC takes a moment to close its ends; until then a client is refused and tries again.
  const auto channel = connect();
  ASSERT_TRUE(channel->WaitForConnected(std::chrono::system_clock::now() + kCallDeadline));
  const auto stub = v1::AudioService::NewStub(channel);
  Publisher publisher(*stub);
  publisher.open(audio_config("mic"));
  publisher.half_close();
  EXPECT_TRUE(publisher.finish().ok());
}

TEST_F(WholeServerTest, DrainsEveryCall) {
  Publisher publisher(audio());
  publisher.open(audio_config("mic"));
  v1::SubscribeConfig config = subscribe_config("mic");
  config.set_frame(0);
  Subscriber reader(features(), config);
  v1::SubscribeConfig later = subscribe_config("later");
  later.set_wait(true);
  Subscriber waiter(features(), later);
  v1::SubscribeResponse response;
  ASSERT_TRUE(publisher.send(as_bytes(pcm_noise(16'000, 1))));
  ASSERT_TRUE(reader.receive_until(v1::SubscribeResponse::kStart, response));
  ASSERT_TRUE(waiter.receive(response));  // a heartbeat: it is there
  grpc::ClientContext watch_context;
  set_deadline(watch_context);
  const auto watch = features().WatchStreams(&watch_context, {});
  v1::WatchStreamsResponse watched;
  ASSERT_TRUE(watch->Read(&watched));

  // A client that asks for nothing reads nothing, and the server waits for it.
  Reading reading;
  std::future<grpc::Status> read = std::async(std::launch::async, [&] { return reader.finish(&reading); });
  const auto begin = steady_clock::now();
  EXPECT_TRUE(server().drain(milliseconds(5'000)));
  EXPECT_LT(steady_clock::now() - begin, milliseconds(3'000));

  v1::StreamEnded ended;
  EXPECT_EQ(publisher.finish(&ended).error_code(), StatusCode::UNAVAILABLE);
  EXPECT_EQ(ended.reason(), v1::END_REASON_SHUTDOWN);
  EXPECT_EQ(ended.totals().accepted_samples(), 16'000);
  EXPECT_TRUE(read.get().ok());
  EXPECT_EQ(reading.n_frames(), 100);
  EXPECT_EQ(reading.end.reason(), v1::END_REASON_SHUTDOWN);
  EXPECT_EQ(waiter.finish().error_code(), StatusCode::UNAVAILABLE);
  while (watch->Read(&watched)) {
  }
  EXPECT_EQ(watch->Finish().error_code(), StatusCode::UNAVAILABLE);
  EXPECT_NE(::access(socket_path().c_str(), F_OK), 0);
}

TEST_F(WholeServerTest, ADrainIsBoundedByItsPatience) {
  Publisher publisher(audio());
  publisher.open(audio_config("clip", v1::PACING_FAST));
  v1::SubscribeConfig config = subscribe_config("clip");
  config.set_frame(0);
  config.set_block_frames(1000);
  config.set_max_delay_ms(10'000);
  Subscriber reader(features(), config);
  v1::SubscribeResponse response;
  ASSERT_TRUE(reader.receive(response));
  // More than the socket and gRPC hold, to a reader that reads nothing.
  for (int i = 0; i < 60; ++i) ASSERT_TRUE(publisher.send(as_bytes(pcm_noise(80'000, 1))));
  const auto begin = steady_clock::now();
  EXPECT_FALSE(server().drain(milliseconds(200)));
  EXPECT_LT(steady_clock::now() - begin, milliseconds(1'200));
  EXPECT_FALSE(reader.finish().ok());
}

}  // namespace
}  // namespace melstream::test
