// melstream subscribe, view, window and the listings against a fake daemon.
#include <algorithm>
#include <cmath>

#include "client/npy.hpp"
#include "tests/client/command_fixture.hpp"

namespace melstream::client {
namespace {

class Subscribe : public CommandTest {
 protected:
  int subscribe(std::vector<std::string> more) {
    std::vector<std::string> arguments = {"subscribe", "desk", "--front-end", "tiny"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  }
  void answer(std::vector<v1::SubscribeResponse> responses) {
    start({.responses = std::move(responses), .wait_for_audio = false});
  }
};

TEST_F(Subscribe, AnNpyWithAGapIsNotWritten) {
  answer({block_response(0, 2), gap_response(2, 2), block_response(4, 1), end_response(5)});
  EXPECT_EQ(subscribe({"--out", folder_.path("x.npy")}), 1);
  EXPECT_NE(errors_.find("--fill-gaps nan"), std::string::npos) << errors_;
  EXPECT_FALSE(exists("x.npy"));
}

TEST_F(Subscribe, GapsBecomeNanWhereAskedFor) {
  answer({block_response(0, 1), gap_response(1, 2), block_response(3, 1), end_response(4)});
  EXPECT_EQ(subscribe({"--out", folder_.path("x.npy"), "--fill-gaps", "nan"}), 0) << errors_;
  const FeatureMatrix matrix = read_npy(folder_.path("x.npy"));
  ASSERT_EQ(matrix.frames(), 4);
  EXPECT_TRUE(std::isnan(matrix.values[2]) && std::isnan(matrix.values[5]));
  EXPECT_EQ(matrix.values[6], 3);
  EXPECT_NE(errors_.find("2 frames, 1 gaps (2 frames)"), std::string::npos) << errors_;
}

TEST_F(Subscribe, ADiscontinuityIsAGapToo) {
  answer({block_response(0, 1), discontinuity_response(1), block_response(1, 1), end_response(2)});
  EXPECT_EQ(subscribe({"--out", folder_.path("x.npy")}), 1);
  EXPECT_FALSE(exists("x.npy"));
}

TEST_F(Subscribe, JsonLinesGoToAFileOrStdout) {
  answer({block_response(0, 1), gap_response(1, 2), end_response(3)});
  EXPECT_EQ(subscribe({"--out", folder_.path("x.jsonl")}), 0) << errors_;
  const std::string lines = folder_.read("x.jsonl");
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 4);
  EXPECT_NE(lines.find(R"("values": [[0, -0]])"), std::string::npos) << lines;
  EXPECT_EQ(subscribe({"--json"}), 0) << errors_;
  EXPECT_EQ(output_, lines);
  EXPECT_EQ(subscribe({"--out", "-"}), 0) << errors_;
  EXPECT_EQ(output_, lines);
}

TEST_F(Subscribe, PeopleGetALineAResponse) {
  answer({block_response(0, 4), gap_response(4, 2), end_response(6)});
  EXPECT_EQ(subscribe({}), 0) << errors_;
  EXPECT_NE(output_.find("frames 0..3"), std::string::npos) << output_;
  EXPECT_NE(output_.find("gap CAPTURE_OVERFLOW: frames 4..5"), std::string::npos) << output_;
  EXPECT_NE(output_.find("end COMPLETED"), std::string::npos) << output_;
}

TEST_F(Subscribe, WhatWasMadeUpIsTold) {
  v1::SubscribeResponse filled = block_response(0, 4);
  filled.mutable_block()->set_concealed_share(0.125F);
  filled.mutable_block()->set_flags(v1::BLOCK_FLAG_CONCEALED | v1::BLOCK_FLAG_SUPPRESSED_SILENCE);
  answer({filled, block_response(4, 4), end_response(8)});
  EXPECT_EQ(subscribe({}), 0) << errors_;
  EXPECT_NE(output_.find("  concealed 12.5 %  suppressed silence\nframes 4..7"), std::string::npos) << output_;
  EXPECT_EQ(output_.find("concealed", output_.find("frames 4..7")), std::string::npos) << output_;
  EXPECT_NE(errors_.find("6.25 % concealed, 4 frames beside suppressed silence"), std::string::npos) << errors_;
  EXPECT_EQ(subscribe({"--json"}), 0) << errors_;
  EXPECT_NE(output_.find(R"("concealed_share": 0.125, "flags": 12)"), std::string::npos) << output_;
}

TEST_F(Subscribe, AnNpyOfAStreamThatWasLostIsWrittenButNotPraised) {
  answer({block_response(0, 1), end_response(1, v1::END_REASON_SOURCE_LOST)});
  EXPECT_EQ(subscribe({"--out", folder_.path("x.npy")}), 1);
  EXPECT_NE(errors_.find("SOURCE_LOST"), std::string::npos) << errors_;
  EXPECT_EQ(read_npy(folder_.path("x.npy")).frames(), 1);
  EXPECT_EQ(subscribe({}), 0);
}

TEST_F(Subscribe, SendsItsOptions) {
  answer({end_response(0)});
  ASSERT_EQ(subscribe({"--start", "back:2.5", "--block", "7", "--max-delay", "20", "--policy", "disconnect", "--wait",
                       "--element-type", "f16", "--smoothing", "box3x3", "--normalization", "running_max"}),
            0)
      << errors_;
  const v1::SubscribeConfig config = daemon_->record().subscribe_config;
  EXPECT_EQ(config.stream(), "desk");
  EXPECT_EQ(config.seconds_back(), 2.5);
  EXPECT_EQ(config.block_frames(), 7);
  EXPECT_EQ(config.max_delay_ms(), 20);
  EXPECT_EQ(config.slow_policy(), v1::SLOW_POLICY_DISCONNECT);
  EXPECT_TRUE(config.wait());
  EXPECT_EQ(config.features().element_type(), v1::ELEMENT_TYPE_FLOAT16);
  EXPECT_EQ(config.features().smoothing(), v1::SMOOTHING_BOX3X3);
  EXPECT_EQ(config.features().normalization(), v1::NORMALIZATION_RUNNING_MAX);
  ASSERT_EQ(subscribe({"--start", "frame:12"}), 0) << errors_;
  EXPECT_EQ(daemon_->record().subscribe_config.frame(), 12);
}

TEST_F(Subscribe, RefusesBadOptions) {
  answer({end_response(0)});
  for (const char* start : {"now", "frame:", "frame:-1", "frame:1x", "back:x", "back:-1", "back:inf"}) {
    EXPECT_EQ(subscribe({"--start", start}), 64) << start;
  }
  EXPECT_EQ(subscribe({"--normalization", "whisper_window"}), 64);
  EXPECT_NE(errors_.find("melstream window"), std::string::npos) << errors_;
  EXPECT_EQ(subscribe({"--policy", "wait"}), 64);
  EXPECT_EQ(subscribe({"--out", "x.csv"}), 64);
  EXPECT_EQ(subscribe({"--fill-gaps", "0"}), 64);
  EXPECT_EQ(subscribe({"--block", "1001"}), 64);
  EXPECT_EQ(subscribe({"--element-type", "f64"}), 64);
}

TEST_F(Subscribe, UnknownStreamIsAFailure) {
  start({.subscribe_status = {grpc::StatusCode::NOT_FOUND, "no stream 'desk'"}});
  EXPECT_EQ(subscribe({"--out", folder_.path("x.npy")}), 1);
  EXPECT_NE(errors_.find("no stream 'desk'"), std::string::npos) << errors_;
  EXPECT_FALSE(exists("x.npy"));
}

TEST_F(Subscribe, StopsAfterTheFramesAskedFor) {
  answer({block_response(0, 4), block_response(4, 4), end_response(8)});
  EXPECT_EQ(subscribe({"--frames", "4", "--out", folder_.path("x.npy")}), 0) << errors_;
  EXPECT_EQ(read_npy(folder_.path("x.npy")).frames(), 4);
}

TEST_F(Subscribe, CutsTheBlockThatHoldsMoreThanIsAskedFor) {
  answer({block_response(0, 4), block_response(4, 4), end_response(8)});
  EXPECT_EQ(subscribe({"--frames", "6", "--out", folder_.path("x.npy")}), 0) << errors_;
  EXPECT_EQ(read_npy(folder_.path("x.npy")).frames(), 6);
}

TEST_F(Subscribe, ViewPrintsPlainLinesAndASummary) {
  answer({block_response(0, 100), gap_response(100, 5), end_response(105)});
  EXPECT_EQ(run({"view", "desk", "--front-end", "tiny", "--until-end", "--summary"}), 0) << errors_;
  EXPECT_EQ(std::count(output_.begin(), output_.end(), '\n'), 11) << output_;
  EXPECT_NE(output_.find("100 frames, 1 gaps (5 frames)"), std::string::npos) << output_;
  EXPECT_EQ(output_.find('\x1b'), std::string::npos) << output_;
}

TEST_F(Subscribe, ViewLeavesAfterTheFramesAskedFor) {
  answer({block_response(0, 100), end_response(100)});
  EXPECT_EQ(run({"view", "desk", "--front-end", "tiny", "--frames", "100"}), 0) << errors_;
}

TEST_F(Subscribe, WindowWritesItsTensorOrSaysWhatIsHeld) {
  answer({});
  EXPECT_EQ(run({"window", "desk", "--start", "0.5", "--duration", "0.25", "--front-end", "tiny", "--out",
                 folder_.path("x.npy")}),
            0)
      << errors_;
  EXPECT_EQ(read_npy(folder_.path("x.npy")).values, (std::vector<float>{5, -5}));
  EXPECT_EQ(run({"window", "desk", "--start", "0", "--duration", "2", "--front-end", "tiny", "--json"}), 1);
  EXPECT_NE(errors_.find("held: samples [160, 16000)"), std::string::npos) << errors_;
  EXPECT_EQ(run({"window", "desk", "--start", "0", "--duration", "1", "--front-end", "tiny"}), 64);
  EXPECT_EQ(run({"window", "desk", "--start", "-1", "--duration", "1", "--front-end", "tiny", "--json"}), 64);
}

TEST_F(Subscribe, FrontEndsPrintTheirSpecAndHash) {
  answer({});
  EXPECT_EQ(run({"front-ends", "--spec", "tiny"}), 0) << errors_;
  EXPECT_EQ(output_, "name=tiny\nsha256 " + std::string(64, 'a') + "\n");
  EXPECT_EQ(run({"front-ends", "--json"}), 0) << errors_;
  EXPECT_EQ(output_.rfind(R"([{"name": "tiny", "sha256": ")", 0), 0u) << output_;
}

TEST_F(Subscribe, VerifyFailsWhereTheDaemonLacksAFrontEnd) {
  answer({});
  EXPECT_EQ(run({"verify", "--golden", MELSTREAM_GOLDEN_DIR, "--preset", "whisper80_norm30s"}), 1);
  EXPECT_EQ(output_.rfind("FAIL whisper80_norm30s", 0), 0u) << output_;
  EXPECT_NE(output_.find("the daemon has no front end 'whisper-80'"), std::string::npos) << output_;
  EXPECT_EQ(run({"verify", "--golden", MELSTREAM_GOLDEN_DIR, "--preset", "nonsense"}), 64);
}

}  // namespace
}  // namespace melstream::client
