#include "melstream/rpc/listen_socket.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <grp.h>
#include <netdb.h>

#include "melstream/rpc/socket_address.hpp"

namespace melstream::rpc {
namespace {

constexpr int kBacklog = 512;

/// Closes a descriptor unless it is released.
class OwnedFd {
 public:
  explicit OwnedFd(int fd) noexcept : fd_(fd) {}
  OwnedFd(const OwnedFd&) = delete;
  OwnedFd& operator=(const OwnedFd&) = delete;
  ~OwnedFd() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const noexcept { return fd_; }
  int release() noexcept { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

[[noreturn]] void refuse(const std::string& address, int error, const std::string& remedy) {
  throw BindError("cannot listen on " + address + ": " + std::generic_category().message(error) + "; " + remedy,
                  error == EACCES || error == EPERM);
}

sockaddr_un unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    throw BindError("cannot listen on unix:" + path + ": the path must have 1 to " +
                        std::to_string(sizeof(address.sun_path) - 1) + " bytes; choose a shorter server.socket",
                    false);
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

/// Removes the socket file that a dead daemon left behind. Throws BindError if it is alive, or no socket.
void remove_stale(const sockaddr_un& address, const std::string& shown) {
  struct stat info {};
  if (lstat(address.sun_path, &info) != 0) return;
  if (!S_ISSOCK(info.st_mode)) refuse(shown, EEXIST, "a file that is no socket is in the way; move it");
  const OwnedFd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (probe.get() < 0) refuse(shown, errno, "raise the limit of open files");
  // EAGAIN: somebody listens, but its queue is full.
  if (connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 || errno == EAGAIN) {
    throw AddressInUse("cannot listen on " + shown +
                       ": already in use by another daemon; stop it or set server.socket");
  }
  if (errno != ECONNREFUSED) refuse(shown, errno, "remove the file, or set server.socket");
  unlink(address.sun_path);
}

struct HostPort {
  std::string host;
  std::string port;
};

HostPort split_address(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  const std::string port = colon == std::string::npos ? std::string() : address.substr(colon + 1);
  const bool is_number = !port.empty() && port.size() <= 5 && port.find_first_not_of("0123456789") == std::string::npos;
  if (colon == 0 || !is_number || std::stoi(port) > 65535) {
    throw BindError("cannot listen on " + address + ": write HOST:PORT, such as 127.0.0.1:50071 or [::1]:50071", false);
  }
  HostPort parts{address.substr(0, colon), port};
  if (parts.host.front() == '[' && parts.host.back() == ']') parts.host = parts.host.substr(1, parts.host.size() - 2);
  return parts;
}

sockaddr_storage bound_to(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);
  getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size);
  return storage;
}

std::string text_of(const sockaddr_storage& storage) {
  if (storage.ss_family == AF_UNIX)
    return std::string("unix:") + reinterpret_cast<const sockaddr_un&>(storage).sun_path;
  char text[INET6_ADDRSTRLEN] = {};
  if (storage.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
    inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof(text));
    return std::string("[") + text + "]:" + std::to_string(ntohs(v6.sin6_port));
  }
  const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
  inet_ntop(AF_INET, &v4.sin_addr, text, sizeof(text));
  return std::string(text) + ":" + std::to_string(ntohs(v4.sin_port));
}

void set_option(int fd, int level, int name, int value) noexcept { setsockopt(fd, level, name, &value, sizeof(value)); }

/// Others must not be able to put a socket of theirs in our place.
void check_folder(const std::string& path, const std::string& shown) {
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  struct stat info {};
  if (stat(folder.c_str(), &info) != 0) return;  // binding says why
  if ((info.st_mode & S_IWOTH) == 0 || (info.st_mode & S_ISVTX) != 0) return;
  throw BindError("cannot listen on " + shown +
                      ": everybody can write to its folder, so that anybody could replace the "
                      "socket; run `chmod o-w " +
                      folder + "`, or set server.socket to a path in another folder",
                  true);
}

void set_group(const std::string& path, const std::string& group, const std::string& shown) {
  if (group.empty()) return;
  std::array<char, 4096> buffer{};
  ::group entry{};
  ::group* found = nullptr;
  getgrnam_r(group.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) {
    throw BindError("cannot listen on " + shown + ": there is no group '" + group + "'; make it (`groupadd --system " +
                        group + "`), or change server.socket_group",
                    false);
  }
  if (chown(path.c_str(), static_cast<uid_t>(-1), found->gr_gid) != 0) {
    refuse(shown, errno, "melstreamd must be root or a member of group '" + group + "' to give it the socket");
  }
}

}  // namespace

ListenSocket::ListenSocket(int fd, std::string path, unsigned long inode)
    : fd_(fd), path_(std::move(path)), inode_(inode) {
  const sockaddr_storage bound = bound_to(fd);
  kind_ = bound.ss_family == AF_UNIX ? ListenerKind::kUnix : ListenerKind::kTcp;
  local_ = is_of_this_machine(bound);
  address_ = text_of(bound);
}

ListenSocket ListenSocket::open(const ListenerSpec& spec) {
  ListenSocket socket = spec.inherited_fd >= 0                   ? inherited(spec.inherited_fd)
                        : spec.kind == ListenerSpec::Kind::kUnix ? unix_domain(spec.address, spec.group)
                                                                 : tcp(spec.address);
  if (spec.kind == ListenerSpec::Kind::kTls) socket.kind_ = ListenerKind::kTls;
  return socket;
}

ListenSocket ListenSocket::inherited(int fd) {
  int listens = 0;
  socklen_t size = sizeof(listens);
  const std::string shown = "inherited descriptor " + std::to_string(fd);
  if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0) {
    refuse(shown, errno, "the service manager must pass sockets; see LISTEN_FDS in sd_listen_fds(3)");
  }
  if (listens == 0) {
    throw BindError("cannot listen on " + shown +
                        ": it does not listen; the .socket unit needs ListenStream= and "
                        "Accept=no",
                    false);
  }
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  return {fd, {}, 0};
}

ListenSocket ListenSocket::unix_domain(const std::string& path, const std::string& group) {
  const std::string shown = "unix:" + path;
  const sockaddr_un address = unix_address(path);
  check_folder(path, shown);
  remove_stale(address, shown);
  OwnedFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd.get() < 0) refuse(shown, errno, "raise the limit of open files");
  // The descriptor's mode is what bind() gives the file, less the umask: nobody else can connect in between.
  fchmod(fd.get(), 0660);
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    refuse(shown, errno, "its folder must exist and be writable; or set server.socket");
  }
  struct stat info {};
  if (chmod(path.c_str(), 0660) != 0 || stat(path.c_str(), &info) != 0 || listen(fd.get(), kBacklog) != 0) {
    const int error = errno;
    unlink(path.c_str());
    refuse(shown, error, "set server.socket to another path");
  }
  ListenSocket socket{fd.release(), path, info.st_ino};  // from here on it removes its file
  set_group(path, group, shown);
  return socket;
}

ListenSocket ListenSocket::tcp(const std::string& address) {
  const HostPort parts = split_address(address);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(parts.host.c_str(), parts.port.c_str(), &hints, &found); error != 0) {
    throw BindError("cannot listen on " + address + ": " + gai_strerror(error) +
                        "; write HOST:PORT with an address of "
                        "this machine, such as 127.0.0.1:50071",
                    false);
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owned(found, freeaddrinfo);
  OwnedFd fd(socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd.get() < 0) refuse(address, errno, "raise the limit of open files");
  set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);  // a restart must not wait for TIME_WAIT
  if (found->ai_family == AF_INET6) set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
  if (bind(fd.get(), found->ai_addr, found->ai_addrlen) != 0 || listen(fd.get(), kBacklog) != 0) {
    const int error = errno;
    if (error == EADDRINUSE) {
      throw AddressInUse("cannot listen on " + address + ": " + std::generic_category().message(error) +
                         "; already in use by another program; stop it or choose another port");
    }
    refuse(
        address, error,
        error == EACCES ? "ports below 1024 need a privilege; choose another port" : "use an address of this machine");
  }
  return {fd.release(), {}, 0};
}

ListenSocket::~ListenSocket() {
  if (fd_ < 0) return;
  // The file first: once nobody listens on it, another daemon may put its own in its place.
  struct stat info {};
  if (!path_.empty() && lstat(path_.c_str(), &info) == 0 && info.st_ino == inode_) unlink(path_.c_str());
  close(fd_);
}

void set_connection_options(int fd, bool is_tcp) noexcept {
  // Failures only make a slow reader visible later.
  set_option(fd, SOL_SOCKET, SO_SNDBUF, 64 << 10);
  if (!is_tcp) return;
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, 16 << 10);
  set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 10'000);  // ms
  // gRPC's keepalive sees a peer that hangs; this one a vanished peer that never came as far as HTTP/2.
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 20);   // s
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 10);  // s; after the user timeout the kernel gives up
}

}  // namespace melstream::rpc
