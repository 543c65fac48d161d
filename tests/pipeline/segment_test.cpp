#include "melstream/pipeline/segment.hpp"

#include "melstream/core/error.hpp"

#include "gtest/gtest.h"

namespace melstream::pipeline {
namespace {

constexpr engine::RowGeometry kWhisper{.frame = {.window = 400, .hop = 160, .left = 200}};
constexpr engine::RowGeometry kRounded{.frame = {.window = 400,
                                                 .hop = 160,
                                                 .left = 120,
                                                 .edge = engine::Edge::kSymmetric,
                                                 .count = engine::FrameCount::kRounded}};

TEST(GeometryTable, KeepsEachGeometryOnce) {
  const GeometryTable table({kWhisper, kRounded, kWhisper});
  EXPECT_EQ(table.size(), 2U);
  EXPECT_EQ(table.slot_of(kRounded), 1U);
}

TEST(GeometryTable, RefusesAGeometryThatItDoesNotHold) {
  const GeometryTable table({kWhisper});
  EXPECT_THROW(table.slot_of(kRounded), core::Error);
}

TEST(FrameNumbering, FirstSegmentStartsAtFrameZero) {
  const GeometryTable table({kWhisper});
  FrameNumbering numbering(table);
  numbering.begin(0);
  EXPECT_EQ(numbering.first_frame(0), 0);
}

TEST(FrameNumbering, SegmentAfterAGapStartsAtTheNextHop) {
  const GeometryTable table({kWhisper});
  FrameNumbering numbering(table);
  numbering.begin(0);
  numbering.end(16000);  // 100 frames
  numbering.begin(16000 + 1601);
  EXPECT_EQ(numbering.first_frame(0), 111);  // ceil(17601 / 160)
}

TEST(FrameNumbering, NeverNumbersAFrameTwice) {
  // snip_edges=false gives a frame for 80 samples: the next segment, one sample later, may not start at it again.
  const GeometryTable table({kRounded});
  FrameNumbering numbering(table);
  numbering.begin(1);
  EXPECT_EQ(numbering.first_frame(0), 1);
  numbering.end(80);
  numbering.begin(82);
  EXPECT_EQ(numbering.first_frame(0), 2);
}

TEST(FrameNumbering, TooShortASegmentTakesNoFrames) {
  const GeometryTable table({kWhisper});
  FrameNumbering numbering(table);
  numbering.begin(0);
  numbering.end(200);  // Whisper's reflection needs 201
  numbering.begin(201);
  EXPECT_EQ(numbering.first_frame(0), 2);
}

}  // namespace
}  // namespace melstream::pipeline
