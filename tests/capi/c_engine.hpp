// The C ABI as its tests call it: handles that free themselves, one call for clips, and what the engine's seam gives
// for the same clip.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "melstream/engine.h"

namespace melstream::test {

template <auto kFree>
struct Freed {
  template <typename Handle>
  void operator()(Handle* handle) const noexcept {
    kFree(handle);
  }
};
using CFrontEnd = std::unique_ptr<melstream_front_end, Freed<melstream_front_end_free>>;
using CEngine = std::unique_ptr<melstream_engine, Freed<melstream_engine_free>>;
using CStream = std::unique_ptr<melstream_stream, Freed<melstream_stream_free>>;

/// Throw std::runtime_error with the message of a failed call.
CFrontEnd front_end_by_name(const std::string& name);
CEngine make_c_engine(int n_threads = 1);
CStream make_c_stream(melstream_engine& engine, const melstream_front_end& front_end,
                      const melstream_stream_options& options);

/// What a failed call says.
struct CError {
  melstream_status status = MELSTREAM_OK;
  std::string message;
  std::string field;
};
CError error_of(melstream_status status);

/// Time-major rows of each clip, one after another, of outputs as large as their clips.
std::vector<std::vector<float>> extract(melstream_engine& engine, const melstream_front_end& front_end,
                                        const melstream_clip_options& options,
                                        const std::vector<std::vector<float>>& clips);

/// Rows of a clip as one lane of the CPU engine: the oracle. Not normalised.
std::vector<float> rows_of_seam(const std::string& front_end, melstream_smoothing smoothing,
                                const std::vector<float>& clip);

}  // namespace melstream::test
