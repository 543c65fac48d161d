#include "melstream/engine/cuda/fft_probe.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstring>
#include <thread>
#include <vector>

namespace melstream::engine::cuda {
namespace {

constexpr int kMark = kMarks - 1;              // slices have the first ones
constexpr std::chrono::seconds kPatience{10};  // a first run may load code

/// Next of a linear congruential sequence (Numerical Recipes), as a float in [-1, 1).
float next_noise(std::uint32_t& state) noexcept {
  state = state * 1664525U + 1013904223U;
  return static_cast<float>(static_cast<std::int32_t>(state)) / 2147483648.0F;
}

class Prober {
 public:
  Prober(const SharedDevice& shared, int n_fft, int max_frames)
      : shared_(shared),
        n_fft_(static_cast<std::size_t>(n_fft)),
        n_bins_(n_fft_ / 2 + 1),
        host_(shared.device.allocate_pinned(bytes(max_frames))),
        input_(shared.device.allocate(bytes(max_frames))),
        spectra_(shared.device.allocate(static_cast<std::size_t>(max_frames) * n_bins_ * sizeof(Complex))),
        quiet_(n_fft_) {
    for (std::size_t n = 0; n < n_fft_; ++n) {
      quiet_[n] = 1e-4F * static_cast<float>(std::sin(0.3 * static_cast<double>(n)));
    }
  }

  /// The quiet frame's spectrum at a place of a plan, beside noise of this level.
  std::vector<Complex> spectrum(const ProbedPlan& probed, int place, float level) {
    auto* const frames = reinterpret_cast<float*>(host_.get());
    std::uint32_t state = 1;
    const std::size_t n_floats = static_cast<std::size_t>(probed.n_frames) * n_fft_;
    for (std::size_t i = 0; i < n_floats; ++i) frames[i] = level * next_noise(state);
    const auto at = static_cast<std::size_t>(place);
    std::copy(quiet_.begin(), quiet_.end(), frames + at * n_fft_);
    transform(probed, at, n_floats);
    wait();
    std::vector<Complex> result(n_bins_);
    std::memcpy(result.data(), host_.get(), n_bins_ * sizeof(Complex));
    return result;
  }

 private:
  /// From the pinned frames to the spectrum of one, in their place.
  void transform(const ProbedPlan& probed, std::size_t place, std::size_t n_floats) {
    const std::lock_guard lock(shared_.queue_mutex);
    Queue& queue = shared_.device.queue();
    queue.upload_async(input_.get(), host_.get(), n_floats * sizeof(float));
    auto* const spectra = reinterpret_cast<Complex*>(spectra_.get());
    probed.plan->run_async(reinterpret_cast<float*>(input_.get()), spectra);
    // The frames were uploaded by then: the queue works in order.
    queue.download_async(host_.get(), reinterpret_cast<const std::byte*>(spectra + place * n_bins_),
                         n_bins_ * sizeof(Complex));
    queue.mark_async(kMark);
  }
  bool is_done() {
    const std::lock_guard lock(shared_.queue_mutex);
    return shared_.device.queue().has_reached(kMark);
  }
  void wait() {
    const std::int64_t begin_ns = shared_.clock.mono_ns();
    for (std::int64_t now_ns = begin_ns; !is_done(); now_ns = shared_.clock.mono_ns()) {
      if (now_ns - begin_ns > std::chrono::nanoseconds(kPatience).count()) {
        throw core::EngineError("a transform does not end on " + shared_.device.info().name);
      }
      std::this_thread::yield();
    }
  }
  std::size_t bytes(int n_frames) const noexcept {
    return static_cast<std::size_t>(n_frames) * (n_fft_ + 2) * sizeof(float);
  }

  const SharedDevice shared_;
  const std::size_t n_fft_;
  const std::size_t n_bins_;
  Memory host_;
  Memory input_;
  Memory spectra_;
  std::vector<float> quiet_;
};

bool have_equal_bits(const std::vector<Complex>& a, const std::vector<Complex>& b) noexcept {
  return std::memcmp(a.data(), b.data(), a.size() * sizeof(Complex)) == 0;
}

}  // namespace

std::string probe_fft(const SharedDevice& shared, int n_fft, std::span<const ProbedPlan> plans) {
  int max_frames = 0;
  for (const ProbedPlan& probed : plans) max_frames = std::max(max_frames, probed.n_frames);
  Prober prober(shared, n_fft, max_frames);
  const std::vector<Complex> expected = prober.spectrum(plans.front(), 0, 0.0F);
  for (const ProbedPlan& probed : plans) {
    for (const int place : {0, 1, probed.n_frames / 2, probed.n_frames - 1}) {
      for (const float level : {0.0F, 1.0F}) {
        if (have_equal_bits(prober.spectrum(probed, place, level), expected)) continue;
        return "place " + std::to_string(place) + " of " + std::to_string(probed.n_frames) +
               (level > 0.0F ? ", beside noise" : ", beside silence");
      }
    }
  }
  return {};
}

}  // namespace melstream::engine::cuda
