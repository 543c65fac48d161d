// Lanes at random, apart from any engine, for the tests of batch invariance.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "melstream/engine/engine.hpp"

#include "tests/support/extract.hpp"

namespace melstream::test {

/// What a lane asks for.
struct Request {
  std::string front_end;
  engine::Smoothing smoothing = engine::Smoothing::kNone;
  std::span<const float> segment;
  std::int64_t first_row = 0;
  std::int64_t n_rows = 0;
  bool open = false;
};

/// Random requests over all front ends, on random segments of the golden clips.
std::vector<Request> random_requests(std::size_t n, unsigned seed);

/// An engine with every request's front end prepared and its samples at hand.
class Bench {
 public:
  Bench(std::unique_ptr<engine::Engine> engine, const std::vector<Request>& requests);

  engine::Engine& engine() { return *engine_; }
  const engine::Lane& lane(std::size_t request) const { return samples_[request].lane(); }

 private:
  std::unique_ptr<engine::Engine> engine_;
  std::vector<std::shared_ptr<const engine::Prepared>> prepared_;
  std::vector<LaneSamples> samples_;
};

/// The rows of the first n requests, each the only one of its tick.
std::vector<Matrix> each_alone(Bench& bench, std::size_t n);

std::vector<std::size_t> in_order(std::size_t n);

/// The rows of these requests, all in one tick, in this order.
std::vector<Matrix> together(Bench& bench, const std::vector<std::size_t>& order);

/// Runs all requests in one tick, then again and again in shuffled order: the first whose rows are not to the bit those
/// expected, if there is one. @param expected one a request.
std::optional<std::size_t> changed_by_neighbours(Bench& bench, const std::vector<Matrix>& expected, int n_rounds,
                                                 unsigned seed);

/// The lanes of the first n requests, each with all samples of the segment that they are of, in the same two spans: so
/// that lanes whose transforms agree share their spectra.
std::vector<engine::Lane> sharing_samples(const Bench& bench, std::size_t n, std::span<const float> segment);

/// Sizes of the chunks that a clip arrives in, used in turn, in samples: 1, 7, 160, 441, 4096, and random ones.
std::vector<std::vector<std::size_t>> chunkings();

}  // namespace melstream::test
