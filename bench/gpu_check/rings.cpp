#include "bench/gpu_check/rings.hpp"

#include <algorithm>
#include <random>

namespace melstream::bench {
namespace {

using core::kBlockSamples;

/// Rows at the start of a segment need its edge; ticks begin behind them.
constexpr std::int64_t kFirstSample = 8192;
/// Streams stand at different places of their rings.
constexpr std::size_t kPhase = 4801;

std::vector<float> noise(std::size_t n_samples) {
  std::mt19937 random(1);
  std::normal_distribution<float> value(0.0F, 0.1F);
  std::vector<float> samples(n_samples);
  for (float& sample : samples) sample = value(random);
  return samples;
}

}  // namespace

std::size_t RingStreams::bytes_of(std::size_t n_streams) noexcept { return n_streams * kBlockSamples * sizeof(float); }

RingStreams::RingStreams(std::size_t n_streams)
    // The engine pins the memory; locking it as well would only need a larger limit.
    : arena_({.max_bytes = bytes_of(n_streams), .lock = false},
             [this](std::span<std::byte> slab) { slabs_.push_back(slab); }),
      first_sample_(kFirstSample) {
  const std::vector<float> pool = noise(64 * kBlockSamples);
  std::mt19937_64 random(2);
  constexpr std::size_t kAtOnce = 64;  // a slab: one by one, the arena would look for each
  rings_.reserve(n_streams);
  for (std::size_t i = 0; i < n_streams; ++i) {
    if (i % kAtOnce == 0) memory_.push_back(arena_.take(std::min(kAtOnce, n_streams - i)));
    rings_.push_back(memory_.back().samples().subspan(i % kAtOnce * kBlockSamples, kBlockSamples));
    // Every ring another piece of the noise: as good as noise of its own, and made in no time.
    const std::size_t begin = random() % (pool.size() - kBlockSamples);
    std::copy_n(pool.begin() + static_cast<std::ptrdiff_t>(begin), kBlockSamples, rings_.back().begin());
  }
}

void RingStreams::register_with(engine::Engine& engine) const {
  for (const auto& slab : slabs_) engine.register_host(slab);
}

void RingStreams::next_tick(const engine::Prepared& prepared, int n_rows, std::span<engine::Lane> lanes) {
  const engine::RowGeometry geometry = prepared.front_end().rows(prepared.smoothing());
  const std::int64_t stride = engine::row_stride(geometry);
  const std::int64_t first_row = first_sample_ / stride;
  const engine::IndexRange needed = engine::samples_of_rows(geometry, first_row, n_rows, engine::kOpenEnd);
  const auto n_needed = static_cast<std::size_t>(needed.size());
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    const std::span<const float> ring = rings_[i];
    const std::size_t at = (static_cast<std::size_t>(needed.begin) + i * kPhase) % kBlockSamples;
    const std::size_t n_first = std::min(n_needed, kBlockSamples - at);
    lanes[i] = {.prepared = &prepared,
                .first_row = first_row,
                .n_rows = n_rows,
                .segment_samples = engine::kOpenEnd,
                .samples_begin = needed.begin,
                .samples = {ring.subspan(at, n_first), ring.first(n_needed - n_first)}};
  }
  first_sample_ += n_rows * stride;
}

}  // namespace melstream::bench
