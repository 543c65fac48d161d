// The tick allocates nothing once a stream and its front ends are there, however long the stream runs.
#include "tests/pipeline/pipeline_fixture.hpp"
#include "tests/support/realtime_scope.hpp"

namespace melstream::test {
namespace {

constexpr auto kConcealed = core::FilledSpan::Kind::kConcealed;
constexpr auto kSuppressed = core::FilledSpan::Kind::kSuppressed;

TEST_F(PipelineTest, TenMinutesOfAudioInConstantMemoryWithoutAllocation) {
  build({.history_s = 2.0, .audio_history_s = 3.0, .always = {"whisper-80", "paraformer-560"}});
  auto stream = open("s");
  begin(*stream);
  const auto second = noise(16000, 1);
  core::SampleIndex timeline = 0;
  const auto run_second = [&](int gap) {
    for (std::size_t at = 0; at < second.size(); at += 1600) {
      write(*stream, std::span(second).subspan(at, 1600));
      clock_.advance_ms(100);
      loop_->run_once();
    }
    timeline += 16000 + gap;
    if (gap > 0) begin(*stream, timeline);
  };
  for (int i = 0; i < 5; ++i) run_second(100);
  const auto used = arena_.usage().used_bytes;
  std::int64_t allocations = 0;
  {
    const RealtimeScope scope;
    for (int i = 0; i < 595; ++i) run_second(i % 10 == 0 ? 100 : 0);
    allocations = scope.allocations();
  }
  EXPECT_EQ(allocations, 0);
  EXPECT_EQ(arena_.usage().used_bytes, used);
  EXPECT_EQ(stream->seen(), 600 * 16000);
}

TEST_F(PipelineTest, FilledSpansCostNoAllocationHoweverThickTheyCome) {
  build({.history_s = 2.0, .audio_history_s = 3.0, .always = {"whisper-80", "kaldi-80"}});
  auto stream = open("s");
  begin(*stream);
  const auto samples = noise(16, 1);
  const auto run_second = [&] {
    for (int i = 0; i < 1000; ++i) {
      const core::SampleIndex at = stream->feed().written();
      if (i % 2 == 0) stream->feed().mark({at, at + 3, i % 4 == 0 ? kConcealed : kSuppressed});
      write(*stream, samples);
      if (i % 50 == 49) {
        clock_.advance_ms(50);
        loop_->run_once();
      }
    }
  };
  for (int i = 0; i < 5; ++i) run_second();
  std::int64_t allocations = 0;
  {
    const RealtimeScope scope;
    for (int i = 0; i < 60; ++i) run_second();
    allocations = scope.allocations();
  }
  EXPECT_EQ(allocations, 0);
  EXPECT_EQ(stream->status().concealed_samples, 65 * 250 * 3);
}

}  // namespace
}  // namespace melstream::test
