// Launchers of the kernels of clips. Each checks that what it enqueues was taken; none waits.
#pragma once

#include <cuda_runtime_api.h>

#include "melstream/engine/cuda/clip_params.hpp"

namespace melstream::engine::cuda {

/// One kernel launch each; nothing if there is nothing to do. Returns what cudaGetLastError() says.
cudaError_t launch_describe(const DescribeParams& params, cudaStream_t cuda_stream);
cudaError_t launch_gather_clips(const GatherClipsParams& params, cudaStream_t cuda_stream);
cudaError_t launch_rows_of_clips(const RowsOfClipsParams& params, cudaStream_t cuda_stream);
cudaError_t launch_assemble_clips(const AssembleClipsParams& params, cudaStream_t cuda_stream);
cudaError_t launch_maxima(const MaximaParams& params, cudaStream_t cuda_stream);
cudaError_t launch_feature_scales(const FeatureScalesParams& params, cudaStream_t cuda_stream);
cudaError_t launch_finish(const FinishParams& params, cudaStream_t cuda_stream);

/// As load_kernels(): every kernel once, with nothing to do.
cudaError_t load_clip_kernels(cudaStream_t cuda_stream);

}  // namespace melstream::engine::cuda
