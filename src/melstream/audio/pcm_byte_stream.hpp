// The PCM bytes of one sender, cut anywhere, on their way into one stream: a sample that is cut waits for its rest.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "melstream/core/stream_opener.hpp"

namespace melstream::audio {

/// One thread at a time. push() allocates nothing.
class PcmByteStream {
 public:
  PcmByteStream(std::unique_ptr<core::OpenStream> stream, const core::PcmFormat& format) noexcept;

  /// @param received_mono_ns when the last byte came.
  void push(std::span<const std::byte> bytes, std::int64_t received_mono_ns);
  /// The bytes so far end inside a sample of all channels.
  bool is_inside_sample() const noexcept { return n_carried_ > 0; }
  /// Ends the stream; bytes of a sample that is not whole are forgotten.
  void finish(core::EndReason reason) noexcept { stream_->ingest().finish(reason); }
  core::OpenStream& stream() noexcept { return *stream_; }
  const core::OpenStream& stream() const noexcept { return *stream_; }

 private:
  std::unique_ptr<core::OpenStream> stream_;
  std::size_t sample_bytes_;  ///< of all channels
  std::int64_t sample_rate_hz_;
  std::array<std::byte, std::size_t{4} * core::kMaxChannels> carried_{};
  std::size_t n_carried_ = 0;
};

}  // namespace melstream::audio
