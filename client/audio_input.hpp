// Where the client's audio comes from: a file that libsndfile reads, or raw samples from a descriptor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/audio_format.hpp"

namespace melstream::client {

class AudioInput {
 public:
  virtual ~AudioInput() = default;

  virtual const AudioFormat& format() const noexcept = 0;
  /// Samples a channel in all, where known.
  virtual std::optional<std::int64_t> length() const noexcept = 0;
  /// Up to n_samples a channel; fewer only at the end, none after it. May block. Throws ClientError(kInput), also where
  /// raw input ends inside a sample: then after all whole samples were handed out.
  /// @param bytes resized to what was read: interleaved, little-endian.
  virtual void read(std::int64_t n_samples, std::vector<std::byte>& bytes) = 0;
  /// What the user should know about the input (a truncated file); empty if nothing.
  virtual const std::string& warning() const noexcept = 0;
};

/// 16, 24 and 32-bit integers, float32, mu-law and A-law go out with the bits the file has; anything else as float32.
/// Throws ClientError(kInput).
std::unique_ptr<AudioInput> open_audio_file(const std::string& path);

/// Raw samples from a descriptor, which is not closed.
/// @param wake_fd a descriptor that becomes readable when reading shall end early, as at the end of the input; or -1.
std::unique_ptr<AudioInput> open_raw_input(int fd, const AudioFormat& format, int wake_fd);

/// The input padded with silence on the right, or cut, to n_samples a channel.
std::unique_ptr<AudioInput> pad_or_cut(std::unique_ptr<AudioInput> input, std::int64_t n_samples);

}  // namespace melstream::client
