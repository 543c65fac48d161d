#include "melstream/engine/cuda/cuda_device.hpp"

#include <array>
#include <cstring>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <cuda_runtime_api.h>
#include <cufft.h>

#include "melstream/engine/cuda/clip_kernels.cuh"
#include "melstream/engine/cuda/cuda_handles.hpp"
#include "melstream/engine/cuda/kernels.cuh"

namespace melstream::engine::cuda {
namespace {

/// As check() of the runtime.
void check_fft(cufftResult result, const char* call) {
  if (result == CUFFT_SUCCESS) return;
  throw core::EngineError(std::string(call) + ": cuFFT error " + std::to_string(static_cast<int>(result)));
}

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

/// The current device is a property of each thread, and the threads are others': theirs is chosen again in the end.
class CurrentDevice {
 public:
  explicit CurrentDevice(int index) : index_(index) {
    check(cudaGetDevice(&before_), "cudaGetDevice");
    if (before_ != index_) check(cudaSetDevice(index_), "cudaSetDevice");
  }
  ~CurrentDevice() {
    if (before_ != index_) cudaSetDevice(before_);
  }
  CurrentDevice(const CurrentDevice&) = delete;
  CurrentDevice& operator=(const CurrentDevice&) = delete;

 private:
  const int index_;
  int before_ = 0;
};

/// The highest priority there is: a tick is short, and others on the device may be long.
Stream make_stream() {
  int lowest = 0, highest = 0;
  check(cudaDeviceGetStreamPriorityRange(&lowest, &highest), "cudaDeviceGetStreamPriorityRange");
  cudaStream_t stream = nullptr;
  check(cudaStreamCreateWithPriority(&stream, cudaStreamNonBlocking, highest), "cudaStreamCreateWithPriority");
  return Stream(stream);
}

Event make_event(bool measure) {
  cudaEvent_t event = nullptr;
  check(cudaEventCreateWithFlags(&event, measure ? cudaEventDefault : cudaEventDisableTiming),
        "cudaEventCreateWithFlags");
  return Event(event);
}

class CudaQueue final : public ClipQueue {
 public:
  CudaQueue(int device, bool measure)
      : device_(device), measure_(measure), own_stream_(make_stream()), stream_(own_stream_.get()) {
    for (Event& event : marks_) event = make_event(measure);
  }
  ~CudaQueue() override { synchronize(); }

  /// On its own stream, and up to the marks on others'.
  void synchronize() const noexcept {
    cudaStreamSynchronize(own_stream_.get());
    for (const Event& event : marks_) cudaEventSynchronize(event.get());
  }

  cudaStream_t stream() const noexcept { return stream_; }

  void use_stream(void* cuda_stream) override { stream_ = static_cast<cudaStream_t>(cuda_stream); }
  void use_own_stream() noexcept override { stream_ = own_stream_.get(); }
  void follow_async(int mark) override {
    const CurrentDevice here(device_);
    check(cudaStreamWaitEvent(stream_, marks_[static_cast<std::size_t>(mark)].get(), 0), "cudaStreamWaitEvent");
  }

  void upload_async(std::byte* to, const std::byte* from, std::size_t n_bytes) override {
    const CurrentDevice here(device_);
    check(cudaMemcpyAsync(to, from, n_bytes, cudaMemcpyHostToDevice, stream_), "cudaMemcpyAsync to the device");
  }
  void download_async(std::byte* to, const std::byte* from, std::size_t n_bytes) override {
    const CurrentDevice here(device_);
    check(cudaMemcpyAsync(to, from, n_bytes, cudaMemcpyDeviceToHost, stream_), "cudaMemcpyAsync to the host");
  }
  void gather_async(const GatherParams& params) override { launch(launch_gather, params, "gather kernel"); }
  void rows_async(const RowsParams& params) override { launch(launch_rows, params, "rows kernel"); }
  void assemble_async(const AssembleParams& params) override { launch(launch_assemble, params, "assemble kernel"); }
  void describe_async(const DescribeParams& params) override { launch(launch_describe, params, "describe kernel"); }
  void gather_clips_async(const GatherClipsParams& params) override {
    launch(launch_gather_clips, params, "gather kernel of clips");
  }
  void rows_of_clips_async(const RowsOfClipsParams& params) override {
    launch(launch_rows_of_clips, params, "rows kernel of clips");
  }
  void assemble_clips_async(const AssembleClipsParams& params) override {
    launch(launch_assemble_clips, params, "assemble kernel of clips");
  }
  void maxima_async(const MaximaParams& params) override { launch(launch_maxima, params, "maxima kernel"); }
  void feature_scales_async(const FeatureScalesParams& params) override {
    launch(launch_feature_scales, params, "feature scales kernel");
  }
  void finish_async(const FinishParams& params) override { launch(launch_finish, params, "finish kernel"); }
  void mark_async(int mark) override {
    const CurrentDevice here(device_);
    check(cudaEventRecord(marks_[static_cast<std::size_t>(mark)].get(), stream_), "cudaEventRecord");
  }
  bool has_reached(int mark) override {
    const CurrentDevice here(device_);
    const cudaError_t result = cudaEventQuery(marks_[static_cast<std::size_t>(mark)].get());
    if (result == cudaErrorNotReady) {
      cudaGetLastError();  // where it is kept as the thread's last error, the next launch would be taken to have failed
      return false;
    }
    check(result, "cudaEventQuery");
    return true;
  }
  double seconds_between(int first_mark, int last_mark) override {
    if (!measure_) return 0.0;
    const CurrentDevice here(device_);
    float milliseconds = 0.0F;
    check(cudaEventElapsedTime(&milliseconds, marks_[static_cast<std::size_t>(first_mark)].get(),
                               marks_[static_cast<std::size_t>(last_mark)].get()),
          "cudaEventElapsedTime");
    return static_cast<double>(milliseconds) * 1e-3;
  }

 private:
  template <typename Params>
  void launch(cudaError_t (*launcher)(const Params&, cudaStream_t), const Params& params, const char* name) {
    const CurrentDevice here(device_);
    check(launcher(params, stream_), name);
  }

  const int device_;
  const bool measure_;
  const Stream own_stream_;
  cudaStream_t stream_;  ///< that work goes to
  std::array<Event, kMarks> marks_;
};

class CufftPlan final : public FftPlan {
 public:
  /// @param queue outlives this: the plan runs where its work goes.
  CufftPlan(int n_fft, int n_frames, int device, const CudaQueue& queue) : device_(device), queue_(queue) {
    check_fft(cufftCreate(&plan_), "cufftCreate");
    try {
      check_fft(cufftSetAutoAllocation(plan_, 0), "cufftSetAutoAllocation");
      long long n[1] = {n_fft}, n_bins[1] = {n_fft / 2 + 1};
      check_fft(cufftMakePlanMany64(plan_, 1, n, n, 1, n[0], n_bins, 1, n_bins[0], CUFFT_R2C, n_frames, &work_bytes_),
                "cufftMakePlanMany64");
      check_fft(cufftSetStream(plan_, queue.stream()), "cufftSetStream");
      stream_ = queue.stream();
    } catch (...) {
      cufftDestroy(plan_);
      throw;
    }
  }
  ~CufftPlan() override { cufftDestroy(plan_); }
  CufftPlan(const CufftPlan&) = delete;
  CufftPlan& operator=(const CufftPlan&) = delete;

  std::size_t work_bytes() const noexcept override { return work_bytes_; }
  void set_work_area(std::byte* device_memory) override {
    check_fft(cufftSetWorkArea(plan_, device_memory), "cufftSetWorkArea");
  }
  void run_async(float* input, Complex* spectra) override {
    const CurrentDevice here(device_);
    if (stream_ != queue_.stream()) {
      check_fft(cufftSetStream(plan_, queue_.stream()), "cufftSetStream");
      stream_ = queue_.stream();
    }
    static_assert(sizeof(Complex) == sizeof(cufftComplex) && alignof(cufftComplex) <= 8);
    check_fft(cufftExecR2C(plan_, input, reinterpret_cast<cufftComplex*>(spectra)), "cufftExecR2C");
  }

 private:
  const int device_;
  const CudaQueue& queue_;
  cudaStream_t stream_ = nullptr;  ///< that the plan was told last
  cufftHandle plan_ = 0;
  std::size_t work_bytes_ = 0;
};

class CudaDevice final : public ClipDevice {
 public:
  /// @param takes_clips whether the kernels of clips are loaded, too.
  CudaDevice(int index, DeviceInfo info, bool measure, bool takes_clips) : index_(index), info_(std::move(info)) {
    const CurrentDevice here(index);
    queue_ = std::make_unique<CudaQueue>(index, measure);
    check(load_kernels(queue_->stream()), ("kernels for " + info_.target).c_str());
    if (takes_clips) check(load_clip_kernels(queue_->stream()), ("kernels of clips for " + info_.target).c_str());
    check(cudaStreamSynchronize(queue_->stream()), "cudaStreamSynchronize");
  }
  ~CudaDevice() override {
    queue_.reset();
    for (std::byte* const memory : pinned_) cudaHostUnregister(memory);
  }

  const DeviceInfo& info() const noexcept override { return info_; }

  Memory allocate(std::size_t n_bytes) override {
    const CurrentDevice here(index_);
    void* memory = nullptr;
    check_memory(cudaMalloc(&memory, n_bytes), n_bytes, "device memory");
    // Padding of a batch is transformed before anything was written there. The queue does not wait for other streams.
    check(cudaMemset(memory, 0, n_bytes), "cudaMemset");
    check(cudaStreamSynchronize(cudaStreamLegacy), "cudaStreamSynchronize");
    return {static_cast<std::byte*>(memory), FreeMemory{[](std::byte* taken) noexcept { cudaFree(taken); }}};
  }

  Memory allocate_pinned(std::size_t n_bytes) override {
    const CurrentDevice here(index_);
    void* memory = nullptr;
    check_memory(cudaHostAlloc(&memory, n_bytes, cudaHostAllocDefault), n_bytes, "pinned memory");
    std::memset(memory, 0, n_bytes);
    return {static_cast<std::byte*>(memory), FreeMemory{[](std::byte* taken) noexcept { cudaFreeHost(taken); }}};
  }

  void upload(std::byte* to, std::span<const std::byte> from) override {
    const CurrentDevice here(index_);
    check(cudaMemcpy(to, from.data(), from.size(), cudaMemcpyHostToDevice), "cudaMemcpy");
    // Of pageable memory cudaMemcpy may return before the last bytes are on the device.
    check(cudaStreamSynchronize(cudaStreamLegacy), "cudaStreamSynchronize");
  }

  const std::byte* pin(std::span<std::byte> memory) override {
    const CurrentDevice here(index_);
    // Memory that cannot be pinned, or not be read from the device, is staged instead: no reason to fail.
    if (cudaHostRegister(memory.data(), memory.size(), cudaHostRegisterPortable | cudaHostRegisterMapped) !=
        cudaSuccess) {
      cudaGetLastError();
      return nullptr;
    }
    {
      const std::lock_guard lock(mutex_);
      pinned_.push_back(memory.data());
    }
    void* on_device = nullptr;
    if (cudaHostGetDevicePointer(&on_device, memory.data(), 0) != cudaSuccess) {
      cudaGetLastError();
      return nullptr;
    }
    return static_cast<const std::byte*>(on_device);
  }

  std::unique_ptr<FftPlan> plan_fft(int n_fft, int n_frames) override {
    const CurrentDevice here(index_);
    return std::make_unique<CufftPlan>(n_fft, n_frames, index_, *queue_);
  }

  Queue& queue() noexcept override { return *queue_; }
  ClipQueue& clip_queue() noexcept override { return *queue_; }
  std::string why_unusable(const void* address) const override {
    cudaPointerAttributes attributes{};
    if (cudaPointerGetAttributes(&attributes, address) != cudaSuccess) {
      cudaGetLastError();
      return "is no address that CUDA knows";
    }
    if (attributes.type == cudaMemoryTypeManaged) return {};
    if (attributes.type != cudaMemoryTypeDevice) return "lies in memory of the host";
    if (attributes.device == index_) return {};
    return "lies on device " + std::to_string(attributes.device) + ", the engine is on device " +
           std::to_string(index_);
  }
  std::string why_unusable_stream(void* cuda_stream) const override {
    const CurrentDevice here(index_);
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    const cudaError_t result = cudaStreamIsCapturing(static_cast<cudaStream_t>(cuda_stream), &status);
    if (result == cudaErrorStreamCaptureImplicit || (result == cudaSuccess && status != cudaStreamCaptureStatusNone)) {
      cudaGetLastError();
      return "is captured into a graph, where the order of calls would be lost";
    }
    check(result, "cudaStreamIsCapturing");
    return {};
  }
  void stop() noexcept override { queue_->synchronize(); }

 private:
  void check_memory(cudaError_t result, std::size_t n_bytes, const std::string& kind) const {
    if (result == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      std::size_t free_bytes = 0, total_bytes = 0;
      cudaMemGetInfo(&free_bytes, &total_bytes);
      throw UnusableDevice(PluginError::kOutOfMemory, info_.name + ": no " + std::to_string(n_bytes >> 20) +
                                                          " MiB of " + kind +
                                                          " (device memory free: " + std::to_string(free_bytes >> 20) +
                                                          " MiB of " + std::to_string(total_bytes >> 20) + ")");
    }
    check(result, kind.c_str());
  }

  const int index_;
  const DeviceInfo info_;
  std::unique_ptr<CudaQueue> queue_;
  std::mutex mutex_;
  std::vector<std::byte*> pinned_;  // by mutex_
};

int count_devices() {
  int driver = 0, runtime = 0, n_devices = 0;
  cudaDriverGetVersion(&driver);
  cudaRuntimeGetVersion(&runtime);
  if (driver == 0) throw UnusableDevice(PluginError::kNoDriver, "no NVIDIA driver on this machine");
  const cudaError_t result = cudaGetDeviceCount(&n_devices);
  if (result == cudaErrorInsufficientDriver) {
    throw UnusableDevice(PluginError::kDriverTooOld, "the NVIDIA driver is for CUDA " + version_text(driver) +
                                                         ", CUDA " + version_text(runtime) +
                                                         " is needed: update the driver");
  }
  if (result == cudaErrorNoDevice || (result == cudaSuccess && n_devices == 0)) {
    throw UnusableDevice(PluginError::kNoSuchDevice, "there is an NVIDIA driver, but no device it may use");
  }
  if (result != cudaSuccess) {
    throw UnusableDevice(PluginError::kFailed,
                         std::string("the NVIDIA driver does not answer: ") + cudaGetErrorString(result));
  }
  return n_devices;
}

std::unique_ptr<CudaDevice> open(int index, bool measure, bool takes_clips) {
  const int n_devices = count_devices();
  if (index < 0 || index >= n_devices) {
    throw UnusableDevice(PluginError::kNoSuchDevice, "there is no device " + std::to_string(index) +
                                                         "; devices are 0.." + std::to_string(n_devices - 1));
  }
  cudaDeviceProp properties{};
  int cufft = 0;
  try {
    check(cudaGetDeviceProperties(&properties, index), "cudaGetDeviceProperties");
    check_fft(cufftGetVersion(&cufft), "cufftGetVersion");
    DeviceInfo info{
        properties.name,
        "sm_" + std::to_string(properties.major) + std::to_string(properties.minor) + "-cufft" + std::to_string(cufft),
        properties.totalGlobalMem};
    return std::make_unique<CudaDevice>(index, std::move(info), measure, takes_clips);
  } catch (const core::EngineError& error) {
    throw UnusableDevice(PluginError::kFailed, "device " + std::to_string(index) + " cannot be used: " + error.what());
  }
}

}  // namespace

std::unique_ptr<Device> open_device(int index, bool measure) { return open(index, measure, false); }

std::unique_ptr<ClipDevice> open_clip_device(int index) { return open(index, false, true); }

std::size_t used_device_bytes(int index) {
  std::size_t free_bytes = 0, total_bytes = 0;
  const CurrentDevice here(index);
  check(cudaMemGetInfo(&free_bytes, &total_bytes), "cudaMemGetInfo");
  return total_bytes - free_bytes;
}

}  // namespace melstream::engine::cuda
