// Clips in device memory: every row has the bits that a tick gives it on the same device, whatever the clip's length,
// its neighbours, its samples' type, where its values go, and how much is added at its end or cut off.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/engine/cuda/clip_fixture.hpp"
#include "tests/engine/custom_specs.hpp"
#include "tests/engine/ticks.hpp"

namespace melstream::test {
namespace {

using engine::ClipBatch;
using engine::SampleType;
using engine::Smoothing;

std::vector<std::vector<float>> clips_of(const std::vector<std::size_t>& lengths, std::uint32_t seed = 1) {
  std::vector<std::vector<float>> clips;
  for (const std::size_t n : lengths) clips.push_back(quantised(made_up_audio(n, seed++)));
  return clips;
}

/// A call for these clips, run; compared with each clip's rows alone.
void expect_rows_of_ticks(ClipBench& bench, Reference& reference, const ClipBatch& batch,
                          const std::vector<std::vector<float>>& clips, Layout layout, std::int64_t extra_rows = 0) {
  OwnedClips owned(batch, clips, layout, extra_rows);
  bench.engine().extract_async(owned.batch(), nullptr);
  bench.device().run(1);
  for (std::size_t i = 0; i < clips.size(); ++i) {
    ASSERT_TRUE(owned.rows(i) == reference.rows(batch, clips[i], extra_rows))
        << "clip " << i << " of " << clips[i].size() << " samples, layout " << static_cast<int>(layout);
  }
  EXPECT_TRUE(owned.left_gaps_alone());
}

/// Too short for a frame, for a reflection, for a second frame; many tiles.
const std::vector<std::size_t> kLengths = {0, 1, 200, 201, 400, 559, 16'000, 3, 0, 161};

TEST(ClipRows, EveryFrontEndAndSmoothingHasTheBitsOfTicks) {
  ClipBench bench;
  Reference reference;
  const auto clips = clips_of(kLengths);
  for (const Case& c : all_cases()) {
    for (const SampleType type : {SampleType::kFloat32, SampleType::kInt16}) {
      SCOPED_TRACE(c.name + (type == SampleType::kInt16 ? ", 16 bits" : ""));
      ClipBatch batch;
      batch.front_end = c.front_end;
      batch.smoothing = c.smoothing;
      batch.sample_type = type;
      expect_rows_of_ticks(bench, reference, batch, clips, type == SampleType::kInt16 ? Layout::kMel : Layout::kTime);
    }
  }
}

TEST(ClipRows, LongClipsInTilesOfAnySize) {
  Reference reference;
  const auto clips = clips_of({100'001, 7'777});
  for (const char* name : {"whisper-80", "nemo-80", "paraformer-560"}) {
    for (const int unit_frames : {64, 256, 1024}) {
      SCOPED_TRACE(std::string(name) + ", units of " + std::to_string(unit_frames));
      ClipBench bench(unit_frames);
      ClipBatch batch;
      batch.front_end = engine::FrontEndCatalog().find(name);
      if (batch.front_end->allows_smoothing()) batch.smoothing = Smoothing::kBox3x3;
      expect_rows_of_ticks(bench, reference, batch, clips, Layout::kTime);
      EXPECT_GT(bench.engine().counters().n_tiles, std::uint64_t{600} / static_cast<std::uint64_t>(unit_frames));
    }
  }
}

TEST(ClipRows, FloatSamplesAreNotRounded) {
  ClipBench bench;
  Reference reference;
  const std::vector<std::vector<float>> clips = {made_up_audio(5'000, 3), speech_in_noise(4'000)};
  for (const char* name : {"whisper-80", "kaldi-80", "mfcc-13"}) {
    ClipBatch batch;
    batch.front_end = engine::FrontEndCatalog().find(name);
    expect_rows_of_ticks(bench, reference, batch, clips, Layout::kTime);
  }
}

void expect_rows_of_ticks(ClipBench& bench, Reference& reference, const engine::FrontEndSpec& spec) {
  ClipBatch batch;
  batch.front_end = std::make_shared<const engine::FrontEnd>(spec);
  SCOPED_TRACE(batch.front_end->canonical_text());
  const auto clips = clips_of({2'000, 90, 777, 3'333});
  expect_rows_of_ticks(bench, reference, batch, clips, Layout::kTime);
  if (!batch.front_end->allows_smoothing()) return;
  for (const Smoothing smoothing : {Smoothing::kBox3x3, Smoothing::kBox3x3Valid}) {
    batch.smoothing = smoothing;
    expect_rows_of_ticks(bench, reference, batch, clips, Layout::kMelGaps);
  }
}

TEST(ClipRows, DefinitionsOfUsersHaveTheBitsOfTicks) {
  ClipBench bench;
  Reference reference;
  for (const engine::FrontEndSpec& spec : custom_specs()) expect_rows_of_ticks(bench, reference, spec);
  std::mt19937 random(2026);
  for (int i = 0; i < 15; ++i) expect_rows_of_ticks(bench, reference, random_spec(random));
}

TEST(ClipRows, SeveralHundredClipsHaveTheBitsThatEachHasAlone) {
  Reference reference;
  std::mt19937 random(5);
  std::vector<std::size_t> lengths;
  for (int i = 0; i < 400; ++i) lengths.push_back(i % 9 == 0 ? random() % 12'000 : random() % 900);
  const auto clips = clips_of(lengths);
  for (const char* name : {"whisper-80", "kaldi-80", "paraformer-560", "nemo-80", "mfcc-13"}) {
    for (const int unit_frames : {64, 512}) {
      SCOPED_TRACE(std::string(name) + ", units of " + std::to_string(unit_frames));
      ClipBench bench(unit_frames);
      ClipBatch batch;
      batch.front_end = engine::FrontEndCatalog().find(name);
      batch.sample_type = unit_frames == 64 ? SampleType::kInt16 : SampleType::kFloat32;
      expect_rows_of_ticks(bench, reference, batch, clips, Layout::kTime);
      EXPECT_GE(bench.engine().counters().n_launches, 400U / engine::cuda::DescribeParams::kRecords);
    }
  }
}

TEST(ClipRows, ClipsArePaddedWithZerosOrCutOff) {
  ClipBench bench;
  Reference reference;
  const auto clips = clips_of({0, 1, 500, 3'199, 3'200, 3'201, 3'400, 9'000});
  for (const Case& c : all_cases()) {
    SCOPED_TRACE(c.name);
    ClipBatch batch;
    batch.front_end = c.front_end;
    batch.smoothing = c.smoothing;
    batch.pad_to_samples = 3'200;
    batch.sample_type = c.smoothing == Smoothing::kNone ? SampleType::kFloat32 : SampleType::kInt16;
    expect_rows_of_ticks(bench, reference, batch, clips, Layout::kTime);
  }
}

TEST(ClipRows, ValuesGoWhereTheStridesSayAndRoomIsFilledUp) {
  ClipBench bench;
  Reference reference;
  const auto clips = clips_of(kLengths);
  for (const char* name : {"whisper-128", "paraformer-560", "mfcc-13"}) {
    for (const Layout layout : kLayouts) {
      for (const std::int64_t extra_rows : {0, 1, 300}) {
        SCOPED_TRACE(name);
        ClipBatch batch;
        batch.front_end = engine::FrontEndCatalog().find(name);
        batch.fill = -7.5F;
        expect_rows_of_ticks(bench, reference, batch, clips, layout, extra_rows);
      }
    }
  }
}

TEST(ClipRows, OrderOfLanesAndWarpsChangesNoBit) {
  ClipBench bench;
  Reference reference;
  bench.machine.is_backwards = true;
  const auto clips = clips_of(kLengths);
  for (const char* name : {"whisper-80", "kaldi-80", "paraformer-560", "nemo-80", "mfcc-13"}) {
    SCOPED_TRACE(name);
    ClipBatch batch;
    batch.front_end = engine::FrontEndCatalog().find(name);
    for (const auto normalization : {engine::Normalization::kNone, engine::Normalization::kRunningMax,
                                     engine::Normalization::kWhisperWindow, engine::Normalization::kPerFeatureWindow}) {
      batch.normalization = normalization;
      expect_rows_of_ticks(bench, reference, batch, clips, Layout::kMel, 2);
    }
  }
}

TEST(ClipRows, SamplesThatAreNoNumbersReachOnlyTheRowsThatReadThem) {
  ClipBench bench;
  std::vector<std::vector<float>> clips = clips_of({4'000, 4'000});
  ClipBatch batch;
  batch.front_end = engine::FrontEndCatalog().find("whisper-80");
  OwnedClips whole(batch, clips);
  clips[0][2'000] = std::numeric_limits<float>::quiet_NaN();
  OwnedClips broken(batch, clips);
  for (OwnedClips* owned : {&whole, &broken}) bench.engine().extract_async(owned->batch(), nullptr);
  bench.device().run(1);
  EXPECT_TRUE(broken.rows(1) == whole.rows(1));
  const Matrix rows = broken.rows(0), expected = whole.rows(0);
  for (std::size_t row = 0; row < rows.rows; ++row) {
    // Frame t has samples 160 t - 200 .. 160 t + 199.
    const bool reads_it = row * 160 < 2'201 && row * 160 + 200 > 2'000;
    EXPECT_EQ(std::equal(rows.row(row).begin(), rows.row(row).end(), expected.row(row).begin()), !reads_it) << row;
  }
}

}  // namespace
}  // namespace melstream::test
