// Whole clips in memory of the device: against the CPU engine, by memcmp against ticks on the same device, and what a
// call copies, allocates and takes.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "melstream/engine/cpu/cpu_engine.hpp"
#include "melstream/engine/cuda/cuda_clip_engine.hpp"
#include "melstream/engine/cuda/cuda_engine.hpp"
#include "melstream/engine/normalization.hpp"

#include "bench/gpu_check/allowance.hpp"
#include "bench/gpu_check/counting_clip_device.hpp"
#include "bench/gpu_check/device_clips.hpp"
#include "bench/gpu_check/signals.hpp"
#include "bench/gpu_check/stages.hpp"
#include "tests/engine/ticks.hpp"
#include "tests/support/extract.hpp"

namespace melstream::bench {
namespace {

using engine::ClipBatch;
using engine::Normalization;
using engine::SampleType;
using test::Matrix;

class Clips {
 public:
  Clips(Machine& machine, const Settings& settings, Report& report)
      : machine_(machine),
        settings_(settings),
        report_(report),
        is_small_(machine.traits().is_emulated && settings.extent != Extent::kFull),
        memory_(machine.open(false)),
        cpu_(engine::cpu::make_engine({}).engine) {
    engine::cuda::Options options;
    options.unit_frames = machine.traits().unit_frames;
    ticks_ = engine::cuda::make_engine(machine.open_threaded(), options);
    clips_ = engine::cuda::make_clip_engine(
        count_traffic(machine.open_clips(), traffic_),
        {.front_ends = {}, .unit_frames = machine.traits().unit_frames, .clock = nullptr});
    for (const Clip& clip : made_up_clips(is_small_ ? 1700 : 16000, settings.extent == Extent::kFull)) {
      names_.push_back(clip.name);
      samples_.push_back(quantised(clip.samples));
    }
  }

  void rows() {
    report_.begin_table(
        "Clips on the device against the CPU engine, worst cell as a share of what is allowed; bits "
        "against ticks on the device",
        {"front end", "clips", "rows", "worst share", "where", "bits of float32", "bits of int16"});
    std::size_t n_near = 0, n_equal = 0;
    const std::vector<test::Case> cases = test::all_cases();
    for (const test::Case& c : cases) {
      const Verdict verdict = verdict_on(c);
      n_near += verdict.is_near ? 1 : 0;
      n_equal += verdict.is_equal ? 1 : 0;
    }
    report_.check(n_near == cases.size(), "clips agree with the CPU engine",
                  text("%zu of %zu front ends and smoothings", n_near, cases.size()));
    report_.check(n_equal == cases.size(), "clips have the bits of ticks",
                  text("%zu of %zu front ends and smoothings", n_equal, cases.size()));
  }

  void normalizations() {
    std::size_t n_equal = 0, n_all = 0;
    for (const char* name : {"whisper-80", "nemo-80"}) {
      ClipBatch batch = batch_of({engine::FrontEndCatalog().find(name), engine::Smoothing::kNone, name});
      const std::vector<Matrix> raw = extracted(batch, ClipLayout::kTime, nullptr);
      for (const Normalization normalization : {Normalization::kRunningMax, Normalization::kFixedMax,
                                                Normalization::kWhisperWindow, Normalization::kPerFeatureWindow}) {
        batch.normalization = normalization;
        batch.fixed_max = 0.5F;
        std::vector<Matrix> expected = raw;
        for (Matrix& rows : expected) normalize(batch, rows);
        for (const ClipLayout layout : {ClipLayout::kTime, ClipLayout::kMel}) {
          n_equal += extracted(batch, layout, nullptr) == expected ? 1 : 0;
          ++n_all;
        }
      }
    }
    report_.check(n_equal == n_all, "normalizations have the bits of the host", text("%zu of %zu", n_equal, n_all));
  }

  /// Calls on streams that run beside each other use the same memory, in turns.
  void streams() {
    const ClipBatch batch = whisper();
    std::vector<std::unique_ptr<DeviceClips>> calls;
    calls.reserve(8);
    for (int i = 0; i < 8; ++i) {
      calls.push_back(std::make_unique<DeviceClips>(*memory_, batch, samples_, ClipLayout::kMel));
    }
    for (std::size_t i = 0; i < calls.size(); ++i) {
      clips_->extract_async(calls[i]->batch(), machine_.stream(static_cast<int>(i % 3)));
    }
    wait();
    const std::vector<Matrix> expected = extracted(batch, ClipLayout::kTime, nullptr);
    const auto n_right =
        std::count_if(calls.begin(), calls.end(), [&](const auto& call) { return call->rows() == expected; });
    report_.check(n_right == static_cast<std::ptrdiff_t>(calls.size()),
                  "calls on three streams do not disturb each other", text("%td of %zu", n_right, calls.size()));
  }

  void traffic() {
    const ClipBatch batch = whisper();
    DeviceClips first(*memory_, batch, samples_, ClipLayout::kMel), second(*memory_, batch, samples_, ClipLayout::kMel);
    clips_->extract_async(first.batch(), machine_.stream(0));
    const ClipTraffic before = traffic_;
    clips_->extract_async(second.batch(), machine_.stream(1));
    wait();
    report_.check(traffic_.n_copies == before.n_copies, "a call copies nothing between host and device",
                  text("%llu copies", static_cast<unsigned long long>(traffic_.n_copies - before.n_copies)));
    report_.check(
        traffic_.n_allocations == before.n_allocations && traffic_.n_plans == before.n_plans,
        "a second call of a size allocates nothing",
        text("%llu allocations", static_cast<unsigned long long>(traffic_.n_allocations - before.n_allocations)));
    report_.fact("device memory of the clip engine so far",
                 text("%.1f MB", static_cast<double>(traffic_.device_bytes) * 1e-6));
  }

  void times() {
    report_.begin_table(
        "Whole clips on the device, whisper normalization over the clip, mel-major: one call after another",
        {"front end", "clips", "seconds each", "samples", "us to enqueue a call", "us a call", "clips/s",
         "times real time", "launches"});
    struct Size {
      std::size_t n_clips, n_samples;
    };
    const std::vector<Size> sizes = is_small_
                                        ? std::vector<Size>{{1, 8'000}, {4, 3'000}}
                                        : std::vector<Size>{{1, 480'000}, {16, 480'000}, {64, 480'000}, {500, 16'000}};
    for (const char* name : {"whisper-80", "whisper-128"}) {
      for (const Size& size : sizes) {
        for (const SampleType type : {SampleType::kFloat32, SampleType::kInt16}) {
          time(name, std::vector<std::vector<float>>(size.n_clips, noise_of(size.n_samples)), type);
        }
      }
    }
  }

 private:
  struct Verdict {
    bool is_near = false;
    bool is_equal = false;
  };

  static ClipBatch batch_of(const test::Case& c) {
    ClipBatch batch;
    batch.front_end = c.front_end;
    batch.smoothing = c.smoothing;
    return batch;
  }
  static ClipBatch whisper() {
    ClipBatch batch = batch_of({engine::FrontEndCatalog().find("whisper-80"), engine::Smoothing::kNone, ""});
    batch.normalization = Normalization::kWhisperWindow;
    return batch;
  }
  static std::vector<float> noise_of(std::size_t n_samples) {
    return quantised(made_up_clips(n_samples, false).front().samples);
  }

  static void normalize(const ClipBatch& batch, Matrix& rows) {
    if (batch.normalization == Normalization::kFixedMax) engine::whisper_frame(rows.values, batch.fixed_max);
    if (batch.normalization == Normalization::kWhisperWindow) engine::whisper_window(rows.values);
    if (batch.normalization == Normalization::kPerFeatureWindow) {
      engine::per_feature_window(rows.values, static_cast<int>(rows.cols));
    }
    if (batch.normalization != Normalization::kRunningMax) return;
    float largest = -std::numeric_limits<float>::infinity();
    for (std::size_t row = 0; row < rows.rows; ++row) {
      const std::span<float> values = std::span(rows.values).subspan(row * rows.cols, rows.cols);
      largest = std::max(largest, *std::max_element(values.begin(), values.end()));
      engine::whisper_frame(values, largest);
    }
  }

  void wait() {
    while (!clips_->is_done()) std::this_thread::yield();
  }

  std::vector<Matrix> extracted(const ClipBatch& batch, ClipLayout layout, void* cuda_stream) {
    DeviceClips call(*memory_, batch, samples_, layout);
    clips_->extract_async(call.batch(), cuda_stream);
    wait();
    return call.rows();
  }

  Verdict verdict_on(const test::Case& c) {
    ClipBatch batch = batch_of(c);
    const std::vector<Matrix> rows = extracted(batch, ClipLayout::kTime, nullptr);
    batch.sample_type = SampleType::kInt16;
    const bool int16_is_equal = extracted(batch, ClipLayout::kMel, nullptr) == rows;
    const auto on_ticks = ticks_->prepare(c.front_end, c.smoothing);
    const auto on_cpu = cpu_->prepare(c.front_end, c.smoothing);
    const Allowance allowance(*cpu_, c.front_end, c.smoothing);
    Difference worst;
    std::size_t n_rows = 0, n_equal = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      n_rows += rows[i].rows;
      if (rows[i].rows == 0) {
        ++n_equal;
        continue;
      }
      n_equal += test::whole_clip(*ticks_, *on_ticks, samples_[i]) == rows[i] ? 1 : 0;
      const Matrix expected = test::whole_clip(*cpu_, *on_cpu, samples_[i]);
      const Difference difference = allowance.compare(samples_[i], expected, rows[i]);
      if (difference.worst_share > worst.worst_share) {
        worst = {difference.worst_share, names_[i] + ", " + difference.where};
      }
    }
    const bool float_is_equal = n_equal == rows.size();
    report_.row({c.name, std::to_string(rows.size()), std::to_string(n_rows), text("%.3f", worst.worst_share),
                 worst.where, float_is_equal ? "equal" : "differ", int16_is_equal ? "equal" : "differ"});
    report_.figure("clips.cpu." + c.name + ".worst_share", worst.worst_share);
    return {worst.worst_share <= 1.0, float_is_equal && int16_is_equal};
  }

  void time(const char* name, const std::vector<std::vector<float>>& clips, SampleType type) {
    using std::chrono::steady_clock;
    const int n_calls = is_small_ ? 2 : settings_.extent == Extent::kQuick ? 20 : 100;
    ClipBatch batch = batch_of({engine::FrontEndCatalog().find(name), engine::Smoothing::kNone, name});
    batch.normalization = Normalization::kWhisperWindow;
    batch.sample_type = type;
    const DeviceClips call(*memory_, batch, clips, ClipLayout::kMel);
    clips_->extract_async(call.batch(), machine_.stream(0));  // takes memory, and loads what the device needs
    wait();
    const std::uint64_t launches_before = clips_->counters().n_launches;
    double enqueue_seconds = 0.0;
    const auto begin = steady_clock::now();
    for (int i = 0; i < n_calls; ++i) {
      const auto enqueue_begin = steady_clock::now();
      clips_->extract_async(call.batch(), machine_.stream(0));
      enqueue_seconds += std::chrono::duration<double>(steady_clock::now() - enqueue_begin).count();
    }
    wait();
    const double seconds = std::chrono::duration<double>(steady_clock::now() - begin).count() / n_calls;
    const double real_time = call.seconds_of_audio() / seconds;
    const std::string what = type == SampleType::kInt16 ? "int16" : "float32";
    const double seconds_each = call.seconds_of_audio() / static_cast<double>(clips.size());
    report_.row(
        {name, std::to_string(clips.size()), text("%.1f", seconds_each), what,
         text("%.1f", enqueue_seconds * 1e6 / n_calls), text("%.1f", seconds * 1e6),
         text("%.0f", static_cast<double>(clips.size()) / seconds), text("%.0f", real_time),
         std::to_string((clips_->counters().n_launches - launches_before) / static_cast<std::uint64_t>(n_calls))});
    report_.figure(text("clips.%s.%zu_of_%.1f_s.%s.us_a_call", name, clips.size(), seconds_each, what.c_str()),
                   seconds * 1e6);
  }

  Machine& machine_;
  const Settings& settings_;
  Report& report_;
  const bool is_small_;
  ClipTraffic traffic_;
  const std::unique_ptr<engine::cuda::Device> memory_;  ///< a second handle of the device, for what the caller owns
  std::unique_ptr<engine::Engine> cpu_;
  std::unique_ptr<engine::cuda::CudaEngine> ticks_;
  std::unique_ptr<engine::cuda::CudaClipEngine> clips_;
  std::vector<std::string> names_;
  std::vector<std::vector<float>> samples_;
};

}  // namespace

void run_clips(Machine& machine, const Settings& settings, Report& report) {
  Clips clips(machine, settings, report);
  clips.rows();
  clips.normalizations();
  clips.streams();
  clips.traffic();
  clips.times();
}

}  // namespace melstream::bench
