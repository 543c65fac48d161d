// A few ticks of every kind, for compute-sanitizer: its tools make kernels a hundred times slower, so the engine's
// clock runs slower too, or every tick would count as hung.
#include <algorithm>
#include <thread>
#include <vector>

#include "melstream/core/clock.hpp"
#include "melstream/core/host_arena.hpp"
#include "melstream/engine/cpu/cpu_engine.hpp"
#include "melstream/engine/cuda/cuda_clip_engine.hpp"
#include "melstream/engine/cuda/cuda_engine.hpp"

#include "bench/gpu_check/allowance.hpp"
#include "bench/gpu_check/device_clips.hpp"
#include "bench/gpu_check/signals.hpp"
#include "bench/gpu_check/stages.hpp"
#include "tests/engine/ticks.hpp"
#include "tests/support/extract.hpp"

namespace melstream::bench {
namespace {

class SlowClock final : public core::Clock {
 public:
  std::int64_t mono_ns() const noexcept override { return system_.mono_ns() / 1000; }
  std::int64_t wall_ns() const noexcept override { return system_.wall_ns(); }

 private:
  core::SystemClock system_;
};

/// Batches of clips on the device, with every normalization in turn.
void run_tiny_clips(Machine& machine, const core::Clock& clock, Report& report) {
  const auto cpu = engine::cpu::make_engine({}).engine;
  const auto memory = machine.open(false);
  const auto clips =
      engine::cuda::make_clip_engine(machine.open_clips(), {.front_ends = {}, .unit_frames = 64, .clock = &clock});
  std::vector<std::vector<float>> samples;
  for (const std::size_t n : {6000U, 0U, 561U, 300U}) samples.push_back(made_up_clips(n, false).front().samples);
  const auto wait = [&] {
    while (!clips->is_done()) std::this_thread::yield();
  };
  std::size_t n_right = 0;
  const std::vector<test::Case> cases = test::all_cases();
  for (const test::Case& c : cases) {
    engine::ClipBatch batch;
    batch.front_end = c.front_end;
    batch.smoothing = c.smoothing;
    batch.sample_type = engine::SampleType::kInt16;
    DeviceClips rows(*memory, batch, samples, ClipLayout::kTime);
    clips->extract_async(rows.batch(), machine.stream(0));
    batch.sample_type = engine::SampleType::kFloat32;
    batch.normalization = static_cast<engine::Normalization>(1 + (&c - cases.data()) % 4);
    const DeviceClips normalised(*memory, batch, samples, ClipLayout::kMel);
    clips->extract_async(normalised.batch(), machine.stream(1));
    wait();
    const test::Matrix expected = test::whole_clip(*cpu, *cpu->prepare(c.front_end, c.smoothing), samples.front());
    const Difference difference =
        Allowance(*cpu, c.front_end, c.smoothing).compare(samples.front(), expected, rows.rows().front());
    n_right += difference.worst_share <= 1.0 ? 1 : 0;
  }
  report.check(n_right == cases.size(), "clips on the device",
               text("%zu of %zu front ends and smoothings right", n_right, cases.size()));
}

}  // namespace

void run_tiny(Machine& machine, const Settings& /*settings*/, Report& report) {
  constexpr std::size_t kSamples = 6000;
  std::vector<std::span<std::byte>> slabs;
  core::HostArena arena({.max_bytes = std::size_t{4} << 20, .lock = false},
                        [&](std::span<std::byte> slab) { slabs.push_back(slab); });
  const core::AudioMemory memory = arena.take(1);
  const std::span<float> clip = memory.samples().first(kSamples);
  const std::vector<float> noise = made_up_clips(kSamples, false).front().samples;
  std::copy(noise.begin(), noise.end(), clip.begin());
  const SlowClock clock;
  run_tiny_clips(machine, clock, report);
  const auto cpu = engine::cpu::make_engine({}).engine;
  for (const bool read_in_place : {true, false}) {
    engine::cuda::Options options;
    options.unit_frames = 64;
    options.clock = &clock;
    options.read_in_place = read_in_place;
    const auto cuda = engine::cuda::make_engine(machine.open_threaded(), options);
    for (const auto& slab : slabs) cuda->register_host(slab);
    std::size_t n_right = 0;
    const std::vector<test::Case> cases = test::all_cases();
    for (const test::Case& c : cases) {
      const auto on_cuda = cuda->prepare(c.front_end, c.smoothing);
      const auto on_cpu = cpu->prepare(c.front_end, c.smoothing);
      const auto n_rows = engine::row_count(c.front_end->rows(c.smoothing), static_cast<std::int64_t>(kSamples));
      const engine::Lane lane{.prepared = on_cuda.get(),
                              .n_rows = static_cast<std::int32_t>(n_rows),
                              .segment_samples = static_cast<std::int64_t>(kSamples),
                              .samples = {clip.first(1234), clip.subspan(1234)}};
      const test::Matrix rows = test::run_tick(*cuda, std::span(&lane, 1)).front();
      const test::Matrix expected = test::whole_clip(*cpu, *on_cpu, clip);
      n_right += Allowance(*cpu, c.front_end, c.smoothing).compare(clip, expected, rows).worst_share <= 1.0 ? 1 : 0;
    }
    report.check(n_right == cases.size(), read_in_place ? "samples read in place" : "samples copied",
                 text("%zu of %zu front ends and smoothings right", n_right, cases.size()));
  }
}

}  // namespace melstream::bench
