// melstream extract and push against a fake daemon: what is sent, what is written, how it ends.
#include <array>
#include <chrono>
#include <utility>

#include <unistd.h>

#include "client/extraction.hpp"
#include "client/npy.hpp"
#include "tests/client/command_fixture.hpp"
#include "tests/client/expect_error.hpp"

namespace melstream::client {
namespace {

class Extract : public CommandTest {
 protected:
  int extract(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"extract", clip(1000), "--front-end", "tiny", "--out", folder_.path("x.npy")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  }
};

TEST_F(Extract, SubscribesBeforeItSendsAndWritesWhatComes) {
  start({.responses = {block_response(0, 2), block_response(2, 1), end_response(3)}});
  ASSERT_EQ(extract(), 0) << errors_;
  EXPECT_EQ(read_npy(folder_.path("x.npy")).values, (std::vector<float>{0, -0.0f, 1, -1, 2, -2}));
  const Record record = daemon_->record();
  EXPECT_FALSE(record.audio_before_subscription);
  EXPECT_EQ(record.audio.size(), 2000u);
  EXPECT_EQ(record.audio.substr(998, 4), (std::string("\xf3\x01\xf4\x01", 4)));
  // 20 ms, the last one shorter.
  EXPECT_EQ(record.chunk_bytes, (std::vector<std::size_t>{640, 640, 640, 80}));
  EXPECT_EQ(record.audio_config.pacing(), v1::PACING_FAST);
  EXPECT_EQ(record.audio_config.encoding(), v1::AUDIO_ENCODING_LINEAR16);
  EXPECT_EQ(record.subscribe_config.slow_policy(), v1::SLOW_POLICY_BLOCK);
  EXPECT_EQ(record.subscribe_config.start_case(), v1::SubscribeConfig::kFrame);
  EXPECT_EQ(record.subscribe_config.frame(), 0);
  EXPECT_EQ(record.subscribe_config.stream(), record.audio_config.stream());
  EXPECT_EQ(record.subscribe_config.features().spec_sha256(), std::string(64, 'a'));
}

TEST_F(Extract, ChunksAreAsLongAsAsked) {
  start({.responses = {end_response(0)}});
  ASSERT_EQ(extract({"--chunk-samples", "441"}), 0) << errors_;
  EXPECT_EQ(daemon_->record().chunk_bytes, (std::vector<std::size_t>{882, 882, 236}));
}

TEST_F(Extract, NoFramesAreAFileToo) {
  start({.responses = {end_response(0)}});
  ASSERT_EQ(extract(), 0) << errors_;
  const FeatureMatrix matrix = read_npy(folder_.path("x.npy"));
  EXPECT_EQ(matrix.frames(), 0);
  EXPECT_EQ(matrix.bins, 2);
}

TEST_F(Extract, AGapLeavesNoFile) {
  start({.responses = {block_response(0, 2), gap_response(2, 3), block_response(5, 1), end_response(6)}});
  EXPECT_EQ(extract(), 1);
  EXPECT_NE(errors_.find("CAPTURE_OVERFLOW"), std::string::npos) << errors_;
  EXPECT_FALSE(exists("x.npy"));
}

TEST_F(Extract, ADiscontinuityLeavesNoFile) {
  start({.responses = {block_response(0, 2), discontinuity_response(2), block_response(2, 1), end_response(3)}});
  EXPECT_EQ(extract(), 1);
  EXPECT_NE(errors_.find("NET_LOSS"), std::string::npos) << errors_;
  EXPECT_FALSE(exists("x.npy"));
}

TEST_F(Extract, AMissingFrameIsNotWritten) {
  start({.responses = {block_response(0, 2), block_response(3, 1), end_response(4)}});
  EXPECT_EQ(extract(), 1);
  EXPECT_NE(errors_.find("frame 2 was due"), std::string::npos) << errors_;
  EXPECT_FALSE(exists("x.npy"));
}

TEST_F(Extract, AnEarlyEndLeavesNoFile) {
  start({.responses = {block_response(0, 2), end_response(2, v1::END_REASON_SHUTDOWN)}});
  EXPECT_EQ(extract(), 1);
  EXPECT_NE(errors_.find("SHUTDOWN"), std::string::npos) << errors_;
  EXPECT_FALSE(exists("x.npy"));
}

TEST_F(Extract, DroppedSamplesLeaveNoFile) {
  Script script{.responses = {block_response(0, 2), end_response(2)}};
  script.ended.mutable_totals()->set_dropped_samples(17);
  start(script);
  EXPECT_EQ(extract(), 1);
  EXPECT_NE(errors_.find("17 samples were lost"), std::string::npos) << errors_;
  EXPECT_FALSE(exists("x.npy"));
}

TEST_F(Extract, ThePublishersErrorIsTheReason) {
  start({.responses = {end_response(0, v1::END_REASON_SOURCE_LOST)},
         .publish_status = {grpc::StatusCode::RESOURCE_EXHAUSTED, "too much audio"}});
  EXPECT_EQ(extract(), 1);
  EXPECT_NE(errors_.find("too much audio"), std::string::npos) << errors_;
  EXPECT_FALSE(exists("x.npy"));
}

TEST_F(Extract, ExitCodesFollowTheDaemonsWord) {
  const std::vector<std::pair<grpc::StatusCode, int>> cases = {{grpc::StatusCode::INVALID_ARGUMENT, 64},
                                                               {grpc::StatusCode::UNAVAILABLE, 69},
                                                               {grpc::StatusCode::PERMISSION_DENIED, 77},
                                                               {grpc::StatusCode::UNAUTHENTICATED, 77},
                                                               {grpc::StatusCode::RESOURCE_EXHAUSTED, 1}};
  for (const auto& [code, exit_code] : cases) {
    daemon_.reset();
    start({.open_status = {code, "the daemon's word"}});
    EXPECT_EQ(extract(), exit_code);
    EXPECT_NE(errors_.find("the daemon's word"), std::string::npos) << errors_;
    daemon_.reset();
    start({.subscribe_status = {code, "the daemon's word"}});
    EXPECT_EQ(extract(), exit_code);
    EXPECT_FALSE(exists("x.npy"));
  }
}

TEST_F(Extract, NormalizesTheWholeFileItself) {
  start({.responses = {block_response(0, 2), end_response(2)}});
  ASSERT_EQ(extract({"--normalization", "whisper_window"}), 0) << errors_;
  EXPECT_EQ(daemon_->record().subscribe_config.features().normalization(), v1::NORMALIZATION_NONE);
  // Values 0, 0, 1, -1; largest 1.
  EXPECT_EQ(read_npy(folder_.path("x.npy")).values, (std::vector<float>{1, 1, 1.25f, 0.75f}));
}

TEST_F(Extract, LeavesFixedMaxToTheDaemon) {
  start({.responses = {end_response(0)}});
  ASSERT_EQ(extract({"--fixed-max", "1.5"}), 0) << errors_;
  const auto features = daemon_->record().subscribe_config.features();
  EXPECT_EQ(features.normalization(), v1::NORMALIZATION_FIXED_MAX);
  EXPECT_EQ(features.fixed_max(), 1.5f);
}

TEST_F(Extract, PadsBeforeItStreams) {
  start({.responses = {end_response(0)}});
  ASSERT_EQ(extract({"--pad-to", "0.1"}), 0) << errors_;
  const std::string audio = daemon_->record().audio;
  ASSERT_EQ(audio.size(), 3200u);
  EXPECT_EQ(audio.substr(2000), std::string(1200, '\0'));
  daemon_.reset();
  start({.responses = {end_response(0)}});
  ASSERT_EQ(extract({"--pad-to", "0.01"}), 0) << errors_;
  EXPECT_EQ(daemon_->record().audio.size(), 320u);
}

TEST_F(Extract, SendsCmvnOfTheRightLength) {
  start({.responses = {end_response(0)}});
  const std::string two = folder_.write("two", "<AddShift> 2 2\n[ 1 2 ]\n<Rescale> 2 2\n[ 3 4 ]\n");
  ASSERT_EQ(extract({"--cmvn", two}), 0) << errors_;
  const v1::FeatureRequest features = daemon_->record().subscribe_config.features();
  EXPECT_EQ(features.cmvn().scale(1), 4);
  // The hash that was listed is of the front end without CMVN.
  EXPECT_EQ(features.spec_sha256(), "");
  const std::string one = folder_.write("one", "<AddShift> 1 1\n[ 1 ]\n<Rescale> 1 1\n[ 3 ]\n");
  EXPECT_EQ(extract({"--cmvn", one}), 66);
  EXPECT_NE(errors_.find("2 bins"), std::string::npos) << errors_;
}

TEST_F(Extract, RefusesWhatCannotBe) {
  start({.responses = {end_response(0)}});
  EXPECT_EQ(run({"extract", clip(10), "--front-end", "tny", "--out", folder_.path("x.npy")}), 64);
  EXPECT_NE(errors_.find("did you mean 'tiny'"), std::string::npos) << errors_;
  EXPECT_EQ(run({"extract", clip(10), "--front-end", "plain", "--smoothing", "box3x3", "--out", folder_.path("x.npy")}),
            64);
  EXPECT_EQ(run({"extract", clip(10), "--front-end", "plain", "--normalization", "whisper_window", "--out",
                 folder_.path("x.npy")}),
            64);
  EXPECT_EQ(extract({"--normalization", "fixed_max"}), 64);
  EXPECT_EQ(extract({"--normalization", "none", "--fixed-max", "1"}), 64);
  EXPECT_EQ(extract({"--channel", "1"}), 64);
  EXPECT_EQ(extract({"--channel", "left"}), 64);
  EXPECT_EQ(extract({"--chunk-samples", "200000"}), 64);
  EXPECT_NE(errors_.find("256,000"), std::string::npos) << errors_;
  EXPECT_EQ(extract({"--pad-to", "-1"}), 64);
  EXPECT_EQ(extract({"--rate", "8000"}), 64);
  EXPECT_EQ(run({"extract", folder_.path("none.wav"), "--front-end", "tiny", "--out", folder_.path("x.npy")}), 66);
  EXPECT_EQ(run({"extract", clip(10), "--front-end", "tiny", "--out", folder_.path("none/x.npy")}), 66);
  EXPECT_FALSE(exists("x.npy"));
}

TEST_F(Extract, RawInputThatEndsInsideASampleIsRefused) {
  start({.responses = {end_response(0, v1::END_REASON_SOURCE_LOST)}});
  std::array<int, 2> fds{};
  ASSERT_EQ(pipe(fds.data()), 0);
  ASSERT_EQ(write(fds[1], "aabbc", 5), 5);
  close(fds[1]);
  const auto input = open_raw_input(fds[0], {Encoding::kS16, 16000, 1}, -1);
  const Connection connection({.address = daemon_->address()});
  MatrixSink sink;
  expect_error(ExitCode::kInput, {"5 bytes"},
               [&] { extract_features(connection, *input, ExtractionRequest{}, sink, nullptr, nullptr); });
  close(fds[0]);
}

TEST_F(Extract, WithoutADaemonNothingIsWritten) {
  EXPECT_EQ(extract({"--server", "unix:" + folder_.path("nobody")}), 69);
  EXPECT_NE(errors_.find("melstreamd"), std::string::npos) << errors_;
  EXPECT_FALSE(exists("x.npy"));
}

class Push : public CommandTest {};

TEST_F(Push, SendsAllAndReportsTheTotals) {
  Script script;
  script.ended.set_reason(v1::END_REASON_COMPLETED);
  script.ended.mutable_totals()->set_accepted_samples(1000);
  script.ended.mutable_totals()->set_nonfinite_samples(3);
  start(script);
  ASSERT_EQ(run({"push", clip(1000), "--stream", "desk", "--pace", "fast", "--label", "room=5", "--label", "a=b=c",
                 "--takeover", "--json"}),
            0)
      << errors_;
  const Record record = daemon_->record();
  EXPECT_EQ(record.audio.size(), 2000u);
  EXPECT_EQ(record.audio_config.stream(), "desk");
  EXPECT_EQ(record.audio_config.labels().at("room"), "5");
  EXPECT_EQ(record.audio_config.labels().at("a"), "b=c");
  EXPECT_TRUE(record.audio_config.takeover());
  EXPECT_NE(output_.find(R"("accepted_samples": 1000)"), std::string::npos) << output_;
  EXPECT_NE(output_.find(R"("nonfinite_samples": 3)"), std::string::npos) << output_;
  EXPECT_NE(output_.find(R"("epoch": "7")"), std::string::npos) << output_;
}

TEST_F(Push, RealtimeIsNotFasterThanTheAudio) {
  Script script;
  script.ended.set_reason(v1::END_REASON_COMPLETED);
  start(script);
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_EQ(run({"push", clip(3200), "--stream", "desk"}), 0) << errors_;
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(200));
  EXPECT_EQ(daemon_->record().audio_config.pacing(), v1::PACING_LIVE);
}

TEST_F(Push, NamesTakeoverWhereTheIdIsLive) {
  start({.open_status = {grpc::StatusCode::ALREADY_EXISTS, "stream 'desk' is live"}});
  EXPECT_EQ(run({"push", clip(10), "--stream", "desk"}), 1);
  EXPECT_NE(errors_.find("--takeover"), std::string::npos) << errors_;
}

TEST_F(Push, RefusesBadOptions) {
  start({});
  EXPECT_EQ(run({"push", clip(10), "--pace", "slow"}), 64);
  EXPECT_EQ(run({"push", clip(10), "--label", "nothing"}), 64);
}

}  // namespace
}  // namespace melstream::client
