// Parts of the benchmark beside the ticks of the CUDA engine: the engine that is timed, the CPU engine, the peers'
// data.
#include <algorithm>
#include <cstdint>
#include <fstream>
#include <numeric>
#include <stdexcept>
#include <thread>

#include "melstream/engine/cpu/cpu_engine.hpp"

#include "bench/gpu_check/allowance.hpp"
#include "bench/gpu_check/benchmark.hpp"
#include "bench/gpu_check/processor.hpp"

namespace melstream::bench {
namespace {

constexpr const char* kFrontEnd = "whisper-80";

/// What the peers get: so many clips of so many frames.
struct Shape {
  std::string name;
  std::size_t n_clips = 0;
  int n_frames = 0;
};

engine::Limits limits_of(std::size_t n_lanes, std::size_t n_rows) {
  return {static_cast<std::int32_t>(n_lanes), static_cast<std::int32_t>(n_rows)};
}

/// The rows of the same lanes by the CPU engine.
test::Matrix rows_of_cpu(std::span<const engine::Lane> lanes, const std::string& front_end, std::size_t n_rows) {
  const auto found = engine::FrontEndCatalog().find(front_end);
  const auto cpu = engine::cpu::make_engine({.limits = limits_of(lanes.size(), n_rows)}).engine;
  const auto prepared = cpu->prepare(found, engine::Smoothing::kNone);
  std::vector<engine::Lane> same(lanes.begin(), lanes.end());
  for (engine::Lane& lane : same) lane.prepared = prepared.get();
  test::Matrix rows{n_rows, static_cast<std::size_t>(found->n_bins()), {}};
  rows.values.resize(rows.rows * rows.cols);
  std::vector<float> maxima(n_rows);
  const engine::Ticket ticket = cpu->submit({same, rows.values, maxima});
  while (!cpu->poll(ticket, std::chrono::seconds(1))) {
  }
  return rows;
}

void write(const std::filesystem::path& file, std::ofstream& out, std::span<const float> values) {
  const auto bytes = std::as_bytes(values);
  out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!out) throw std::runtime_error("cannot write " + file.string());
}

/// NAME.f32, [n_clips][samples], and NAME.rows.f32, [n_clips * n_frames][bins], in the machine's byte order.
void write_for_peers(const Settings& settings, const Shape& shape, const TickRunner& runner) {
  const std::filesystem::path audio_file = settings.out_folder / (shape.name + ".f32"),
                              rows_file = settings.out_folder / (shape.name + ".rows.f32");
  std::ofstream audio(audio_file, std::ios::binary), rows(rows_file, std::ios::binary);
  for (const engine::Lane& lane : runner.last_lanes()) {
    for (const auto& samples : lane.samples) write(audio_file, audio, samples);
  }
  write(rows_file, rows, runner.last_rows().values);
}

}  // namespace

BenchEngine::BenchEngine(Machine& machine, const RingStreams& rings, const engine::Limits& limits, const Mode& mode) {
  engine::cuda::Options options;
  options.limits = limits;
  options.front_ends = {engine::FrontEndCatalog().find(kFrontEnd)};
  options.spin = mode.spin;
  options.read_in_place = mode.read_in_place;
  options.unit_frames = machine.traits().unit_frames;
  options.measure = mode.measure;
  auto device = mode.is_threaded ? machine.open_threaded(mode.spin, mode.measure) : machine.open(mode.measure);
  engine_ = engine::cuda::make_engine(count_memory(std::move(device), taken_), options);
  rings.register_with(*engine_);
}

test::Comparison compare_last_tick(const TickRunner& runner, const std::string& front_end) {
  const test::Matrix& rows = runner.last_rows();
  const test::Matrix expected = rows_of_cpu(runner.last_lanes(), front_end, rows.rows);
  return test::compare(expected, rows, rule_between_engines(engine::FrontEndCatalog().find(front_end)->spec()));
}

void benchmark_for_peers(Machine& machine, const Settings& settings, Report& report, RingStreams& rings,
                         const engine::Limits& limits) {
  const bool is_emulated = machine.traits().is_emulated;
  const std::vector<Shape> shapes = {
      {"frames", is_emulated ? std::size_t{20} : std::size_t{10000}, 1},
      {"clips", is_emulated ? std::size_t{2} : std::size_t{100}, is_emulated ? 10 : 100}};
  report.begin_table("What the peers are compared with (whisper-80, host memory to host memory)",
                     {"batch", "clips", "frames a clip", "read", "wait", "p50 ms", "frames/s"});
  for (const Shape& shape : shapes) {
    if (shape.n_clips > rings.size()) {
      report.line(text("%s: not measured, only %zu rings fit into memory", shape.name.c_str(), rings.size()));
      continue;
    }
    for (const Mode& mode : {kDaemonMode, Mode{false, true}, Mode{true, true}}) {
      BenchEngine bench(machine, rings, limits, mode);
      TickRunner runner(bench.engine(), &bench.engine(), rings);
      Budget budget;
      if (is_emulated) budget = {2, std::chrono::milliseconds(0), std::chrono::milliseconds(300), {}};
      const TickTimes times = runner.run(*bench.prepare(kFrontEnd), shape.n_clips, shape.n_frames, budget);
      const double p50_ms = percentile(times.seconds, 0.5) * 1e3;
      report.row({shape.name, std::to_string(shape.n_clips), std::to_string(shape.n_frames), mode.reading(),
                  mode.waiting(), text("%.3f", p50_ms), text("%.0f", times.rows_per_second())});
      report.figure("peers." + shape.name + "." + mode.reading() + "." + mode.waiting() + ".p50_ms", p50_ms);
      write_for_peers(settings, shape, runner);  // the same bits in every mode
    }
    report.figure("peers." + shape.name + ".n_clips", static_cast<double>(shape.n_clips));
    report.figure("peers." + shape.name + ".n_frames", shape.n_frames);
  }
}

void benchmark_cpu(Report& report, RingStreams& rings, const Budget& budget) {
  report.begin_table("The CPU engine on the same rings (whisper-80)",
                     {"target", "threads", "streams", "rows", "p50 ms", "p99 ms", "frames/s"});
  const std::size_t n_streams = std::min<std::size_t>(rings.size(), 10000);
  std::vector<int> threads = {1};
  if (n_processors() > 1) threads.push_back(n_processors());
  for (const int n_threads : threads) {
    const auto instance = engine::cpu::make_engine({.n_threads = n_threads, .limits = limits_of(n_streams, n_streams)});
    const auto prepared = instance.engine->prepare(engine::FrontEndCatalog().find(kFrontEnd), engine::Smoothing::kNone);
    TickRunner runner(*instance.engine, nullptr, rings);
    const TickTimes times = runner.run(*prepared, n_streams, 1, budget);
    report.row({instance.info.target, std::to_string(n_threads), std::to_string(n_streams), "1",
                text("%.3f", percentile(times.seconds, 0.5) * 1e3), text("%.3f", percentile(times.seconds, 0.99) * 1e3),
                text("%.0f", times.rows_per_second())});
    report.figure(text("cpu.%d_threads.frames_per_second", n_threads), times.rows_per_second());
  }
}

}  // namespace melstream::bench
