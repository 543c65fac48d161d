// Launchers of the kernels. Each checks that what it enqueues was taken; none waits.
#pragma once

#include <cuda_runtime_api.h>

#include "melstream/engine/cuda/kernel_params.hpp"

namespace melstream::engine::cuda {

/// One kernel launch each; nothing if there is nothing to do. Returns what cudaGetLastError() says.
cudaError_t launch_gather(const GatherParams& params, cudaStream_t cuda_stream);
cudaError_t launch_rows(const RowsParams& params, cudaStream_t cuda_stream);
cudaError_t launch_assemble(const AssembleParams& params, cudaStream_t cuda_stream);

/// Enqueues every kernel once with nothing to do: CUDA loads a kernel at its first launch, which takes milliseconds and
/// device memory, and only then tells that there is no code for this GPU.
cudaError_t load_kernels(cudaStream_t cuda_stream);

}  // namespace melstream::engine::cuda
