// Right or wrong: the CUDA engine against the golden data by the manifest's tolerances, and against the CPU engine for
// every front end and smoothing, on golden and on made-up clips.
#include <algorithm>
#include <map>

#include "melstream/engine/cpu/cpu_engine.hpp"
#include "melstream/engine/cuda/cuda_engine.hpp"

#include "bench/gpu_check/allowance.hpp"
#include "bench/gpu_check/signals.hpp"
#include "bench/gpu_check/stages.hpp"
#include "tests/engine/ticks.hpp"
#include "tests/support/extract.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/recipe.hpp"

namespace melstream::bench {
namespace {

using engine::cuda::CudaEngine;
using test::GoldenSet;
using test::Matrix;

/// Clips that the emulated device gets through in seconds.
constexpr std::size_t kFewSamples = 1000;

class Parity {
 public:
  Parity(Machine& machine, const Settings& settings, Report& report)
      : settings_(settings),
        report_(report),
        only_short_(machine.traits().is_emulated && settings.extent != Extent::kFull),
        cpu_(engine::cpu::make_engine({}).engine) {
    engine::cuda::Options options;
    options.unit_frames = machine.traits().unit_frames;
    cuda_ = engine::cuda::make_engine(machine.open_threaded(), options);
  }

  void against_golden() {
    report_.begin_table("CUDA against the golden data (genuine code), worst cell as a share of its tolerance",
                        {"preset", "clips", "worst share", "largest error", "clip"});
    for (const std::string& preset : GoldenSet::instance().presets()) check_preset(preset);
    for (const Verdict& verdict : verdicts_) report_.check(verdict.reason.empty(), verdict.name, verdict.reason);
  }

  void against_cpu() {
    const bool is_quick = settings_.extent == Extent::kQuick;
    clips_ = made_up_clips(only_short_ || is_quick ? 1700 : 16000, settings_.extent == Extent::kFull);
    GoldenSet& set = GoldenSet::instance();
    // Without the chirp: it passes above Kaldi's highest filter, and what is left of it below is rounding.
    for (const char* name : {"jfk", "espeak", "white", "square", "impulse"}) {
      if (!only_short_) clips_.push_back({name, set.audio(name)});
    }
    report_.begin_table("CUDA against the CPU engine, worst cell as a share of twice the tolerance of speech",
                        {"front end", "clips", "rows", "worst share", "where"});
    std::size_t n_right = 0;
    const std::vector<test::Case> cases = test::all_cases();
    for (const test::Case& c : cases) n_right += check_case(c) ? 1 : 0;
    report_.check(n_right == cases.size(), "CUDA agrees with the CPU engine",
                  text("%zu of %zu front ends and smoothings, %zu clips", n_right, cases.size(), clips_.size()));
  }

 private:
  struct Verdict {
    std::string name, reason;
  };

  void check_preset(const std::string& preset) {
    GoldenSet& set = GoldenSet::instance();
    const test::Recipe recipe = test::recipe_of(preset);
    const auto prepared = cuda_->prepare(test::front_end_of(recipe, engine::FrontEndCatalog()), recipe.smoothing);
    double worst = 0.0, error = 0.0;
    std::size_t n_clips = 0;
    std::string worst_clip = "-", reason;
    for (const test::GoldenEntry* entry : set.entries_of(preset)) {
      const std::vector<float> audio = test::prepared_audio(recipe, set.audio(entry->audio));
      if (only_short_ && audio.size() > kFewSamples) continue;
      Matrix rows = test::whole_clip(*cuda_, *prepared, audio);
      test::normalize(recipe, rows);
      const test::Comparison result = test::compare(set.values(*entry), rows, entry->tolerance);
      if (!result.reason.empty() && reason.empty()) reason = entry->audio + ": " + result.reason;
      if (result.worst > worst) worst_clip = entry->audio;
      worst = std::max(worst, result.worst);
      error = std::max(error, result.max_error);
      ++n_clips;
    }
    if (n_clips == 0) return;
    verdicts_.push_back({"golden " + preset, reason});
    report_.row({preset, std::to_string(n_clips), text("%.3f", worst), text("%.2g", error), worst_clip});
    report_.figure("parity.golden." + preset + ".worst_share", worst);
  }

  /// All clips as lanes of one tick.
  bool check_case(const test::Case& c) {
    const auto on_cuda = cuda_->prepare(c.front_end, c.smoothing);
    const auto on_cpu = cpu_->prepare(c.front_end, c.smoothing);
    const Allowance allowance(*cpu_, c.front_end, c.smoothing);
    const engine::RowGeometry geometry = c.front_end->rows(c.smoothing);
    std::vector<test::LaneSamples> samples;
    std::vector<const Clip*> used;
    for (const Clip& clip : clips_) {
      const auto n_samples = static_cast<std::int64_t>(clip.samples.size());
      const std::int64_t n_rows = engine::row_count(geometry, n_samples);
      if (n_rows == 0) continue;
      samples.emplace_back(*on_cuda, clip.samples, 0, n_rows, n_samples);
      used.push_back(&clip);
    }
    std::vector<engine::Lane> lanes;
    lanes.reserve(samples.size());
    for (const auto& lane : samples) lanes.push_back(lane.lane());
    const std::vector<Matrix> rows = test::run_tick(*cuda_, std::span<const engine::Lane>(lanes));
    Difference worst;
    std::size_t n_rows = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const Matrix expected = test::whole_clip(*cpu_, *on_cpu, used[i]->samples);
      const Difference difference = allowance.compare(used[i]->samples, expected, rows[i]);
      if (difference.worst_share > worst.worst_share)
        worst = {difference.worst_share, used[i]->name + ", " + difference.where};
      n_rows += rows[i].rows;
    }
    report_.row(
        {c.name, std::to_string(rows.size()), std::to_string(n_rows), text("%.3f", worst.worst_share), worst.where});
    report_.figure("parity.cpu." + c.name + ".worst_share", worst.worst_share);
    return worst.worst_share <= 1.0;
  }

  const Settings& settings_;
  Report& report_;
  const bool only_short_;
  std::unique_ptr<engine::Engine> cpu_;
  std::unique_ptr<CudaEngine> cuda_;
  std::vector<Clip> clips_;
  std::vector<Verdict> verdicts_;
};

}  // namespace

void run_parity(Machine& machine, const Settings& settings, Report& report) {
  Parity parity(machine, settings, report);
  parity.against_golden();
  parity.against_cpu();
}

}  // namespace melstream::bench
