// The command line without a daemon: help, hints, exit codes, and compare, which needs none.
#include "client/npy.hpp"
#include "tests/client/command_fixture.hpp"

namespace melstream::client {
namespace {

class CommandLine : public CommandTest {
 protected:
  std::string golden(const std::string& name) const { return MELSTREAM_GOLDEN_DIR "/features/" + name; }
};

TEST_F(CommandLine, HelpAndVersionAreNoErrors) {
  EXPECT_EQ(run_alone({"--version"}), 0);
  EXPECT_EQ(output_, std::string("melstream ") + MELSTREAM_VERSION + "\n");
  EXPECT_EQ(run_alone({"--help"}), 0);
  for (const char* command : {"extract", "push", "subscribe", "subscribers", "window", "streams", "front-ends", "info",
                              "open", "close", "sources", "devices", "view", "verify", "compare"}) {
    EXPECT_NE(output_.find(command), std::string::npos) << command;
    EXPECT_EQ(run_alone({command, "--help"}), 0) << command;
    run_alone({"--help"});
  }
}

TEST_F(CommandLine, UsageErrorsNameWhatWasMeant) {
  EXPECT_EQ(run_alone({}), 64);
  EXPECT_EQ(run_alone({"extrct"}), 64);
  EXPECT_NE(errors_.find("did you mean 'extract'"), std::string::npos) << errors_;
  EXPECT_EQ(run_alone({"info", "--jsn"}), 64);
  EXPECT_NE(errors_.find("did you mean --json"), std::string::npos) << errors_;
  EXPECT_EQ(run_alone({"extract", "x.wav"}), 64);
  EXPECT_NE(errors_.find("--front-end"), std::string::npos) << errors_;
  EXPECT_EQ(run_alone({"info", "--server", "nowhere"}), 64);
  EXPECT_NE(errors_.find("unix:PATH"), std::string::npos) << errors_;
}

TEST_F(CommandLine, ComparePassesOnEqualFiles) {
  const std::string file = golden("whisper80_raw/espeak.npy");
  EXPECT_EQ(run_alone({"compare", file, file, "--front-end", "whisper-80"}), 0) << errors_;
  EXPECT_EQ(output_.rfind("PASS whisper80_raw\n", 0), 0u) << output_;
}

TEST_F(CommandLine, CompareNamesTheWorstCellAndItsCause) {
  FeatureMatrix matrix = read_npy(golden("whisper80_raw/espeak.npy"));
  for (std::size_t i = 0; i < 80; ++i) matrix.values[i] += 0.01f;
  matrix.values[80 + 7] += 0.5f;
  write_npy(folder_.path("x.npy"), matrix);
  EXPECT_EQ(
      run_alone({"compare", folder_.path("x.npy"), golden("whisper80_raw/espeak.npy"), "--front-end", "whisper-80"}),
      1);
  EXPECT_NE(output_.find("worst cell: frame 1, bin 7, at 0.010 s"), std::string::npos) << output_;
  EXPECT_NE(output_.find("likely cause: edge"), std::string::npos) << output_;
  EXPECT_EQ(run_alone({"compare", folder_.path("x.npy"), golden("whisper80_raw/espeak.npy"), "--front-end",
                       "whisper80_raw", "--audio", "espeak", "--golden", MELSTREAM_GOLDEN_DIR, "--json"}),
            1);
  EXPECT_NE(output_.find(R"("cause": "edge")"), std::string::npos) << output_;
}

TEST_F(CommandLine, CompareUsesTheToleranceOfAClip) {
  // The pure tone's float32 noise is far above what speech may differ by.
  FeatureMatrix matrix = read_npy(golden("mfcc13/tone1k.npy"));
  matrix.values[20] += 0.03f;
  write_npy(folder_.path("x.npy"), matrix);
  const std::vector<std::string> arguments = {"compare", folder_.path("x.npy"), golden("mfcc13/tone1k.npy"),
                                              "--front-end", "mfcc-13"};
  EXPECT_EQ(run_alone(arguments), 1);
  auto with_clip = arguments;
  with_clip.insert(with_clip.end(), {"--audio", "tone1k", "--golden", MELSTREAM_GOLDEN_DIR});
  EXPECT_EQ(run_alone(with_clip), 0) << output_ << errors_;
}

TEST_F(CommandLine, CompareRefusesBadInput) {
  const std::string file = golden("whisper80_raw/espeak.npy");
  EXPECT_EQ(run_alone({"compare", folder_.path("none.npy"), file, "--front-end", "whisper-80"}), 66);
  EXPECT_EQ(run_alone({"compare", folder_.write("g.npy", "garbage"), file, "--front-end", "whisper-80"}), 66);
  EXPECT_EQ(run_alone({"compare", file, file, "--front-end", "my-own"}), 64);
  EXPECT_EQ(run_alone({"compare", file, file, "--front-end", "whisper-80", "--audio", "none", "--golden",
                       MELSTREAM_GOLDEN_DIR}),
            64);
}

}  // namespace
}  // namespace melstream::client
