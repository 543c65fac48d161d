// A GPU as a machine, through the CUDA runtime. Nothing here creates a context before the first open() or copy, so that
// the start-up that is measured has all of it.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <type_traits>
#include <vector>

#include <cuda_runtime_api.h>
#include <cufft.h>

#include "melstream/engine/cuda/cuda_device.hpp"
#include "melstream/engine/cuda/cuda_handles.hpp"

#include "bench/gpu_check/fault_kernels.cuh"
#include "bench/gpu_check/machine.hpp"
#include "bench/gpu_check/report.hpp"

namespace melstream::bench {
namespace {

using engine::cuda::check;
using engine::cuda::Event;
using engine::cuda::Stream;

constexpr double kHangSeconds = 1.5;  // six times the hang limit; displays allow a kernel 2 s

struct FreeDevice {
  void operator()(void* memory) const noexcept { cudaFree(memory); }
};
struct FreePinned {
  void operator()(void* memory) const noexcept { cudaFreeHost(memory); }
};

Stream make_stream() {
  cudaStream_t stream = nullptr;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
  return Stream(stream);
}

Event make_event() {
  cudaEvent_t event = nullptr;
  check(cudaEventCreate(&event), "cudaEventCreate");
  return Event(event);
}

template <typename Free>
std::unique_ptr<void, Free> cleared(std::size_t n_bytes) {
  void* memory = nullptr;
  if constexpr (std::is_same_v<Free, FreeDevice>) {
    check(cudaMalloc(&memory, n_bytes), "cudaMalloc");
    std::unique_ptr<void, Free> owner(memory);
    check(cudaMemset(memory, 0, n_bytes), "cudaMemset");
    check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
    return owner;
  } else {
    check(cudaHostAlloc(&memory, n_bytes, cudaHostAllocDefault), "cudaHostAlloc");
    std::fill_n(static_cast<char*>(memory), n_bytes, 1);
    return std::unique_ptr<void, Free>(memory);
  }
}

/// First line that a command prints; nothing if it fails.
std::optional<std::string> first_line(const std::string& command) {
  std::FILE* const pipe = popen((command + " 2>/dev/null").c_str(), "r");
  if (pipe == nullptr) return std::nullopt;
  std::array<char, 256> buffer{};
  const bool got_one = std::fgets(buffer.data(), buffer.size(), pipe) != nullptr;
  if (pclose(pipe) != 0 || !got_one) return std::nullopt;
  return std::string(buffer.data());
}

/// MiB in use on a GPU by all processes, contexts included, as nvidia-smi tells it without making a context.
std::optional<long> used_mib(const std::string& bus_id) {
  const auto line = first_line("nvidia-smi --id=" + bus_id + " --query-gpu=memory.used --format=csv,noheader,nounits");
  if (!line) return std::nullopt;
  char* end = nullptr;
  const long mib = std::strtol(line->c_str(), &end, 10);
  if (end == line->c_str()) return std::nullopt;
  return mib;
}

std::string version_text(int version) { return text("%d.%d", version / 1000, version % 1000 / 10); }

std::string bus_id_of(int device) {
  std::array<char, 32> id{};
  check(cudaDeviceGetPCIBusId(id.data(), static_cast<int>(id.size()), device), "cudaDeviceGetPCIBusId");
  return id.data();
}

Machine::Traits traits_of(int device) {
  int driver = 0, runtime = 0, cufft = 0;
  check(cudaDriverGetVersion(&driver), "cudaDriverGetVersion");
  check(cudaRuntimeGetVersion(&runtime), "cudaRuntimeGetVersion");
  cufftGetVersion(&cufft);
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, device), "cudaGetDeviceProperties");
  Machine::Traits traits;
  traits.facts = {
      {"device", text("%d, %s, sm_%d%d, %d multiprocessors, %zu MiB, L2 %d MiB", device, properties.name,
                      properties.major, properties.minor, properties.multiProcessorCount,
                      properties.totalGlobalMem >> 20, properties.l2CacheSize >> 20)},
      {"PCI bus", bus_id_of(device)},
      {"driver", "for CUDA " + version_text(driver)},
      {"runtime", "CUDA " + version_text(runtime)},
      {"cuFFT", text("%d.%d.%d", cufft / 1000, cufft % 1000 / 100, cufft % 100)},
  };
  return traits;
}

class GpuMachine final : public Machine {
 public:
  explicit GpuMachine(int device)
      : Machine(traits_of(device)), device_(device), bus_id_(bus_id_of(device)), mib_before_(used_mib(bus_id_)) {}

  std::unique_ptr<engine::cuda::Device> open(bool measure) override {
    return engine::cuda::open_device(device_, measure);
  }
  std::unique_ptr<engine::cuda::ClipDevice> open_clips() override { return engine::cuda::open_clip_device(device_); }
  void* stream(int number) override {
    check(cudaSetDevice(device_), "cudaSetDevice");
    while (streams_.size() <= static_cast<std::size_t>(number)) streams_.push_back(make_stream());
    return streams_[static_cast<std::size_t>(number)].get();
  }
  double copy_seconds(Direction direction, std::size_t n_bytes) override;
  void break_down(Breakage how) override;
  MemoryUse memory_use() override {
    if (mib_before_) {
      if (const auto now = used_mib(bus_id_)) {
        return {static_cast<std::size_t>(std::max(0L, *now - *mib_before_)) << 20, "nvidia-smi, context included"};
      }
    }
    // All processes', since without a context there is no telling what was used before.
    return {engine::cuda::used_device_bytes(device_), "cudaMemGetInfo, of all processes, context included"};
  }

 private:
  const int device_;
  const std::string bus_id_;
  const std::optional<long> mib_before_;
  Stream fault_stream_;
  std::vector<Stream> streams_;
};

double GpuMachine::copy_seconds(Direction direction, std::size_t n_bytes) {
  constexpr int kRounds = 5;
  constexpr int kCopies = 10;  // in one go, so that what a launch costs is hidden
  check(cudaSetDevice(device_), "cudaSetDevice");
  const auto device_memory = cleared<FreeDevice>(n_bytes);
  const auto host_memory = cleared<FreePinned>(direction == Direction::kOnDevice ? 1 : n_bytes);
  const auto second = cleared<FreeDevice>(direction == Direction::kOnDevice ? n_bytes : 1);
  const Stream stream = make_stream();
  const Event begin = make_event(), end = make_event();
  void* to = device_memory.get();
  const void* from = host_memory.get();
  if (direction == Direction::kToHost) {
    to = host_memory.get();
    from = device_memory.get();
  } else if (direction == Direction::kOnDevice) {
    from = second.get();
  }
  double best = 1e9;
  for (int round = 0; round <= kRounds; ++round) {
    check(cudaEventRecord(begin.get(), stream.get()), "cudaEventRecord");
    for (int i = 0; i < kCopies; ++i) {
      check(cudaMemcpyAsync(to, from, n_bytes, cudaMemcpyDefault, stream.get()), "cudaMemcpyAsync");
    }
    check(cudaEventRecord(end.get(), stream.get()), "cudaEventRecord");
    check(cudaStreamSynchronize(stream.get()), "cudaStreamSynchronize");
    float milliseconds = 0.0F;
    check(cudaEventElapsedTime(&milliseconds, begin.get(), end.get()), "cudaEventElapsedTime");
    if (round > 0) best = std::min(best, static_cast<double>(milliseconds) * 1e-3 / kCopies);
  }
  return best;
}

void GpuMachine::break_down(Breakage how) {
  check(cudaSetDevice(device_), "cudaSetDevice");
  check(load_fault_kernels(), "cudaFuncGetAttributes");
  fault_stream_ = make_stream();
  if (how == Breakage::kIllegalAccess) check(launch_illegal_access(fault_stream_.get()), "illegal access kernel");
  if (how == Breakage::kHang) check(launch_spin(device_, kHangSeconds, fault_stream_.get()), "spin kernel");
}

}  // namespace

std::unique_ptr<Machine> make_gpu_machine(int device) {
  int n_devices = 0;
  // open_device() knows how to say what is missing.
  if (cudaGetDeviceCount(&n_devices) != cudaSuccess || device < 0 || device >= n_devices) {
    engine::cuda::open_device(device);
  }
  return std::make_unique<GpuMachine>(device);
}

}  // namespace melstream::bench
