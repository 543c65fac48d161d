#include "client/server_address.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <netdb.h>

#include "client/exit_codes.hpp"

namespace melstream::client {
namespace {

constexpr char kSystemSocket[] = "/run/melstream/melstream.sock";
constexpr char kDefaultTcp[] = "127.0.0.1:50071";
constexpr int kConnectTimeoutMs = 3000;

class Socket {
 public:
  explicit Socket(int family) : fd_(socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {}
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  /// 0, or the errno that says why not.
  int try_connect(const sockaddr* address, socklen_t length) const {
    if (fd_ < 0) return errno;
    if (connect(fd_, address, length) == 0) return 0;
    if (errno != EINPROGRESS) return errno;
    pollfd entry{fd_, POLLOUT, 0};
    int n = 0;
    while ((n = poll(&entry, 1, kConnectTimeoutMs)) < 0 && errno == EINTR) {
    }
    if (n == 0) return ETIMEDOUT;
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    return error;
  }

 private:
  int fd_;
};

int try_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return ENAMETOOLONG;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return Socket(AF_UNIX).try_connect(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

/// @param why set to the reason if the result is not 0.
int try_tcp(const ServerAddress& server, std::string& why) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(server.host.c_str(), server.port.c_str(), &hints, &found); error != 0) {
    why = gai_strerror(error);
    return EHOSTUNREACH;
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, &freeaddrinfo);
  int error = EHOSTUNREACH;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    error = Socket(at->ai_family).try_connect(at->ai_addr, at->ai_addrlen);
    if (error == 0) return 0;
  }
  why = std::strerror(error);
  return error;
}

bool is_port(const std::string& text) {
  if (text.empty() || text.size() > 5 ||
      !std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    return false;
  }
  const int port = std::atoi(text.c_str());
  return port >= 1 && port <= 65535;
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

}  // namespace

std::string ServerAddress::text() const { return is_tls ? "tls:" + grpc_target() : grpc_target(); }

std::string ServerAddress::grpc_target() const {
  if (is_unix) return "unix:" + path;
  return (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + port;
}

bool ServerAddress::is_local() const {
  return is_unix || host == "localhost" || host == "::1" || host.rfind("127.", 0) == 0;
}

ServerAddress parse_server_address(const std::string& text) {
  const auto refuse = [&] {
    return ClientError(ExitCode::kUsage,
                       "'" + text + "' is not a server: use unix:PATH, HOST:PORT or tls:HOST:PORT, such as unix:" +
                           kSystemSocket + " or " + kDefaultTcp);
  };
  ServerAddress address;
  if (text.rfind("unix:", 0) == 0) {
    address.is_unix = true;
    address.path = text.substr(5);
    // unix:///run/x is gRPC's other way to write unix:/run/x.
    if (address.path.rfind("//", 0) == 0) address.path = address.path.substr(2);
    if (address.path.empty()) throw refuse();
    return address;
  }
  constexpr std::string_view kTls = "tls:";
  address.is_tls = text.rfind(kTls, 0) == 0;
  const std::string place = address.is_tls ? text.substr(kTls.size()) : text;
  const auto colon = place.rfind(':');
  if (colon == std::string::npos || colon == 0) throw refuse();
  address.host = place.substr(0, colon);
  address.port = place.substr(colon + 1);
  if (address.host.size() > 2 && address.host.front() == '[' && address.host.back() == ']') {
    address.host = address.host.substr(1, address.host.size() - 2);
  } else if (address.host.find_first_of(":/[]") != std::string::npos) {
    throw refuse();
  }
  if (!is_port(address.port)) throw refuse();
  return address;
}

std::vector<ServerAddress> candidate_servers(const std::string& given, const std::string& melstream_server,
                                             const std::string& xdg_runtime_dir) {
  if (!given.empty()) return {parse_server_address(given)};
  if (!melstream_server.empty()) return {parse_server_address(melstream_server)};
  std::vector<ServerAddress> servers;
  if (!xdg_runtime_dir.empty()) servers.push_back(parse_server_address("unix:" + xdg_runtime_dir + "/melstream.sock"));
  servers.push_back(parse_server_address("unix:" + std::string(kSystemSocket)));
  servers.push_back(parse_server_address(kDefaultTcp));
  return servers;
}

ServerAddress find_server(const std::vector<ServerAddress>& candidates) {
  std::string tried;
  bool forbidden = false;
  for (const ServerAddress& server : candidates) {
    std::string why;
    int error = 0;
    if (server.is_unix) {
      error = try_unix(server.path);
      why = std::strerror(error);
    } else {
      error = try_tcp(server, why);
    }
    if (error == 0) return server;
    forbidden = forbidden || error == EACCES || error == EPERM;
    tried += "\n  " + server.text() + " (" + why + ")";
  }
  if (forbidden) {
    throw ClientError(ExitCode::kPermission, "you may not talk to the daemon; tried:" + tried +
                                                 "\nAsk for access to the socket (its group), or name another server "
                                                 "with --server");
  }
  throw ClientError(ExitCode::kUnavailable, "no daemon answers; tried:" + tried +
                                                "\nStart one with 'melstreamd' (or 'systemctl start melstreamd'), or "
                                                "name it with --server or MELSTREAM_SERVER");
}

ServerAddress choose_server(const std::string& given) {
  return find_server(candidate_servers(given, environment("MELSTREAM_SERVER"), environment("XDG_RUNTIME_DIR")));
}

}  // namespace melstream::client
