#include "melstream/engine/frame_reader.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "tests/engine/ticks.hpp"

namespace melstream::engine {
namespace {

/// What stands at a position, walked step by step from the definition.
float expected_sample(Edge edge, std::int64_t position, const std::vector<float>& audio) {
  const auto n = static_cast<std::int64_t>(audio.size());
  while (position < 0 || position >= n) {
    if (edge == Edge::kZeros) return 0.0F;
    const bool repeats = edge == Edge::kSymmetric;
    position = position < 0 ? -position - (repeats ? 1 : 0) : 2 * n - position - (repeats ? 1 : 2);
  }
  return audio[static_cast<std::size_t>(position)];
}

class FrameReader : public ::testing::TestWithParam<Edge> {};

TEST_P(FrameReader, ReadsEveryFrameWhereverTheSamplesAreCut) {
  const FrameGeometry geometry{400, 160, 200, GetParam() == Edge::kZeros ? 1 : 0, GetParam(), FrameCount::kFloor};
  const std::vector<float> audio = test::made_up_audio(2000, 1);
  std::vector<float> memory(16 + 400);
  Lane lane;
  lane.segment_samples = 2000;
  for (std::size_t cut = 0; cut <= audio.size(); cut += 7) {
    lane.samples = {std::span(audio).first(cut), std::span(audio).subspan(cut)};
    for (std::int64_t frame = 0; frame < frame_count(geometry, 2000); ++frame) {
      const float* samples = read_frame(lane, geometry, frame, memory.data() + 16);
      for (int n = -geometry.lead; n < 400; ++n) {
        ASSERT_EQ(samples[n], expected_sample(geometry.edge, frame * 160 - 200 + n, audio))
            << "cut " << cut << " frame " << frame << " sample " << n;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Edges, FrameReader, ::testing::Values(Edge::kReflect, Edge::kSymmetric, Edge::kZeros));

TEST(FrameReader, DoesNotCopyWhatLiesInOnePiece) {
  const FrameGeometry geometry{400, 160, 0, 0, Edge::kNone, FrameCount::kSnip};
  const std::vector<float> audio = test::made_up_audio(2000, 2);
  std::vector<float> memory(400);
  Lane lane;
  lane.samples_begin = 160;
  lane.samples = {std::span(audio).subspan(160, 480), std::span(audio).subspan(640)};
  EXPECT_EQ(read_frame(lane, geometry, 1, memory.data()), audio.data() + 160);
  EXPECT_EQ(read_frame(lane, geometry, 4, memory.data()), audio.data() + 640);
  EXPECT_EQ(read_frame(lane, geometry, 2, memory.data()), memory.data());
}

TEST(FrameReader, CountsTheSamplesBeforeTheEnd) {
  const FrameGeometry geometry{400, 160, 200, 1, Edge::kZeros, FrameCount::kFloor};
  Lane lane;
  lane.segment_samples = 1000;
  EXPECT_EQ(samples_before_end(lane, geometry, 0), 400);
  EXPECT_EQ(samples_before_end(lane, geometry, 5), 400);  // 600..999
  EXPECT_EQ(samples_before_end(lane, geometry, 6), 240);  // 760..1159
  lane.segment_samples = kOpenEnd;
  EXPECT_EQ(samples_before_end(lane, geometry, 6), 400);
}

}  // namespace
}  // namespace melstream::engine
