// When each chunk of audio was sent: written by the publisher, read by readers in other processes.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "bench/support/child.hpp"

namespace melstream::bench {

class SendLog {
 public:
  /// Make it before the processes are forked.
  explicit SendLog(int n_streams);

  /// Right before the next chunk of a stream goes out. One thread for each stream.
  void add(int stream, std::int64_t now_ns) noexcept {
    Line& line = line_of(stream);
    const std::int64_t chunk = line.n_chunks.load(std::memory_order_relaxed);
    line.sent_ns[chunk % kKept].store(now_ns, std::memory_order_relaxed);
    line.n_chunks.store(chunk + 1, std::memory_order_release);
  }
  std::int64_t n_chunks(int stream) const noexcept { return line_of(stream).n_chunks.load(std::memory_order_acquire); }
  /// 0 if it has not been sent yet, or too long ago.
  std::int64_t sent_ns(int stream, std::int64_t chunk) const noexcept {
    const std::int64_t n = n_chunks(stream);
    return chunk < n && chunk >= n - kKept / 2 ? line_of(stream).sent_ns[chunk % kKept].load(std::memory_order_relaxed)
                                               : 0;
  }

 private:
  static constexpr std::int64_t kKept = 512;
  struct Line {
    std::atomic<std::int64_t> n_chunks;
    std::atomic<std::int64_t> sent_ns[kKept];  // NOLINT(modernize-avoid-c-arrays): in zeroed shared memory
  };
  Line& line_of(int stream) const noexcept { return static_cast<Line*>(bytes_.begin())[stream]; }

  SharedBytes bytes_;
};

inline SendLog::SendLog(int n_streams) : bytes_(static_cast<std::size_t>(n_streams) * sizeof(Line)) {}

}  // namespace melstream::bench
