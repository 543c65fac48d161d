// Functions that the CUDA compiler makes for the host and for kernels: their arithmetic exists once.
#pragma once

#if defined(__CUDACC__)
#define MELSTREAM_HOST_DEVICE __host__ __device__
#else
#define MELSTREAM_HOST_DEVICE
#endif
