// Front ends that nobody reads any more are let go of; those of `always` are not.
#include <algorithm>

#include "tests/pipeline/pipeline_fixture.hpp"

namespace melstream::test {
namespace {

TEST_F(PipelineTest, AnIdleFrontEndIsForgottenAfterTheHistorysSeconds) {
  build({.history_s = 2.0, .always = {"kaldi-80"}});
  auto stream = open("s");
  begin(*stream);
  {
    auto reader = subscribe("s", "whisper-80");
    publish(*stream, noise(3200, 1));
    clock_.advance_ms(3000);
    registry_->collect();
    EXPECT_EQ(stream->histories().size(), 2U);  // it has a reader
  }
  clock_.advance_ms(1000);
  registry_->collect();
  EXPECT_EQ(stream->histories().size(), 2U);  // a reader may come back
  clock_.advance_ms(1500);
  registry_->collect();
  ASSERT_EQ(stream->histories().size(), 1U);
  EXPECT_EQ(stream->histories()[0]->front_end().name(), "kaldi-80");
  const auto computed = registry_->counters().frames_computed.load();
  publish(*stream, noise(1600, 2));
  EXPECT_EQ(registry_->counters().frames_computed.load() - computed, 10);
}

class RenumberTest : public PipelineTest {
 protected:
  /// Many short segments of a front end that gives 1 + floor(N / hop) frames, so that numbers run ahead of the
  /// timeline; then the first frame of a long one. @param all_along whether a reader was there from the start.
  core::FrameIndex first_frame_after_gaps(bool all_along) {
    build({.history_s = 1.0});
    auto stream = open("s");
    const pipeline::SubscriptionOptions from_frame_0{.start = {.kind = pipeline::StartAt::Kind::kFrame}};
    auto reader = subscribe("s", "librosa-80", from_frame_0);
    if (!all_along) reader.reset();
    core::SampleIndex timeline = 0;
    for (int gap = 0; gap < 20; ++gap) {
      begin(*stream, timeline);
      publish(*stream, noise(20, 2));
      timeline += 41;
    }
    if (!all_along) {
      clock_.advance_ms(3000);
      registry_->collect();
      tick();
      EXPECT_TRUE(stream->histories().empty());
      reader = subscribe("s", "librosa-80", from_frame_0);
    }
    begin(*stream, timeline);
    publish(*stream, noise(4000, 3));
    Received received;
    drain(*reader, received);
    const auto& starts = received.first_samples;
    const auto at = std::find(starts.begin(), starts.end(), timeline);
    EXPECT_NE(at, starts.end());
    std::int64_t row = 0;
    for (auto block = starts.begin(); block != at; ++block)
      row += received.block_sizes[static_cast<std::size_t>(block - starts.begin())];
    return received.frames.at(static_cast<std::size_t>(row));
  }
};

TEST_F(RenumberTest, AFrontEndAskedForAgainNumbersItsFramesAsBefore) {
  const core::FrameIndex all_along = first_frame_after_gaps(true);
  EXPECT_EQ(all_along, 20);  // one frame for each of the short segments, though only 820 samples have passed
  EXPECT_EQ(first_frame_after_gaps(false), all_along);
}

}  // namespace
}  // namespace melstream::test
