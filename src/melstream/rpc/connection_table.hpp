// How many of the descriptors that gRPC was handed are still open. gRPC closes them by itself and tells nobody, so the
// table keeps each with its inode and looks again when the limit is near.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "melstream/rpc/server_stats.hpp"

namespace melstream::rpc {

/// What RLIMIT_NOFILE leaves for connections, at most 1024.
int default_max_connections() noexcept;

/// Not thread-safe: the accept thread's.
class ConnectionTable {
 public:
  explicit ConnectionTable(int max_connections) : max_(static_cast<std::size_t>(max_connections)) {}
  /// False at the limit: the descriptor is the caller's to close. @param now_mono_ns limits how often it looks again.
  bool add(int fd, std::int64_t now_mono_ns, ListenerKind listener = ListenerKind::kUnix);
  /// Open ones, after looking again.
  std::size_t count_live() noexcept;
  /// The same by listener.
  std::array<std::int64_t, kListenerKinds.size()> count_live_by_listener() noexcept;
  /// The peers have read all that was written to open connections; over TCP, their kernels have it (unix(7), tcp(7):
  /// SIOCOUTQ).
  bool all_taken() const noexcept;
  /// Ends all open connections in both directions; gRPC notices and closes them.
  void cut_all() noexcept;

 private:
  struct Slot {
    std::uint64_t inode = 0;
    ListenerKind listener = ListenerKind::kUnix;
    bool used = false;
  };
  static bool is_open(int fd, std::uint64_t inode) noexcept;

  const std::size_t max_;
  std::vector<Slot> slots_;  ///< by descriptor
  std::size_t n_used_ = 0;
  std::int64_t looked_mono_ns_ = 0;
};

}  // namespace melstream::rpc
