// A melstreamd of our own for the time of a command: on a unix socket in a folder that nobody else enters.
#pragma once

#include <string>

#include <sys/types.h>

namespace melstream::client {

/// Whether somebody accepts connections at this unix socket.
bool is_listening(const std::string& path);

class PrivateDaemon {
 public:
  /// Starts the melstreamd beside this program, else the one in PATH, and waits until it serves. Throws ClientError,
  /// with the end of its log.
  /// @param config TOML behind [server] and [metrics]; for the rest the defaults hold.
  explicit PrivateDaemon(const std::string& config);
  PrivateDaemon(const PrivateDaemon&) = delete;
  PrivateDaemon& operator=(const PrivateDaemon&) = delete;
  /// Drains it, or kills it after 15 s.
  ~PrivateDaemon();

  /// "unix:PATH".
  std::string address() const { return "unix:" + socket_; }

 private:
  void start();
  void wait_until_it_serves();
  void stop() noexcept;
  std::string log_end() const;

  std::string folder_;
  std::string socket_;
  std::string config_;
  std::string log_;
  pid_t pid_ = -1;
};

}  // namespace melstream::client
