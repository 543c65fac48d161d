// The exact Whisper front end in a process of its own, without a daemon: raw float32 samples at 16 kHz on standard
// input, float32 rows of 80 bins (log10 of mel energy, not normalised) on standard output.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <vector>

#include "melstream/engine/cpu/cpu_engine.hpp"
#include "melstream/engine/framing.hpp"
#include "melstream/engine/front_end.hpp"

namespace engine = melstream::engine;

int main() {
  const std::vector<char> bytes{std::istreambuf_iterator<char>(std::cin), {}};
  const auto* samples = reinterpret_cast<const float*>(bytes.data());
  const auto n_samples = static_cast<std::int64_t>(bytes.size() / sizeof(float));

  const engine::FrontEndCatalog catalog;
  const auto whisper = catalog.find("whisper-80");
  // As many rows a tick as the engine was made for.
  constexpr std::int32_t kRows = 1000;
  const auto made = engine::cpu::make_engine({.limits = {.max_lanes = 1, .max_rows = kRows}});
  const auto prepared = made.engine->prepare(whisper, engine::Smoothing::kNone);
  const engine::RowGeometry geometry = whisper->rows(engine::Smoothing::kNone);
  const auto n_bins = static_cast<std::size_t>(whisper->n_bins(engine::Smoothing::kNone));

  std::vector<float> rows(kRows * n_bins);
  std::vector<float> maxima(kRows);
  const std::int64_t n_rows = engine::row_count(geometry, n_samples);
  for (std::int64_t first = 0; first < n_rows; first += kRows) {
    engine::Lane lane;
    lane.prepared = prepared.get();
    lane.first_row = first;
    lane.n_rows = static_cast<std::int32_t>(std::min<std::int64_t>(kRows, n_rows - first));
    lane.segment_samples = n_samples;  // the whole clip is there: its end is padded as the reference does
    const engine::IndexRange needed = engine::samples_of_rows(geometry, first, lane.n_rows, n_samples);
    lane.samples_begin = needed.begin;
    lane.samples[0] = {samples + needed.begin, static_cast<std::size_t>(needed.size())};
    const auto n_values = static_cast<std::size_t>(lane.n_rows) * n_bins;
    const engine::Ticket ticket =
        made.engine->submit({.lanes = {&lane, 1},
                             .rows = {rows.data(), n_values},
                             .maxima = {maxima.data(), static_cast<std::size_t>(lane.n_rows)}});
    while (!made.engine->poll(ticket, std::chrono::seconds(1))) {
    }
    std::fwrite(rows.data(), sizeof(float), n_values, stdout);
  }
  std::fprintf(stderr, "%lld rows of %zu bins, computed on %s\n", static_cast<long long>(n_rows), n_bins,
               made.info.target.c_str());
  return 0;
}
