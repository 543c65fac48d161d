// A device made of host memory that takes clips on streams of the caller's: the kernels run as ordinary functions. Work
// on such a stream waits until the test runs it; then streams go on in any order that marks and waits allow, so that
// who forgets to wait is found out. Work on the device's own stream is done at once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>

#include "melstream/engine/cuda/device.hpp"

#include "tests/engine/cuda/emulated_fft.hpp"

namespace melstream::test {

/// What a test can break, and what it sees. Outlives the device.
struct ClipMachine {
  /// Work is done when it is enqueued.
  bool is_done_at_once = false;
  /// Lanes and warps run last first.
  bool is_backwards = false;
  /// Operations (copies, launches, marks, allocations, ...) until the device fails for good; < 0: never.
  std::int64_t fail_after_operations = -1;
  std::size_t memory_bytes = std::size_t{1} << 32;
  /// What ClipDevice::why_unusable() says of every address.
  std::string why_unusable;
  /// The same of every stream.
  std::string why_unusable_stream;

  std::size_t device_bytes = 0;  ///< allocated now
  std::size_t pinned_bytes = 0;
  std::int64_t n_operations = 0;
  std::int64_t n_allocations = 0;  ///< device and pinned, ever
  std::int64_t n_copies = 0;       ///< between host and device, tables included
  std::int64_t n_launches = 0;     ///< kernels, a transform counted as one
  std::int64_t n_plans = 0;
};

/// Thread-safe.
class EmulatedClipDevice final : public engine::cuda::ClipDevice {
 public:
  explicit EmulatedClipDevice(ClipMachine& machine);
  ~EmulatedClipDevice() override;

  /// Runs all that waits on streams of the caller's, a piece of work here and one there.
  void run(unsigned seed);

  const engine::cuda::DeviceInfo& info() const noexcept override { return info_; }
  engine::cuda::Memory allocate(std::size_t n_bytes) override;
  engine::cuda::Memory allocate_pinned(std::size_t n_bytes) override;
  void upload(std::byte* to, std::span<const std::byte> from) override;
  const std::byte* pin(std::span<std::byte> memory) override { return memory.data(); }
  std::unique_ptr<engine::cuda::FftPlan> plan_fft(int n_fft, int n_frames) override;
  engine::cuda::Queue& queue() noexcept override;
  engine::cuda::ClipQueue& clip_queue() noexcept override;
  /// Runs what waits, as who destroys the engine of a GPU waits for it.
  void stop() noexcept override { run(1); }
  std::string why_unusable(const void* /*address*/) const override { return machine_.why_unusable; }
  std::string why_unusable_stream(void* /*cuda_stream*/) const override { return machine_.why_unusable_stream; }

 private:
  class ClipsQueue;
  class Plan;

  const engine::cuda::DeviceInfo info_{"emulated device", "emulated", std::size_t{1} << 32};
  ClipMachine& machine_;
  std::mutex mutex_;
  std::unique_ptr<ClipsQueue> queue_;
  std::map<int, std::shared_ptr<RealFft>> ffts_;  // by mutex_
};

}  // namespace melstream::test
