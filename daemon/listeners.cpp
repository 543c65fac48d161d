#include "daemon/listeners.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include <sys/socket.h>

#include "melstream/access/role.hpp"
#include "melstream/rpc/socket_address.hpp"

#include "daemon/access_files.hpp"

namespace melstream::daemon {
namespace {

using access::Role;
using access::RoleSet;
using Kind = rpc::ListenerSpec::Kind;

constexpr int kFirstPassed = 3;  // SD_LISTEN_FDS_START
constexpr int kMostPassed = 64;

struct Place {
  std::string_view name;
  Kind kind;
  RoleSet roles;
};

constexpr Place kPlaces[] = {{"all", Kind::kUnix, RoleSet::all()},
                             {"publisher", Kind::kUnix, {Role::kPublisher}},
                             {"subscriber", Kind::kUnix, {Role::kSubscriber}},
                             {"admin", Kind::kUnix, {Role::kAdmin}},
                             {"tcp", Kind::kTcp, {}},
                             {"tls", Kind::kTls, {}}};

std::optional<int> number_of(const char* text) noexcept {
  if (text == nullptr) return std::nullopt;
  const std::string_view digits = text;
  int number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

std::string_view take_name(std::string_view& names) {
  const std::string_view name = names.substr(0, names.find(':'));
  names.remove_prefix(std::min(names.size(), name.size() + 1));
  return name;
}

std::string shown(const PassedSocket& socket) {
  return "the service manager passed a socket named '" + socket.name + "' (FileDescriptorName= of its unit)";
}

const Place& place_of(const PassedSocket& socket) {
  const auto* const place =
      std::find_if(std::begin(kPlaces), std::end(kPlaces), [&](const Place& one) { return one.name == socket.name; });
  if (place != std::end(kPlaces)) return *place;
  throw PassedSocketError(shown(socket) + "; the name must be all, publisher, subscriber, admin, tcp or tls");
}

/// The name gives roles, and the config's rules of addresses hold for a socket that somebody else has bound too.
void check_passed(const Config& config, const PassedSocket& socket) {
  const Place& place = place_of(socket);
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (getsockname(socket.fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return;  // listening says what it is
  const bool wants_unix = place.kind == Kind::kUnix;
  const bool fits =
      wants_unix ? address.ss_family == AF_UNIX : address.ss_family == AF_INET || address.ss_family == AF_INET6;
  if (!fits) {
    throw PassedSocketError(shown(socket) + (wants_unix ? "; this name is of a unix socket, and it is none: name a TCP "
                                                          "socket tcp, or tls with server.listen_tls"
                                                        : "; this name is of a TCP socket, and it is none: name a unix "
                                                          "socket all, publisher, subscriber or admin"));
  }
  if (place.kind == Kind::kTcp && !config.server.allow_insecure_bind && !rpc::is_of_this_machine(address)) {
    throw PassedSocketError(shown(socket) +
                            "; it can be reached from other machines, without encryption or authentication: let "
                            "ListenStream= be on 127.0.0.1 or [::1], or name it tls with server.listen_tls, or set "
                            "server.allow_insecure_bind = true");
  }
  if (place.kind == Kind::kTls && config.server.listen_tls.empty()) {
    throw PassedSocketError(shown(socket) +
                            "; there are no certificates for it: set server.listen_tls (its addresses are not used "
                            "then), tls.certificate and tls.key");
  }
}

/// What the config says of a place.
std::vector<std::string> addresses_of(const Config& config, std::string_view place) {
  const ServerConfig& server = config.server;
  if (place == "tcp") return server.listen;
  if (place == "tls") return server.listen_tls;
  const std::string& path = place == "all"          ? server.socket
                            : place == "publisher"  ? server.publisher_socket
                            : place == "subscriber" ? server.subscriber_socket
                                                    : server.admin_socket;
  return path.empty() ? std::vector<std::string>{} : std::vector<std::string>{path};
}

}  // namespace

std::vector<PassedSocket> passed_sockets(const char* listen_pid, const char* listen_fds, const char* listen_fdnames,
                                         int own_pid) {
  const std::optional<int> n_passed = number_of(listen_fds);
  if (number_of(listen_pid) != own_pid || !n_passed || *n_passed < 1 || *n_passed > kMostPassed) return {};
  std::vector<PassedSocket> sockets;
  sockets.reserve(static_cast<std::size_t>(*n_passed));
  std::string_view names = listen_fdnames == nullptr ? "" : listen_fdnames;
  for (int i = 0; i < *n_passed; ++i) sockets.push_back({kFirstPassed + i, std::string(take_name(names))});
  return sockets;
}

std::vector<rpc::ListenerSpec> make_listeners(const Config& config, const std::vector<PassedSocket>& passed) {
  for (const PassedSocket& socket : passed) check_passed(config, socket);
  std::vector<rpc::ListenerSpec> listeners;
  for (const Place& place : kPlaces) {
    const RoleSet roles = place.kind == Kind::kTcp ? anonymous_roles(config.auth) : place.roles;
    const std::size_t n_before = listeners.size();
    for (const PassedSocket& socket : passed) {
      if (socket.name != place.name) continue;
      listeners.push_back({.kind = place.kind, .address = {}, .anonymous = roles, .inherited_fd = socket.fd});
    }
    if (listeners.size() != n_before) continue;
    for (std::string& address : addresses_of(config, place.name)) {
      listeners.push_back({.kind = place.kind,
                           .address = std::move(address),
                           .anonymous = roles,
                           .group = place.kind == Kind::kUnix ? config.server.socket_group : std::string()});
    }
  }
  return listeners;
}

}  // namespace melstream::daemon
