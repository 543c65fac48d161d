// Samples that the device reads where they lie, in registered memory: the bits are those of copied samples, wherever
// the memory ends or a ring wraps.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/engine/cuda/emulated_cuda.hpp"
#include "tests/engine/custom_specs.hpp"

namespace melstream::test {
namespace {

using engine::Lane;

constexpr std::size_t kRing = 4096;
constexpr std::int64_t kSamples = 3500;  ///< in the ring, of a segment that began earlier or begins here

/// Memory that both engines' lanes point to; one engine has it registered.
class InPlaceTest : public testing::Test {
 protected:
  InPlaceTest() {
    engine::cuda::Options options = EmulatedCuda::small_units();
    options.read_in_place = false;
    copying_ = machine_.make(options);
    in_place_ = machine_.make();
    audio_ = speech_in_noise(16'000);
  }

  /// @param from first sample of the region. @param n samples of it.
  void register_ring(std::size_t from = 0, std::size_t n = kRing) {
    in_place_->register_host(std::as_writable_bytes(std::span(ring_).subspan(from, n)));
  }

  /// Positions [begin, end) of the audio lie in the ring, the first of them at `at`.
  std::array<std::span<const float>, 2> put(std::int64_t begin, std::int64_t end, std::size_t at) {
    for (std::int64_t position = begin; position < end; ++position) {
      ring_[(at + static_cast<std::size_t>(position - begin)) % kRing] = audio_[static_cast<std::size_t>(position)];
    }
    const auto n = static_cast<std::size_t>(end - begin), n_first = std::min(n, kRing - at);
    return {std::span<const float>(ring_).subspan(at, n_first), std::span<const float>(ring_).first(n - n_first)};
  }

  /// A segment of kSamples that lies in the ring from `at` on: its rows by both engines.
  void expect_equal(const Case& c, std::size_t at, bool is_open) {
    const auto copied = copying_->prepare(c.front_end, c.smoothing);
    const auto read = in_place_->prepare(c.front_end, c.smoothing);
    const engine::RowGeometry geometry = c.front_end->rows(c.smoothing);
    Lane lane;
    lane.prepared = copied.get();
    lane.n_rows = static_cast<std::int32_t>(is_open ? rows_ready(geometry, kSamples) : row_count(geometry, kSamples));
    lane.segment_samples = is_open ? engine::kOpenEnd : kSamples;
    lane.samples = put(0, kSamples, at);
    const std::vector<LaneRows> expected = run_tick(*copying_, {lane});
    lane.prepared = read.get();
    EXPECT_EQ(run_tick(*in_place_, {lane}), expected) << c.name << ", from " << at << (is_open ? ", open" : "");
  }

  std::int64_t n_in_place_of(const Case& c, std::size_t at, bool is_open = false) {
    const std::int64_t before = machine_.log.n_gathered_in_place;
    expect_equal(c, at, is_open);
    return machine_.log.n_gathered_in_place - before;
  }

  EmulatedCuda machine_;
  std::vector<float> ring_ = std::vector<float>(kRing);
  std::vector<float> audio_;
  std::unique_ptr<engine::cuda::CudaEngine> copying_;
  std::unique_ptr<engine::cuda::CudaEngine> in_place_;
};

Case whisper() { return {engine::FrontEndCatalog().find("whisper-80"), engine::Smoothing::kNone, "whisper-80"}; }
Case nemo() { return {engine::FrontEndCatalog().find("nemo-80"), engine::Smoothing::kNone, "nemo-80"}; }

TEST_F(InPlaceTest, EveryFrontEndGetsTheBitsOfCopiedSamples) {
  register_ring();
  for (const Case& c : all_cases()) {
    for (const bool is_open : {false, true}) {
      EXPECT_GT(n_in_place_of(c, 0, is_open), 5) << c.name;
      EXPECT_GT(n_in_place_of(c, kRing - 1777, is_open), 3) << c.name;  // wraps in mid-frame
    }
  }
}

TEST_F(InPlaceTest, FramesAtEdgesAreCopiedAndOthersAreNot) {
  register_ring();
  // 21 frames of 3500 samples, from 160 t - 200 to 160 t + 200: frames 0 and 1 reach before the start, 21 - 1 = 20
  // ends at 3400.
  EXPECT_EQ(n_in_place_of(whisper(), 0), 19);
  // One sample more before each frame, for pre-emphasis: still only frames 0 and 1 reach out.
  EXPECT_EQ(n_in_place_of(nemo(), 0), 19);
}

TEST_F(InPlaceTest, WrapAtEveryPlaceOfAFrame) {
  register_ring();
  // The first n samples lie at the ring's end. A frame of 400 samples, every 160, is cut by the wrap at any n but where
  // a frame begins or ends.
  for (std::size_t n = 1480; n <= 1480 + 161; ++n) {
    expect_equal(whisper(), kRing - n, false);
    expect_equal(nemo(), kRing - n, false);
  }
  // Frame t has samples 160 t - 200 .. 160 t + 199: the wrap behind sample n cuts two or three of them.
  EXPECT_EQ(n_in_place_of(whisper(), kRing - 1560), 19 - 2) << "frame 11 begins at the wrap";
  EXPECT_EQ(n_in_place_of(whisper(), kRing - 1561), 19 - 3);
  EXPECT_EQ(n_in_place_of(whisper(), kRing - 1480), 19 - 2) << "frame 8 ends at the wrap";
  EXPECT_EQ(n_in_place_of(whisper(), kRing - 1479), 19 - 3);
  EXPECT_EQ(n_in_place_of(nemo(), kRing - 1560), 19 - 3) << "the sample before frame 11 lies before the wrap";
  EXPECT_EQ(n_in_place_of(nemo(), kRing - 1559), 19 - 2);
}

TEST_F(InPlaceTest, MemoryThatIsRegisteredInPartIsReadInPart) {
  register_ring(1000, 1000);
  for (std::size_t at = 0; at < 200; at += 7) {
    const std::int64_t n = n_in_place_of(whisper(), at);
    EXPECT_GE(n, 3);
    EXPECT_LE(n, 4) << "frames of 400 samples in 1000 of memory, every 160";
  }
}

TEST_F(InPlaceTest, RegionsSideBySideAreTwo) {
  // Their addresses for the device need not be: a frame that crosses over is copied.
  register_ring(2000, kRing - 2000);
  register_ring(0, 2000);
  EXPECT_EQ(n_in_place_of(whisper(), 0), 19 - 2) << "frames 12 and 13";
  EXPECT_EQ(n_in_place_of(whisper(), 1), 19 - 2);
}

TEST_F(InPlaceTest, WithoutRegisteredMemoryAllIsCopied) {
  EXPECT_EQ(n_in_place_of(whisper(), 100), 0);
  machine_.faults.pins_nothing = true;
  register_ring();
  EXPECT_EQ(n_in_place_of(whisper(), 100), 0) << "the device cannot read it";
}

TEST_F(InPlaceTest, SamplesAreReadWhenTheDeviceGetsThere) {
  // What the contract of a tick says: lanes' samples stay untouched until poll() says done.
  register_ring();
  const auto prepared = in_place_->prepare(whisper().front_end, engine::Smoothing::kNone);
  Lane lane;
  lane.prepared = prepared.get();
  lane.n_rows = 10;
  lane.segment_samples = engine::kOpenEnd;
  lane.samples = put(0, kSamples, 0);
  const std::vector<LaneRows> expected = run_tick(*in_place_, {lane});
  OwnedTick first({lane}), second({lane});
  const engine::Ticket first_ticket = in_place_->submit(first.tick());
  const engine::Ticket second_ticket = in_place_->submit(second.tick());
  finish(*in_place_, first_ticket);
  EXPECT_EQ(first.lane_rows(), expected);
  finish(*in_place_, second_ticket);
  EXPECT_EQ(second.lane_rows(), expected);
  std::fill(ring_.begin(), ring_.end(), 0.0F);
  EXPECT_EQ(second.lane_rows(), expected);
}

}  // namespace
}  // namespace melstream::test
