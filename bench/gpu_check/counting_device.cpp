#include "bench/gpu_check/counting_device.hpp"

#include <span>
#include <utility>

namespace melstream::bench {
namespace {

using engine::cuda::Memory;

class CountingDevice final : public engine::cuda::Device {
 public:
  CountingDevice(std::unique_ptr<engine::cuda::Device> device, TakenMemory& taken)
      : device_(std::move(device)), taken_(taken) {}

  const engine::cuda::DeviceInfo& info() const noexcept override { return device_->info(); }
  Memory allocate(std::size_t n_bytes) override {
    taken_.device_bytes += n_bytes;
    return device_->allocate(n_bytes);
  }
  Memory allocate_pinned(std::size_t n_bytes) override {
    taken_.pinned_bytes += n_bytes;
    return device_->allocate_pinned(n_bytes);
  }
  void upload(std::byte* to, std::span<const std::byte> from) override { device_->upload(to, from); }
  const std::byte* pin(std::span<std::byte> memory) override {
    const std::byte* const on_device = device_->pin(memory);
    if (on_device != nullptr) taken_.registered_bytes += memory.size();
    return on_device;
  }
  std::unique_ptr<engine::cuda::FftPlan> plan_fft(int n_fft, int n_frames) override {
    return device_->plan_fft(n_fft, n_frames);
  }
  engine::cuda::Queue& queue() noexcept override { return device_->queue(); }
  void stop() noexcept override { device_->stop(); }

 private:
  const std::unique_ptr<engine::cuda::Device> device_;
  TakenMemory& taken_;
};

}  // namespace

std::unique_ptr<engine::cuda::Device> count_memory(std::unique_ptr<engine::cuda::Device> device, TakenMemory& taken) {
  return std::make_unique<CountingDevice>(std::move(device), taken);
}

}  // namespace melstream::bench
