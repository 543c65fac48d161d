// In a build without CUDA there is no GPU.
#include "bench/gpu_check/machine.hpp"

namespace melstream::bench {

std::unique_ptr<Machine> make_gpu_machine(int /*device*/) {
  throw engine::cuda::UnusableDevice(engine::PluginError::kNoDriver,
                                     "this gpu_check was built without CUDA: build it where nvcc and cuFFT are");
}

}  // namespace melstream::bench
