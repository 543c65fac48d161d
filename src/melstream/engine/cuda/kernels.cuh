// Launchers of the kernels. Each enqueues one kernel and checks that it was taken; none waits.
#pragma once

#include <cuda_runtime_api.h>

#include "melstream/engine/cuda/kernel_params.hpp"

namespace melstream::engine::cuda {

/// One kernel launch each; nothing if there is nothing to do. Returns what cudaGetLastError() says.
cudaError_t launch_gather(const GatherParams& params, cudaStream_t cuda_stream);
cudaError_t launch_rows(const RowsParams& params, cudaStream_t cuda_stream);
cudaError_t launch_assemble(const AssembleParams& params, cudaStream_t cuda_stream);

}  // namespace melstream::engine::cuda
