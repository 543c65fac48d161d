// A scrolling spectrogram as text: a picture of half blocks in 256 colours, or a line of plain characters a column.
// Pure: it knows no terminal.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

namespace melstream::client {

/// Values to width cells, each the mean of the bins that fall into it (the nearest bin where there are fewer).
std::vector<float> resample_bins(std::span<const float> bins, int width);

class Spectrogram {
 public:
  /// @param width columns. @param height rows of characters, two pixels each. @param frames_per_column averaged.
  Spectrogram(int width, int height, int frames_per_column);

  /// @param frame [bins], any number of bins, but always the same. True if it completed a column.
  bool add_frame(std::span<const float> frame);
  int width() const noexcept { return width_; }
  int height() const noexcept { return height_; }

  /// height lines, high frequencies on top, the newest column on the right; each ends in a colour reset and newline.
  std::string picture() const;
  /// The newest complete column as characters from ' ' (quiet) to '@' (loud), low frequencies first.
  std::string plain_line() const;

 private:
  /// Range of values that colours span: most of what is visible, so that one loud click or silence does not flatten it.
  struct Range {
    float low;
    float high;
  };
  Range visible_range() const;

  int width_;
  int height_;
  int frames_per_column_;
  int n_summed_ = 0;
  std::vector<float> sum_;                  ///< [bins] of the column under way
  std::deque<std::vector<float>> columns_;  ///< at most width_, each [2 * height_] from low to high frequency
};

/// A bar for a level from -60 dBFS to 0: "[######----]".
std::string level_bar(float dbfs, int width);

}  // namespace melstream::client
