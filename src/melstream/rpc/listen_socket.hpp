// Listening sockets, unix and TCP: bound before anything else, since this is what fails at a start. Plain system calls.
#pragma once

#include <string>
#include <utility>

#include "melstream/rpc/server.hpp"
#include "melstream/rpc/server_stats.hpp"

namespace melstream::rpc {

/// A listening descriptor, non-blocking, close-on-exec. Move-only; closes it, and removes the file of a unix socket.
class ListenSocket {
 public:
  /// Throws BindError.
  static ListenSocket open(const ListenerSpec& spec);
  /// Mode 0660. A file that nobody answers on is replaced. @param group of the file; empty: the process's. Throws
  /// BindError.
  static ListenSocket unix_domain(const std::string& path, const std::string& group = {});
  /// @param address "HOST:PORT" or "[V6]:PORT"; port 0 takes any. The first address of a name counts. Throws BindError.
  static ListenSocket tcp(const std::string& address);
  /// One that listens already, which somebody else (systemd) made: its file stays. Throws BindError.
  static ListenSocket inherited(int fd);

  ListenSocket(ListenSocket&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)),
        kind_(other.kind_),
        local_(other.local_),
        address_(std::move(other.address_)),
        path_(std::exchange(other.path_, {})),
        inode_(other.inode_) {}
  ListenSocket& operator=(ListenSocket&&) = delete;
  ~ListenSocket();

  int fd() const noexcept { return fd_; }
  bool is_tcp() const noexcept { return kind_ != ListenerKind::kUnix; }
  ListenerKind kind() const noexcept { return kind_; }
  /// Only this machine reaches it.
  bool is_local() const noexcept { return local_; }
  /// That clients can use, with the real port.
  const std::string& address() const noexcept { return address_; }

 private:
  /// @param path of a file that is ours; empty: none.
  ListenSocket(int fd, std::string path, unsigned long inode);

  int fd_;
  ListenerKind kind_ = ListenerKind::kUnix;
  bool local_ = false;
  std::string address_;
  std::string path_;
  unsigned long inode_;  ///< of the socket file, so that only our own is removed
};

/// What an accepted descriptor needs so that a stopped reader shows within a second instead of two minutes: small send
/// buffers, and an end to waiting for a vanished peer.
void set_connection_options(int fd, bool is_tcp) noexcept;

}  // namespace melstream::rpc
