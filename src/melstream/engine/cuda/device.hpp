// What the CUDA engine asks of a device: memory, one queue of work in order, FFT plans. Implemented by CUDA
// (cuda_device.cpp) and, for tests on machines without a GPU, by the host (tests/engine/cuda). Functions that end in
// _async only enqueue. All throw EngineError; the device is then lost for good.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "melstream/core/error.hpp"
#include "melstream/engine/cuda/clip_params.hpp"
#include "melstream/engine/cuda/kernel_params.hpp"
#include "melstream/engine/plugin.hpp"

namespace melstream::engine::cuda {

/// Thrown while an engine is made; the message is one line with the remedy.
class UnusableDevice : public core::Error {
 public:
  UnusableDevice(PluginError why, const std::string& message)
      : core::Error(core::ErrorCode::kUnavailable, message), why_(why) {}
  PluginError why() const noexcept { return why_; }

 private:
  PluginError why_;
};

struct FreeMemory {
  void (*free)(std::byte* memory) noexcept = nullptr;
  void operator()(std::byte* memory) const noexcept { free(memory); }
};
/// Memory of the device, or of the host pinned for it.
using Memory = std::unique_ptr<std::byte, FreeMemory>;

/// A batch of real-to-complex transforms, frames side by side, enqueued with the rest of the work.
class FftPlan {
 public:
  virtual ~FftPlan() = default;
  /// Bytes of scratch memory; plans that run one after another may share it.
  virtual std::size_t work_bytes() const noexcept = 0;
  virtual void set_work_area(std::byte* device_memory) = 0;
  /// @param input [n_frames of the plan][n_fft]; may be overwritten. @param spectra [n_frames][n_fft / 2 + 1].
  virtual void run_async(float* input, Complex* spectra) = 0;
};

/// Marks that a queue has.
inline constexpr int kMarks = 512;

/// One sequence of work. Thread: that of Engine::submit and poll.
class Queue {
 public:
  virtual ~Queue() = default;
  /// @param to device memory, from pinned memory.
  virtual void upload_async(std::byte* to, const std::byte* from, std::size_t n_bytes) = 0;
  /// @param to pinned memory, from device memory.
  virtual void download_async(std::byte* to, const std::byte* from, std::size_t n_bytes) = 0;
  virtual void gather_async(const GatherParams& params) = 0;
  virtual void rows_async(const RowsParams& params) = 0;
  virtual void assemble_async(const AssembleParams& params) = 0;
  /// Marks this place in the sequence. @param mark 0..kMarks - 1; replaces what it marked before.
  virtual void mark_async(int mark) = 0;
  /// True once all work before the mark is done. Does not block.
  virtual bool has_reached(int mark) = 0;
  /// Seconds of the device between two marks that were reached; 0 unless the device was opened to measure.
  virtual double seconds_between(int first_mark, int last_mark) = 0;
};

/// A queue for clips: its work goes to a stream of its own until it is told to use one of the caller's.
class ClipQueue : public Queue {
 public:
  /// Work from now on, transforms included, goes to this cudaStream_t; null: the default stream. Nothing is enqueued.
  virtual void use_stream(void* cuda_stream) = 0;
  /// Work from now on goes to its own stream again.
  virtual void use_own_stream() noexcept = 0;
  /// What is enqueued from now on begins once the device has reached this mark, on whatever stream it was made; at once
  /// if it was never made. The host does not wait.
  virtual void follow_async(int mark) = 0;
  virtual void describe_async(const DescribeParams& params) = 0;
  virtual void gather_clips_async(const GatherClipsParams& params) = 0;
  virtual void rows_of_clips_async(const RowsOfClipsParams& params) = 0;
  virtual void assemble_clips_async(const AssembleClipsParams& params) = 0;
  virtual void maxima_async(const MaximaParams& params) = 0;
  virtual void feature_scales_async(const FeatureScalesParams& params) = 0;
  virtual void finish_async(const FinishParams& params) = 0;
};

struct DeviceInfo {
  std::string name;    ///< as the vendor writes it
  std::string target;  ///< what a spectrum's bits depend on besides the engine's build: architecture, FFT library
  std::size_t total_bytes = 0;
};

class Device {
 public:
  virtual ~Device() = default;
  virtual const DeviceInfo& info() const noexcept = 0;
  /// Alignment 256. Throws UnusableDevice(kOutOfMemory). Thread-safe.
  virtual Memory allocate(std::size_t n_bytes) = 0;
  /// Host memory, zero-filled. Throws UnusableDevice(kOutOfMemory).
  virtual Memory allocate_pinned(std::size_t n_bytes) = 0;
  /// Copies host memory to the device and waits for it. Thread-safe.
  virtual void upload(std::byte* to, std::span<const std::byte> from) = 0;
  /// Pins host memory that others own until the device is destroyed. Returns the address by which kernels read it, or
  /// null where they cannot. Thread-safe.
  virtual const std::byte* pin(std::span<std::byte> memory) = 0;
  /// Without a work area: set one before the first run. Thread-safe.
  virtual std::unique_ptr<FftPlan> plan_fft(int n_fft, int n_frames) = 0;
  virtual Queue& queue() noexcept = 0;
  /// Waits until nothing that was enqueued touches any memory any more; the queue is not used after it.
  virtual void stop() noexcept = 0;
};

/// A device that takes clips on streams of the caller's.
class ClipDevice : public Device {
 public:
  /// What queue() returns.
  virtual ClipQueue& clip_queue() noexcept = 0;
  /// Why kernels cannot use memory at an address that a caller gave, in words that follow "it"; "" if they can.
  virtual std::string why_unusable(const void* address) const = 0;
  /// The same of a cudaStream_t: one that is captured into a graph cannot wait for what comes before it.
  virtual std::string why_unusable_stream(void* cuda_stream) const = 0;
};

}  // namespace melstream::engine::cuda
