#include "bench/tick_source.hpp"

#include <chrono>
#include <cmath>
#include <numeric>
#include <random>

namespace melstream::bench {
namespace {

/// Of each stream: as much as its sample ring holds (core's kBlockSamples).
constexpr std::size_t kSamples = 16384;
/// Rows at the start of a segment need its edge; ticks begin behind them.
constexpr std::int64_t kFirstRow = 3;

std::vector<float> made_up_audio(std::uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> noise(0.0F, 0.05F);
  std::vector<float> samples(kSamples);
  const double pitch = 0.01 + 0.0001 * seed;
  for (std::size_t n = 0; n < samples.size(); ++n) {
    samples[n] = noise(random) + 0.2F * static_cast<float>(std::sin(pitch * static_cast<double>(n)));
  }
  return samples;
}

/// As much of the recording, around its end if need be.
std::vector<float> part_of(const std::vector<float>& recording, std::size_t stream) {
  constexpr std::size_t kStride = 4801;  // 0.3 s, so that the streams' syllables differ
  std::vector<float> samples(kSamples);
  for (std::size_t n = 0; n < samples.size(); ++n) samples[n] = recording[(stream * kStride + n) % recording.size()];
  return samples;
}

}  // namespace

TickSource::TickSource(engine::Engine& engine, const std::string& front_end, engine::Smoothing smoothing, int n_streams,
                       int n_rows, const std::vector<float>& recording)
    : engine_(engine), n_rows_(n_rows), first_row_(kFirstRow) {
  const auto found = engine::FrontEndCatalog().find(front_end);
  prepared_ = engine.prepare(found, smoothing);
  geometry_ = found->rows(smoothing);
  for (int i = 0; i < n_streams; ++i) {
    audio_.push_back(recording.empty() ? made_up_audio(static_cast<std::uint32_t>(i))
                                       : part_of(recording, static_cast<std::size_t>(i)));
  }
  lanes_.resize(audio_.size());
  const std::size_t total = lanes_.size() * static_cast<std::size_t>(n_rows);
  rows_.resize(total * static_cast<std::size_t>(found->n_bins(smoothing)));
  maxima_.resize(total);
}

void TickSource::aim(std::size_t stream) {
  engine::Lane& lane = lanes_[stream];
  lane.prepared = prepared_.get();
  lane.first_row = first_row_;
  lane.n_rows = n_rows_;
  const engine::IndexRange needed = engine::samples_of_rows(geometry_, first_row_, n_rows_, engine::kOpenEnd);
  lane.samples_begin = needed.begin;
  const std::span<const float> samples(audio_[stream].data() + needed.begin, static_cast<std::size_t>(needed.size()));
  // One stream in eight is at the end of its ring.
  const std::size_t n_first = stream % 8 == 0 ? samples.size() / 2 : samples.size();
  lane.samples = {samples.first(n_first), samples.subspan(n_first)};
}

void TickSource::run_one() {
  const std::int64_t stop = engine::samples_of_rows(geometry_, first_row_, n_rows_, engine::kOpenEnd).end;
  if (stop > static_cast<std::int64_t>(kSamples)) first_row_ = kFirstRow;
  for (std::size_t stream = 0; stream < lanes_.size(); ++stream) aim(stream);
  const engine::Ticket ticket = engine_.submit({lanes_, rows_, maxima_});
  while (!engine_.poll(ticket, std::chrono::seconds(1))) {
  }
  first_row_ += n_rows_;
}

double TickSource::sum_of_maxima() const noexcept { return std::accumulate(maxima_.begin(), maxima_.end(), 0.0); }

}  // namespace melstream::bench
