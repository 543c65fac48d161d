#include "client/spectrogram.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "client/screen.hpp"

namespace melstream::client {
namespace {

TEST(ResampleBins, AveragesAndRepeats) {
  const float bins[] = {1, 3, 5, 7};
  EXPECT_EQ(resample_bins(bins, 2), (std::vector<float>{2, 6}));
  EXPECT_EQ(resample_bins(bins, 8), (std::vector<float>{1, 1, 3, 3, 5, 5, 7, 7}));
  EXPECT_EQ(resample_bins({}, 2), (std::vector<float>{0, 0}));
}

TEST(Spectrogram, AColumnIsTheMeanOfItsFrames) {
  Spectrogram spectrogram(10, 1, 2);
  const float quiet[] = {0, 0};
  const float loud[] = {0, 8};
  EXPECT_FALSE(spectrogram.add_frame(quiet));
  EXPECT_TRUE(spectrogram.add_frame(loud));
  // Low frequencies first: the upper bin is the louder one.
  EXPECT_EQ(spectrogram.plain_line(), " @");
}

TEST(Spectrogram, PictureIsAsWideAndHighAsAsked) {
  Spectrogram spectrogram(5, 3, 1);
  const float frame[] = {0, 1, 2, 3, 4, 5};
  for (int i = 0; i < 9; ++i) spectrogram.add_frame(frame);
  const std::string picture = spectrogram.picture();
  EXPECT_EQ(std::count(picture.begin(), picture.end(), '\n'), 3);
  int n_blocks = 0;
  for (std::size_t at = 0; (at = picture.find("\u2580", at)) != std::string::npos; ++at) ++n_blocks;
  EXPECT_EQ(n_blocks, 15);
  // Each line leaves the terminal's colours as they were.
  EXPECT_EQ(picture.substr(picture.size() - 5), "\x1b[0m\n");
}

TEST(Spectrogram, HighFrequenciesAreOnTop) {
  Spectrogram spectrogram(1, 2, 1);
  const float frame[] = {0, 0, 9, 9};
  spectrogram.add_frame(frame);
  const std::string picture = spectrogram.picture();
  const std::string top = picture.substr(0, picture.find('\n'));
  EXPECT_NE(top.find("38;5;231"), std::string::npos) << top;
  EXPECT_EQ(picture.substr(picture.find('\n')).find("38;5;231"), std::string::npos);
}

TEST(Spectrogram, NanDoesNotSpoilThePicture) {
  Spectrogram spectrogram(4, 1, 1);
  const float frame[] = {std::nanf(""), 1};
  spectrogram.add_frame(frame);
  const float other[] = {0, 1};
  spectrogram.add_frame(other);
  EXPECT_EQ(spectrogram.plain_line(), " @");
  EXPECT_FALSE(spectrogram.picture().empty());
}

TEST(LevelBar, SpansSixtyDecibels) {
  EXPECT_EQ(level_bar(-std::numeric_limits<float>::infinity(), 6), "[------]");
  EXPECT_EQ(level_bar(-60, 6), "[------]");
  EXPECT_EQ(level_bar(-30, 6), "[###---]");
  EXPECT_EQ(level_bar(0, 6), "[######]");
  EXPECT_EQ(level_bar(6, 6), "[######]");
}

TEST(StatusText, HasLevelAndLatency) {
  EXPECT_EQ(status_text({"demo", 3.25, -23.1f, -9.8f, 14.25, 2}),
            "demo  3.2 s  [######----] rms -23.1 peak -9.8 dBFS  latency 14.2 ms  2 gaps");
}

}  // namespace
}  // namespace melstream::client
