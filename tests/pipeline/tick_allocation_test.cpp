// The tick allocates nothing once a stream and its front ends are there, however long the stream runs.
#include "tests/pipeline/pipeline_fixture.hpp"
#include "tests/support/realtime_scope.hpp"

namespace melstream::test {
namespace {

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

}  // namespace
}  // namespace melstream::test
