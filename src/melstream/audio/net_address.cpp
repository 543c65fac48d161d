#include "melstream/audio/net_address.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <system_error>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <netdb.h>

#include "melstream/core/error.hpp"

namespace melstream::audio {
namespace {

constexpr int kBacklog = 128;
constexpr std::array<std::uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
constexpr int kMappedBits = 96;

[[noreturn]] void refuse(const std::string& message) {
  throw core::Error(core::ErrorCode::kInvalidArgument, message, "uri");
}

bool has_prefix(const std::array<std::uint8_t, 16>& bytes, const std::array<std::uint8_t, 16>& prefix,
                int n_bits) noexcept {
  const auto n_bytes = static_cast<std::size_t>(n_bits / 8);
  if (!std::equal(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n_bytes), prefix.begin())) return false;
  const int rest = n_bits % 8;
  return rest == 0 || ((bytes[n_bytes] ^ prefix[n_bytes]) >> (8 - rest)) == 0;
}

bool has_host_bits(const std::array<std::uint8_t, 16>& bytes, int n_bits) noexcept {
  for (int bit = n_bits; bit < 128; ++bit) {
    if ((bytes[static_cast<std::size_t>(bit / 8)] >> (7 - bit % 8) & 1) != 0) return true;
  }
  return false;
}

[[noreturn]] void refuse_network(std::string_view all, std::string_view entry, std::string_view why) {
  std::string message = "allow_from=";
  message.append(all).append(": '").append(entry).append("' ").append(why);
  refuse(message);
}

/// -1: no number.
int parse_bits(std::string_view text) noexcept {
  int n_bits = -1;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), n_bits);
  return error == std::errc() && stop == text.data() + text.size() ? n_bits : -1;
}

/// Numeric addresses only. False if it is none.
bool parse_numeric(const std::string& text, NetAddress& address) noexcept {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  if (inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    address = NetAddress(reinterpret_cast<const sockaddr&>(v4));
  } else if (inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1) {
    address = NetAddress(reinterpret_cast<const sockaddr&>(v6));
  } else {
    return false;
  }
  return true;
}

NetAddress resolve(const BindSpec& spec, Transport transport) {
  addrinfo hints{};
  hints.ai_socktype = transport == Transport::kStream ? SOCK_STREAM : SOCK_DGRAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(spec.host.c_str(), nullptr, &hints, &found); error != 0) {
    throw core::Error(core::ErrorCode::kUnavailable, "cannot listen on " + spec.scheme + " " + spec.host + ": " +
                                                         gai_strerror(error) +
                                                         "; write an address of this machine, such as 127.0.0.1");
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owned(found, freeaddrinfo);
  return NetAddress(*found->ai_addr);
}

void set_option(int fd, int level, int name, int value) noexcept { setsockopt(fd, level, name, &value, sizeof(value)); }

OwnedFd bound_socket(const NetAddress& address, std::string_view scheme, int type) {
  const auto fail = [&](int error) {
    const char* const remedy = error == EADDRINUSE ? "stop the other program, or choose another port"
                               : error == EACCES   ? "ports below 1024 need a privilege; choose another port"
                               : error == EMFILE || error == ENFILE ? "raise the limit of open files"
                               : error == EAFNOSUPPORT              ? "this machine has no IPv6; use an IPv4 address"
                                                                    : "use an address of this machine";
    std::string reason = std::generic_category().message(error);
    reason.front() = static_cast<char>(std::tolower(static_cast<unsigned char>(reason.front())));
    throw core::Error(core::ErrorCode::kUnavailable,
                      "cannot listen on " + std::string(scheme) + " " + address.text() + ": " + reason + "; " + remedy);
  };
  OwnedFd fd(socket(address.is_v4() ? AF_INET : AF_INET6, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd.get() < 0) fail(errno);
  if (type == SOCK_STREAM) set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);  // a restart must not wait for TIME_WAIT
  if (!address.is_v4()) set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
  if (address.apply(::bind, fd.get()) != 0) fail(errno);
  if (type == SOCK_STREAM && listen(fd.get(), kBacklog) != 0) fail(errno);
  return fd;
}

}  // namespace

NetAddress::NetAddress(const sockaddr& address) noexcept {
  if (address.sa_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    std::copy(kMappedPrefix.begin(), kMappedPrefix.end(), bytes_.begin());
    std::memcpy(bytes_.data() + kMappedPrefix.size(), &v4.sin_addr, sizeof(v4.sin_addr));
    port_ = ntohs(v4.sin_port);
  } else if (address.sa_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    std::memcpy(bytes_.data(), &v6.sin6_addr, sizeof(v6.sin6_addr));
    port_ = ntohs(v6.sin6_port);
    scope_ = v6.sin6_scope_id;
  }
}

NetAddress NetAddress::with_port(std::uint16_t port) const noexcept {
  NetAddress other(*this);
  other.port_ = port;
  return other;
}

bool NetAddress::is_v4() const noexcept {
  return std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), bytes_.begin());
}

bool NetAddress::is_loopback() const noexcept {
  if (is_v4()) return bytes_[12] == 127;
  return bytes_[15] == 1 && std::all_of(bytes_.begin(), bytes_.end() - 1, [](std::uint8_t b) { return b == 0; });
}

bool NetAddress::is_multicast() const noexcept { return is_v4() ? bytes_[12] >> 4 == 0xE : bytes_[0] == 0xFF; }

std::string NetAddress::host_text() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (is_v4()) {
    inet_ntop(AF_INET, bytes_.data() + kMappedPrefix.size(), text.data(), text.size());
  } else {
    inet_ntop(AF_INET6, bytes_.data(), text.data(), text.size());
  }
  return text.data();
}

std::string NetAddress::text() const {
  return (is_v4() ? host_text() : "[" + host_text() + "]") + ":" + std::to_string(port_);
}

int NetAddress::apply(int (*use)(int fd, const sockaddr* address, unsigned size), int fd) const noexcept {
  if (is_v4()) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port_);
    std::memcpy(&v4.sin_addr, bytes_.data() + kMappedPrefix.size(), sizeof(v4.sin_addr));
    return use(fd, reinterpret_cast<const sockaddr*>(&v4), sizeof(v4));
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port_);
  v6.sin6_scope_id = scope_;
  std::memcpy(&v6.sin6_addr, bytes_.data(), sizeof(v6.sin6_addr));
  return use(fd, reinterpret_cast<const sockaddr*>(&v6), sizeof(v6));
}

std::size_t NetAddress::hash() const noexcept {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  std::memcpy(&high, bytes_.data(), sizeof(high));
  std::memcpy(&low, bytes_.data() + sizeof(high), sizeof(low));
  std::uint64_t mixed = (low ^ (std::uint64_t{port_} << 17)) * 0x9E3779B97F4A7C15U;
  mixed = (mixed ^ (mixed >> 29) ^ high ^ scope_) * 0xBF58476D1CE4E5B9U;
  return static_cast<std::size_t>(mixed ^ (mixed >> 32));
}

AllowList::AllowList(std::string_view text) {
  const std::string_view all = text;
  while (!text.empty() || networks_.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const std::string_view entry = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    const std::size_t slash = std::min(entry.find('/'), entry.size());
    NetAddress address;
    if (!parse_numeric(std::string(entry.substr(0, slash)), address)) {
      refuse_network(all, entry, "is no network; write them as 10.0.0.0/8,192.168.1.7,fd00::/8 (no names)");
    }
    const int most = address.is_v4() ? 32 : 128;
    const int n_bits = slash < entry.size() ? parse_bits(entry.substr(slash + 1)) : most;
    if (n_bits < 0 || n_bits > most) {
      refuse_network(all, entry, "needs 0 to " + std::to_string(most) + " bits after '/'");
    }
    networks_.push_back({address.bytes(), address.is_v4() ? kMappedBits + n_bits : n_bits, address.is_v4()});
    if (has_host_bits(address.bytes(), networks_.back().n_bits)) {
      refuse_network(all, entry,
                     "has bits of a host behind its " + std::to_string(n_bits) +
                         " bits of the network; set them to 0, or write more bits");
    }
  }
}

bool AllowList::contains(const NetAddress& address) const noexcept {
  if (is_everybody()) return true;
  const bool v4 = address.is_v4();
  return std::any_of(networks_.begin(), networks_.end(), [&](const Network& network) {
    return network.v4 == v4 && has_prefix(address.bytes(), network.bytes, network.n_bits);
  });
}

BindSpec take_bind(const SourceUri& uri, UriParams& params, bool port_range) {
  if (!uri.has_authority) {
    refuse("'" + uri.text + "': write " + uri.scheme + "://HOST:PORT, such as " + uri.scheme + "://127.0.0.1:7000");
  }
  if (!port_range && uri.first_port != uri.last_port) refuse("'" + uri.text + "': this kind of source has one port");
  BindSpec spec{uri.scheme, uri.host, uri.first_port, uri.last_port, {}};
  if (const auto allowed = params.text("allow_from")) spec.allow_from = AllowList(*allowed);
  return spec;
}

NetAddress bind_address(const BindSpec& spec, Transport transport, bool allow_insecure_bind) {
  NetAddress address;
  if (!parse_numeric(spec.host, address)) address = resolve(spec, transport);
  address = address.with_port(spec.first_port);
  if (address.is_multicast()) {
    refuse(spec.scheme + "://" + address.text() +
           " is a multicast group, which melstream does not join; send to an "
           "address of this machine");
  }
  if (address.is_loopback()) return address;
  if (!allow_insecure_bind) {
    refuse(spec.scheme + "://" + address.text() +
           " can be reached by other machines, without encryption or proof of who sends; bind 127.0.0.1 or [::1], or "
           "set server.allow_insecure_bind = true");
  }
  if (transport == Transport::kDatagram && spec.allow_from.is_everybody()) {
    refuse(spec.scheme + "://" + address.text() +
           " can be reached by other machines: say which may send, such as allow_from=10.0.0.0/8,192.168.1.7");
  }
  return address;
}

OwnedFd& OwnedFd::operator=(OwnedFd&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) close(fd_);
    fd_ = other.release();
  }
  return *this;
}

OwnedFd::~OwnedFd() {
  if (fd_ >= 0) close(fd_);
}

OwnedFd make_listener(const NetAddress& address, std::string_view scheme) {
  return bound_socket(address, scheme, SOCK_STREAM);
}

OwnedFd make_datagram_socket(const NetAddress& address, std::string_view scheme, int receive_bytes) {
  OwnedFd fd = bound_socket(address, scheme, SOCK_DGRAM);
  set_option(fd.get(), SOL_SOCKET, SO_RCVBUF, receive_bytes);
  set_option(fd.get(), SOL_SOCKET, SO_RXQ_OVFL, 1);
  set_option(fd.get(), SOL_SOCKET, SO_TIMESTAMPNS, 1);
  return fd;
}

NetAddress local_address(int fd) noexcept {
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);
  getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size);
  return NetAddress(reinterpret_cast<const sockaddr&>(storage));
}

}  // namespace melstream::audio
