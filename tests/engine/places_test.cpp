// Ticks whose lanes say where their rows go: the same bits at any strides, and nothing written between them.
#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include "melstream/core/error.hpp"
#include "melstream/engine/cpu/cpu_engine.hpp"

#include "tests/engine/ticks.hpp"

namespace melstream::test {
namespace {

constexpr float kUntouched = -1e30F;

/// Memory for the rows of one lane with these strides.
struct Placed {
  Placed(std::int64_t rows, std::int64_t bins, std::int64_t of_row, std::int64_t of_bin)
      : n_rows(rows), n_bins(bins), row_stride(of_row), bin_stride(of_bin) {
    const std::int64_t last = n_rows == 0 ? -1 : (n_rows - 1) * row_stride + (n_bins - 1) * bin_stride;
    values.assign(static_cast<std::size_t>(last + 1), kUntouched);
  }
  std::vector<float> in_order() const {
    std::vector<float> rows;
    for (std::int64_t t = 0; t < n_rows; ++t) {
      for (std::int64_t m = 0; m < n_bins; ++m) {
        rows.push_back(values[static_cast<std::size_t>(t * row_stride + m * bin_stride)]);
      }
    }
    return rows;
  }
  std::size_t n_written() const {
    std::size_t n = 0;
    for (const float v : values) n += v == kUntouched ? 0U : 1U;
    return n;
  }

  std::int64_t n_rows, n_bins, row_stride, bin_stride;
  std::vector<float> values;
};

TEST(Places, OfAnyStridesHoldTheSameRows) {
  const auto made = engine::cpu::make_engine({.limits = {.max_lanes = 16, .max_rows = 4000}});
  // Lengths that end within a vector, so that some rows of a group belong to the next lane.
  const std::vector<std::vector<float>> audio{made_up_audio(16000, 1), made_up_audio(4321, 2), made_up_audio(900, 3),
                                              made_up_audio(48000, 4), made_up_audio(100, 5)};
  for (const Case& c : all_cases()) {
    const auto prepared = made.engine->prepare(c.front_end, c.smoothing);
    std::vector<engine::Lane> lanes;
    for (const auto& clip : audio) lanes.push_back(whole_lane(*prepared, clip));
    lanes[3].first_row = 7;  // not from the first row on
    lanes[3].n_rows -= 9;
    const std::vector<LaneRows> expected = run_tick(*made.engine, lanes);
    const std::int64_t n_bins = c.front_end->n_bins(c.smoothing);
    for (const int layout : {0, 1, 2, 3, 4}) {
      std::vector<Placed> placed;
      std::vector<engine::RowsPlace> places;
      placed.reserve(lanes.size());
      std::int64_t n_rows = 0;
      for (std::size_t i = 0; i < lanes.size(); ++i) {
        const std::int64_t n = lanes[i].n_rows;
        const std::int64_t strides[][2] = {{n_bins, 1}, {n_bins + 5, 1}, {1, n}, {1, n + 3}, {2, 2 * n + 1}};
        // A layout of its own for every other lane.
        const auto& [row, bin] = strides[(static_cast<std::size_t>(layout) + (i % 2) * 2) % 5];
        placed.emplace_back(n, n_bins, row, bin);
        places.push_back({placed.back().values.data(), row, bin});
        n_rows += n;
      }
      std::vector<float> maxima(static_cast<std::size_t>(n_rows), kUntouched);
      const engine::Ticket ticket = made.engine->submit({.lanes = lanes, .maxima = maxima, .places = places});
      while (!made.engine->poll(ticket, std::chrono::seconds(1))) {
      }
      std::size_t at = 0;
      for (std::size_t i = 0; i < lanes.size(); ++i) {
        ASSERT_EQ(placed[i].in_order(), expected[i].rows) << c.name << ", layout " << layout << ", lane " << i;
        ASSERT_EQ(placed[i].n_written(), expected[i].rows.size()) << c.name << ": something else was written";
        const auto own = std::span(maxima).subspan(at, expected[i].maxima.size());
        ASSERT_EQ(std::vector<float>(own.begin(), own.end()), expected[i].maxima) << c.name;
        at += own.size();
      }
    }
  }
}

TEST(Places, AreOneALane) {
  const auto made = engine::cpu::make_engine({.limits = {.max_lanes = 2, .max_rows = 100}});
  const engine::FrontEndCatalog catalog;
  const auto prepared = made.engine->prepare(catalog.find("whisper-80"), engine::Smoothing::kNone);
  const auto clip = made_up_audio(1600, 1);
  const std::vector<engine::Lane> lanes(2, whole_lane(*prepared, clip));
  std::vector<float> rows(1600), maxima(20);
  const engine::RowsPlace one{rows.data(), 80, 1};
  EXPECT_THROW(made.engine->submit({.lanes = lanes, .maxima = maxima, .places = {&one, 1}}), core::EngineError);
}

}  // namespace
}  // namespace melstream::test
