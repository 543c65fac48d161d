// The failure drill: the device is broken for this process while FailoverEngine(CUDA, CPU) computes ticks. Every row
// must arrive and be right; how long the CPU took to take over is told.
#include <chrono>
#include <optional>

#include "melstream/engine/cpu/cpu_engine.hpp"
#include "melstream/engine/cuda/cuda_engine.hpp"
#include "melstream/engine/failover_engine.hpp"

#include "bench/gpu_check/allowance.hpp"
#include "bench/gpu_check/processor.hpp"
#include "bench/gpu_check/rings.hpp"
#include "bench/gpu_check/stages.hpp"
#include "tests/support/matrix.hpp"

namespace melstream::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr int kTicks = 12;
constexpr int kBrokenTick = 6;
/// From finding the loss to the tick being there.
constexpr double kLimitSeconds = 0.5;
constexpr double kFailureSeconds = 3 * kLimitSeconds;

double milliseconds_between(SteadyClock::time_point a, SteadyClock::time_point b) {
  return std::chrono::duration<double, std::milli>(b - a).count();
}

/// The same ticks on the CPU engine alone.
class Reference {
 public:
  Reference(engine::Engine& engine, const engine::FrontEnd& front_end, const engine::Prepared& prepared)
      : engine_(engine), prepared_(prepared), rule_(rule_between_engines(front_end.spec())) {}

  /// "" if the rows are right; else why not. @param to_the_bit whether the CPU engine must have computed them.
  std::string check(std::vector<engine::Lane> lanes, const test::Matrix& rows, bool to_the_bit) {
    for (engine::Lane& lane : lanes) lane.prepared = &prepared_;
    test::Matrix expected{rows.rows, rows.cols, std::vector<float>(rows.values.size())};
    std::vector<float> maxima(rows.rows);
    const engine::Ticket ticket = engine_.submit({lanes, expected.values, maxima});
    while (!engine_.poll(ticket, std::chrono::seconds(1))) {
    }
    if (to_the_bit) return rows == expected ? "" : "not the bits of the CPU engine";
    return test::compare(expected, rows, rule_).reason;
  }

 private:
  engine::Engine& engine_;
  const engine::Prepared& prepared_;
  const test::Tolerance rule_;
};

}  // namespace

void run_drill(Machine& machine, const Settings& settings, Report& report, Breakage how) {
  const std::size_t n_streams = machine.traits().is_emulated ? 20 : settings.extent == Extent::kQuick ? 1000 : 10000;
  engine::Limits limits;
  limits.max_lanes = limits.max_rows = static_cast<std::int32_t>(n_streams);
  const engine::cpu::Options cpu_options{.n_threads = n_processors(), .limits = limits};
  engine::cuda::Options cuda_options;
  cuda_options.limits = limits;
  cuda_options.unit_frames = machine.traits().unit_frames;
  const auto front_end = engine::FrontEndCatalog().find("whisper-80");
  cuda_options.front_ends = {front_end};

  // Never given back: a lost device may still read them.
  RingStreams& rings = *new RingStreams(n_streams);
  const auto reference_engine = engine::cpu::make_engine(cpu_options).engine;
  const auto on_reference = reference_engine->prepare(front_end, engine::Smoothing::kNone);
  Reference reference(*reference_engine, *front_end, *on_reference);
  std::optional<SteadyClock::time_point> lost;
  engine::FailoverEngine engine({engine::cuda::make_engine(machine.open_threaded(), cuda_options), {"cuda", "", 1}},
                                engine::cpu::make_engine(cpu_options), limits,
                                [&](const std::string&) { lost = SteadyClock::now(); });
  rings.register_with(engine);
  const auto prepared = engine.prepare(front_end, engine::Smoothing::kNone);

  std::vector<engine::Lane> lanes(n_streams);
  test::Matrix rows{n_streams, static_cast<std::size_t>(front_end->n_bins()), {}};
  std::vector<float> maxima(n_streams);
  SteadyClock::time_point broken, finished;
  std::string wrong;
  int n_right = 0;
  for (int tick = 0; tick < kTicks; ++tick) {
    rows.values.assign(rows.rows * rows.cols, 0.0F);
    rings.next_tick(*prepared, 1, lanes);
    const bool was_lost = lost.has_value();
    if (tick == kBrokenTick) {
      broken = SteadyClock::now();
      machine.break_down(how);
    }
    const engine::Ticket ticket = engine.submit({lanes, rows.values, maxima});
    while (!engine.poll(ticket, std::chrono::seconds(1))) {
    }
    if (lost && !was_lost) finished = SteadyClock::now();
    const std::string reason = reference.check(lanes, rows, lost.has_value());
    if (reason.empty()) ++n_right;
    if (!reason.empty() && wrong.empty()) wrong = text("; tick %d: ", tick) + reason;
  }

  report.check(n_right == kTicks, "every row arrived and is right",
               text("%d of %d ticks of %zu streams", n_right, kTicks, n_streams) + wrong);
  report.check(lost.has_value(), "the loss was found", lost ? *engine.loss() : "the device went on computing");
  if (!lost) return;
  const double found_ms = milliseconds_between(broken, *lost), over_ms = milliseconds_between(*lost, finished);
  report.figure("found_ms", found_ms);
  report.figure("taken_over_ms", over_ms);
  report.line(text("  the fault was found %.1f ms after it was made", found_ms));
  report.check(over_ms <= kFailureSeconds * 1e3, "the CPU engine finished the same tick",
               text("%.1f ms after that, %s %.0f ms", over_ms, over_ms <= kLimitSeconds * 1e3 ? "within" : "NOT within",
                    kLimitSeconds * 1e3));
}

}  // namespace melstream::bench
