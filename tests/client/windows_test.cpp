// melstream windows, watch and streams --labels against a fake daemon.
#include "client/npy.hpp"
#include "tests/client/command_fixture.hpp"
#include "tests/client/responses.hpp"

namespace melstream::client {
namespace {

const std::string kEpoch = "00000000000000ab";

v1::GetWindowsResponse response_of(const std::string& stream, std::int64_t begin) {
  v1::GetWindowsResponse response;
  response.set_stream(stream);
  response.mutable_window()->set_begin_sample(begin);
  response.mutable_window()->set_end_sample(begin + 16'000);
  return response;
}

v1::GetWindowsResponse answer_response(const std::string& stream, std::int64_t begin) {
  v1::GetWindowsResponse response = response_of(stream, begin);
  response.mutable_answer()->set_epoch(0xAB);
  response.mutable_answer()->set_frame_count(1);
  response.mutable_answer()->set_bins(2);
  response.mutable_answer()->set_values(block_response(5, 1).block().values());
  return response;
}

v1::GetWindowsResponse failure_response(const std::string& stream, std::int64_t begin) {
  v1::GetWindowsResponse response = response_of(stream, begin);
  response.mutable_failure()->set_code(grpc::StatusCode::OUT_OF_RANGE);
  response.mutable_failure()->set_message("not held");
  return response;
}

v1::GetWindowsResponse end_of(const std::string& stream) {
  v1::GetWindowsResponse response;
  response.set_stream(stream);
  response.mutable_end()->set_reason(v1::END_REASON_COMPLETED);
  return response;
}

class Windows : public CommandTest {
 protected:
  int follow(std::vector<std::string> more) {
    std::vector<std::string> arguments = {"windows", "--follow", "--front-end", "tiny"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  }
};

TEST_F(Windows, FollowWritesAFileAWindow) {
  start({.windows = {answer_response("desk", 0), failure_response("desk", 16'000), answer_response("hall", 32'000),
                     end_of("desk")}});
  EXPECT_EQ(follow({"--labels", "room in (a, b)", "--every", "1", "--length", "1.5", "--gaps", "zero-fill", "--pad-to",
                    "3", "--out", folder_.path("")}),
            0)
      << errors_;
  EXPECT_EQ(read_npy(folder_.path("desk." + kEpoch + ".0.npy")).values, (std::vector<float>{5, -5}));
  EXPECT_TRUE(exists("hall." + kEpoch + ".32000.npy"));
  EXPECT_FALSE(exists("desk." + kEpoch + ".16000.npy"));
  EXPECT_NE(output_.find("desk." + kEpoch + ".0.npy: [1, 2]"), std::string::npos) << output_;
  EXPECT_NE(output_.find("desk [16000, 32000): not held (OUT_OF_RANGE)"), std::string::npos) << output_;
  EXPECT_NE(output_.find("desk: the stream has ended"), std::string::npos) << output_;
  EXPECT_NE(errors_.find("2 windows, 1 failures"), std::string::npos) << errors_;
  const v1::WindowFollow asked = daemon_->record().windows_request.follow();
  EXPECT_EQ(asked.streams().labels(), "room in (a, b)");
  EXPECT_EQ(asked.every_seconds(), 1);
  EXPECT_EQ(asked.window_seconds(), 1.5);
  EXPECT_EQ(asked.pad_to_samples(), 48'000);
  EXPECT_EQ(asked.gaps(), v1::WINDOW_GAPS_ZERO_FILL);
  EXPECT_EQ(asked.features().front_end(), "tiny");
}

TEST_F(Windows, FollowPrintsJsonLines) {
  start({.windows = {answer_response("desk", 0), failure_response("desk", 16'000), end_of("desk")}});
  EXPECT_EQ(follow({"--stream", "desk", "--stream", "hall", "--every", "1", "--length", "1", "--out", "-"}), 0)
      << errors_;
  EXPECT_NE(output_.find(R"("begin_sample": 0, "end_sample": 16000)"), std::string::npos) << output_;
  EXPECT_NE(output_.find(R"("values": [[5, -5]])"), std::string::npos) << output_;
  EXPECT_NE(output_.find(R"("code": "OUT_OF_RANGE", "message": "not held")"), std::string::npos) << output_;
  EXPECT_NE(output_.find(R"({"type": "end", "stream": "desk")"), std::string::npos) << output_;
  EXPECT_EQ(daemon_->record().windows_request.follow().streams().ids().ids_size(), 2);
}

TEST_F(Windows, StopsAfterSoMany) {
  start({.windows = {answer_response("desk", 0), answer_response("desk", 16'000), answer_response("desk", 32'000)}});
  EXPECT_EQ(follow({"--all", "--every", "1", "--length", "1", "--count", "2"}), 0) << errors_;
  EXPECT_NE(errors_.find("2 windows"), std::string::npos) << errors_;
  EXPECT_TRUE(daemon_->record().windows_request.follow().streams().has_all());
}

TEST_F(Windows, AListComesFromAFile) {
  start({.windows = {answer_response("desk", 0)}});
  const std::string list = folder_.write("list.jsonl",
                                         R"({"stream": "desk", "begin_sample": 0, "end_sample": 16000}

{"stream": "hall", "beginSample": "160", "endSample": "320", "gaps": "WINDOW_GAPS_ZERO_FILL"}
)");
  EXPECT_EQ(run({"windows", "--list", list, "--front-end", "tiny"}), 0) << errors_;
  const v1::WindowList asked = daemon_->record().windows_request.list();
  ASSERT_EQ(asked.windows_size(), 2);
  EXPECT_EQ(asked.windows(0).end_sample(), 16'000);
  EXPECT_EQ(asked.windows(0).features().front_end(), "tiny");
  EXPECT_EQ(asked.windows(0).gaps(), v1::WINDOW_GAPS_REFUSE);
  EXPECT_EQ(asked.windows(1).begin_sample(), 160);
  EXPECT_EQ(asked.windows(1).gaps(), v1::WINDOW_GAPS_ZERO_FILL);
  EXPECT_NE(output_.find("desk [0, 16000): [1, 2]"), std::string::npos) << output_;

  start({.windows = {failure_response("desk", 0)}});
  EXPECT_EQ(run({"windows", "--list", list, "--front-end", "tiny"}), 1) << "one of them could not be had";
  const std::string bad = folder_.write("bad.jsonl", "{\"stream\": \"desk\"}\n{\"stram\": 1}\n");
  EXPECT_EQ(run({"windows", "--list", bad, "--front-end", "tiny"}), 66);
  EXPECT_NE(errors_.find("bad.jsonl:2: "), std::string::npos) << errors_;
  const std::string twice = folder_.write("twice.jsonl", "{\"stream\": \"desk\"}\n{\"stream\": \"desk\"}\n");
  EXPECT_EQ(run({"windows", "--list", twice, "--front-end", "tiny", "--out", folder_.path("")}), 66);
  EXPECT_NE(errors_.find("twice.jsonl:2: "), std::string::npos) << errors_;
}

TEST_F(Windows, SaysWhatIsMissing) {
  start({});
  const auto refused = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"windows", "--front-end", "tiny"});
    EXPECT_EQ(run(arguments), 64) << output_;
    return errors_;
  };
  EXPECT_NE(refused({}).find("--follow, or --list"), std::string::npos);
  EXPECT_NE(refused({"--follow", "--list", "x"}).find("--follow, or --list"), std::string::npos);
  EXPECT_NE(refused({"--follow", "--all"}).find("--every SECONDS and --length SECONDS"), std::string::npos);
  EXPECT_NE(refused({"--follow", "--every", "1", "--length", "1"}).find("--labels EXPR or --all"), std::string::npos);
  EXPECT_NE(refused({"--follow", "--every", "1", "--length", "1", "--all", "--stream", "a"}).find("--labels EXPR or"),
            std::string::npos);
  EXPECT_NE(refused({"--list", "x", "--all"}).find("are for --follow"), std::string::npos);
  EXPECT_NE(refused({"--follow", "--all", "--every", "1", "--length", "1", "--out", "/no/such"}).find("/no/such"),
            std::string::npos);
  EXPECT_NE(refused({"--follow", "--all", "--every", "1", "--length", "1", "--gaps", "fill"}).find("zero-fill"),
            std::string::npos);
}

TEST_F(Windows, WatchAndStreamsTakeLabels) {
  v1::WatchStreamsResponse live;
  live.mutable_stream()->set_stream("desk");
  live.mutable_stream()->set_state(v1::STREAM_STATE_LIVE);
  (*live.mutable_stream()->mutable_labels())["room"] = "a";
  v1::WatchStreamsResponse forgotten;
  forgotten.mutable_stream()->set_stream("desk");
  forgotten.mutable_stream()->set_state(v1::STREAM_STATE_FORGOTTEN);
  start({.watched = {live, forgotten}});
  EXPECT_EQ(run({"watch", "--labels", "room"}), 0) << errors_;
  EXPECT_EQ(output_, "live      desk room=a\nforgotten desk\n");
  EXPECT_EQ(daemon_->record().watch_request.streams().labels(), "room");
  EXPECT_EQ(run({"watch", "--json"}), 0) << errors_;
  EXPECT_NE(output_.find(R"("labels": {"room": "a"})"), std::string::npos) << output_;
  EXPECT_NE(output_.find(R"("state": "forgotten"})"), std::string::npos) << output_;
  EXPECT_FALSE(daemon_->record().watch_request.has_streams());
  EXPECT_EQ(run({"streams", "--labels", "room=b"}), 0) << errors_;
  EXPECT_EQ(daemon_->record().list_request.streams().labels(), "room=b");
  EXPECT_NE(output_.find("no stream has these labels"), std::string::npos) << output_;
}

}  // namespace
}  // namespace melstream::client
