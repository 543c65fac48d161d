#include "melstream/core/capture_ring.hpp"

#include <algorithm>
#include <utility>

#include <string.h>  // explicit_bzero

namespace melstream::core {
namespace {

/// For counters that one thread alone changes: no locked instruction.
void add(std::atomic<std::int64_t>& counter, std::int64_t n) noexcept {
  counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

}  // namespace

CaptureRing::CaptureRing(AudioMemory memory, int n_channels)
    : memory_(std::move(memory)),
      n_channels_(n_channels),
      capacity_(static_cast<std::int64_t>(memory_.samples().size()) / n_channels) {}

void CaptureRing::write(const float* interleaved, std::size_t n_samples, std::int64_t called_mono_ns,
                        std::int64_t capture_mono_ns) noexcept {
  if (shut_.load(std::memory_order_acquire)) return;
  const auto n = static_cast<std::int64_t>(n_samples);
  add(n_callbacks_, 1);
  add(n_samples_, n);
  last_called_ns_.store(called_mono_ns, std::memory_order_relaxed);
  const std::int64_t room = capacity_ - (written_ - read_.load(std::memory_order_acquire));
  if (n == 0) return;
  if (interleaved == nullptr || n > room || blocks_.room() == 0) {
    add(n_overflowed_, n);
    add(n_xruns_, 1);
    pending_ += n;
    return;
  }
  for (const std::span<float> part : parts(written_, n)) {
    std::copy_n(interleaved, part.size(), part.begin());
    interleaved += part.size();
  }
  written_ += n;
  blocks_.push({.n_samples = n,
                .n_lost_before = std::exchange(pending_, 0),
                .called_mono_ns = called_mono_ns,
                .capture_mono_ns = capture_mono_ns});
}

CaptureCounts CaptureRing::counts() const noexcept {
  return {.n_callbacks = n_callbacks_.load(std::memory_order_relaxed),
          .n_samples = n_samples_.load(std::memory_order_relaxed),
          .n_overflowed = n_overflowed_.load(std::memory_order_relaxed),
          .n_xruns = n_xruns_.load(std::memory_order_relaxed),
          .last_called_ns = last_called_ns_.load(std::memory_order_relaxed)};
}

std::array<std::span<const float>, 2> CaptureRing::samples() const noexcept {
  const auto both = parts(read_.load(std::memory_order_relaxed), blocks_.front()->n_samples);
  return {both[0], both[1]};
}

void CaptureRing::pop() noexcept {
  const std::int64_t at = read_.load(std::memory_order_relaxed);
  const std::int64_t n = blocks_.front()->n_samples;
  for (const std::span<float> part : parts(at, n)) explicit_bzero(part.data(), part.size_bytes());
  blocks_.pop();
  read_.store(at + n, std::memory_order_release);
}

std::array<std::span<float>, 2> CaptureRing::parts(std::int64_t at, std::int64_t n) const noexcept {
  const std::int64_t begin = at % capacity_;
  const std::int64_t n_first = std::min(n, capacity_ - begin);
  const std::span<float> all = memory_.samples();
  const auto piece = [&](std::int64_t from, std::int64_t size) {
    return all.subspan(static_cast<std::size_t>(from * n_channels_), static_cast<std::size_t>(size * n_channels_));
  };
  return {piece(begin, n_first), piece(0, n - n_first)};
}

}  // namespace melstream::core
