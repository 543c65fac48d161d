// One engine and what it has prepared: computes lanes, each to a place of its own. Used by one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "melstream/engine/engine.hpp"

namespace melstream::capi {

inline constexpr engine::Limits kTickLimits{.max_lanes = 512, .max_rows = 4096};

class Worker {
 public:
  explicit Worker(engine::EngineInstance instance) : instance_(std::move(instance)) {}

  /// The tables of a front end, kept for the next calls: the last few that were asked for. Valid until the next call of
  /// prepared() on this worker. Throws Error(kInvalidArgument, field smoothing).
  const engine::Prepared& prepared(const std::shared_ptr<const engine::FrontEnd>& front_end,
                                   engine::Smoothing smoothing);

  /// Computes within kTickLimits and returns when all is written. Throws EngineError; the worker is then unusable.
  /// @param places [n_lanes]. @param maxima of all rows, in the order of the lanes.
  void run(std::span<const engine::Lane> lanes, std::span<const engine::RowsPlace> places, std::span<float> maxima);

  const engine::EngineInfo& info() const noexcept { return instance_.info; }
  bool is_usable() const noexcept { return is_usable_; }

  /// Memory that one call after another uses for converted samples. Only ever grows.
  std::vector<float>& scratch_samples() noexcept { return scratch_samples_; }
  /// Makes n zeros, at least; zeros() that were handed out before are gone if they were fewer.
  void reserve_zeros(std::size_t n) {
    if (zeros_.size() < n) zeros_.assign(n, 0.0F);
  }
  std::span<const float> zeros() const noexcept { return zeros_; }

 private:
  engine::EngineInstance instance_;
  std::vector<std::shared_ptr<const engine::Prepared>> prepared_;  ///< the last one was asked for last
  std::vector<float> scratch_samples_;
  std::vector<float> zeros_;
  bool is_usable_ = true;
};

}  // namespace melstream::capi
