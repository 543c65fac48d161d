// The ClipEngine seam: whole clips that lie in a GPU's memory, features written there, all of it enqueued on a CUDA
// stream of the caller's. Nothing crosses the link between host and device, and nothing is waited for.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "melstream/engine/engine.hpp"
#include "melstream/engine/front_end.hpp"
#include "melstream/engine/normalization.hpp"

namespace melstream::engine {

enum class SampleType : std::uint8_t {
  kFloat32,  ///< full scale is -1 to 1
  kInt16,    ///< x / 32768
};

/// One clip, mono, 16 kHz.
struct DeviceClip {
  const void* samples = nullptr;  ///< device address of [n_samples], aligned as their type; null if there are none
  std::int64_t n_samples = 0;
};

/// Value (t, m) of a clip, row t and bin m, goes to values[t * row_stride + m * bin_stride].
struct DeviceOutput {
  float* values = nullptr;  ///< device address, aligned as float; null if n_rows is 0
  std::int64_t n_rows = 0;  ///< room: at least the clip's rows; what is more is filled up
  std::int64_t row_stride = 0;
  std::int64_t bin_stride = 1;
};

/// What one call asks for. The spans are for the call; samples and outputs live until the stream has passed it, and
/// outputs do not overlap.
struct ClipBatch {
  std::shared_ptr<const FrontEnd> front_end;
  Smoothing smoothing = Smoothing::kNone;
  Normalization normalization = Normalization::kNone;  ///< over the clip; kRunningMax from its first row on
  float fixed_max = 0.0F;                              ///< for kFixedMax
  float fill = 0.0F;                                   ///< of an output's rows behind those of its clip
  /// Zeros are added at the end of each clip, or samples cut off, until there are that many; 0: as they are.
  std::int64_t pad_to_samples = 0;
  SampleType sample_type = SampleType::kFloat32;
  std::span<const DeviceClip> clips;
  std::span<const DeviceOutput> outputs;  ///< one a clip
};

/// Thread-safe: calls take turns. Destroying it waits for what was enqueued. A row's bits are those that Engine of the
/// same device gives, whatever its batch.
class ClipEngine {
 public:
  virtual ~ClipEngine() = default;
  /// Makes what a front end needs, which the first call with it would do else: tables are uploaded, transforms are
  /// probed, and the device is waited for. Throws as extract_async().
  virtual void prepare(const std::shared_ptr<const FrontEnd>& front_end, Smoothing smoothing) = 0;
  /// Enqueues the features of clips[i] to outputs[i] and returns. Allocates only if no batch so large came before. The
  /// device that the calling thread has chosen stays chosen. Samples that are not finite give NaN in rows around them.
  /// @param cuda_stream a cudaStream_t of this device; null: the default stream. Calls on different streams run in the
  /// order in which they were made.
  /// Throws Error before anything is enqueued: kInvalidArgument or kOutOfRange with a field such as "clips[3].samples"
  /// or "outputs[3].n_rows"; kFailedPrecondition with field "cuda_stream", where the stream is captured into a graph;
  /// kResourceExhausted, where device memory is short; kUnavailable, where a transform failed its probe. Throws
  /// EngineError, after which the engine is unusable.
  virtual void extract_async(const ClipBatch& batch, void* cuda_stream) = 0;
};

struct ClipEngineInstance {
  std::unique_ptr<ClipEngine> engine;
  EngineInfo info;
};

}  // namespace melstream::engine
