// What clients make the daemon keep, against its limit: each feature history holds a share. Lock-free counts.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

namespace melstream::pipeline {

/// Thread-safe.
class MemoryUse {
 public:
  /// Takes them unless that would make more than `most`. False: nothing was taken.
  bool try_take(std::int64_t n_bytes, std::int64_t most) noexcept {
    const std::int64_t before = bytes_.fetch_add(n_bytes, std::memory_order_relaxed);
    if (before + n_bytes <= most) return true;
    bytes_.fetch_sub(n_bytes, std::memory_order_relaxed);
    return false;
  }
  void give_back(std::int64_t n_bytes) noexcept { bytes_.fetch_sub(n_bytes, std::memory_order_relaxed); }
  std::int64_t bytes() const noexcept { return bytes_.load(std::memory_order_relaxed); }

 private:
  // Writers and readers: any. A count of its own, it orders nothing.
  std::atomic<std::int64_t> bytes_{0};
};

/// Bytes taken of a MemoryUse, given back at the end. Move-only.
class MemoryShare {
 public:
  MemoryShare() = default;
  /// They were taken already.
  MemoryShare(std::shared_ptr<MemoryUse> use, std::int64_t n_bytes) noexcept
      : use_(std::move(use)), n_bytes_(n_bytes) {}
  MemoryShare(MemoryShare&& other) noexcept : use_(std::move(other.use_)), n_bytes_(std::exchange(other.n_bytes_, 0)) {}
  MemoryShare& operator=(MemoryShare&& other) noexcept {
    std::swap(use_, other.use_);
    std::swap(n_bytes_, other.n_bytes_);
    return *this;
  }
  ~MemoryShare() { shrink_to(0); }

  /// Gives back all but so many.
  void shrink_to(std::int64_t n_bytes) noexcept {
    if (use_ == nullptr || n_bytes >= n_bytes_) return;
    use_->give_back(n_bytes_ - n_bytes);
    n_bytes_ = n_bytes;
  }
  std::int64_t bytes() const noexcept { return n_bytes_; }

 private:
  std::shared_ptr<MemoryUse> use_;
  std::int64_t n_bytes_ = 0;
};

}  // namespace melstream::pipeline
