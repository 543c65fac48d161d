// Where a source of the network is bound and who may send to it: addresses, the rules of binding, sockets. Plain
// system calls; any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "melstream/audio/source_uri.hpp"

struct sockaddr;

namespace melstream::audio {

/// An IP address and a port. A v4-mapped v6 address is the v4 address.
class NetAddress {
 public:
  NetAddress() = default;
  /// @param address of AF_INET or AF_INET6, else the result is [::]:0.
  explicit NetAddress(const sockaddr& address) noexcept;

  std::uint16_t port() const noexcept { return port_; }
  NetAddress with_port(std::uint16_t port) const noexcept;
  bool is_v4() const noexcept;
  bool is_loopback() const noexcept;
  bool is_multicast() const noexcept;
  std::string host_text() const;  ///< "127.0.0.1", "::1"
  std::string text() const;       ///< "127.0.0.1:4000", "[::1]:4000"
  /// v4 as ::ffff:a.b.c.d, network order.
  const std::array<std::uint8_t, 16>& bytes() const noexcept { return bytes_; }
  /// Calls use(const sockaddr*, size).
  int apply(int (*use)(int fd, const sockaddr* address, unsigned size), int fd) const noexcept;
  std::size_t hash() const noexcept;
  bool operator==(const NetAddress&) const = default;

 private:
  std::array<std::uint8_t, 16> bytes_{};
  std::uint32_t scope_ = 0;  ///< interface of a link-local v6 address
  std::uint16_t port_ = 0;
};

struct NetAddressHash {
  std::size_t operator()(const NetAddress& address) const noexcept { return address.hash(); }
};

/// Networks that may send: "10.0.0.0/8,192.168.1.7,::1". Made without a text it holds everybody.
class AllowList {
 public:
  AllowList() = default;
  /// Throws core::Error(kInvalidArgument, "uri").
  explicit AllowList(std::string_view text);
  bool is_everybody() const noexcept { return networks_.empty(); }
  bool contains(const NetAddress& address) const noexcept;

 private:
  struct Network {
    std::array<std::uint8_t, 16> bytes{};
    int n_bits = 0;
    bool v4 = false;
  };
  std::vector<Network> networks_;
};

enum class Transport : std::uint8_t { kStream, kDatagram };

/// What a URI says of binding.
struct BindSpec {
  std::string scheme;
  std::string host;
  std::uint16_t first_port = 0;
  std::uint16_t last_port = 0;
  AllowList allow_from;
};

/// Takes allow_from. Looks no name up. Throws core::Error(kInvalidArgument, "uri"), also for a range of ports unless
/// `port_range`.
BindSpec take_bind(const SourceUri& uri, UriParams& params, bool port_range = false);

/// The address to bind, with the first port; a name (localhost) may ask the resolver. The rules of all kinds: without
/// allow_insecure_bind only addresses that other machines cannot reach; datagrams, whose senders prove nothing, then
/// need allow_from too. Throws core::Error: kInvalidArgument ("uri"), kUnavailable for a name that is not known.
NetAddress bind_address(const BindSpec& spec, Transport transport, bool allow_insecure_bind);

/// A descriptor, closed at the end.
class OwnedFd {
 public:
  OwnedFd() = default;
  explicit OwnedFd(int fd) noexcept : fd_(fd) {}
  OwnedFd(OwnedFd&& other) noexcept : fd_(other.release()) {}
  OwnedFd& operator=(OwnedFd&& other) noexcept;
  ~OwnedFd();
  int get() const noexcept { return fd_; }
  int release() noexcept { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

/// Bound, non-blocking, close-on-exec; the listener listens. Throw core::Error(kUnavailable): "cannot listen on tcp
/// 127.0.0.1:7000: ...".
/// @param scheme for the message.
OwnedFd make_listener(const NetAddress& address, std::string_view scheme);
/// The kernel tells with each datagram when it came and how many were thrown away. @param receive_bytes of the kernel's
/// buffer; the system's limit (net.core.rmem_max) counts.
OwnedFd make_datagram_socket(const NetAddress& address, std::string_view scheme, int receive_bytes);
/// Where it is bound, with the real port.
NetAddress local_address(int fd) noexcept;

}  // namespace melstream::audio
