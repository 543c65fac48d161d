// What a TCP sender begins with, cut at a place that the first byte chooses: header line or PCM, then the header's
// JSON.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "melstream/audio/net/tcp_preface.hpp"
#include "melstream/core/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using melstream::audio::TcpPreface;
  if (size == 0) return 0;
  const std::span<const std::byte> bytes = std::as_bytes(std::span(data, size)).subspan(1);
  const std::size_t n_first = std::min<std::size_t>(data[0], bytes.size());
  try {
    TcpPreface preface(melstream::audio::HeaderMode::kAuto);
    const std::size_t n_taken = preface.take(bytes.first(n_first));
    if (preface.state() == TcpPreface::State::kOpen) {
      if (n_taken != n_first) __builtin_trap();  // all that came must be taken until it is decided
      preface.take(bytes.subspan(n_first));
    }
    preface.take_end();
    if (preface.text().size() > melstream::audio::kMaxPcmHeaderBytes) __builtin_trap();
    if (preface.state() != TcpPreface::State::kHeader) return 0;
    const melstream::audio::PcmHeader header = melstream::audio::parse_pcm_header(preface.text(), {});
    melstream::core::validate(header.format);
  } catch (const melstream::core::Error&) {
  }
  return 0;
}
