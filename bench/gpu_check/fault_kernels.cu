#include "bench/gpu_check/fault_kernels.cuh"

namespace melstream::bench {
namespace {

/// Divides the threads of a multiprocessor of every architecture (1024, 1536, 2048).
constexpr int kSpinThreads = 256;

__global__ void illegal_access_kernel(float* nobodys) { *nobodys = 1.0F; }

__device__ unsigned long long device_ns() {
  unsigned long long ns = 0;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(ns));
  return ns;
}

__global__ void __launch_bounds__(kSpinThreads) spin_kernel(unsigned long long n_ns) {
  const unsigned long long begin = device_ns();
  while (device_ns() - begin < n_ns) {
  }
}

}  // namespace

cudaError_t load_fault_kernels() {
  cudaFuncAttributes attributes{};
  const cudaError_t result = cudaFuncGetAttributes(&attributes, illegal_access_kernel);
  return result != cudaSuccess ? result : cudaFuncGetAttributes(&attributes, spin_kernel);
}

cudaError_t launch_illegal_access(cudaStream_t cuda_stream) {
  // Page 0 is mapped by no process.
  illegal_access_kernel<<<1, 1, 0, cuda_stream>>>(reinterpret_cast<float*>(16));
  return cudaGetLastError();
}

cudaError_t launch_spin(int device, double seconds, cudaStream_t cuda_stream) {
  int n_processors = 0, blocks_of_processor = 0;
  cudaError_t result = cudaDeviceGetAttribute(&n_processors, cudaDevAttrMultiProcessorCount, device);
  if (result != cudaSuccess) return result;
  result = cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks_of_processor, spin_kernel, kSpinThreads, 0);
  if (result != cudaSuccess) return result;
  const auto n_blocks = static_cast<unsigned>(n_processors * blocks_of_processor);
  spin_kernel<<<n_blocks, kSpinThreads, 0, cuda_stream>>>(static_cast<unsigned long long>(seconds * 1e9));
  return cudaGetLastError();
}

}  // namespace melstream::bench
