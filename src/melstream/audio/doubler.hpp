// From 8 kHz to 16 kHz: telephony, of which a machine may carry thousands of streams. The same filter as libsoxr's high
// quality (flat to 3650 Hz, images 96 dB down from 4000 Hz on, linear phase), as a plain FIR: 8.75 ms of delay where
// libsoxr's FFT blocks have 52 ms, and 1 kB of state a stream that a packet touches, where libsoxr's buffers and tables
// miss the cache (1500 streams: 1.1 us a packet of 20 ms against 4.1).
#pragma once

#include <array>
#include <cstddef>
#include <span>

namespace melstream::audio {

/// One thread at a time. Audio lies in it until reset() or the destructor wipes it. The bits depend neither on how the
/// input is cut nor on the machine.
class Doubler {
 public:
  /// Inputs by which the output is behind.
  static constexpr std::size_t kDelay = 70;

  Doubler() noexcept;
  Doubler(const Doubler&) = delete;
  Doubler& operator=(const Doubler&) = delete;
  ~Doubler();

  struct Step {
    std::size_t consumed = 0;
    std::size_t produced = 0;
  };
  /// Takes as many samples as `out` has room for, two a sample. The first kDelay of them give nothing.
  Step process(std::span<const float> source, std::span<float> out) noexcept;
  void reset() noexcept;

 private:
  static constexpr std::size_t kHistory = 2 * kDelay;
  static constexpr std::size_t kBlock = 256;

  std::size_t n_awaited_ = kDelay;  ///< inputs until there is output
  /// The last inputs, then those of a block; behind them what a whole tile may read.
  std::array<float, kHistory + kBlock + 32> window_{};
};

}  // namespace melstream::audio
