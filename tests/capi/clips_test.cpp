// Clips through the C ABI: the bits of the engine's seam, whatever the batch, the sample type, the padding and the
// layout; and normalizations as engine/normalization.hpp has them.
#include <algorithm>
#include <cfenv>
#include <cmath>
#include <cstdint>
#include <thread>
#include <vector>

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

#include <gtest/gtest.h>

#include "melstream/engine/normalization.hpp"

#include "tests/capi/c_engine.hpp"
#include "tests/engine/ticks.hpp"

namespace melstream::test {
namespace {

constexpr melstream_clip_options kDefaults = MELSTREAM_CLIP_OPTIONS_INIT;

// A clip of several ticks. ThreadSanitizer would take minutes with it.
#if defined(__SANITIZE_THREAD__)
constexpr std::size_t kLong = 30000;
#else
constexpr std::size_t kLong = 800000;
#endif

/// Lengths at which edges, padding and ticks change: no row, one row, several ticks.
std::vector<std::vector<float>> clips_of_all_lengths() {
  std::vector<std::vector<float>> clips;
  for (const std::size_t n :
       {0UL, 1UL, 79UL, 80UL, 200UL, 201UL, 399UL, 400UL, 559UL, 4000UL, 16000UL, 48123UL, kLong}) {
    clips.push_back(made_up_audio(n, static_cast<std::uint32_t>(n + 1)));
  }
  return clips;
}

struct FrontEndCase {
  std::string name;
  melstream_smoothing smoothing;
};

/// Every built-in front end with every smoothing that it has.
std::vector<FrontEndCase> all_front_ends() {
  std::vector<FrontEndCase> cases;
  for (std::size_t i = 0; i < melstream_front_end_count(); ++i) {
    const std::string name = melstream_front_end_name_at(i);
    for (melstream_smoothing smoothing = 0; smoothing <= MELSTREAM_SMOOTHING_BOX3X3_VALID; ++smoothing) {
      if (melstream_front_end_bins(front_end_by_name(name).get(), smoothing) > 0) cases.push_back({name, smoothing});
    }
  }
  return cases;
}

TEST(CClips, HaveTheBitsOfTheEnginesSeam) {
  const auto clips = clips_of_all_lengths();
  for (const int n_threads : {1, 3}) {
    const CEngine engine = make_c_engine(n_threads);
    for (const FrontEndCase& one : all_front_ends()) {
      melstream_clip_options options = kDefaults;
      options.smoothing = one.smoothing;
      const auto rows = extract(*engine, *front_end_by_name(one.name), options, clips);
      for (std::size_t i = 0; i < clips.size(); ++i) {
        ASSERT_EQ(rows[i], rows_of_seam(one.name, one.smoothing, clips[i]))
            << one.name << " " << one.smoothing << " " << clips[i].size() << " samples";
      }
    }
  }
}

TEST(CClips, PaddingIsZerosBehindTheClipOrACut) {
  const CEngine engine = make_c_engine();
  for (const FrontEndCase& one : all_front_ends()) {
    for (const std::size_t padded : {300UL, 16000UL, 100000UL}) {
      for (const std::size_t n : {0UL, 1UL, 15990UL, 16000UL, 99999UL}) {
        melstream_clip_options options = kDefaults;
        options.smoothing = one.smoothing;
        options.pad_to_samples = static_cast<std::int64_t>(padded);
        const auto clip = made_up_audio(n, 5);
        auto whole = clip;
        whole.resize(padded);
        ASSERT_EQ(extract(*engine, *front_end_by_name(one.name), options, {clip}).front(),
                  rows_of_seam(one.name, one.smoothing, whole))
            << one.name << " " << one.smoothing << " " << n << " to " << padded;
      }
    }
  }
}

TEST(CClips, PaddingOfFrontEndsWithLongStrides) {
  // A row begins every hop_samples * lfr_n samples: beyond the end there may be many before one reads zeros alone.
  const CEngine engine = make_c_engine();
  for (const char* spec :
       {"hop_samples=530\nlfr_m=1\nlfr_n=64", "hop_samples=1000\nlfr_m=3\nlfr_n=34", "hop_samples=7900\nlfr_n=64"}) {
    melstream_front_end* handle = nullptr;
    ASSERT_EQ(melstream_front_end_by_spec(nullptr, spec, &handle), MELSTREAM_OK) << melstream_error_message();
    const CFrontEnd front_end(handle);
    const std::int64_t padded = std::int64_t{4} * melstream_front_end_hop(handle);
    for (const std::size_t n : {0UL, 1000UL, 40000UL}) {
      const auto clip = made_up_audio(n, 3);
      auto whole = clip;
      whole.resize(static_cast<std::size_t>(padded));
      melstream_clip_options options = kDefaults;
      const auto expected = extract(*engine, *front_end, options, {whole}).front();
      options.pad_to_samples = padded;
      ASSERT_EQ(extract(*make_c_engine(), *front_end, options, {clip}).front(), expected) << spec << " " << n;
    }
  }
}

TEST(CClips, Int16IsConvertedExactly) {
  const CEngine engine = make_c_engine();
  for (const char* name : {"whisper-80", "kaldi-80", "paraformer-560"}) {
    const CFrontEnd front_end = front_end_by_name(name);
    std::vector<std::int16_t> shorts(400000);
    std::vector<float> floats(shorts.size());
    for (std::size_t i = 0; i < shorts.size(); ++i) {
      shorts[i] = static_cast<std::int16_t>((i * 7919) % 65536 - 32768);
      floats[i] = static_cast<float>(shorts[i]) / 32768.0F;
    }
    for (const std::int64_t pad_to : {std::int64_t{0}, std::int64_t{480000}}) {
      melstream_clip_options options = kDefaults;
      options.pad_to_samples = pad_to;
      const auto expected = extract(*engine, *front_end, options, {floats}).front();
      options.sample_type = MELSTREAM_INT16;
      std::vector<float> rows(expected.size());
      const std::int64_t n_bins = melstream_front_end_bins(front_end.get(), 0);
      const melstream_clip clip{shorts.data(), static_cast<std::int64_t>(shorts.size())};
      const melstream_output output{rows.data(), static_cast<std::int64_t>(rows.size()) / n_bins, n_bins, 1};
      ASSERT_EQ(melstream_extract(engine.get(), front_end.get(), &options, 1, &clip, &output), MELSTREAM_OK);
      EXPECT_EQ(rows, expected) << name << " " << pad_to;
    }
  }
}

/// What engine/normalization.hpp makes of rows.
std::vector<float> normalized(std::vector<float> rows, int n_bins, melstream_normalization normalization,
                              float fixed_max) {
  const auto stride = static_cast<std::size_t>(n_bins);
  float so_far = -INFINITY;
  switch (normalization) {
    case MELSTREAM_NORMALIZATION_RUNNING_MAX:
      for (std::size_t at = 0; at < rows.size(); at += stride) {
        const std::span<float> row(rows.data() + at, stride);
        so_far = std::max(so_far, *std::max_element(row.begin(), row.end()));
        engine::whisper_frame(row, so_far);
      }
      break;
    case MELSTREAM_NORMALIZATION_FIXED_MAX:
      engine::whisper_frame(rows, fixed_max);
      break;
    case MELSTREAM_NORMALIZATION_WHISPER_WINDOW:
      engine::whisper_window(rows);
      break;
    case MELSTREAM_NORMALIZATION_PER_FEATURE_WINDOW:
      engine::per_feature_window(rows, n_bins);
      break;
    default:
      break;
  }
  return rows;
}

class CLayouts : public testing::TestWithParam<melstream_normalization> {};

TEST_P(CLayouts, PlaceTheSameValuesAndFillTheRest) {
  const CEngine engine = make_c_engine(2);
  const CFrontEnd front_end = front_end_by_name("whisper-80");
  for (const melstream_smoothing smoothing : {MELSTREAM_SMOOTHING_NONE, MELSTREAM_SMOOTHING_BOX3X3_VALID}) {
    const int n_bins = melstream_front_end_bins(front_end.get(), smoothing);
    melstream_clip_options options = kDefaults;
    options.smoothing = smoothing;
    options.normalization = GetParam();
    options.fixed_max = -0.5F;
    options.fill = 7.0F;
    for (const std::size_t n_samples : {0UL, 1000UL, 16007UL, 48000UL, kLong}) {
      for (const bool is_padded : {false, true}) {
        auto clip = made_up_audio(n_samples, 9);
        options.pad_to_samples = is_padded ? kLong + 100000 : 0;
        auto whole = clip;
        if (is_padded) whole.resize(kLong + 100000);
        const auto expected = normalized(rows_of_seam("whisper-80", smoothing, whole), n_bins, GetParam(), -0.5F);
        const std::int64_t n_rows = static_cast<std::int64_t>(expected.size()) / n_bins, room = n_rows + 5;
        const std::int64_t strides[][2] = {{n_bins, 1},   {n_bins + 3, 1}, {1, room},
                                           {1, room + 2}, {2, 2 * room},   {3 * n_bins, 3}};
        for (const auto& [row_stride, bin_stride] : strides) {
          const auto size = static_cast<std::size_t>((room - 1) * row_stride + (n_bins - 1) * bin_stride + 1);
          std::vector<float> values(size, -9.0F);
          const melstream_clip given{clip.data(), static_cast<std::int64_t>(clip.size())};
          const melstream_output output{values.data(), room, row_stride, bin_stride};
          ASSERT_EQ(melstream_extract(engine.get(), front_end.get(), &options, 1, &given, &output), MELSTREAM_OK)
              << melstream_error_message();
          std::size_t n_wrong = 0, n_set = 0;
          for (std::int64_t t = 0; t < room; ++t) {
            for (std::int64_t m = 0; m < n_bins; ++m) {
              const float wanted = t < n_rows ? expected[static_cast<std::size_t>(t * n_bins + m)] : 7.0F;
              n_wrong += values[static_cast<std::size_t>(t * row_stride + m * bin_stride)] == wanted ? 0U : 1U;
            }
          }
          for (const float v : values) n_set += v == -9.0F ? 0U : 1U;
          EXPECT_EQ(n_wrong, 0U) << n_samples << " samples, strides " << row_stride << ", " << bin_stride;
          EXPECT_EQ(n_set, static_cast<std::size_t>(room * n_bins)) << "something else was written";
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, CLayouts,
                         testing::Values(MELSTREAM_NORMALIZATION_NONE, MELSTREAM_NORMALIZATION_RUNNING_MAX,
                                         MELSTREAM_NORMALIZATION_FIXED_MAX, MELSTREAM_NORMALIZATION_WHISPER_WINDOW,
                                         MELSTREAM_NORMALIZATION_PER_FEATURE_WINDOW));

TEST(CClips, HundredsOfClipsAreAsEachAlone) {
  const CEngine engine = make_c_engine();
  const CFrontEnd front_end = front_end_by_name("whisper-80");
  melstream_clip_options options = kDefaults;
  options.normalization = MELSTREAM_NORMALIZATION_WHISPER_WINDOW;
  std::vector<std::vector<float>> clips;
  for (std::uint32_t i = 0; i < 700; ++i) clips.push_back(made_up_audio((i * 37) % 3000, i));
  const auto together = extract(*engine, *front_end, options, clips);
  for (std::size_t i = 0; i < clips.size(); ++i) {
    ASSERT_EQ(together[i], extract(*engine, *front_end, options, {clips[i]}).front()) << i;
  }
}

TEST(CClips, ThreadsShareAnEngine) {
  const CEngine engine = make_c_engine();
  const CFrontEnd front_end = front_end_by_name("kaldi-80");
  const auto clip = made_up_audio(16000, 3);
  const auto expected = rows_of_seam("kaldi-80", 0, clip);
  std::vector<std::vector<float>> rows(4);
  std::vector<std::thread> threads;
  for (auto& mine : rows) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5; ++i) mine = extract(*engine, *front_end, kDefaults, {clip}).front();
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& mine : rows) EXPECT_EQ(mine, expected);
}

TEST(CClips, NoneIsNoError) {
  const CEngine engine = make_c_engine();
  EXPECT_EQ(melstream_extract(engine.get(), front_end_by_name("whisper-80").get(), nullptr, 0, nullptr, nullptr),
            MELSTREAM_OK);
}

/// What programs do to the floating point of their threads.
void round_up() { std::fesetround(FE_UPWARD); }
#if defined(__SSE__)
void flush_denormals() { _mm_setcsr(_mm_getcsr() | 0x8040); }
#else
void flush_denormals() {}
#endif

TEST(CClips, BitsDoNotDependOnTheCallersFloatingPoint) {
  std::vector<float> clip = made_up_audio(48000, 3);
  for (std::size_t i = 0; i < clip.size() / 2; ++i) clip[i] *= 1e-20F;  // whose energy is denormal
  for (const char* name : {"librosa-80", "whisper-80"}) {
    const CFrontEnd front_end = front_end_by_name(name);
    const auto expected = extract(*make_c_engine(), *front_end, kDefaults, {clip});
    for (void (*const change)() : {round_up, flush_denormals}) {
      for (const int n_threads : {1, 3}) {
        std::fenv_t before;
        std::fegetenv(&before);
        change();
        const int rounding = std::fegetround();
        const CEngine engine = make_c_engine(n_threads);  // whose threads begin with what this one has
        const auto found = extract(*engine, *front_end, kDefaults, {clip});
        EXPECT_EQ(std::fegetround(), rounding) << "it is the caller's";
        std::fesetenv(&before);
        EXPECT_TRUE(found == expected) << name << ", " << n_threads;
      }
    }
  }
}

}  // namespace
}  // namespace melstream::test
