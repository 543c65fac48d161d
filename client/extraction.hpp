// One piece of audio through the daemon and back as features, losing nothing: the core of `extract` and `verify`.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "melstream/v1/audio_service.pb.h"

#include "client/audio_input.hpp"
#include "client/connection.hpp"
#include "client/matrix.hpp"

namespace melstream::client {

class Interrupt;
class ProgressLine;

/// Where the frames go.
class FrameSink {
 public:
  virtual ~FrameSink() = default;
  /// Once, before the first frame.
  virtual void begin(int bins) = 0;
  /// @param rows [n][bins], row-major.
  virtual void append(std::span<const float> rows) = 0;
};

/// Keeps them in memory.
class MatrixSink final : public FrameSink {
 public:
  void begin(int bins) override { matrix.bins = bins; }
  void append(std::span<const float> rows) override {
    matrix.values.insert(matrix.values.end(), rows.begin(), rows.end());
  }

  FeatureMatrix matrix;
};

struct ExtractionRequest {
  v1::FeatureRequest features;
  std::optional<int> channel;        ///< none: the mean of all
  std::int64_t chunk_samples = 320;  ///< a channel and message; 0: each time another number, 1 to 4096
};

struct ExtractionTotals {
  std::int64_t nonfinite_samples = 0;
  std::string spec_sha256;
};

/// How the daemon is told about a stream of this format.
v1::AudioConfig audio_config(const std::string& stream, const AudioFormat& format, std::optional<int> channel,
                             v1::Pacing pacing);

/// PREFIX-PID-RANDOM: an id that nobody else has.
std::string unique_stream_id(const std::string& prefix);

/// Streams the input through the daemon and hands every frame to the sink, in order. Throws ClientError: kFailure on a
/// gap, kInput where the input breaks off, what the daemon refuses. Blocks; uses two threads of its own meanwhile.
/// @param interrupt, progress may be nullptr.
ExtractionTotals extract_features(const Connection& connection, AudioInput& input, const ExtractionRequest& request,
                                  FrameSink& sink, Interrupt* interrupt, ProgressLine* progress);

}  // namespace melstream::client
