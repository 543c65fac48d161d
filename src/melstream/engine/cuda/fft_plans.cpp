#include "melstream/engine/cuda/fft_plans.hpp"

#include <algorithm>
#include <string>

namespace melstream::engine::cuda {

FftPlans::FftPlans(const SharedDevice& shared, int n_fft, int max_frames) : n_fft_(n_fft), max_frames_(max_frames) {
  Device& device = shared.device;
  const auto probe = [&] {
    share_work_area(device);
    std::vector<ProbedPlan> plans;
    for (const Batch& batch : batches_) plans.push_back({batch.plan.get(), batch.n_frames});
    return probe_fft(shared, n_fft_, plans);
  };
  for (int n = kSmallestPlanFrames; n <= max_frames_; n *= 2) add(device, n);
  if (probe().empty()) return;
  is_fixed_ = true;
  batches_.clear();
  add(device, std::min(kFixedPlanFrames, max_frames_));
  if (const std::string difference = probe(); !difference.empty()) {
    throw UnusableDevice(PluginError::kProbeFailed, "transforms of " + std::to_string(n_fft_) +
                                                        " samples give a frame other bits beside other frames (" +
                                                        difference + ")");
  }
}

void FftPlans::add(Device& device, int n_frames) { batches_.push_back({n_frames, device.plan_fft(n_fft_, n_frames)}); }

void FftPlans::share_work_area(Device& device) {
  // Never none: no document says that a plan which asks for 0 bytes runs without a work area.
  std::size_t n_bytes = 256;
  for (const Batch& batch : batches_) n_bytes = std::max(n_bytes, batch.plan->work_bytes());
  work_area_ = device.allocate(n_bytes);
  for (const Batch& batch : batches_) batch.plan->set_work_area(work_area_.get());
}

int FftPlans::padded_frames(int n_frames) const noexcept {
  for (const Batch& batch : batches_) {
    if (batch.n_frames >= n_frames) return batch.n_frames;
  }
  const int step = batches_.back().n_frames;
  return (n_frames + step - 1) / step * step;
}

void FftPlans::run_async(float* input, Complex* spectra, int n_frames) const {
  const int n_padded = padded_frames(n_frames);
  const auto fits = [&](const Batch& batch) { return batch.n_frames >= n_padded; };
  const auto found = std::find_if(batches_.begin(), batches_.end(), fits);
  const Batch& batch = found != batches_.end() ? *found : batches_.back();
  for (int first = 0; first < n_padded; first += batch.n_frames) {
    const auto at = static_cast<std::size_t>(first);
    batch.plan->run_async(input + at * static_cast<std::size_t>(n_fft_),
                          spectra + at * static_cast<std::size_t>(n_fft_ / 2 + 1));
  }
}

std::shared_ptr<const FftPlans> FftPlanStore::find_or_make(int n_fft) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<const FftPlans>& plans = plans_[n_fft];
  if (!plans) plans = std::make_shared<const FftPlans>(shared_, n_fft, sizes_.largest_unit(n_fft));
  return plans;
}

bool FftPlanStore::any_fixed() const {
  const std::lock_guard lock(mutex_);
  return std::any_of(plans_.begin(), plans_.end(),
                     [](const auto& entry) { return entry.second && entry.second->is_fixed(); });
}

}  // namespace melstream::engine::cuda
