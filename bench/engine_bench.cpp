// Nanoseconds a frame of the CPU engine, from spans of samples to rows and maxima: 64 streams, 10 rows of each a tick.
// Each case is named after its front end; "frame" is one row of it (for LFR, one of six base frames).
//
//   engine_bench [--simd=auto|avx512|avx2|sse4|scalar] [--threads=1] [--streams=64] [--rows=10] [--audio=FILE]
//                [benchmark's options]
//
// FILE: 16 kHz mono samples, raw float32 in the machine's order; without it the streams are noise.
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "melstream/engine/cpu/cpu_engine.hpp"

#include "bench/tick_source.hpp"

namespace {

namespace engine = melstream::engine;

struct Setup {
  engine::cpu::Options options;
  int n_streams = 64;
  int n_rows = 10;
  std::vector<float> recording;
};

/// Throws std::runtime_error.
std::vector<float> read_samples(const char* path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (bytes.size() < sizeof(float)) throw std::runtime_error(std::string("--audio: no samples in ") + path);
  std::vector<float> samples(bytes.size() / sizeof(float));
  std::memcpy(samples.data(), bytes.data(), samples.size() * sizeof(float));
  return samples;
}

/// One thread: its processor time, so that other programs disturb less. Several: wall time.
double now_ns(const Setup& setup) {
  timespec now{};
  clock_gettime(setup.options.n_threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

void compute_ticks(benchmark::State& state, const Setup& setup, const std::string& front_end,
                   engine::Smoothing smoothing) {
  engine::EngineInstance instance = engine::cpu::make_engine(setup.options);
  melstream::bench::TickSource source(*instance.engine, front_end, smoothing, setup.n_streams, setup.n_rows,
                                      setup.recording);
  source.run_one();  // touches all memory
  const double start_ns = now_ns(setup);
  for (auto _ : state) source.run_one();
  const double elapsed_ns = now_ns(setup) - start_ns;
  benchmark::DoNotOptimize(source.sum_of_maxima());
  const double n_frames = static_cast<double>(state.iterations()) * static_cast<double>(source.rows_per_tick());
  state.counters["ns_per_frame"] = elapsed_ns / n_frames;
  state.SetLabel(instance.info.target);
}

/// The value of --name=value, and the argument gone; null if it is not this one.
const char* option(const std::string& name, const char* argument) {
  const std::string prefix = "--" + name + "=";
  return std::strncmp(argument, prefix.c_str(), prefix.size()) == 0 ? argument + prefix.size() : nullptr;
}

Setup take_options(int* n_arguments, char** arguments) {
  Setup setup;
  int kept = 1;
  for (int i = 1; i < *n_arguments; ++i) {
    if (const char* simd = option("simd", arguments[i])) {
      setup.options.simd = simd;
    } else if (const char* threads = option("threads", arguments[i])) {
      setup.options.n_threads = std::atoi(threads);
    } else if (const char* streams = option("streams", arguments[i])) {
      setup.n_streams = std::atoi(streams);
    } else if (const char* rows = option("rows", arguments[i])) {
      setup.n_rows = std::atoi(rows);
    } else if (const char* audio = option("audio", arguments[i])) {
      setup.recording = read_samples(audio);
    } else {
      arguments[kept++] = arguments[i];
    }
  }
  *n_arguments = kept;
  return setup;
}

void register_cases(const Setup& setup) {
  const auto add = [&setup](const std::string& name, const std::string& front_end, engine::Smoothing smoothing) {
    benchmark::RegisterBenchmark(name.c_str(),
                                 [=](benchmark::State& state) { compute_ticks(state, setup, front_end, smoothing); });
  };
  const engine::FrontEndCatalog catalog;
  for (const auto& front_end : catalog.all()) add(front_end->name(), front_end->name(), engine::Smoothing::kNone);
  add("whisper-80/box3x3", "whisper-80", engine::Smoothing::kBox3x3);
}

}  // namespace

int main(int n_arguments, char** arguments) {
  try {
    const Setup setup = take_options(&n_arguments, arguments);
    (void)engine::cpu::make_engine(setup.options);  // a wrong option is told at once, not in every case
    register_cases(setup);
    benchmark::Initialize(&n_arguments, arguments);
    if (benchmark::ReportUnrecognizedArguments(n_arguments, arguments)) return 64;
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
  } catch (const std::exception& error) {
    std::cerr << "engine_bench: " << error.what() << '\n';
    return 64;
  }
  return 0;
}
