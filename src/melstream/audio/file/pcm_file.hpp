// An audio file as PCM, by libsndfile: whatever it holds comes out as one of our encodings, without loss where the file
// is PCM or G.711.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "melstream/core/pcm.hpp"

namespace melstream::audio {

/// One thread at a time.
class PcmFile {
 public:
  /// Throws core::Error(kUnavailable) with what is wrong: not there, not readable, not audio, a rate or a number of
  /// channels that we do not take.
  explicit PcmFile(const std::string& path);
  /// The same from memory, which must outlive it.
  PcmFile(std::span<const std::byte> bytes, const std::string& name);
  PcmFile(const PcmFile&) = delete;
  PcmFile& operator=(const PcmFile&) = delete;
  ~PcmFile();

  /// Encoding, rate and channels; all channels are mixed unless the caller changes that.
  const core::PcmFormat& format() const noexcept;
  /// Up to so many samples of all channels, little-endian; empty at the end. Valid until the next call.
  std::span<const std::byte> read(std::size_t n_samples);
  /// Back to the first sample. False where that is not possible (a pipe).
  bool rewind() noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace melstream::audio
