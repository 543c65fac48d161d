#include "tests/engine/requests.hpp"

#include <algorithm>
#include <numeric>
#include <optional>
#include <random>
#include <span>
#include <utility>

#include "tests/support/golden.hpp"

namespace melstream::test {

using engine::Smoothing;

std::vector<Request> random_requests(std::size_t n, unsigned seed) {
  GoldenSet& set = GoldenSet::instance();
  const engine::FrontEndCatalog catalog;
  const char* clips[] = {"jfk", "espeak", "chirp", "square", "silence", "short561"};
  std::mt19937 random(seed);
  const auto pick = [&](std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random);
  };
  std::vector<Request> requests;
  while (requests.size() < n) {
    Request request;
    const auto& front_end = catalog.all()[static_cast<std::size_t>(pick(0, 13))];
    request.front_end = front_end->name();
    if (front_end->allows_smoothing()) request.smoothing = static_cast<Smoothing>(pick(0, 2));
    const std::vector<float>& clip = set.audio(clips[pick(0, 5)]);
    const auto n_samples = static_cast<std::int64_t>(clip.size());
    const std::int64_t begin = pick(0, n_samples - 1);
    const std::int64_t size = std::min(n_samples - begin, pick(1, 12'000));
    request.segment = std::span(clip).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(size));
    request.open = pick(0, 1) == 1;
    const auto geometry = front_end->rows(request.smoothing);
    const std::int64_t rows = request.open ? engine::rows_ready(geometry, size) : engine::row_count(geometry, size);
    if (rows == 0) continue;
    request.first_row = pick(0, rows - 1);
    request.n_rows = pick(1, std::min<std::int64_t>(9, rows - request.first_row));
    requests.push_back(request);
  }
  return requests;
}

Bench::Bench(std::unique_ptr<engine::Engine> engine, const std::vector<Request>& requests)
    : engine_(std::move(engine)) {
  const engine::FrontEndCatalog catalog;
  for (const Request& request : requests) {
    prepared_.push_back(engine_->prepare(catalog.find(request.front_end), request.smoothing));
    const auto length = static_cast<std::int64_t>(request.segment.size());
    samples_.emplace_back(*prepared_.back(), request.segment, request.first_row, request.n_rows,
                          request.open ? engine::kOpenEnd : length);
  }
}

std::vector<Matrix> each_alone(Bench& bench, std::size_t n) {
  std::vector<Matrix> results;
  for (std::size_t i = 0; i < n; ++i) results.push_back(run_tick(bench.engine(), std::span(&bench.lane(i), 1)).front());
  return results;
}

std::vector<std::size_t> in_order(std::size_t n) {
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  return order;
}

std::vector<Matrix> together(Bench& bench, const std::vector<std::size_t>& order) {
  std::vector<engine::Lane> lanes;
  lanes.reserve(order.size());
  for (const std::size_t i : order) lanes.push_back(bench.lane(i));
  return run_tick(bench.engine(), std::span<const engine::Lane>(lanes));
}

std::optional<std::size_t> changed_by_neighbours(Bench& bench, const std::vector<Matrix>& expected, int n_rounds,
                                                 unsigned seed) {
  std::vector<std::size_t> order = in_order(expected.size());
  std::mt19937 random(seed);
  for (int round = 0; round < n_rounds; ++round) {
    const std::vector<Matrix> rows = together(bench, order);
    for (std::size_t i = 0; i < order.size(); ++i) {
      if (!(rows[i] == expected[order[i]])) return order[i];
    }
    std::shuffle(order.begin(), order.end(), random);
  }
  return std::nullopt;
}

std::vector<engine::Lane> sharing_samples(const Bench& bench, std::size_t n, std::span<const float> segment) {
  constexpr std::size_t kCut = 9'001;
  std::vector<engine::Lane> lanes;
  for (std::size_t i = 0; i < n; ++i) {
    engine::Lane lane = bench.lane(i);
    lane.samples_begin = 0;
    lane.samples = {segment.first(kCut), segment.subspan(kCut)};
    lanes.push_back(lane);
  }
  return lanes;
}

std::vector<std::vector<std::size_t>> chunkings() {
  std::vector<std::vector<std::size_t>> all = {{1}, {7}, {160}, {441}, {4096}};
  std::mt19937 random(7);
  std::uniform_int_distribution<std::size_t> size(1, 1500);
  std::vector<std::size_t> mixed(101);
  for (std::size_t& chunk : mixed) chunk = size(random);
  all.push_back(mixed);
  return all;
}

}  // namespace melstream::test
