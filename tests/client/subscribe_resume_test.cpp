// melstream subscribe that goes on where it was: tokens, their file, reconnections, against a fake daemon.
#include <algorithm>

#include "client/npy.hpp"
#include "tests/client/command_fixture.hpp"

namespace melstream::client {
namespace {

const grpc::Status kLost(grpc::StatusCode::UNAVAILABLE, "connection lost");
const grpc::Status kEpochChanged(grpc::StatusCode::FAILED_PRECONDITION, "EPOCH_CHANGED: the daemon has no such life");

grpc::Status too_slow(const std::string& token) {
  v1::SubscribeErrorDetail detail;
  detail.set_resume_token(token);
  return {grpc::StatusCode::RESOURCE_EXHAUSTED, "too slow", detail.SerializeAsString()};
}

class SubscribeResume : public CommandTest {
 protected:
  int subscribe(std::vector<std::string> more) {
    std::vector<std::string> arguments = {"subscribe", "desk", "--front-end", "tiny"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  }
  int subscribe_all(std::vector<std::string> more) {
    std::vector<std::string> arguments = {"subscribe", "--all", "--front-end", "tiny"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  }
  void answer(std::vector<SubscribeAnswer> answers) { start({.subscriptions_to_come = std::move(answers)}); }
  std::vector<v1::SubscribeConfig> configs() const { return daemon_->record().subscribe_configs; }
  void expect_errors(const std::string& text) const { EXPECT_NE(errors_.find(text), std::string::npos) << errors_; }
  /// First frames of the blocks that were printed as JSON lines, with their counts.
  std::vector<std::string> blocks() const {
    std::vector<std::string> found;
    for (std::size_t at = 0; (at = output_.find("\"block\"", at)) != std::string::npos; ++at) {
      const auto first = output_.find("\"first_frame\"", at);
      found.push_back(output_.substr(first, output_.find(", \"first_sample\"", at) - first));
    }
    return found;
  }
};

v1::SubscribeResponse desk(v1::SubscribeResponse response, const std::string& token = {}, std::uint64_t epoch = 7) {
  return of("desk", epoch, std::move(response), token);
}

TEST_F(SubscribeResume, ATokenIsSentAsItCame) {
  answer({{.responses = {desk(start_response(4)), desk(block_response(4, 1)), desk(end_response(5))}}});
  ASSERT_EQ(subscribe({"--resume", "00ff"}), 0) << errors_;
  EXPECT_EQ(configs()[0].resume_token(), std::string("\x00\xff", 2));
  EXPECT_EQ(subscribe({"--resume", "0x00"}), 64);
  expect_errors("--resume");
}

TEST_F(SubscribeResume, AStreamThatBeganAnewIsFollowedFromTheStart) {
  answer({{.status = kEpochChanged},
          {.responses = {desk(start_response(0)), desk(block_response(0, 1)), desk(end_response(1))}}});
  ASSERT_EQ(subscribe({"--resume", "00", "--start", "frame:0"}), 0) << errors_;
  expect_errors("warning: stream desk cannot be resumed, it begins anew (--start frame:0): EPOCH_CHANGED");
  expect_errors("1 epochs changed");
  ASSERT_EQ(configs().size(), 2U);
  EXPECT_TRUE(configs()[1].has_frame());
  EXPECT_FALSE(configs()[1].wait());
  // Without a token it is a fault of the daemon.
  answer({{.status = kEpochChanged}});
  EXPECT_EQ(subscribe({}), 1);
}

TEST_F(SubscribeResume, TheFileHasTheNewestTokenAndIsUsedNextTime) {
  answer({{.responses = {desk(start_response(0), "0"), desk(block_response(0, 4), "4"),
                         desk(block_response(4, 4), "8")}}});
  ASSERT_EQ(subscribe({"--resume-file", folder_.path("token"), "--frames", "4", "--start", "back:9"}), 0) << errors_;
  EXPECT_EQ(configs()[0].seconds_back(), 9);
  EXPECT_EQ(folder_.read("token"), "34\n");
  ASSERT_EQ(subscribe({"--resume-file", folder_.path("token")}), 0) << errors_;
  EXPECT_EQ(configs()[1].resume_token(), "4");
  EXPECT_EQ(folder_.read("token"), "38\n");
}

TEST_F(SubscribeResume, ABlockThatIsCutIsNotPassedOver) {
  answer({{.responses = {desk(start_response(0), "0"), desk(block_response(0, 4), "4"),
                         desk(block_response(4, 4), "8")}}});
  ASSERT_EQ(subscribe({"--resume-file", folder_.path("token"), "--frames", "6"}), 0) << errors_;
  EXPECT_EQ(folder_.read("token"), "34\n");
}

TEST_F(SubscribeResume, TheFileIsWrittenAlsoWhenTheCallFails) {
  answer({{.responses = {desk(start_response(0), "0"), desk(block_response(0, 4), "4")}, .status = kLost}});
  EXPECT_EQ(subscribe({"--resume-file", folder_.path("token")}), 69);
  EXPECT_EQ(folder_.read("token"), "34\n");
  answer({{.responses = {desk(start_response(0), "0")}, .status = too_slow("slow")}});
  EXPECT_EQ(subscribe({"--resume-file", folder_.path("token")}), 1);
  EXPECT_EQ(folder_.read("token"), "736c6f77\n");
}

TEST_F(SubscribeResume, AnNpyAndItsTokenAreThereTogetherOrNotAtAll) {
  answer({{.responses = {desk(start_response(0), "0"), desk(block_response(0, 4), "4")}, .status = kLost}});
  EXPECT_EQ(subscribe({"--resume-file", folder_.path("token"), "--out", folder_.path("x.npy")}), 69);
  EXPECT_FALSE(exists("token"));
  EXPECT_FALSE(exists("x.npy"));
  answer({{.responses = {desk(start_response(0), "0"), desk(block_response(0, 4), "4")}}});
  EXPECT_EQ(subscribe({"--resume-file", folder_.path("token"), "--out", folder_.path("x.npy")}), 0) << errors_;
  EXPECT_EQ(folder_.read("token"), "34\n");
  EXPECT_EQ(subscribe({"--resume-file", folder_.path("token"), "--out", folder_.path("x.npy")}), 64);
  expect_errors("would be replaced");
  EXPECT_EQ(read_npy(folder_.path("x.npy")).frames(), 4);
}

TEST_F(SubscribeResume, JsonLinesOfAResumedSubscriptionAreAppended) {
  const std::string path = folder_.path("x.jsonl");
  answer({{.responses = {desk(start_response(0), "0"), desk(block_response(0, 4), "4")}}});
  ASSERT_EQ(subscribe({"--resume-file", folder_.path("token"), "--out", path}), 0) << errors_;
  answer({{.responses = {desk(start_response(4), "4"), desk(block_response(4, 4), "8")}}});
  ASSERT_EQ(subscribe({"--resume-file", folder_.path("token"), "--out", path}), 0) << errors_;
  const std::string lines = folder_.read("x.jsonl");
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 4) << lines;
}

TEST_F(SubscribeResume, ManyTokensAreKeptAndSentBack) {
  answer({{.responses = {batch_response({of("a", 7, start_response(0), "a0"), of("b", 9, start_response(0), "b0"),
                                         of("a", 7, block_response(0, 1), "a1"), of("b", 9, end_response(0))})}},
          {.responses = {batch_response(
               {failure_response("a", 9, "EPOCH_CHANGED: gone"), of("a", 8, start_response(0), "A0")})}}});
  const std::vector<std::string> arguments = {"--resume-file", folder_.path("tokens"), "--start", "back:2"};
  ASSERT_EQ(subscribe_all(arguments), 0) << errors_;
  EXPECT_EQ(folder_.read("tokens"), "{\"a\": \"6131\"}\n");
  ASSERT_EQ(subscribe_all(arguments), 0) << errors_;
  ASSERT_EQ(configs()[1].resume_tokens_size(), 1);
  EXPECT_EQ(configs()[1].resume_tokens(0), "a1");
  EXPECT_EQ(configs()[1].seconds_back(), 2);
  expect_errors("warning: stream a is not followed where it was: EPOCH_CHANGED");
  expect_errors("1 epochs changed");
  EXPECT_EQ(folder_.read("tokens"), "{\"a\": \"4130\"}\n");
}

TEST_F(SubscribeResume, ReconnectsAndGivesEachFrameOnce) {
  answer({{.responses = {desk(start_response(0), "0"), desk(block_response(0, 4), "4")}, .status = kLost},
          {.status = kLost},
          // A daemon that repeats more than the token says.
          {.responses = {desk(start_response(2), "2"), desk(block_response(2, 4), "6"), desk(block_response(6, 2), "8"),
                         desk(end_response(8))}}});
  ASSERT_EQ(subscribe({"--reconnect", "--json"}), 0) << errors_;
  EXPECT_EQ(blocks(), (std::vector<std::string>{"\"first_frame\": 0, \"frame_count\": 4",
                                                "\"first_frame\": 4, \"frame_count\": 2",
                                                "\"first_frame\": 6, \"frame_count\": 2"}));
  expect_errors("the subscription is lost, trying again: connection lost");
  EXPECT_EQ(errors_.find("trying again"), errors_.rfind("trying again")) << "once an outage";
  expect_errors("8 frames, 0 gaps");
  expect_errors("1 reconnects, 2 duplicate frames dropped");
  ASSERT_EQ(configs().size(), 3U);
  EXPECT_FALSE(configs()[0].wait());
  EXPECT_TRUE(configs()[0].has_live());
  for (const std::size_t call : {1, 2}) {
    EXPECT_EQ(configs()[call].resume_token(), "4");
    EXPECT_TRUE(configs()[call].wait());
  }
}

TEST_F(SubscribeResume, AnNpyGoesOnAcrossAReconnection) {
  answer({{.responses = {desk(start_response(0), "0"), desk(block_response(0, 4), "4")}, .status = kLost},
          {.responses = {desk(start_response(4), "4"), desk(block_response(4, 4), "8"), desk(end_response(8))}}});
  ASSERT_EQ(subscribe({"--reconnect", "--out", folder_.path("x.npy")}), 0) << errors_;
  EXPECT_EQ(read_npy(folder_.path("x.npy")).frames(), 8);
}

TEST_F(SubscribeResume, AHoleBehindTheTokenIsAFault) {
  answer({{.responses = {desk(start_response(0), "0"), desk(block_response(0, 4), "4")}, .status = kLost},
          {.responses = {desk(start_response(5), "5")}}});
  EXPECT_EQ(subscribe({"--reconnect"}), 1);
  expect_errors("frame 4 was due");
}

TEST_F(SubscribeResume, WhoIsTooSlowGoesOnFromItsTokenIfThereIsOne) {
  answer({{.responses = {desk(start_response(0), "0"), desk(block_response(0, 4), "4")}, .status = too_slow("four")},
          {.responses = {desk(start_response(4), "4"), desk(end_response(4))}}});
  ASSERT_EQ(subscribe({"--reconnect"}), 0) << errors_;
  EXPECT_EQ(configs()[1].resume_token(), "four");
  answer({{.status = {grpc::StatusCode::RESOURCE_EXHAUSTED, "too many subscriptions"}}});
  EXPECT_EQ(subscribe({"--reconnect"}), 1);
  EXPECT_EQ(configs().size(), 1U);
}

TEST_F(SubscribeResume, ADaemonThatGoesDownIsWaitedFor) {
  answer({{.responses = {desk(start_response(0), "0"), desk(end_response(0, v1::END_REASON_SHUTDOWN))}},
          {.status = kEpochChanged},
          {.responses = {desk(start_response(0), "new", 8), desk(block_response(0, 1), "new", 8),
                         desk(end_response(1), "", 8)}}});
  ASSERT_EQ(subscribe({"--reconnect"}), 0) << errors_;
  ASSERT_EQ(configs().size(), 3U);
  EXPECT_EQ(configs()[1].resume_token(), "0");
  EXPECT_TRUE(configs()[2].has_live());
  EXPECT_TRUE(configs()[2].wait());
  expect_errors("1 epochs changed");
  // Who does not want to reconnect is content with the end.
  answer({{.responses = {desk(start_response(0), "0"), desk(end_response(0, v1::END_REASON_SHUTDOWN))}}});
  EXPECT_EQ(subscribe({}), 0) << errors_;
}

TEST_F(SubscribeResume, ManyReconnectWithAllTokensAndMissNothingThatWasOpenedMeanwhile) {
  answer({{.responses = {batch_response({of("a", 7, start_response(0), "a0"), of("b", 9, start_response(0), "b0")})},
           .status = kLost},
          {.responses = {batch_response({of("a", 7, start_response(0), "a0"), of("b", 9, start_response(0), "b0"),
                                         of("c", 1, start_response(0)), of("c", 1, block_response(0, 4))})}}});
  ASSERT_EQ(subscribe_all({"--reconnect", "--frames", "4"}), 0) << errors_;
  ASSERT_EQ(configs().size(), 2U);
  EXPECT_TRUE(configs()[0].has_live());
  EXPECT_EQ(configs()[1].resume_tokens_size(), 2);
  EXPECT_GE(configs()[1].seconds_back(), 1);
  expect_errors("3 streams (0 ended), 4 frames");
}

TEST_F(SubscribeResume, AStreamOfManyThatWasTooSlowGoesOnByAnotherCall) {
  answer(
      {{.responses = {batch_response({of("a", 7, start_response(0), "a0"), of("b", 9, start_response(0), "b0"),
                                      failure_response("a", 8, "too slow", "a-slow")})},
        .n_acknowledgements = 1000},
       {.responses = {batch_response({of("a", 7, start_response(0), "a0"), of("a", 7, block_response(0, 4), "a4")})}}});
  ASSERT_EQ(subscribe_all({"--reconnect", "--frames", "4"}), 0) << errors_;
  const v1::SubscribeConfig config = daemon_->record().subscribe_config;
  std::vector<std::string> tokens(config.resume_tokens().begin(), config.resume_tokens().end());
  std::sort(tokens.begin(), tokens.end());
  EXPECT_EQ(tokens, (std::vector<std::string>{"a-slow", "b0"}));
}

TEST_F(SubscribeResume, WithoutReconnectALostDaemonEndsIt) {
  answer({{.responses = {desk(start_response(0), "0")}, .status = kLost}});
  EXPECT_EQ(subscribe({}), 69);
  EXPECT_EQ(configs().size(), 1U);
}

}  // namespace
}  // namespace melstream::client
