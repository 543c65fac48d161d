#include "melstream/pipeline/audio_history.hpp"

#include <algorithm>
#include <memory>
#include <vector>

#include "gtest/gtest.h"

namespace melstream::pipeline {
namespace {

constexpr std::int64_t kBlock = static_cast<std::int64_t>(core::kBlockSamples);

std::vector<float> ramp(std::int64_t begin, std::int64_t n) {
  std::vector<float> samples(static_cast<std::size_t>(n));
  for (std::int64_t i = 0; i < n; ++i) samples[static_cast<std::size_t>(i)] = static_cast<float>((begin + i) % 65536);
  return samples;
}

class AudioHistoryTest : public testing::Test {
 protected:
  static void append(AudioHistory& history, std::int64_t begin, std::int64_t n) {
    for (std::int64_t at = begin; at < begin + n; at += 1000) {
      history.append(ramp(at, std::min<std::int64_t>(1000, begin + n - at)));
    }
  }

  core::HostArena arena_{{.max_bytes = std::size_t{16} << 20, .lock = false}};
};

TEST_F(AudioHistoryTest, GivesBackWhatWasAppendedAcrossBlocks) {
  AudioHistoryPool pool(arena_, 8 * core::kBlockSamples * sizeof(float));
  pool.reserve(8);
  AudioHistory history(pool, 3 * kBlock);
  append(history, 0, 2 * kBlock + 500);
  std::vector<float> out(2000);
  ASSERT_TRUE(history.copy(kBlock - 1000, out));
  EXPECT_EQ(out, ramp(kBlock - 1000, 2000));
  const auto parts = history.view(kBlock - 10, 30);
  EXPECT_EQ(parts[0].size(), 10U);
  EXPECT_EQ(parts[1].size(), 20U);
  EXPECT_EQ(parts[1][0], static_cast<float>(kBlock));
}

TEST_F(AudioHistoryTest, ForgetsTheOldestBeyondItsLength) {
  AudioHistoryPool pool(arena_, 16 * core::kBlockSamples * sizeof(float));
  pool.reserve(16);
  AudioHistory history(pool, 2 * kBlock);
  append(history, 0, 10 * kBlock);
  const auto held = history.held();
  EXPECT_EQ(held.end, 10 * kBlock);
  EXPECT_GE(held.size(), 2 * kBlock);
  EXPECT_LE(held.size(), 3 * kBlock);
  std::vector<float> out(10);
  EXPECT_FALSE(history.copy(held.begin - 1, out));
  EXPECT_TRUE(history.copy(held.begin, out));
  EXPECT_EQ(out, ramp(held.begin, 10));
}

TEST_F(AudioHistoryTest, TakesTheOldestOfAllStreamsWhenThePoolIsEmpty) {
  AudioHistoryPool pool(arena_, 4 * core::kBlockSamples * sizeof(float));
  pool.reserve(4);
  AudioHistory old_stream(pool, 3 * kBlock);
  AudioHistory new_stream(pool, 3 * kBlock);
  append(old_stream, 0, 3 * kBlock - 1);
  append(new_stream, 0, 2 * kBlock - 1);
  EXPECT_EQ(old_stream.held().begin, kBlock);  // gave its first block
  EXPECT_EQ(new_stream.held().begin, 0);
  std::vector<float> out(100);
  EXPECT_TRUE(new_stream.copy(kBlock, out));
  EXPECT_EQ(out, ramp(kBlock, 100));
}

TEST_F(AudioHistoryTest, StreamsThatOpenBeforeAnyAudioEachHaveTheirMemory) {
  AudioHistoryPool pool(arena_, 16 * core::kBlockSamples * sizeof(float));
  std::vector<std::unique_ptr<AudioHistory>> histories;
  for (int i = 0; i < 4; ++i) {
    histories.push_back(std::make_unique<AudioHistory>(pool, 3 * kBlock));
    histories.back()->reserve();
  }
  for (const auto& history : histories) append(*history, 0, 3 * kBlock);
  for (const auto& history : histories) EXPECT_EQ(history->held().size(), 3 * kBlock);
  const auto mapped = pool.blocks_mapped();
  histories.clear();
  AudioHistory next(pool, 3 * kBlock);
  next.reserve();
  EXPECT_EQ(pool.blocks_mapped(), mapped);
}

TEST_F(AudioHistoryTest, WithoutAnyMemoryItHoldsNothingAndRecovers) {
  AudioHistoryPool pool(arena_, 1 * core::kBlockSamples * sizeof(float));
  pool.reserve(1);
  auto first = std::make_unique<AudioHistory>(pool, kBlock);
  append(*first, 0, 100);
  AudioHistory second(pool, kBlock);
  append(second, 0, 100);
  EXPECT_EQ(second.held().size(), 0);
  first.reset();
  append(second, 100, kBlock);
  EXPECT_EQ(second.held().begin, kBlock);
  std::vector<float> out(50);
  EXPECT_TRUE(second.copy(kBlock, out));
  EXPECT_EQ(out, ramp(kBlock, 50));
}

TEST_F(AudioHistoryTest, ClearWipesTheMemoryForTheNextOwner) {
  AudioHistoryPool pool(arena_, 1 * core::kBlockSamples * sizeof(float));
  pool.reserve(1);
  AudioHistory history(pool, kBlock);
  history.append(std::vector<float>(1000, 0.5F));
  const float* memory = history.view(0, 1)[0].data();
  history.clear();
  EXPECT_EQ(history.held().size(), 0);
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(memory[i], 0.0F);
}

}  // namespace
}  // namespace melstream::pipeline
