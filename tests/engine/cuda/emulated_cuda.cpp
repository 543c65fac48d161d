#include "tests/engine/cuda/emulated_cuda.hpp"

#include <chrono>
#include <utility>

namespace melstream::test {
namespace {

constexpr float kUnwritten = -1e30F;

std::size_t n_bins_of(const engine::Lane& lane) {
  return static_cast<std::size_t>(lane.prepared->front_end().n_bins(lane.prepared->smoothing()));
}

}  // namespace

engine::cuda::Options EmulatedCuda::small_units(int unit_frames) {
  engine::cuda::Options options;
  options.unit_frames = unit_frames;
  options.spin = true;
  return options;
}

std::unique_ptr<engine::cuda::CudaEngine> EmulatedCuda::make(engine::cuda::Options options) {
  options.clock = &clock;
  return engine::cuda::make_engine(make_emulated_device(faults, log), options);
}

engine::EngineInstance EmulatedCuda::instance(const engine::cuda::Options& options) {
  return {make(options), {"cuda", "emulated", 1}};
}

void EmulatedCuda::turn_clock_while_waiting(std::int64_t ns) {
  faults.on_wait = [this, ns] { clock.advance_ns(ns); };
}

OwnedTick::OwnedTick(std::vector<engine::Lane> lanes) : lanes_(std::move(lanes)) {
  std::size_t n_rows = 0, n_values = 0;
  for (const engine::Lane& lane : lanes_) {
    n_rows += static_cast<std::size_t>(lane.n_rows);
    n_values_.push_back(static_cast<std::size_t>(lane.n_rows) * n_bins_of(lane));
    n_values += n_values_.back();
  }
  rows_.assign(n_values, kUnwritten);
  maxima_.assign(n_rows, kUnwritten);
}

std::vector<LaneRows> OwnedTick::lane_rows() const {
  std::vector<LaneRows> results;
  auto row = rows_.begin();
  auto maximum = maxima_.begin();
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    const auto end_row = row + static_cast<std::ptrdiff_t>(n_values_[i]);
    results.push_back({{row, end_row}, {maximum, maximum + lanes_[i].n_rows}});
    row = end_row;
    maximum += lanes_[i].n_rows;
  }
  return results;
}

void finish(engine::Engine& engine, engine::Ticket ticket) {
  while (!engine.poll(ticket, std::chrono::seconds(1))) {
  }
}

}  // namespace melstream::test
