// How many of the descriptors that gRPC was handed are still open, in all and of each address. gRPC closes them by
// itself and tells nobody, so the table keeps each with its inode and looks again when a limit is near.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include <sys/socket.h>

#include "melstream/access/rate.hpp"
#include "melstream/rpc/server.hpp"
#include "melstream/rpc/server_stats.hpp"

namespace melstream::rpc {

/// What RLIMIT_NOFILE leaves for connections, at most 1024.
int default_max_connections() noexcept;

/// The address of a peer on another machine, without port; empty for a unix socket and loopback. IPv6 in networks of
/// 64 bits, of which one host has as many addresses as it likes.
std::string foreign_address(const sockaddr_storage& peer);

/// Not thread-safe: the accept thread's.
class ConnectionTable {
 public:
  enum class Admission : std::uint8_t { kAdmitted, kTooMany, kTooManyOfAddress, kTooFast };

  explicit ConnectionTable(const ConnectionLimits& limits) { set_limits(limits); }
  /// From now on.
  void set_limits(const ConnectionLimits& limits);
  /// Not admitted: the descriptor is the caller's to close. @param address of foreign_address(). @param now_mono_ns
  /// limits how often it looks again.
  Admission add(int fd, const std::string& address, std::int64_t now_mono_ns,
                ListenerKind listener = ListenerKind::kUnix);
  /// Open ones, after looking again.
  std::size_t count_live() noexcept;
  /// The same by listener.
  std::array<std::int64_t, kListenerKinds.size()> count_live_by_listener() noexcept;
  /// The peers have read all that was written to open connections; over TCP, their kernels have it (unix(7), tcp(7):
  /// SIOCOUTQ).
  bool all_taken() const noexcept;
  /// Over TCP, gives up peers that do not answer for so long.
  void set_patience(int ms) noexcept;
  /// Ends all open connections in both directions; gRPC notices and closes them.
  void cut_all() noexcept;

 private:
  struct Slot {
    std::uint64_t inode = 0;
    ListenerKind listener = ListenerKind::kUnix;
    bool used = false;
    std::string address{};
  };
  /// Of an address on another machine, as long as it has connections or came lately.
  struct Peer {
    int n_open = 0;
    access::Rate rate;
  };
  static bool is_open(int fd, std::uint64_t inode) noexcept;
  void free_slot(Slot& slot) noexcept;
  /// count_live(), unless that was a moment ago.
  void look_again(std::int64_t now_mono_ns) noexcept;
  Peer& peer_of(const std::string& address, std::int64_t now_mono_ns);

  ConnectionLimits limits_;
  std::size_t max_ = 0;
  std::vector<Slot> slots_;  ///< by descriptor
  std::size_t n_used_ = 0;
  std::unordered_map<std::string, Peer> peers_;
  std::int64_t looked_mono_ns_ = 0;
};

}  // namespace melstream::rpc
