// Kernels that do what no kernel of the engine may: for the failure drill, and for nothing else.
#pragma once

#include <cuda_runtime_api.h>

namespace melstream::bench {

/// Loads both kernels, which must not be left to the moment of the fault: loading may wait for the device.
cudaError_t load_fault_kernels();
/// Writes to an address that is nobody's.
cudaError_t launch_illegal_access(cudaStream_t cuda_stream);
/// Takes every thread slot of the device for so long, so that no other kernel can start.
cudaError_t launch_spin(int device, double seconds, cudaStream_t cuda_stream);

}  // namespace melstream::bench
