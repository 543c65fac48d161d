#include "bench/gpu_check/counting_clip_device.hpp"

#include <span>
#include <string>
#include <utility>

namespace melstream::bench {
namespace {

using namespace engine::cuda;  // NOLINT(google-build-using-namespace): what is passed through

class CountingQueue final : public ClipQueue {
 public:
  CountingQueue(ClipQueue& queue, ClipTraffic& traffic) : queue_(queue), traffic_(traffic) {}

  void upload_async(std::byte* to, const std::byte* from, std::size_t n_bytes) override {
    ++traffic_.n_copies;
    queue_.upload_async(to, from, n_bytes);
  }
  void download_async(std::byte* to, const std::byte* from, std::size_t n_bytes) override {
    ++traffic_.n_copies;
    queue_.download_async(to, from, n_bytes);
  }
  void gather_async(const GatherParams& params) override { queue_.gather_async(params); }
  void rows_async(const RowsParams& params) override { queue_.rows_async(params); }
  void assemble_async(const AssembleParams& params) override { queue_.assemble_async(params); }
  void mark_async(int mark) override { queue_.mark_async(mark); }
  bool has_reached(int mark) override { return queue_.has_reached(mark); }
  double seconds_between(int first_mark, int last_mark) override {
    return queue_.seconds_between(first_mark, last_mark);
  }
  void use_stream(void* cuda_stream) override { queue_.use_stream(cuda_stream); }
  void use_own_stream() noexcept override { queue_.use_own_stream(); }
  void follow_async(int mark) override { queue_.follow_async(mark); }
  void describe_async(const DescribeParams& params) override { queue_.describe_async(params); }
  void gather_clips_async(const GatherClipsParams& params) override { queue_.gather_clips_async(params); }
  void rows_of_clips_async(const RowsOfClipsParams& params) override { queue_.rows_of_clips_async(params); }
  void assemble_clips_async(const AssembleClipsParams& params) override { queue_.assemble_clips_async(params); }
  void maxima_async(const MaximaParams& params) override { queue_.maxima_async(params); }
  void feature_scales_async(const FeatureScalesParams& params) override { queue_.feature_scales_async(params); }
  void finish_async(const FinishParams& params) override { queue_.finish_async(params); }

 private:
  ClipQueue& queue_;
  ClipTraffic& traffic_;
};

class CountingClipDevice final : public ClipDevice {
 public:
  CountingClipDevice(std::unique_ptr<ClipDevice> device, ClipTraffic& traffic)
      : device_(std::move(device)), traffic_(traffic), queue_(device_->clip_queue(), traffic) {}

  const DeviceInfo& info() const noexcept override { return device_->info(); }
  Memory allocate(std::size_t n_bytes) override {
    ++traffic_.n_allocations;
    traffic_.device_bytes += n_bytes;
    return device_->allocate(n_bytes);
  }
  Memory allocate_pinned(std::size_t n_bytes) override {
    ++traffic_.n_allocations;
    return device_->allocate_pinned(n_bytes);
  }
  void upload(std::byte* to, std::span<const std::byte> from) override {
    ++traffic_.n_copies;
    device_->upload(to, from);
  }
  const std::byte* pin(std::span<std::byte> memory) override { return device_->pin(memory); }
  std::unique_ptr<FftPlan> plan_fft(int n_fft, int n_frames) override {
    ++traffic_.n_plans;
    return device_->plan_fft(n_fft, n_frames);
  }
  Queue& queue() noexcept override { return queue_; }
  ClipQueue& clip_queue() noexcept override { return queue_; }
  void stop() noexcept override { device_->stop(); }
  std::string why_unusable(const void* address) const override { return device_->why_unusable(address); }
  std::string why_unusable_stream(void* cuda_stream) const override {
    return device_->why_unusable_stream(cuda_stream);
  }

 private:
  const std::unique_ptr<ClipDevice> device_;
  ClipTraffic& traffic_;
  CountingQueue queue_;
};

}  // namespace

std::unique_ptr<ClipDevice> count_traffic(std::unique_ptr<ClipDevice> device, ClipTraffic& traffic) {
  return std::make_unique<CountingClipDevice>(std::move(device), traffic);
}

}  // namespace melstream::bench
