#include "melstream/rpc/connection_table.hpp"

#include <algorithm>

#include <linux/sockios.h>  // SIOCOUTQ
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

namespace melstream::rpc {
namespace {

// For listeners, event descriptors of gRPC, logs, libraries and files that the daemon opens while it runs.
constexpr rlim_t kReserved = 64;
constexpr rlim_t kMost = 1024;
constexpr rlim_t kLeast = 4;

// A look at 1,024 descriptors takes 0.2 ms; a storm of refused connects must not turn that into a load.
constexpr std::int64_t kLookAgainNs = 2'000'000;

}  // namespace

int default_max_connections() noexcept {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return static_cast<int>(kReserved);
  if (limit.rlim_cur <= kReserved + kLeast) return static_cast<int>(kLeast);
  return static_cast<int>(std::min(kMost, limit.rlim_cur - kReserved));
}

bool ConnectionTable::is_open(int fd, std::uint64_t inode) noexcept {
  struct stat info {};
  return fstat(fd, &info) == 0 && S_ISSOCK(info.st_mode) && info.st_ino == inode;
}

bool ConnectionTable::add(int fd, std::int64_t now_mono_ns, ListenerKind listener) {
  struct stat info {};
  if (fstat(fd, &info) != 0) return false;
  const auto index = static_cast<std::size_t>(fd);
  if (index >= slots_.size()) slots_.resize(index + 1);
  if (slots_[index].used) {
    // The kernel gave the number again, so the connection that had it is gone.
    slots_[index].used = false;
    --n_used_;
  }
  if (n_used_ >= max_) {
    if (now_mono_ns - looked_mono_ns_ < kLookAgainNs) return false;
    looked_mono_ns_ = now_mono_ns;
    if (count_live() >= max_) return false;
  }
  slots_[index] = {.inode = info.st_ino, .listener = listener, .used = true};
  ++n_used_;
  return true;
}

std::size_t ConnectionTable::count_live() noexcept {
  for (std::size_t fd = 0; fd < slots_.size(); ++fd) {
    if (!slots_[fd].used || is_open(static_cast<int>(fd), slots_[fd].inode)) continue;
    slots_[fd].used = false;
    --n_used_;
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

void ConnectionTable::cut_all() noexcept {
  for (std::size_t fd = 0; fd < slots_.size(); ++fd) {
    if (slots_[fd].used && is_open(static_cast<int>(fd), slots_[fd].inode)) {
      shutdown(static_cast<int>(fd), SHUT_RDWR);
    }
  }
}

}  // namespace melstream::rpc
