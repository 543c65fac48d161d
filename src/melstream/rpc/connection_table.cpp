#include "melstream/rpc/connection_table.hpp"

#include <algorithm>
#include <array>

#include <arpa/inet.h>
#include <linux/sockios.h>  // SIOCOUTQ
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "melstream/rpc/socket_address.hpp"

namespace melstream::rpc {
namespace {

// For listeners, event descriptors of gRPC, logs, libraries and files that the daemon opens while it runs.
constexpr rlim_t kReserved = 64;
constexpr rlim_t kMost = 1024;
constexpr rlim_t kLeast = 4;

// A look at 1,024 descriptors takes 0.2 ms; a storm of refused connects must not turn that into a load.
constexpr std::int64_t kLookAgainNs = 2'000'000;

constexpr double kBurstSeconds = 2.0;
constexpr std::size_t kManyPeers = 4'096;

}  // namespace

int default_max_connections() noexcept {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return static_cast<int>(kReserved);
  if (limit.rlim_cur <= kReserved + kLeast) return static_cast<int>(kLeast);
  return static_cast<int>(std::min(kMost, limit.rlim_cur - kReserved));
}

std::string foreign_address(const sockaddr_storage& peer) {
  if (is_of_this_machine(peer)) return {};
  const sockaddr_storage plain = unmapped(peer);
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (plain.ss_family == AF_INET) {
    return inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(plain).sin_addr, text.data(), text.size());
  }
  if (plain.ss_family != AF_INET6) return {};
  in6_addr network = reinterpret_cast<const sockaddr_in6&>(plain).sin6_addr;
  std::fill(std::begin(network.s6_addr) + 8, std::end(network.s6_addr), std::uint8_t{0});
  return inet_ntop(AF_INET6, &network, text.data(), text.size());
}

void ConnectionTable::set_limits(const ConnectionLimits& limits) {
  if (limits.new_per_second != limits_.new_per_second) {
    for (auto& [address, peer] : peers_) {
      peer.rate = access::Rate(limits.new_per_second, limits.new_per_second * kBurstSeconds, looked_mono_ns_);
    }
  }
  limits_ = limits;
  max_ = static_cast<std::size_t>(limits.max_connections > 0 ? limits.max_connections : default_max_connections());
}

bool ConnectionTable::is_open(int fd, std::uint64_t inode) noexcept {
  struct stat info {};
  return fstat(fd, &info) == 0 && S_ISSOCK(info.st_mode) && info.st_ino == inode;
}

void ConnectionTable::free_slot(Slot& slot) noexcept {
  slot.used = false;
  --n_used_;
  if (const auto peer = peers_.find(slot.address); peer != peers_.end()) --peer->second.n_open;
}

void ConnectionTable::look_again(std::int64_t now_mono_ns) noexcept {
  if (now_mono_ns - looked_mono_ns_ < kLookAgainNs) return;
  looked_mono_ns_ = now_mono_ns;
  count_live();
}

ConnectionTable::Peer& ConnectionTable::peer_of(const std::string& address, std::int64_t now_mono_ns) {
  if (const auto found = peers_.find(address); found != peers_.end()) return found->second;
  if (peers_.size() >= kManyPeers) {
    std::erase_if(peers_,
                  [&](const auto& entry) { return entry.second.n_open == 0 && entry.second.rate.full(now_mono_ns); });
  }
  const access::Rate rate(limits_.new_per_second, limits_.new_per_second * kBurstSeconds, now_mono_ns);
  return peers_.emplace(address, Peer{.rate = rate}).first->second;
}

ConnectionTable::Admission ConnectionTable::add(int fd, const std::string& address, std::int64_t now_mono_ns,
                                                ListenerKind listener) {
  struct stat info {};
  if (fstat(fd, &info) != 0) return Admission::kTooMany;
  const auto index = static_cast<std::size_t>(fd);
  if (index >= slots_.size()) slots_.resize(index + 1);
  // If the kernel gave the number again, the connection that had it is gone.
  if (slots_[index].used) free_slot(slots_[index]);
  if (n_used_ >= max_) look_again(now_mono_ns);
  if (n_used_ >= max_) return Admission::kTooMany;
  if (!address.empty()) {
    Peer& peer = peer_of(address, now_mono_ns);
    if (!peer.rate.take(now_mono_ns)) return Admission::kTooFast;
    const bool limited = limits_.max_per_address > 0;
    if (limited && peer.n_open >= limits_.max_per_address) look_again(now_mono_ns);
    if (limited && peer.n_open >= limits_.max_per_address) return Admission::kTooManyOfAddress;
    ++peer.n_open;
  }
  slots_[index] = {.inode = info.st_ino, .listener = listener, .used = true, .address = address};
  ++n_used_;
  return Admission::kAdmitted;
}

std::size_t ConnectionTable::count_live() noexcept {
  for (std::size_t fd = 0; fd < slots_.size(); ++fd) {
    if (slots_[fd].used && !is_open(static_cast<int>(fd), slots_[fd].inode)) free_slot(slots_[fd]);
  }
  return n_used_;
}

std::array<std::int64_t, kListenerKinds.size()> ConnectionTable::count_live_by_listener() noexcept {
  count_live();
  std::array<std::int64_t, kListenerKinds.size()> live{};
  for (const Slot& slot : slots_) {
    if (slot.used) ++live[static_cast<std::size_t>(slot.listener)];
  }
  return live;
}

bool ConnectionTable::all_taken() const noexcept {
  for (std::size_t fd = 0; fd < slots_.size(); ++fd) {
    if (!slots_[fd].used || !is_open(static_cast<int>(fd), slots_[fd].inode)) continue;
    int n_bytes = 0;
    if (ioctl(static_cast<int>(fd), SIOCOUTQ, &n_bytes) == 0 && n_bytes > 0) return false;
  }
  return true;
}

void ConnectionTable::set_patience(int ms) noexcept {
  for (std::size_t fd = 0; fd < slots_.size(); ++fd) {
    if (!slots_[fd].used || !is_open(static_cast<int>(fd), slots_[fd].inode)) continue;
    setsockopt(static_cast<int>(fd), IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms);  // refused on a unix socket
  }
}

void ConnectionTable::cut_all() noexcept {
  for (std::size_t fd = 0; fd < slots_.size(); ++fd) {
    if (slots_[fd].used && is_open(static_cast<int>(fd), slots_[fd].inode)) {
      shutdown(static_cast<int>(fd), SHUT_RDWR);
    }
  }
}

}  // namespace melstream::rpc
