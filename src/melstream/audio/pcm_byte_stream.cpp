#include "melstream/audio/pcm_byte_stream.hpp"

#include <algorithm>
#include <utility>

namespace melstream::audio {
namespace {

// Samples a channel that are pushed at once: an eighth of the smallest ring at 16 kHz, so that a large read does not
// become one large gap if there is no room.
constexpr std::size_t kSliceSamples = 2048;

}  // namespace

PcmByteStream::PcmByteStream(std::unique_ptr<core::OpenStream> stream, const core::PcmFormat& format) noexcept
    : stream_(std::move(stream)),
      sample_bytes_(core::bytes_per_sample(format.encoding) * static_cast<std::size_t>(format.n_channels)),
      sample_rate_hz_(format.sample_rate_hz) {}

void PcmByteStream::push(std::span<const std::byte> bytes, std::int64_t received_mono_ns) {
  core::PcmIngest& ingest = stream_->ingest();
  if (n_carried_ > 0) {
    const std::size_t n = std::min(sample_bytes_ - n_carried_, bytes.size());
    std::copy_n(bytes.begin(), n, carried_.begin() + static_cast<std::ptrdiff_t>(n_carried_));
    n_carried_ += n;
    bytes = bytes.subspan(n);
    if (n_carried_ < sample_bytes_) return;
    n_carried_ = 0;
    ingest.push(std::span(carried_).first(sample_bytes_), {.received_mono_ns = received_mono_ns});
  }
  const std::size_t n_whole = bytes.size() - bytes.size() % sample_bytes_;
  std::span<const std::byte> whole = bytes.first(n_whole);
  while (!whole.empty()) {
    const std::size_t n = std::min(whole.size(), kSliceSamples * sample_bytes_);
    // What follows in this read was captured after it.
    const auto n_after = static_cast<std::int64_t>((whole.size() - n) / sample_bytes_);
    ingest.push(whole.first(n),
                {.received_mono_ns = received_mono_ns - n_after * core::kNsPerSecond / sample_rate_hz_});
    whole = whole.subspan(n);
  }
  n_carried_ = bytes.size() - n_whole;
  std::copy_n(bytes.end() - static_cast<std::ptrdiff_t>(n_carried_), n_carried_, carried_.begin());
}

}  // namespace melstream::audio
