// Encoding of blocks: element types, layouts, normalizations and levels against plain formulas.
#include "melstream/rpc/block_encoder.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include <gtest/gtest.h>

#include "melstream/rpc/float16.hpp"

namespace melstream::rpc {
namespace {

/// By the formula of IEEE 754, in double; infinity for the largest exponent.
double value_of(std::uint16_t half) {
  const int exponent = half >> 10 & 31;
  const double fraction = (half & 1023) / 1024.0;
  const double magnitude = exponent == 0    ? std::ldexp(fraction, -14)
                           : exponent == 31 ? std::numeric_limits<double>::infinity()
                                            : std::ldexp(1.0 + fraction, exponent - 15);
  return (half & 0x8000) != 0 ? -magnitude : magnitude;
}

TEST(Float16, KeepsEveryFloat16) {
  for (int bits = 0; bits < 0x8000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    if (half >= 0x7C00) break;
    ASSERT_EQ(to_float16(static_cast<float>(value_of(half))), half);
    ASSERT_EQ(to_float16(-static_cast<float>(value_of(half))), half | 0x8000);
  }
}

TEST(Float16, RoundsToNearestAndTiesToEven) {
  for (int bits = 0; bits < 0x7BFF; ++bits) {
    const auto low = static_cast<std::uint16_t>(bits);
    const auto high = static_cast<std::uint16_t>(bits + 1);
    const auto middle = static_cast<float>((value_of(low) + value_of(high)) / 2);  // exact in float32
    ASSERT_EQ(to_float16(middle), bits % 2 == 0 ? low : high) << bits;
    ASSERT_EQ(to_float16(std::nextafter(middle, 0.0F)), low) << bits;
    ASSERT_EQ(to_float16(std::nextafter(middle, 1e9F)), high) << bits;
  }
}

TEST(Float16, SaturatesBeyondItsRange) {
  EXPECT_EQ(to_float16(65519.0F), 0x7BFF);
  EXPECT_EQ(to_float16(65520.0F), 0x7BFF);
  EXPECT_EQ(to_float16(1e30F), 0x7BFF);
  EXPECT_EQ(to_float16(-std::numeric_limits<float>::infinity()), 0xFBFF);
  EXPECT_EQ(to_float16(1e-30F), 0);
  EXPECT_EQ(to_float16(std::numeric_limits<float>::quiet_NaN()) & 0x7E00, 0x7E00);
}

TEST(PackValues, LaysOutTimeMajorAndMelMajor) {
  const std::vector<float> values{1, 2, 3, 4, 5, 6};  // two frames of three bins
  std::string packed;
  const auto element = [&](std::size_t i) {
    float value = 0;
    std::memcpy(&value, packed.data() + i * sizeof(float), sizeof(float));
    return value;
  };
  pack_values(values, 3, ElementType::kFloat32, Layout::kTimeMajor, packed);
  ASSERT_EQ(packed.size(), 24U);
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(element(i), values[i]);
  pack_values(values, 3, ElementType::kFloat32, Layout::kMelMajor, packed);
  ASSERT_EQ(packed.size(), 24U);
  const float by_bin[] = {1, 4, 2, 5, 3, 6};
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(element(i), by_bin[i]);
  pack_values(values, 3, ElementType::kFloat16, Layout::kMelMajor, packed);
  ASSERT_EQ(packed.size(), 12U);
  for (std::size_t i = 0; i < 6; ++i) {
    std::uint16_t half = 0;
    std::memcpy(&half, packed.data() + i * 2, 2);
    EXPECT_EQ(value_of(half), by_bin[i]);
  }
}

class BlockEncoderTest : public ::testing::Test {
 protected:
  FeatureChoice choice(engine::Normalization normalization, float fixed_max = 0) const {
    return {.front_end = catalog_.find("whisper-80"), .normalization = normalization, .fixed_max = fixed_max};
  }
  static pipeline::RowBatch batch(int n_frames, std::uint32_t seed) {
    std::mt19937 random(seed);
    pipeline::RowBatch rows;
    rows.n_frames = n_frames;
    for (int frame = 0; frame < n_frames; ++frame) {
      pipeline::RowInfo info{.max = -100.0F, .mean_square = 0.01F * static_cast<float>(frame + 1), .peak = 0.5F};
      for (int bin = 0; bin < 80; ++bin) {
        rows.values.push_back(static_cast<float>(random() % 16000) / 1000.0F - 12.0F);
        info.max = std::max(info.max, rows.values.back());
      }
      rows.infos.push_back(info);
    }
    return rows;
  }
  static std::vector<float> values_of(const v1::FeatureBlock& block) {
    std::vector<float> values(block.values().size() / sizeof(float));
    std::memcpy(values.data(), block.values().data(), block.values().size());
    return values;
  }
  /// As the history shows them: in two pieces where its ring wraps.
  static pipeline::RowView view_of(const pipeline::RowBatch& rows, std::size_t n_first) {
    pipeline::RowView view;
    const pipeline::RowRange& range = rows;
    static_cast<pipeline::RowRange&>(view) = range;
    const std::span<const float> values = rows.values;
    const std::span<const pipeline::RowInfo> infos = rows.infos;
    view.values = {values.first(n_first * 80), values.subspan(n_first * 80)};
    view.infos = {infos.first(n_first), infos.subspan(n_first)};
    return view;
  }
  static v1::FeatureBlock parse(const grpc::Slice& bytes) {
    v1::FeatureBlock block;
    EXPECT_TRUE(block.ParseFromArray(bytes.begin(), static_cast<int>(bytes.size())));
    return block;
  }
  v1::FeatureBlock encode(BlockEncoder& encoder, const pipeline::RowBatch& rows, float running_max = -100.0F) {
    return parse(encoder.encode(view_of(rows, rows.infos.size()), {.stream = stream_, .epoch = 7}, running_max).bytes);
  }
  engine::FrontEndCatalog catalog_;
  const std::string stream_ = "s";
};

TEST_F(BlockEncoderTest, RunningMaxCountsFromTheFirstFrameOnAndFrameByFrame) {
  BlockEncoder encoder(choice(engine::Normalization::kRunningMax));
  float running = -1e9F;
  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    pipeline::RowBatch rows = batch(3, seed);
    for (float& value : rows.values) value += 0.1F * static_cast<float>(seed);  // so that it grows in late blocks too
    for (pipeline::RowInfo& info : rows.infos) info.max += 0.1F * static_cast<float>(seed);
    const EncodedBlock encoded = encoder.encode(view_of(rows, seed % 4), {.stream = stream_, .epoch = 7}, running);
    EXPECT_EQ(encoded.max_before, running);
    const std::vector<float> values = values_of(parse(encoded.bytes));
    ASSERT_EQ(values.size(), rows.values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      running = std::max(running, rows.infos[i / 80].max);
      ASSERT_EQ(values[i], (std::max(rows.values[i], running - 8.0F) + 4.0F) / 4.0F);
    }
  }
}

TEST_F(BlockEncoderTest, RowsInTwoPiecesAreTheSameBlock) {
  for (const ElementType type : {ElementType::kFloat32, ElementType::kFloat16}) {
    for (const Layout layout : {Layout::kTimeMajor, Layout::kMelMajor}) {
      FeatureChoice wishes = choice(engine::Normalization::kNone);
      wishes.element_type = type;
      wishes.layout = layout;
      BlockEncoder encoder(wishes);
      pipeline::RowBatch rows = batch(5, 9);
      rows.first_frame = 123;
      const BlockSource source{.stream = stream_, .epoch = 7};
      const v1::FeatureBlock whole = parse(encoder.encode(view_of(rows, 5), source, 0).bytes);
      std::string packed;
      pack_values(rows.values, 80, type, layout, packed);
      EXPECT_EQ(whole.values(), packed);
      for (std::size_t cut = 0; cut < 5; ++cut) {
        EXPECT_EQ(parse(encoder.encode(view_of(rows, cut), source, 0).bytes).SerializeAsString(),
                  whole.SerializeAsString());
      }
    }
  }
}

TEST_F(BlockEncoderTest, FixedMaxTakesTheReadersConstant) {
  BlockEncoder encoder(choice(engine::Normalization::kFixedMax, 1.5F));
  const pipeline::RowBatch rows = batch(4, 1);
  const std::vector<float> values = values_of(encode(encoder, rows));
  for (std::size_t i = 0; i < values.size(); ++i) {
    ASSERT_EQ(values[i], (std::max(rows.values[i], 1.5F - 8.0F) + 4.0F) / 4.0F);
  }
}

TEST_F(BlockEncoderTest, TellsRawMaximaLevelsAndFlags) {
  BlockEncoder encoder(choice(engine::Normalization::kNone));
  pipeline::RowBatch rows = batch(4, 2);
  rows.segment_start = true;
  v1::FeatureBlock block = encode(encoder, rows);
  EXPECT_EQ(values_of(block), rows.values);
  EXPECT_EQ(block.frame_count(), 4);
  EXPECT_EQ(block.block_max(), *std::max_element(rows.values.begin(), rows.values.end()));
  EXPECT_NEAR(block.rms_dbfs(), 10.0 * std::log10(0.025), 1e-4);
  EXPECT_NEAR(block.peak_dbfs(), -6.0206, 1e-4);
  EXPECT_EQ(block.flags(), 1U);

  rows.segment_start = false;
  rows.segment_end = true;
  for (pipeline::RowInfo& info : rows.infos) info = {.max = -10.0F, .mean_square = 0.0F, .peak = 0.0F};
  block = encode(encoder, rows);
  EXPECT_EQ(block.rms_dbfs(), -std::numeric_limits<float>::infinity());
  EXPECT_EQ(block.peak_dbfs(), -std::numeric_limits<float>::infinity());
  EXPECT_EQ(block.block_max(), -10.0F);
  EXPECT_EQ(block.flags(), 2U);
}

TEST_F(BlockEncoderTest, TellsTheMeanShareOfItsFramesAndFlagsEachKindOfFill) {
  BlockEncoder encoder(choice(engine::Normalization::kNone));
  pipeline::RowBatch rows = batch(4, 3);
  v1::FeatureBlock block = encode(encoder, rows);
  EXPECT_EQ(block.concealed_share(), 0.0F);
  EXPECT_EQ(block.flags(), 0U);

  rows.infos[3].concealed_share = 0.5F;
  block = encode(encoder, rows);
  EXPECT_EQ(block.concealed_share(), 0.125F);
  EXPECT_EQ(block.flags(), static_cast<unsigned>(v1::BLOCK_FLAG_CONCEALED));
  EXPECT_EQ(block.flags(), 8U);
  rows.infos[0].concealed_share = 1.0F;
  rows.infos[1].suppressed = true;
  rows.segment_end = true;
  block = encode(encoder, rows);
  EXPECT_EQ(block.concealed_share(), 0.375F);
  EXPECT_EQ(block.flags(), 2U | 4U | 8U);

  for (pipeline::RowInfo& info : rows.infos) info.concealed_share = 0.0F;
  block = encode(encoder, rows);
  EXPECT_EQ(block.concealed_share(), 0.0F);
  EXPECT_EQ(block.flags(), 2U | 4U);
}

}  // namespace
}  // namespace melstream::rpc
