// Streams of the C ABI: the rows of the whole clip, however it is pushed and pulled.
#include <cstdint>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "tests/capi/c_engine.hpp"
#include "tests/engine/ticks.hpp"

namespace melstream::test {
namespace {

constexpr melstream_stream_options kDefaults = MELSTREAM_STREAM_OPTIONS_INIT;

std::vector<float> pull(melstream_stream& stream, int n_bins, std::int64_t max_rows) {
  std::vector<float> rows(static_cast<std::size_t>(max_rows * n_bins));
  std::int64_t n_rows = -1;
  EXPECT_EQ(melstream_stream_pull(&stream, rows.data(), max_rows, &n_rows), MELSTREAM_OK) << melstream_error_message();
  rows.resize(static_cast<std::size_t>(n_rows * n_bins));
  return rows;
}

/// All rows of a clip that is pushed in chunks of random sizes up to `most`, pulled at random.
template <typename Sample>
std::vector<float> streamed(melstream_stream& stream, int n_bins, const std::vector<Sample>& clip, std::size_t most,
                            unsigned seed) {
  std::mt19937 random(seed);
  std::vector<float> all;
  for (std::size_t at = 0; at < clip.size();) {
    const std::size_t n = std::min(clip.size() - at, 1 + random() % most);
    EXPECT_EQ(melstream_stream_push(&stream, clip.data() + at, static_cast<std::int64_t>(n)), MELSTREAM_OK);
    at += n;
    if (random() % 3 == 0) continue;
    const auto rows = pull(stream, n_bins, static_cast<std::int64_t>(random() % 40));
    all.insert(all.end(), rows.begin(), rows.end());
  }
  EXPECT_EQ(melstream_stream_flush(&stream), MELSTREAM_OK);
  const auto rows = pull(stream, n_bins, melstream_stream_ready(&stream));
  all.insert(all.end(), rows.begin(), rows.end());
  EXPECT_EQ(melstream_stream_ready(&stream), 0);
  return all;
}

TEST(CStreams, RowsAreThoseOfTheWholeClip) {
  const CEngine engine = make_c_engine();
  for (std::size_t i = 0; i < melstream_front_end_count(); ++i) {
    const std::string name = melstream_front_end_name_at(i);
    const CFrontEnd front_end = front_end_by_name(name);
    for (melstream_smoothing smoothing = 0; smoothing <= MELSTREAM_SMOOTHING_BOX3X3_VALID; ++smoothing) {
      const int n_bins = melstream_front_end_bins(front_end.get(), smoothing);
      if (n_bins == 0) continue;
      melstream_stream_options options = kDefaults;
      options.smoothing = smoothing;
      const CStream stream = make_c_stream(*engine, *front_end, options);
      for (const std::size_t n_samples : {0UL, 1UL, 150UL, 450UL, 30000UL}) {
        const auto clip = made_up_audio(n_samples, 4);
        for (const std::size_t most : {7UL, 5000UL}) {
          ASSERT_EQ(streamed(*stream, n_bins, clip, most, static_cast<unsigned>(i)),
                    rows_of_seam(name, smoothing, clip))
              << name << " " << smoothing << " " << n_samples << " samples in chunks of at most " << most;
          ASSERT_EQ(melstream_stream_reset(stream.get()), MELSTREAM_OK);
        }
      }
    }
  }
}

TEST(CStreams, NormalizeAsClipsDo) {
  const CEngine engine = make_c_engine();
  const CFrontEnd front_end = front_end_by_name("whisper-80");
  const auto clip = made_up_audio(50000, 6);
  for (const melstream_normalization normalization :
       {MELSTREAM_NORMALIZATION_RUNNING_MAX, MELSTREAM_NORMALIZATION_FIXED_MAX}) {
    melstream_stream_options options = kDefaults;
    options.normalization = normalization;
    options.fixed_max = 0.25F;
    melstream_clip_options of_clip = MELSTREAM_CLIP_OPTIONS_INIT;
    of_clip.normalization = normalization;
    of_clip.fixed_max = 0.25F;
    const CStream stream = make_c_stream(*engine, *front_end, options);
    EXPECT_EQ(streamed(*stream, 80, clip, 900, 1), extract(*engine, *front_end, of_clip, {clip}).front());
  }
}

TEST(CStreams, TakeInt16) {
  const CEngine engine = make_c_engine();
  const CFrontEnd front_end = front_end_by_name("kaldi-80");
  std::vector<std::int16_t> shorts(20000);
  std::vector<float> floats(shorts.size());
  for (std::size_t i = 0; i < shorts.size(); ++i) {
    shorts[i] = static_cast<std::int16_t>((i * 7919) % 65536 - 32768);
    floats[i] = static_cast<float>(shorts[i]) / 32768.0F;
  }
  melstream_stream_options options = kDefaults;
  options.sample_type = MELSTREAM_INT16;
  const CStream stream = make_c_stream(*engine, *front_end, options);
  EXPECT_EQ(streamed(*stream, 80, shorts, 777, 2), rows_of_seam("kaldi-80", 0, floats));
}

TEST(CStreams, RowsAreTheSameAnHourLater) {
  // The same second of audio again and again.
  const CEngine engine = make_c_engine();
  const CFrontEnd front_end = front_end_by_name("whisper-80");
  const CStream stream = make_c_stream(*engine, *front_end, kDefaults);
  const auto second = made_up_audio(16000, 8);
  std::vector<float> first, last;
  for (int i = 0; i < 3600; ++i) {
    ASSERT_EQ(melstream_stream_push(stream.get(), second.data(), 16000), MELSTREAM_OK);
    last = pull(*stream, 80, 200);
    if (i == 1) first = last;
  }
  EXPECT_EQ(last, first);
}

TEST(CStreams, RefuseSamplesAfterTheFlush) {
  const CEngine engine = make_c_engine();
  const CStream stream = make_c_stream(*engine, *front_end_by_name("whisper-80"), kDefaults);
  const std::vector<float> samples(100);
  ASSERT_EQ(melstream_stream_flush(stream.get()), MELSTREAM_OK);
  const CError error = error_of(melstream_stream_push(stream.get(), samples.data(), 100));
  EXPECT_EQ(error.status, MELSTREAM_FAILED_PRECONDITION);
  EXPECT_NE(error.message.find("reset"), std::string::npos);
  ASSERT_EQ(melstream_stream_reset(stream.get()), MELSTREAM_OK);
  EXPECT_EQ(melstream_stream_push(stream.get(), samples.data(), 100), MELSTREAM_OK);
}

TEST(CStreams, TakeNothingOfSamplesThatAreNotFinite) {
  const CEngine engine = make_c_engine();
  const CStream stream = make_c_stream(*engine, *front_end_by_name("whisper-80"), kDefaults);
  std::vector<float> samples(8000);
  samples[7000] = -INFINITY;
  const CError error = error_of(melstream_stream_push(stream.get(), samples.data(), 8000));
  EXPECT_EQ(error.status, MELSTREAM_INVALID_ARGUMENT);
  EXPECT_NE(error.message.find("sample 7000 is -infinite"), std::string::npos) << error.message;
  EXPECT_EQ(melstream_stream_ready(stream.get()), 0);
}

}  // namespace
}  // namespace melstream::test
