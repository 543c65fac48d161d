// A row has the same bits however it is asked for: in any chunks, among any neighbours, in units of any size, with its
// samples read in place or copied, beside another tick. Compared by memcmp, as are the maxima.
#include <algorithm>
#include <array>
#include <cstring>
#include <random>

#include "melstream/core/host_arena.hpp"
#include "melstream/engine/cuda/cuda_engine.hpp"
#include "melstream/engine/cuda/fft_plans.hpp"

#include "bench/gpu_check/signals.hpp"
#include "bench/gpu_check/stages.hpp"
#include "tests/engine/ticks.hpp"
#include "tests/support/extract.hpp"

namespace melstream::bench {
namespace {

using engine::Lane;
using engine::cuda::CudaEngine;
using test::LaneRows;

bool have_equal_bits(const std::vector<float>& a, const std::vector<float>& b) noexcept {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

bool have_equal_bits(const LaneRows& a, const LaneRows& b) noexcept {
  return have_equal_bits(a.rows, b.rows) && have_equal_bits(a.maxima, b.maxima);
}

/// What a lane asks for, apart from any engine.
struct Request {
  std::size_t which = 0;  ///< of the cases
  std::span<const float> audio;
  std::int64_t first_row = 0;
  std::int64_t n_rows = 0;
  double cut = 1.0;  ///< share of the samples in the first of two pieces
  bool is_open = false;
};

/// An engine with all cases prepared.
class Subject {
 public:
  Subject(Machine& machine, const engine::cuda::Options& options, const std::vector<test::Case>& cases)
      : engine_(engine::cuda::make_engine(machine.open_threaded(), options)) {
    for (const test::Case& c : cases) prepared_.push_back(engine_->prepare(c.front_end, c.smoothing));
  }

  CudaEngine& engine() { return *engine_; }
  const engine::Prepared& prepared(std::size_t which) const { return *prepared_[which]; }
  Lane lane(const Request& request) const {
    const engine::Prepared& prepared = *prepared_[request.which];
    const auto n_samples = static_cast<std::int64_t>(request.audio.size());
    const std::int64_t segment = request.is_open ? engine::kOpenEnd : n_samples;
    const engine::IndexRange needed = engine::samples_of_rows(prepared.front_end().rows(prepared.smoothing()),
                                                              request.first_row, request.n_rows, segment);
    const auto samples =
        request.audio.subspan(static_cast<std::size_t>(needed.begin), static_cast<std::size_t>(needed.size()));
    const auto n_first = static_cast<std::size_t>(request.cut * static_cast<double>(samples.size()));
    return {.prepared = &prepared,
            .first_row = request.first_row,
            .n_rows = static_cast<std::int32_t>(request.n_rows),
            .segment_samples = segment,
            .samples_begin = needed.begin,
            .samples = {samples.first(n_first), samples.subspan(n_first)}};
  }
  std::vector<LaneRows> run(const std::vector<Request>& requests) {
    std::vector<Lane> lanes;
    lanes.reserve(requests.size());
    for (const Request& request : requests) lanes.push_back(lane(request));
    return test::run_tick(*engine_, lanes);
  }
  std::vector<LaneRows> run_each_alone(const std::vector<Request>& requests) {
    std::vector<LaneRows> rows;
    rows.reserve(requests.size());
    for (const Request& request : requests) rows.push_back(test::run_tick(*engine_, {lane(request)}).front());
    return rows;
  }

 private:
  std::unique_ptr<CudaEngine> engine_;
  std::vector<std::shared_ptr<const engine::Prepared>> prepared_;
};

class Invariance {
 public:
  Invariance(Machine& machine, const Settings& settings, Report& report)
      : machine_(machine),
        report_(report),
        is_short_(machine.traits().is_emulated),
        n_requests_(is_short_                          ? 60
                    : settings.extent == Extent::kFull ? 2000
                                                       : 501),
        unit_frames_(is_short_ ? std::vector<int>{64, 128} : std::vector<int>{64, 1024, 8192}),
        cases_(test::all_cases()),
        arena_({.max_bytes = std::size_t{8} << 20, .lock = false},
               [this](std::span<std::byte> slab) { slabs_.push_back(slab); }) {
    fill_audio();
    make_requests();
  }

  void run() {
    engine::cuda::Options options;
    options.unit_frames = unit_frames_.back();
    Subject subject(machine_, options, cases_);
    report_.fact("FFT plans", subject.engine().uses_fixed_plans()
                                  ? "of one size: the library gives a frame other bits in another batch"
                                  : "of all sizes: a frame has the same bits in each, everywhere, beside everything");
    expected_ = subject.run_each_alone(requests_);
    chunks(subject);
    neighbours(subject);
    ticks_under_way(subject);
    units(subject.engine().uses_fixed_plans());
    in_place();
  }

 private:
  void fill_audio() {
    memory_ = arena_.take(16);
    const std::span<float> samples = memory_.samples();
    const std::vector<float> noise = made_up_clips(samples.size(), false).front().samples;
    std::copy(noise.begin(), noise.end(), samples.begin());
  }

  void make_requests() {
    std::mt19937 random(3);
    const auto pick = [&](std::int64_t low, std::int64_t high) {
      return std::uniform_int_distribution<std::int64_t>(low, high)(random);
    };
    const auto n_samples = static_cast<std::int64_t>(memory_.samples().size());
    while (requests_.size() < n_requests_) {
      Request request;
      request.which = static_cast<std::size_t>(pick(0, static_cast<std::int64_t>(cases_.size()) - 1));
      const std::int64_t begin = pick(0, n_samples - 1), size = std::min(n_samples - begin, pick(1, 12'000));
      request.audio = memory_.samples().subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(size));
      request.is_open = pick(0, 1) == 1;
      request.cut = pick(0, 1) == 1 ? 1.0 : static_cast<double>(pick(0, 1000)) / 1000.0;
      const test::Case& c = cases_[request.which];
      const auto geometry = c.front_end->rows(c.smoothing);
      const std::int64_t rows =
          request.is_open ? engine::rows_ready(geometry, size) : engine::row_count(geometry, size);
      if (rows == 0) continue;
      request.first_row = pick(0, rows - 1);
      request.n_rows = pick(1, std::min<std::int64_t>(9, rows - request.first_row));
      requests_.push_back(request);
    }
  }

  void compare(const std::string& name, const std::vector<Request>& requests, const std::vector<LaneRows>& actual,
               const std::vector<std::size_t>& order) {
    std::size_t n_different = 0;
    std::string first;
    for (std::size_t i = 0; i < order.size(); ++i) {
      if (have_equal_bits(actual[i], expected_[order[i]])) continue;
      if (n_different++ == 0) {
        first = text(": first %s, row %lld", cases_[requests[order[i]].which].name.c_str(),
                     static_cast<long long>(requests[order[i]].first_row));
      }
    }
    report_.check(n_different == 0, name,
                  text("%zu of %zu lanes equal%s", order.size() - n_different, order.size(), first.c_str()));
  }

  std::vector<std::size_t> in_order() const {
    std::vector<std::size_t> order(requests_.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    return order;
  }

  /// A clip that arrives in chunks, tick by tick, against the clip as one lane.
  void chunks(Subject& subject) {
    std::vector<std::size_t> mixed(101);
    std::mt19937 random(7);
    for (std::size_t& chunk : mixed) chunk = 1 + random() % 1500;
    std::vector<std::vector<std::size_t>> chunkings = {{441}, mixed};
    if (!is_short_) chunkings = {{1}, {7}, {160}, {441}, {4096}, mixed};
    const auto clip = std::span<const float>(memory_.samples()).first(is_short_ ? 2500 : 16000 + 77);
    std::size_t n_equal = 0, n = 0;
    std::string first;
    for (std::size_t i = 0; i < cases_.size(); ++i) {
      const test::Matrix whole = test::whole_clip(subject.engine(), subject.prepared(i), clip);
      for (const auto& sizes : chunkings) {
        const test::Matrix streamed = test::streamed_clip(subject.engine(), subject.prepared(i), clip, sizes);
        const bool is_equal = have_equal_bits(streamed.values, whole.values);
        n_equal += is_equal ? 1 : 0;
        if (!is_equal && first.empty()) first = ", first " + cases_[i].name + text(" in chunks of %zu", sizes.front());
        ++n;
      }
    }
    report_.check(n_equal == n, "any chunks",
                  text("%zu of %zu equal (%zu front ends and smoothings, %zu chunkings)%s", n_equal, n, cases_.size(),
                       chunkings.size(), first.c_str()));
  }

  void neighbours(Subject& subject) {
    std::vector<std::size_t> order = in_order();
    std::mt19937 random(11);
    for (int round = 0; round < 3; ++round) {
      std::vector<Request> shuffled;
      shuffled.reserve(order.size());
      for (const std::size_t i : order) shuffled.push_back(requests_[i]);
      compare(text("%zu neighbours, order %d", order.size() - 1, round + 1), requests_, subject.run(shuffled), order);
      std::shuffle(order.begin(), order.end(), random);
    }
  }

  /// Two ticks are submitted before either is asked for; the later one is asked for first.
  void ticks_under_way(Subject& subject) {
    struct Half {
      std::vector<std::size_t> order;
      std::vector<Lane> lanes;
      std::vector<float> rows, maxima;
      engine::Ticket ticket = 0;
    };
    std::array<Half, 2> halves;
    for (std::size_t i = 0; i < requests_.size(); ++i) {
      Half& half = halves[i % 2];
      half.order.push_back(i);
      half.lanes.push_back(subject.lane(requests_[i]));
      half.rows.resize(half.rows.size() + expected_[i].rows.size());
      half.maxima.resize(half.maxima.size() + expected_[i].maxima.size());
    }
    for (Half& half : halves) half.ticket = subject.engine().submit({half.lanes, half.rows, half.maxima});
    for (std::size_t k = halves.size(); k-- > 0;) {
      Half& half = halves[k];
      while (!subject.engine().poll(half.ticket, std::chrono::seconds(1))) {
      }
      std::vector<LaneRows> actual;
      auto row = half.rows.cbegin();
      auto maximum = half.maxima.cbegin();
      for (const std::size_t i : half.order) {
        const auto rows_end = row + static_cast<std::ptrdiff_t>(expected_[i].rows.size());
        const auto maxima_end = maximum + static_cast<std::ptrdiff_t>(expected_[i].maxima.size());
        actual.push_back({{row, rows_end}, {maximum, maxima_end}});
        row = rows_end;
        maximum = maxima_end;
      }
      compare(text("tick %zu of two under way together", k + 1), requests_, actual, half.order);
    }
  }

  void units(bool is_fixed) {
    for (const int frames : unit_frames_) {
      engine::cuda::Options options;
      options.unit_frames = frames;
      Subject subject(machine_, options, cases_);
      const std::string name = text("units of %d frames", frames);
      const auto plan_frames = [](int unit_frames) { return std::min(unit_frames, engine::cuda::kFixedPlanFrames); };
      if (is_fixed != subject.engine().uses_fixed_plans() ||
          (is_fixed && plan_frames(frames) != plan_frames(unit_frames_.back()))) {
        report_.not_run(name, "with plans of one size, bits belong to that size");
        continue;
      }
      compare(name, requests_, subject.run(requests_), in_order());
    }
  }

  void in_place() {
    for (const bool read_in_place : {true, false}) {
      engine::cuda::Options options;
      options.unit_frames = unit_frames_.back();
      options.read_in_place = read_in_place;
      Subject subject(machine_, options, cases_);
      for (const auto& slab : slabs_) subject.engine().register_host(slab);
      const std::vector<LaneRows> actual = subject.run(requests_);
      const auto in_place_bytes = subject.engine().counters().in_place_bytes;
      const std::string name = read_in_place ? "samples read in place" : "samples copied";
      if (read_in_place && in_place_bytes == 0) {
        report_.not_run(name, "this machine does not let the device read registered memory");
        continue;
      }
      compare(name + text(" (%.1f MB in place)", static_cast<double>(in_place_bytes) * 1e-6), requests_, actual,
              in_order());
    }
  }

  Machine& machine_;
  Report& report_;
  const bool is_short_;
  const std::size_t n_requests_;
  const std::vector<int> unit_frames_;
  const std::vector<test::Case> cases_;
  std::vector<std::span<std::byte>> slabs_;
  core::HostArena arena_;
  core::AudioMemory memory_;
  std::vector<Request> requests_;
  std::vector<LaneRows> expected_;  ///< of each request alone
};

}  // namespace

void run_invariance(Machine& machine, const Settings& settings, Report& report) {
  Invariance(machine, settings, report).run();
}

}  // namespace melstream::bench
