// Normalizations of clips on the device: the bits are those of engine/normalization.cpp on the rows of ticks.
#include <cstddef>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "melstream/engine/normalization.hpp"

#include "tests/engine/cuda/clip_fixture.hpp"
#include "tests/engine/custom_specs.hpp"
#include "tests/engine/ticks.hpp"

namespace melstream::test {
namespace {

using engine::ClipBatch;
using engine::Normalization;

constexpr Normalization kAll[] = {Normalization::kNone, Normalization::kRunningMax, Normalization::kFixedMax,
                                  Normalization::kWhisperWindow, Normalization::kPerFeatureWindow};

/// No row, one row, two, fewer than a warp, a few more, many.
std::vector<std::vector<float>> clips() {
  std::vector<std::vector<float>> all;
  for (const std::size_t n : {0U, 150U, 399U, 559U, 720U, 4'000U, 5'600U, 15'999U}) {
    std::vector<float> clip = speech_in_noise(n);
    // Louder by and by: the running maximum grows.
    for (std::size_t i = 0; i < n; ++i) clip[i] *= 0.05F + 0.9F * static_cast<float>(i) / 16'000.0F;
    all.push_back(quantised(clip));
  }
  return all;
}

void expect_normalised(ClipBench& bench, Reference& reference, const ClipBatch& batch, Layout layout,
                       std::int64_t extra_rows) {
  SCOPED_TRACE(batch.front_end->name() + ", normalization " + std::to_string(static_cast<int>(batch.normalization)) +
               ", layout " + std::to_string(static_cast<int>(layout)) + ", room for " + std::to_string(extra_rows));
  const auto all = clips();
  OwnedClips owned(batch, all, layout, extra_rows);
  bench.engine().extract_async(owned.batch(), nullptr);
  bench.device().run(1);
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_TRUE(owned.rows(i) == reference.rows(batch, all[i], extra_rows)) << "clip " << i;
  }
  EXPECT_TRUE(owned.left_gaps_alone());
}

TEST(ClipNormalization, EveryOneHasTheBitsOfTheHost) {
  ClipBench bench;
  Reference reference;
  for (const char* name : {"whisper-80", "nemo-128"}) {
    for (const Normalization normalization : kAll) {
      for (const Layout layout : kLayouts) {
        ClipBatch batch;
        batch.front_end = engine::FrontEndCatalog().find(name);
        batch.normalization = normalization;
        batch.fixed_max = 0.75F;
        batch.fill = -1.5F;
        expect_normalised(bench, reference, batch, layout, layout == Layout::kMel ? 260 : 3);
      }
    }
  }
}

TEST(ClipNormalization, OfRowsThatAreAssembled) {
  ClipBench bench;
  Reference reference;
  for (const Case& c : all_cases()) {
    if (c.smoothing == engine::Smoothing::kNone && c.front_end->name() != "paraformer-560") continue;
    for (const Normalization normalization : kAll) {
      ClipBatch batch;
      batch.front_end = c.front_end;
      batch.smoothing = c.smoothing;
      batch.normalization = normalization;
      expect_normalised(bench, reference, batch, Layout::kTime, 0);
    }
  }
}

TEST(ClipNormalization, OfWhatWasPadded) {
  ClipBench bench;
  Reference reference;
  for (const Normalization normalization : kAll) {
    ClipBatch batch;
    batch.front_end = engine::FrontEndCatalog().find("whisper-80");
    batch.normalization = normalization;
    batch.pad_to_samples = 6'400;
    batch.sample_type = engine::SampleType::kInt16;
    expect_normalised(bench, reference, batch, Layout::kMel, 0);
  }
}

TEST(ClipNormalization, MaximumOfEarlierBatchesIsForgotten) {
  ClipBench bench;
  Reference reference;
  ClipBatch batch;
  batch.front_end = engine::FrontEndCatalog().find("whisper-80");
  batch.normalization = Normalization::kWhisperWindow;
  const std::vector<std::vector<float>> loud = {std::vector<float>(4'000, 0.9F)};
  std::vector<std::vector<float>> quiet = {speech_in_noise(4'000)};
  for (float& v : quiet[0]) v *= 1e-3F;
  OwnedClips first(batch, loud), second(batch, quiet);
  bench.engine().extract_async(first.batch(), nullptr);
  bench.engine().extract_async(second.batch(), nullptr);
  bench.device().run(1);
  EXPECT_TRUE(second.rows(0) == reference.rows(batch, quiet[0]));
}

}  // namespace
}  // namespace melstream::test
