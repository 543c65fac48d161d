// A few ticks of every kind, for compute-sanitizer: its tools make kernels a hundred times slower, so the engine's
// clock runs slower too, or every tick would count as hung.
#include <algorithm>

#include "melstream/core/clock.hpp"
#include "melstream/core/host_arena.hpp"
#include "melstream/engine/cpu/cpu_engine.hpp"
#include "melstream/engine/cuda/cuda_engine.hpp"

#include "bench/gpu_check/allowance.hpp"
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
