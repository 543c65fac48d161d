// One channel from a source's rate to 16 kHz, by libsoxr (high quality, linear phase), from 8 kHz by the Doubler. The
// delay of the filter is compensated: sample i of the output lies at i / 16000 s of the input. The bits do not depend
// on how the input is cut.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>

namespace melstream::audio {

/// Length in 16 kHz samples of n_source samples, or the timeline position of source sample n_source: rounded, halves
/// up. Exact below 2^49 source samples (90 years at 192 kHz).
constexpr std::int64_t resampled_length(std::int64_t n_source, int source_rate_hz) noexcept {
  return (n_source * 16000 + source_rate_hz / 2) / source_rate_hz;
}

/// The longest time by which resampling delays a sample: the filter's half length plus the block of its FFT. Found by
/// feeding silence (below 1 ms of work), at most 0.5 ms too long; 0 for 16000.
std::int64_t resampler_delay_ns(int source_rate_hz);

/// The same, remembered: streams open by the thousand, at few rates. Thread-safe.
class ResamplerDelays {
 public:
  std::int64_t of(int source_rate_hz);

 private:
  std::mutex mutex_;  // protects known_
  std::map<int, std::int64_t> known_;
};

/// One thread at a time. libsoxr holds audio in heap memory of its own, which reset() and the destructor free without
/// wiping: a process that must leave no audio behind calls core::wipe_freed_memory() first.
class Resampler {
 public:
  /// Throws core::Error(kInternal) if libsoxr refuses.
  explicit Resampler(int source_rate_hz);
  Resampler(const Resampler&) = delete;
  Resampler& operator=(const Resampler&) = delete;
  ~Resampler();

  struct Step {
    std::size_t consumed = 0;
    std::size_t produced = 0;
  };
  /// Takes a first part of `source` (all of it if `out` has room for twice its resampled length) and writes what is
  /// ready. Progress is made with every call: repeat until all is consumed.
  Step process(std::span<const float> source, std::span<float> out) noexcept;
  /// The rest, up to resampled_length() of all that was consumed: repeat until 0. Only reset() may follow.
  /// @param out of at least two samples.
  std::size_t flush(std::span<float> out) noexcept;
  /// Forgets the audio: the next sample is the first of a new signal.
  void reset() noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace melstream::audio
