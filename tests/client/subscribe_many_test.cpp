// melstream subscribe to many streams, its acknowledgements, and who subscribes, against a fake daemon.
#include <algorithm>

#include "client/npy.hpp"
#include "tests/client/command_fixture.hpp"

namespace melstream::client {
namespace {

/// Two streams by batches, as a daemon would send them; it then goes down.
SubscribeAnswer two_streams() {
  return {
      .responses = {batch_response({of("a", 7, start_response(0), "a0"), of("b", 9, start_response(10), "b10"),
                                    of("a", 7, block_response(0, 2), "a2"), of("b", 9, block_response(10, 1), "b11")}),
                    batch_response({of("a", 7, block_response(2, 2), "a4"), of("b", 9, gap_response(11, 4), "b15"),
                                    of("a", 7, end_response(4))}),
                    batch_response({of("b", 9, block_response(15, 1), "b16")})}};
}

class SubscribeMany : public CommandTest {
 protected:
  int subscribe(std::vector<std::string> more) {
    std::vector<std::string> arguments = {"subscribe", "--front-end", "tiny"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  }
  void answer(std::vector<SubscribeAnswer> answers) { start({.subscriptions_to_come = std::move(answers)}); }
  void expect_output(const std::string& text) const { EXPECT_NE(output_.find(text), std::string::npos) << output_; }
  void expect_errors(const std::string& text) const { EXPECT_NE(errors_.find(text), std::string::npos) << errors_; }
};

TEST_F(SubscribeMany, SelectsByIdsLabelsOrAll) {
  answer({two_streams()});
  ASSERT_EQ(subscribe({"b", "a", "b"}), 0) << errors_;
  v1::SubscribeConfig config = daemon_->record().subscribe_config;
  EXPECT_TRUE(config.stream().empty());
  EXPECT_EQ(config.streams().ids().ids_size(), 2);
  EXPECT_FALSE(config.wait());
  ASSERT_EQ(subscribe({"--labels", "room=kitchen, !muted"}), 0) << errors_;
  config = daemon_->record().subscribe_config;
  EXPECT_EQ(config.streams().labels(), "room=kitchen, !muted");
  ASSERT_EQ(subscribe({"--all", "--start", "back:3"}), 0) << errors_;
  config = daemon_->record().subscribe_config;
  EXPECT_TRUE(config.streams().has_all());
  EXPECT_EQ(config.seconds_back(), 3);
  ASSERT_EQ(subscribe({"a", "a"}), 0) << errors_;
  EXPECT_EQ(daemon_->record().subscribe_config.stream(), "a");
}

TEST_F(SubscribeMany, RefusesWhatDoesNotGoTogether) {
  answer({two_streams()});
  EXPECT_EQ(subscribe({}), 64);
  expect_errors("--labels");
  EXPECT_EQ(subscribe({"a", "--all"}), 64);
  EXPECT_EQ(subscribe({"--all", "--labels", "x=y"}), 64);
  EXPECT_EQ(subscribe({"--all", "--start", "frame:3"}), 64);
  expect_errors("many streams have no frame in common");
  EXPECT_EQ(subscribe({"--all", "--out", folder_.path("x.npy")}), 64);
  expect_errors("STREAM.EPOCH.npy");
  EXPECT_EQ(subscribe({"--all", "--resume", "00"}), 64);
  expect_errors("--resume-file");
  EXPECT_EQ(subscribe({"--all", "--crc"}), 64);
  expect_errors("JSON lines");
  EXPECT_EQ(subscribe({"--all", "--out", folder_.path("out/"), "--format", "csv"}), 64);
  EXPECT_TRUE(daemon_->record().subscribe_configs.empty());
}

TEST_F(SubscribeMany, PeopleSeeWhichStreamALineIsAbout) {
  answer({two_streams()});
  EXPECT_EQ(subscribe({"--all"}), 0) << errors_;
  expect_output("start a epoch 0000000000000007: ");
  expect_output("\na: frames 0..1 ");
  expect_output("\nb: gap CAPTURE_OVERFLOW: frames 11..14\n");
  expect_output("\na: end COMPLETED\n");
  expect_errors("2 streams (1 ended), 6 frames, 1 gaps (4 frames)");
}

TEST_F(SubscribeMany, JsonLinesAreThoseOfSingleStreams) {
  answer({two_streams()});
  EXPECT_EQ(subscribe({"--all", "--json", "--crc", "--no-values"}), 0) << errors_;
  EXPECT_EQ(std::count(output_.begin(), output_.end(), '\n'), 8) << output_;
  expect_output(R"({"type": "block", "stream": "b", "epoch": "9", "first_frame": 15, "frame_count": 1, )");
  expect_output(R"("resume_token": "623136", "frame_crc32": [)");
  EXPECT_EQ(output_.find("batch"), std::string::npos) << output_;
  EXPECT_EQ(output_.find("values"), std::string::npos) << output_;
}

TEST_F(SubscribeMany, AFolderTakesAFileForEachStream) {
  answer({two_streams()});
  EXPECT_EQ(subscribe({"--all", "--out", folder_.path("out/"), "--fill-gaps", "nan"}), 0) << errors_;
  EXPECT_EQ(read_npy(folder_.path("out/a.0000000000000007.npy")).frames(), 4);
  EXPECT_EQ(read_npy(folder_.path("out/b.0000000000000009.npy")).frames(), 6);
  EXPECT_EQ(subscribe({"--all", "--out", folder_.path("out"), "--format", "jsonl"}), 0) << errors_;
  const std::string lines = folder_.read("out/a.0000000000000007.jsonl");
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 4) << lines;
  EXPECT_EQ(subscribe({"--all", "--out", folder_.path("gaps/")}), 1);
  expect_errors("stream b: a gap of 4 frames");
  expect_errors("6 frames");
}

TEST_F(SubscribeMany, AStreamThatFailsIsToldAndTheOthersGoOn) {
  SubscribeAnswer answers = two_streams();
  answers.responses.insert(answers.responses.begin() + 1,
                           batch_response({failure_response("b", 8, "too slow", "b11")}));
  answers.responses.resize(2);
  answers.responses.push_back(batch_response({of("a", 7, block_response(2, 1))}));
  answer({answers});
  EXPECT_EQ(subscribe({"--all"}), 1);
  expect_output("\nb: failure RESOURCE_EXHAUSTED: too slow\na: frames 2..2 ");
  expect_errors("stream b is not followed: too slow (RESOURCE_EXHAUSTED)");
  expect_errors("1 streams failed");
}

TEST_F(SubscribeMany, AHoleInOneStreamIsAFault) {
  answer({{.responses = {batch_response({of("a", 7, start_response(0)), of("a", 7, block_response(1, 1))})}}});
  EXPECT_EQ(subscribe({"--all"}), 1);
  expect_errors("stream a at frame 1 where frame 0 was due");
}

TEST_F(SubscribeMany, AcknowledgesTheFirstResponseAtOnceAndTheRestWithoutAnotherOne) {
  SubscribeAnswer answers = two_streams();
  answers.n_acknowledgements = 2;
  answer({answers});
  EXPECT_EQ(subscribe({"--all"}), 0) << errors_;
  const std::vector<std::int64_t> acknowledged = daemon_->record().acknowledged;
  ASSERT_EQ(acknowledged.size(), 2U);
  // A batch is one response.
  EXPECT_EQ(acknowledged[0], 1);
  EXPECT_EQ(acknowledged[1], 3);
}

TEST_F(SubscribeMany, DoesNotAcknowledgeWhereThatIsNotWanted) {
  SubscribeAnswer answers = two_streams();
  answers.n_acknowledgements = 1;  // the daemon goes on when the requests are closed
  answer({answers});
  EXPECT_EQ(subscribe({"--all", "--no-ack"}), 0) << errors_;
  EXPECT_TRUE(daemon_->record().acknowledged.empty());
}

TEST_F(SubscribeMany, SubscribersAreATableOrJson) {
  v1::ListSubscriptionsResponse subscriptions;
  v1::SubscriptionInfo& sick = *subscriptions.add_subscriptions();
  sick.set_peer("unix:");
  sick.set_streams("labels: room=4");
  sick.set_front_end("whisper-80");
  sick.set_stream_count(12);
  sick.set_lag_frames(340);
  sick.set_delivered_frames(5600);
  sick.set_gap_frames(78);
  sick.set_responses(90);
  sick.set_unacknowledged_responses(7);
  sick.set_queued_bytes(65536);
  sick.set_stalled_seconds(3.5);
  subscriptions.add_subscriptions()->set_peer("ipv4:10.0.0.7:4711");
  start({.subscriptions = subscriptions});
  EXPECT_EQ(run({"subscribers"}), 0) << errors_;
  expect_output(
      "unix:                    labels: room=4               12 whisper-80            340       5600       78 "
      "       7    65536    3.5 s\n");
  expect_output(
      "ipv4:10.0.0.7:4711                                     0                         0          0        0 "
      "       -        0        -\n");
  EXPECT_EQ(run({"subscribers", "--json"}), 0) << errors_;
  expect_output(R"("lag_frames": 340, "delivered_frames": 5600, "gap_frames": 78, "responses": 90, )"
                R"("unacknowledged_responses": 7, "queued_bytes": 65536, "stalled_seconds": 3.5}, )");
  expect_output(R"("unacknowledged_responses": null)");
  start({});
  EXPECT_EQ(run({"subscribers"}), 0) << errors_;
  expect_output("no subscribers");
  start({.admin_status = {grpc::StatusCode::UNIMPLEMENTED, ""}});
  EXPECT_EQ(run({"subscribers"}), 1);
}

TEST_F(SubscribeMany, InfoTellsWhatIsQueued) {
  v1::GetServerInfoResponse info;
  info.set_queued_bytes(1000);
  info.set_queued_bytes_peak(2000);
  info.set_queued_bytes_limit(3000);
  start({.info = info});
  EXPECT_EQ(run({"info"}), 0) << errors_;
  expect_output("queued         1000 bytes for subscribers, at most 2000 so far, never over 3000\n");
  EXPECT_EQ(run({"info", "--json"}), 0) << errors_;
  expect_output(R"("queued_bytes": 1000, "queued_bytes_peak": 2000, "queued_bytes_limit": 3000,)");
}

}  // namespace
}  // namespace melstream::client
