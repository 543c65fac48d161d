// Which daemon to talk to: --server, else MELSTREAM_SERVER, else the first that answers of the user's socket, the
// system's socket and the TCP default.
#pragma once

#include <string>
#include <vector>

namespace melstream::client {

struct ServerAddress {
  bool is_unix = false;
  bool is_tls = false;
  std::string path;  ///< is_unix
  std::string host;
  std::string port;

  /// Only this machine hears what is sent there.
  bool is_local() const;
  /// As the user writes it: unix:PATH, HOST:PORT or tls:HOST:PORT.
  std::string text() const;
  /// As gRPC wants it.
  std::string grpc_target() const;
};

/// "unix:PATH", "HOST:PORT", "[IPV6]:PORT" or one of these after "tls:". Throws ClientError(kUsage).
ServerAddress parse_server_address(const std::string& text);

/// What to try, in order. One address if the user named it.
/// @param given of --server; empty if not given. The environment variables are passed for the tests' sake; empty if
/// not set.
std::vector<ServerAddress> candidate_servers(const std::string& given, const std::string& melstream_server,
                                             const std::string& xdg_runtime_dir);

/// The first candidate that accepts a connection. Throws ClientError(kUnavailable), naming those tried and how to
/// start the daemon, or ClientError(kPermission) where one refused us. Blocks for up to 3 s a candidate.
ServerAddress find_server(const std::vector<ServerAddress>& candidates);

/// The two above with the process' environment.
ServerAddress choose_server(const std::string& given);

}  // namespace melstream::client
