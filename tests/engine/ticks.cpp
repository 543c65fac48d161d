#include "tests/engine/ticks.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <random>

namespace melstream::test {

std::vector<float> made_up_audio(std::size_t n_samples, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> noise(-0.3F, 0.3F);
  std::vector<float> samples(n_samples);
  for (std::size_t n = 0; n < n_samples; ++n) {
    samples[n] = noise(random) + 0.5F * static_cast<float>(std::sin(0.05 * (1 + seed % 7) * static_cast<double>(n)));
  }
  return samples;
}

engine::Lane lane_of(const engine::Prepared& prepared, const std::vector<float>& audio, std::int64_t first_row,
                     std::int64_t n_rows, double cut, bool is_open) {
  engine::Lane lane;
  lane.prepared = &prepared;
  lane.first_row = first_row;
  lane.n_rows = static_cast<std::int32_t>(n_rows);
  lane.segment_samples = is_open ? engine::kOpenEnd : static_cast<std::int64_t>(audio.size());
  const engine::IndexRange needed =
      engine::samples_of_rows(prepared.front_end().rows(prepared.smoothing()), first_row, n_rows, lane.segment_samples);
  lane.samples_begin = needed.begin;
  const std::span<const float> samples(audio.data() + needed.begin, static_cast<std::size_t>(needed.size()));
  const auto n_first = static_cast<std::size_t>(cut * static_cast<double>(samples.size()));
  lane.samples = {samples.first(n_first), samples.subspan(n_first)};
  return lane;
}

engine::Lane whole_lane(const engine::Prepared& prepared, const std::vector<float>& audio) {
  const engine::RowGeometry geometry = prepared.front_end().rows(prepared.smoothing());
  return lane_of(prepared, audio, 0, engine::row_count(geometry, static_cast<std::int64_t>(audio.size())));
}

std::vector<LaneRows> run_tick(engine::Engine& engine, const std::vector<engine::Lane>& lanes) {
  const auto n_bins = [](const engine::Lane& lane) {
    return static_cast<std::size_t>(lane.prepared->front_end().n_bins(lane.prepared->smoothing()));
  };
  std::size_t n_rows = 0, n_values = 0;
  for (const engine::Lane& lane : lanes) {
    n_rows += static_cast<std::size_t>(lane.n_rows);
    n_values += static_cast<std::size_t>(lane.n_rows) * n_bins(lane);
  }
  std::vector<float> rows(n_values, -1e30F), maxima(n_rows, -1e30F);
  const engine::Ticket ticket = engine.submit({lanes, rows, maxima});
  while (!engine.poll(ticket, std::chrono::seconds(1))) {
  }
  std::vector<LaneRows> results;
  auto row = rows.begin();
  auto maximum = maxima.begin();
  for (const engine::Lane& lane : lanes) {
    const auto end_row = row + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(lane.n_rows) * n_bins(lane));
    results.push_back({{row, end_row}, {maximum, maximum + lane.n_rows}});
    row = end_row;
    maximum += lane.n_rows;
  }
  return results;
}

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  engine::FrontEndCatalog catalog;
  engine::FrontEndSpec odd = catalog.find("kaldi-80")->spec();
  odd.name = "any-length";
  odd.transform.geometry.window = 430;  // neither a multiple of 4 nor for a fixed plan
  odd.transform.geometry.left = 135;
  odd.transform.n_fft = 480;
  odd.mel.n_mels = 37;
  catalog.add(odd);
  for (const auto& front_end : catalog.all()) {
    cases.push_back({front_end, engine::Smoothing::kNone, front_end->name()});
    if (!front_end->allows_smoothing()) continue;
    cases.push_back({front_end, engine::Smoothing::kBox3x3, front_end->name() + " box3x3"});
    cases.push_back({front_end, engine::Smoothing::kBox3x3Valid, front_end->name() + " box3x3-valid"});
  }
  engine::Cmvn cmvn{std::vector<float>(560, 0.5F), std::vector<float>(560, 0.25F)};
  cmvn.shift[559] = -3.0F;
  cases.push_back({catalog.with_cmvn("paraformer-560", cmvn), engine::Smoothing::kNone, "paraformer-560 cmvn"});
  return cases;
}

}  // namespace melstream::test
