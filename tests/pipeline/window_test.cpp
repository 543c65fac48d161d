#include "melstream/pipeline/window.hpp"

#include <limits>

#include "tests/pipeline/pipeline_fixture.hpp"

namespace melstream::test {
namespace {

using core::ErrorCode;
using engine::Normalization;

constexpr engine::Limits kLimits{.max_lanes = 1, .max_rows = 64};

class WindowTest : public PipelineTest {
 protected:
  WindowTest() : reader_(engine::cpu::make_engine({.limits = kLimits}), kLimits) {
    build({.audio_history_s = 10.0});
    stream_ = open("s");
    begin(*stream_);
    publish(*stream_, samples_, 1600);
  }

  pipeline::WindowRequest request(core::SampleIndex from, core::SampleIndex to,
                                  const std::string& front_end = "whisper-80") {
    return {.begin = from, .end = to, .front_end = catalog_.find(front_end)};
  }

  ErrorCode code_of(const pipeline::WindowRequest& wanted) {
    try {
      reader_.read(*stream_, wanted);
    } catch (const core::Error& error) {
      return error.code();
    }
    return ErrorCode::kInternal;
  }

  std::span<const float> part(std::size_t from, std::size_t to) { return std::span(samples_).subspan(from, to - from); }

  const std::vector<float> samples_ = noise(48000, 1);
  pipeline::WindowReader reader_;
  std::shared_ptr<pipeline::Stream> stream_;
};

TEST_F(WindowTest, IsAClipOfItsOwn) {
  for (const char* front_end : {"whisper-80", "kaldi-80", "nemo-80", "paraformer-560"}) {
    const auto window = reader_.read(*stream_, request(1234, 23456, front_end));
    EXPECT_EQ(window.values, offline(front_end, part(1234, 23456))) << front_end;
  }
}

TEST_F(WindowTest, PadsWithZerosOrCuts) {
  auto wanted = request(0, 16000);
  wanted.pad_to_samples = 24000;
  std::vector<float> padded(samples_.begin(), samples_.begin() + 16000);
  padded.resize(24000);
  EXPECT_EQ(reader_.read(*stream_, wanted).values, offline("whisper-80", padded));
  wanted.pad_to_samples = 8000;
  EXPECT_EQ(reader_.read(*stream_, wanted).values, offline("whisper-80", part(0, 8000)));
  wanted.end = 1'000'000;  // beyond the head, but cut before it
  EXPECT_FALSE(pipeline::WindowReader::must_wait(*stream_, wanted));
  EXPECT_EQ(reader_.read(*stream_, wanted).values, offline("whisper-80", part(0, 8000)));
}

TEST_F(WindowTest, NormalizesOverTheWindow) {
  auto wanted = request(0, 16000);
  wanted.normalization = Normalization::kWhisperWindow;
  auto expected = offline("whisper-80", part(0, 16000));
  const float max = *std::max_element(expected.begin(), expected.end());
  engine::whisper_frame(expected, max);
  const auto window = reader_.read(*stream_, wanted);
  EXPECT_EQ(window.values, expected);
  EXPECT_EQ(window.max, max);
}

TEST_F(WindowTest, WaitsForWhatIsYetToCome) {
  EXPECT_FALSE(pipeline::WindowReader::must_wait(*stream_, request(0, 48000)));
  EXPECT_TRUE(pipeline::WindowReader::must_wait(*stream_, request(0, 48001)));
  EXPECT_EQ(code_of(request(0, 48001)), ErrorCode::kOutOfRange);
}

TEST_F(WindowTest, DoesNotWaitForWhatIsGone) {
  publish(*stream_, noise(320000, 2), 1600);
  EXPECT_FALSE(pipeline::WindowReader::must_wait(*stream_, request(0, 1'000'000)));
}

TEST_F(WindowTest, TellsTheRangeHeld) {
  publish(*stream_, noise(320000, 2), 1600);
  try {
    reader_.read(*stream_, request(0, 100));
    FAIL() << "audio that old cannot be held";
  } catch (const pipeline::WindowError& error) {
    EXPECT_EQ(error.code(), ErrorCode::kOutOfRange);
    EXPECT_EQ(error.held().end, 368000);
    EXPECT_GE(error.held().size(), 160000);
    EXPECT_NO_THROW(reader_.read(*stream_, request(error.held().begin, error.held().begin + 16000)));
  }
}

TEST_F(WindowTest, RefusesAGapOrFillsItWithZeros) {
  begin(*stream_, 50000);
  const auto after = noise(16000, 3);
  publish(*stream_, after, 1600);
  auto wanted = request(40000, 60000);
  try {
    reader_.read(*stream_, wanted);
    FAIL() << "the window has a gap";
  } catch (const pipeline::WindowError& error) {
    EXPECT_EQ(error.code(), ErrorCode::kFailedPrecondition);
    ASSERT_EQ(error.gaps().size(), 1U);
    EXPECT_EQ(error.gaps()[0], (engine::IndexRange{48000, 50000}));
  }
  wanted.zero_fill = true;
  std::vector<float> clip(samples_.begin() + 40000, samples_.end());
  clip.resize(10000);
  clip.insert(clip.end(), after.begin(), after.begin() + 10000);
  const auto window = reader_.read(*stream_, wanted);
  EXPECT_EQ(window.values, offline("whisper-80", clip));
  ASSERT_EQ(window.filled.size(), 1U);
  EXPECT_NO_THROW(reader_.read(*stream_, request(50000, 60000)));
}

TEST_F(WindowTest, TellsWhatNoSourceSent) {
  using Ranges = std::vector<engine::IndexRange>;
  const auto fill = [&](std::size_t n, core::FilledSpan::Kind kind) {
    const core::SampleIndex at = stream_->feed().written();
    stream_->feed().mark({at, at + static_cast<core::SampleIndex>(n), kind});
    publish(*stream_, std::vector<float>(n, 0.0F));
  };
  fill(300, core::FilledSpan::Kind::kConcealed);  // [48000, 48300)
  publish(*stream_, part(0, 1000));
  fill(500, core::FilledSpan::Kind::kSuppressed);  // [49300, 49800)
  fill(200, core::FilledSpan::Kind::kConcealed);   // [49800, 50000)
  begin(*stream_, 51000);
  fill(100, core::FilledSpan::Kind::kSuppressed);  // [51000, 51100)
  publish(*stream_, part(0, 1000));

  auto window = reader_.read(*stream_, request(40000, 50000));
  EXPECT_EQ(window.concealed, (Ranges{{48000, 48300}, {49800, 50000}}));
  EXPECT_EQ(window.suppressed, (Ranges{{49300, 49800}}));
  EXPECT_TRUE(window.filled.empty());
  window = reader_.read(*stream_, request(48100, 49400));
  EXPECT_EQ(window.concealed, (Ranges{{48100, 48300}}));
  EXPECT_EQ(window.suppressed, (Ranges{{49300, 49400}}));
  window = reader_.read(*stream_, request(48300, 49300));
  EXPECT_TRUE(window.concealed.empty());
  EXPECT_TRUE(window.suppressed.empty());
  auto with_gap = request(49900, 52000);
  with_gap.zero_fill = true;
  window = reader_.read(*stream_, with_gap);
  EXPECT_EQ(window.concealed, (Ranges{{49900, 50000}}));
  EXPECT_EQ(window.suppressed, (Ranges{{51000, 51100}}));
  EXPECT_EQ(window.filled, (Ranges{{50000, 51000}}));

  // As long as the audio is held, and no longer.
  publish(*stream_, noise(80000, 9), 1600);
  EXPECT_EQ(reader_.read(*stream_, request(48000, 50000)).concealed, (Ranges{{48000, 48300}, {49800, 50000}}));
  EXPECT_EQ(stream_->filled_spans(0, 1'000'000).size(), 4U);
  publish(*stream_, noise(320000, 9), 1600);
  EXPECT_TRUE(stream_->filled_spans(0, 1'000'000).empty());
  EXPECT_EQ(stream_->status().concealed_samples, 500);
  EXPECT_EQ(stream_->status().suppressed_samples, 600);
}

TEST_F(WindowTest, RefusesWhatCanNeverBeAnswered) {
  EXPECT_EQ(code_of(request(-1, 100)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of(request(100, 100)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of(request(0, 16000 * 1000)), ErrorCode::kResourceExhausted);
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  for (const char* front_end : {"whisper-80", "kaldi-80", "wenet-80", "torchaudio-80", "paraformer-560"}) {
    auto wanted = request(kMax - 1, kMax, front_end);
    wanted.pad_to_samples = 480000;
    EXPECT_EQ(code_of(wanted), ErrorCode::kInvalidArgument);
    EXPECT_EQ(code_of(request(0, kMax, front_end)), ErrorCode::kInvalidArgument);
    EXPECT_EQ(code_of(request(0, core::kMaxPosition, front_end)), ErrorCode::kResourceExhausted);
    wanted = request(0, 16000, front_end);
    wanted.pad_to_samples = kMax;
    EXPECT_EQ(code_of(wanted), ErrorCode::kInvalidArgument);
    wanted.pad_to_samples = core::kMaxPosition;
    EXPECT_EQ(code_of(wanted), ErrorCode::kResourceExhausted);
  }
  auto running = request(0, 16000);
  running.normalization = Normalization::kRunningMax;
  EXPECT_EQ(code_of(running), ErrorCode::kInvalidArgument);
  auto kaldi = request(0, 16000, "kaldi-80");
  kaldi.normalization = Normalization::kWhisperWindow;
  EXPECT_EQ(code_of(kaldi), ErrorCode::kInvalidArgument);
}

TEST_F(WindowTest, AnEndedStreamHasNoAudio) {
  end(*stream_);
  EXPECT_EQ(code_of(request(0, 16000)), ErrorCode::kOutOfRange);
}

TEST_F(WindowTest, AStreamWithoutAudioHistorySaysWhichKeyGivesIt) {
  stream_.reset();  // before its registry
  stream_.reset();  // before the registry that its memory belongs to
  build({});
  stream_ = open("s");
  try {
    reader_.read(*stream_, request(0, 100));
    FAIL() << "there is no audio";
  } catch (const core::Error& error) {
    EXPECT_NE(std::string(error.what()).find("stream.audio_history_s"), std::string::npos);
  }
}

}  // namespace
}  // namespace melstream::test
