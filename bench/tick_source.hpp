// The ticks that both engine benchmarks compute: many streams in mid segment, each wants the same few rows more, as a
// tick loop that runs every so often would ask. Their samples are speech-like noise or a recording, some of them split
// in two as in a ring.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "melstream/engine/engine.hpp"

namespace melstream::bench {

class TickSource {
 public:
  /// Prepares the front end with the engine. @param n_rows of each stream in each tick. @param recording each stream
  /// begins at another place of it; empty: noise.
  TickSource(engine::Engine& engine, const std::string& front_end, engine::Smoothing smoothing, int n_streams,
             int n_rows, const std::vector<float>& recording = {});

  /// Computes the next tick and waits for it.
  void run_one();
  std::int64_t rows_per_tick() const noexcept { return static_cast<std::int64_t>(lanes_.size()) * n_rows_; }
  /// Of all rows of the last tick; so that nothing can be left out.
  double sum_of_maxima() const noexcept;

 private:
  void aim(std::size_t stream);

  engine::Engine& engine_;
  std::shared_ptr<const engine::Prepared> prepared_;
  engine::RowGeometry geometry_;
  int n_rows_;
  std::int64_t first_row_ = 0;
  std::vector<std::vector<float>> audio_;
  std::vector<engine::Lane> lanes_;
  std::vector<float> rows_;
  std::vector<float> maxima_;
};

}  // namespace melstream::bench
