// Times of ticks: start-up and memory, then every number of streams and rows, read in place and staged, asleep and
// spinning; where the time goes; every kind of front end; the CPU engine; and what was to be reached.
#include "bench/gpu_check/benchmark.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "bench/gpu_check/benchmark_summary.hpp"
#include "bench/gpu_check/processor.hpp"

namespace melstream::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr const char* kFrontEnd = "whisper-80";
constexpr std::size_t kMany = 10000;  ///< streams that most figures are about

double seconds_since(SteadyClock::time_point begin) {
  return std::chrono::duration<double>(SteadyClock::now() - begin).count();
}

class Benchmark {
 public:
  Benchmark(Machine& machine, const Settings& settings, Report& report);

  void run();

 private:
  void start_up();
  void measure_ceilings();
  void warm_up();
  void ticks(const Mode& mode);
  void split();
  void paced();
  void front_ends();

  Budget budget() const;
  std::string prefix(std::size_t n_streams, int n_rows, const Mode& mode) const {
    return text("tick.%zux%d.", n_streams, n_rows) + mode.reading() + "." + mode.waiting() + "." + mode.driver();
  }
  /// Streams that there are rings for.
  std::vector<std::size_t> streams() const;

  Machine& machine_;
  const Settings& settings_;
  Report& report_;
  const bool is_tiny_;  ///< on the emulated device
  std::vector<std::size_t> wanted_streams_;
  std::vector<int> wanted_rows_;
  std::unique_ptr<RingStreams> rings_;
  engine::Limits limits_;
  Ceilings ceilings_;
  Summary summary_;
};

Benchmark::Benchmark(Machine& machine, const Settings& settings, Report& report)
    : machine_(machine),
      settings_(settings),
      report_(report),
      is_tiny_(machine.traits().is_emulated),
      wanted_streams_{1, 100, 1000, kMany, 100000},
      wanted_rows_{1, 2, 10} {
  if (settings.extent == Extent::kQuick) {
    wanted_streams_ = {1, 100, 1000, kMany};
    wanted_rows_ = {1};
  }
  if (is_tiny_) {
    wanted_streams_ = {1, 20};
    wanted_rows_ = {1, 2};
  }
}

Budget Benchmark::budget() const {
  if (is_tiny_) return {3, std::chrono::milliseconds(0), std::chrono::milliseconds(300), {}};
  if (settings_.extent == Extent::kFull) return {1000, std::chrono::seconds(1), std::chrono::seconds(10), {}};
  return {};
}

std::vector<std::size_t> Benchmark::streams() const {
  std::vector<std::size_t> fitting = wanted_streams_;
  fitting.erase(std::remove_if(fitting.begin(), fitting.end(), [&](std::size_t n) { return n > rings_->size(); }),
                fitting.end());
  return fitting;
}

/// A fresh process: nothing of CUDA was touched before, so the context is in it.
void Benchmark::start_up() {
  const engine::FrontEndCatalog catalog;
  engine::cuda::Options options;
  options.limits = {static_cast<std::int32_t>(kMany), static_cast<std::int32_t>(kMany)};
  options.unit_frames = machine_.traits().unit_frames;
  options.front_ends = {catalog.find(kFrontEnd), catalog.find("kaldi-80")};  // both FFT lengths that there are
  TakenMemory taken;
  const SteadyClock::time_point begin = SteadyClock::now();
  auto device = machine_.open_threaded();
  const double open_seconds = seconds_since(begin);
  const auto engine = engine::cuda::make_engine(count_memory(std::move(device), taken), options);
  const double start_up_seconds = seconds_since(begin);
  const MemoryUse memory = machine_.memory_use();
  summary_.add_start(start_up_seconds, memory);
  report_.fact("start-up", text("%.3f s: the device %.3f s, plans, probe and memory %.3f s", start_up_seconds,
                                open_seconds, start_up_seconds - open_seconds));
  report_.fact("FFT plans", engine->uses_fixed_plans() ? "of one size" : "of all sizes");
  report_.fact("device memory",
               text("%.1f MB (%s); the engine's own buffers %.1f MB", static_cast<double>(memory.bytes) * 1e-6,
                    memory.how.c_str(), static_cast<double>(taken.device_bytes) * 1e-6));
  report_.fact("pinned memory of the engine", text("%.1f MB", static_cast<double>(taken.pinned_bytes) * 1e-6));
  report_.figure("start_up_seconds", start_up_seconds);
  report_.figure("device_bytes", static_cast<double>(memory.bytes));
  report_.figure("engine_device_bytes", static_cast<double>(taken.device_bytes));
  report_.figure("engine_pinned_bytes", static_cast<double>(taken.pinned_bytes));
}

void Benchmark::measure_ceilings() {
  const std::size_t n_bytes = is_tiny_ ? std::size_t{1} << 16 : std::size_t{16} << 20;
  const auto rate = [&](Direction direction) {
    return static_cast<double>(n_bytes) * 1e-9 / machine_.copy_seconds(direction, n_bytes);
  };
  ceilings_ = {rate(Direction::kToDevice), rate(Direction::kToHost)};
  report_.fact("copy ceilings (16 MiB, pinned)",
               text("%.1f GB/s to the device, %.1f GB/s to the host", ceilings_.up, ceilings_.down));
}

/// A device that has slept runs slowly at first.
void Benchmark::warm_up() {
  BenchEngine bench(machine_, *rings_, limits_, {});
  Budget some = budget();
  if (!is_tiny_) some.at_least = std::chrono::seconds(1);
  TickRunner(bench.engine(), nullptr, *rings_)
      .run(*bench.prepare(kFrontEnd), std::min<std::size_t>(rings_->size(), 1000), 1, some);
}

void Benchmark::ticks(const Mode& mode) {
  BenchEngine bench(machine_, *rings_, limits_, mode);
  TickRunner runner(bench.engine(), &bench.engine(), *rings_);
  const auto prepared = bench.prepare(kFrontEnd);
  if (mode.read_in_place) {
    report_.figure("registered_bytes", static_cast<double>(bench.taken().registered_bytes));
  }
  for (const std::size_t n_streams : streams()) {
    for (const int n_rows : wanted_rows_) {
      const TickTimes times = runner.run(*prepared, n_streams, n_rows, budget());
      const double p50 = percentile(times.seconds, 0.5), p99 = percentile(times.seconds, 0.99);
      report_.row({std::to_string(n_streams), std::to_string(n_rows), mode.reading(), mode.waiting(), mode.driver(),
                   std::to_string(times.seconds.size()), text("%.3f", times.first_seconds * 1e3),
                   text("%.3f", p50 * 1e3), text("%.3f", p99 * 1e3), text("%.3f", times.seconds.back() * 1e3),
                   text("%.0f", times.rows_per_second())});
      const std::string name = prefix(n_streams, n_rows, mode);
      report_.figure(name + ".p50_ms", p50 * 1e3);
      report_.figure(name + ".p99_ms", p99 * 1e3);
      report_.figure(name + ".max_ms", times.seconds.back() * 1e3);
      if (n_rows == 1) summary_.add_ticks(n_streams, mode, times);
    }
  }
}

void Benchmark::split() {
  std::vector<std::string> columns = {"streams", "rows", "read"};
  for (const std::string& column : split_columns()) columns.push_back(column);
  report_.begin_table(
      "Where a tick goes, microseconds a tick (mean; asleep while waiting, stages marked by events; on the device: "
      "from "
      "the first upload to the last download; a wake-up below 0: host and device worked at the same time)",
      columns);
  for (const bool read_in_place : {false, true}) {
    const Mode mode{read_in_place, false, true};
    BenchEngine bench(machine_, *rings_, limits_, mode);
    TickRunner runner(bench.engine(), &bench.engine(), *rings_);
    const auto prepared = bench.prepare(kFrontEnd);
    for (const std::size_t n_streams : streams()) {
      for (const int n_rows : wanted_rows_) {
        const TickTimes times = runner.run(*prepared, n_streams, n_rows, budget());
        std::vector<std::string> cells = {std::to_string(n_streams), std::to_string(n_rows), mode.reading()};
        for (const std::string& cell : split_cells(times, ceilings_)) cells.push_back(cell);
        report_.row(cells);
        const std::string shape = text("%zux%d.", n_streams, n_rows) + mode.reading();
        if (n_rows == 1) summary_.add_device(n_streams, mode, times);
        report_.figure("kernels." + shape + ".us", kernel_seconds(times) * 1e6);
        report_.figure("device_span." + shape + ".p99_us", percentile(times.device_spans, 0.99) * 1e6);
      }
    }
  }
}

/// As the daemon runs: a tick every 10 ms, and a device that may have slowed down in between.
void Benchmark::paced() {
  report_.begin_table("A tick every 10 ms (whisper-80, 1 row, asleep)",
                      {"streams", "read", "ticks", "p50 ms", "p99 ms", "max ms"});
  std::vector<std::pair<std::string, test::Comparison>> last_ticks;
  for (const bool read_in_place : {false, true}) {
    const Mode mode{read_in_place, false, false};
    BenchEngine bench(machine_, *rings_, limits_, mode);
    TickRunner runner(bench.engine(), &bench.engine(), *rings_);
    const auto prepared = bench.prepare(kFrontEnd);
    Budget on_a_clock = budget();
    on_a_clock.period = std::chrono::milliseconds(10);
    for (const std::size_t n_streams : streams()) {
      const TickTimes times = runner.run(*prepared, n_streams, 1, on_a_clock);
      const double p50 = percentile(times.seconds, 0.5), p99 = percentile(times.seconds, 0.99);
      report_.row({std::to_string(n_streams), mode.reading(), std::to_string(times.seconds.size()),
                   text("%.3f", p50 * 1e3), text("%.3f", p99 * 1e3), text("%.3f", times.seconds.back() * 1e3)});
      report_.figure(text("paced.%zux1.", n_streams) + mode.reading() + ".p99_ms", p99 * 1e3);
    }
    last_ticks.emplace_back(mode.reading(), compare_last_tick(runner, kFrontEnd));
  }
  for (const auto& [reading, result] : last_ticks) {
    report_.check(result.reason.empty(), text("the rows of a timed tick are the CPU engine's, %s", reading.c_str()),
                  result.reason.empty() ? text("worst share %.3f", result.worst) : result.reason);
  }
}

void Benchmark::front_ends() {
  const std::size_t n_streams = std::min(kMany, streams().back());
  std::vector<std::string> columns = {"front end"};
  for (const std::string& column : split_columns()) columns.push_back(column);
  report_.begin_table(text("Front ends: %zu streams, 1 row, in place, asleep, microseconds a tick", n_streams),
                      columns);
  BenchEngine bench(machine_, *rings_, limits_, {true, false, true});
  TickRunner runner(bench.engine(), &bench.engine(), *rings_);
  const auto row = [&](const std::string& front_end, engine::Smoothing smoothing, const std::string& name) {
    const TickTimes times = runner.run(*bench.prepare(front_end, smoothing), n_streams, 1, budget());
    std::vector<std::string> cells = {name};
    for (const std::string& cell : split_cells(times, ceilings_)) cells.push_back(cell);
    report_.row(cells);
    report_.figure("front_end." + name + ".tick_us", times.mean() * 1e6);
  };
  for (const char* name : {"whisper-80", "whisper-128", "kaldi-80", "nemo-80", "paraformer-560", "mfcc-13"}) {
    row(name, engine::Smoothing::kNone, name);
  }
  row(kFrontEnd, engine::Smoothing::kBox3x3, "whisper-80 box3x3");
}

void Benchmark::run() {
  start_up();
  measure_ceilings();
  // Half of what is free: the rows and the peers' data want some too.
  const std::size_t room = available_bytes() / 2;
  std::size_t n_streams = 0;
  for (const std::size_t n : wanted_streams_) {
    if (n_streams == 0 || room == 0 || RingStreams::bytes_of(n) <= room) {
      n_streams = n;
    } else {
      report_.not_run(text("%zu streams", n),
                      text("their rings are %.1f GB, half of the memory that is free is %.1f GB",
                           static_cast<double>(RingStreams::bytes_of(n)) * 1e-9, static_cast<double>(room) * 1e-9));
    }
  }
  const SteadyClock::time_point begin = SteadyClock::now();
  rings_ = std::make_unique<RingStreams>(n_streams);
  report_.fact("rings", text("%zu of 64 KiB, %.2f GB, filled in %.1f s", n_streams,
                             static_cast<double>(RingStreams::bytes_of(n_streams)) * 1e-9, seconds_since(begin)));
  const auto most_rows = std::max<std::size_t>(n_streams * static_cast<std::size_t>(wanted_rows_.back()), 10000);
  limits_ = {static_cast<std::int32_t>(n_streams), static_cast<std::int32_t>(most_rows)};

  warm_up();
  report_.begin_table("Ticks back to back (whisper-80), from submit() to the rows being there, milliseconds",
                      {"streams", "rows", "read", "wait", "driver", "ticks", "first", "p50", "p99", "max", "frames/s"});
  for (const bool read_in_place : {false, true}) {
    ticks({read_in_place, false, false, true});
    ticks({read_in_place, true, false, true});
    ticks({read_in_place, false, false, false});
  }
  split();
  paced();
  front_ends();
  benchmark_cpu(report_, *rings_, budget());
  benchmark_for_peers(machine_, settings_, report_, *rings_, limits_);
  summary_.print(report_);
}

}  // namespace

void run_benchmark(Machine& machine, const Settings& settings, Report& report) {
  Benchmark(machine, settings, report).run();
}

}  // namespace melstream::bench
