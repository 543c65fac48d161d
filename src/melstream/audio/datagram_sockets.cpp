#include "melstream/audio/datagram_sockets.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <deque>
#include <string>
#include <system_error>
#include <utility>

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <string.h>  // explicit_bzero

#include "melstream/audio/net_loop.hpp"
#include "melstream/core/error.hpp"
#include "melstream/core/units.hpp"

namespace melstream::audio {
namespace {

constexpr std::size_t kBatch = 64;
// Then others have their turn: a flood on one socket must not keep the thread.
constexpr int kBatchesATurn = 4;
constexpr std::size_t kReadyATurn = 256;
// Reads are so far apart at least: thousands of packets a second come in batches, and one that comes alone is read at
// once. The kernel's stamp tells when it really came.
constexpr std::chrono::milliseconds kPause{1};
// A kernel stamp older than this is a step of the wall clock.
constexpr std::int64_t kOldestNs = core::kNsPerSecond;

std::int64_t realtime_ns() noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * core::kNsPerSecond + now.tv_nsec;
}

/// What the kernel says beside a datagram.
struct Said {
  std::int64_t stamp_ns = 0;  ///< CLOCK_REALTIME; 0: nothing
  std::uint32_t n_dropped = 0;
  bool has_dropped = false;
};

Said read_control(msghdr& header) noexcept {
  Said said;
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET) continue;
    if (part->cmsg_type == SO_RXQ_OVFL) {
      std::copy_n(CMSG_DATA(part), sizeof(said.n_dropped), reinterpret_cast<unsigned char*>(&said.n_dropped));
      said.has_dropped = true;
    } else if (part->cmsg_type == SCM_TIMESTAMPNS) {
      timespec stamp{};
      std::copy_n(CMSG_DATA(part), sizeof(stamp), reinterpret_cast<unsigned char*>(&stamp));
      said.stamp_ns = stamp.tv_sec * core::kNsPerSecond + stamp.tv_nsec;
    }
  }
  return said;
}

int make_epoll() {
  const int fd = epoll_create1(EPOLL_CLOEXEC);
  if (fd >= 0) return fd;
  throw core::Error(core::ErrorCode::kUnavailable, "cannot watch sockets: " + std::generic_category().message(errno) +
                                                       "; raise the limit of open files");
}

}  // namespace

struct DatagramSockets::State : std::enable_shared_from_this<State> {
  struct Socket {
    OwnedFd fd;
    std::uint32_t n_dropped = 0;  ///< the kernel's count, modulo 2^32
  };

  State(NetLoop& net, const core::Clock& source_clock, DatagramSink& taker, std::size_t max_bytes)
      : clock(source_clock),
        sink(&taker),
        ready(net.context(), make_epoll()),
        pause(net.context()),
        buffer_bytes(max_bytes),
        buffers(std::make_unique_for_overwrite<std::byte[]>(kBatch * max_bytes)) {
    for (std::size_t i = 0; i < kBatch; ++i) {
      parts[i] = {buffers.get() + i * buffer_bytes, buffer_bytes};
    }
  }

  std::size_t add(OwnedFd fd) {
    const std::size_t index = sockets.size();
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = index;
    if (epoll_ctl(ready.native_handle(), EPOLL_CTL_ADD, fd.get(), &event) != 0) {
      throw core::Error(
          core::ErrorCode::kUnavailable,
          "cannot watch a socket: " + std::generic_category().message(errno) + "; raise fs.epoll.max_user_watches");
    }
    sockets.push_back({std::move(fd)});
    if (index == 0) rest();  // so that the timer's memory is there before the first datagram
    return index;
  }

  void wait() {
    ready.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                     [self = shared_from_this()](const boost::system::error_code& error) {
                       if (error || self->sink == nullptr) return;
                       const bool is_behind = self->read_all();
                       if (self->sink == nullptr) return;
                       if (is_behind) {
                         self->wait();
                       } else {
                         self->rest();
                       }
                     });
  }

  void rest() {
    pause.expires_after(kPause);
    pause.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (!error && self->sink != nullptr) self->wait();
    });
  }

  /// True if more was there than it took.
  bool read_all() noexcept {
    const int n = epoll_wait(ready.native_handle(), events.data(), static_cast<int>(events.size()), 0);
    bool is_behind = n == static_cast<int>(events.size());
    for (int i = 0; i < n && sink != nullptr; ++i) {
      is_behind |= read(static_cast<std::size_t>(events[static_cast<std::size_t>(i)].data.u64));
    }
    return is_behind;
  }

  /// True if more may be there.
  bool read(std::size_t index) noexcept {
    for (int turn = 0; turn < kBatchesATurn; ++turn) {
      for (std::size_t i = 0; i < kBatch; ++i) {
        messages[i].msg_hdr = {
            &peers[i], sizeof(peers[i]), &parts[i], 1, controls[i].bytes.data(), controls[i].bytes.size(), 0};
      }
      // An error that a datagram of ours provoked does not exist: none is sent. What else there is, the next wait
      // tells.
      const int n = recvmmsg(sockets[index].fd.get(), messages.data(), kBatch, MSG_DONTWAIT, nullptr);
      if (n <= 0) return false;
      const std::int64_t mono_ns = clock.mono_ns();
      const std::int64_t wall_ns = realtime_ns();
      for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
        if (sink != nullptr) give(index, i, mono_ns, wall_ns);
        explicit_bzero(buffers.get() + i * buffer_bytes, messages[i].msg_len);
      }
      if (sink == nullptr || n < static_cast<int>(kBatch)) return false;
    }
    return true;
  }

  void give(std::size_t index, std::size_t i, std::int64_t mono_ns, std::int64_t wall_ns) noexcept {
    msghdr& header = messages[i].msg_hdr;
    const Said said = read_control(header);
    Socket& socket = sockets[index];
    if (said.has_dropped && said.n_dropped != socket.n_dropped) {
      const std::uint32_t n = said.n_dropped - std::exchange(socket.n_dropped, said.n_dropped);
      sink->on_kernel_drops(index, n);
    }
    const std::int64_t age_ns = said.stamp_ns > 0 ? wall_ns - said.stamp_ns : 0;
    const NetAddress peer(reinterpret_cast<const sockaddr&>(peers[i]));
    sink->on_datagram(index,
                      {std::span<const std::byte>(buffers.get() + i * buffer_bytes, messages[i].msg_len), peer,
                       mono_ns - (age_ns > 0 && age_ns < kOldestNs ? age_ns : 0), (header.msg_flags & MSG_TRUNC) != 0});
  }

  struct alignas(cmsghdr) Control {
    std::array<std::byte, CMSG_SPACE(sizeof(timespec)) + CMSG_SPACE(sizeof(std::uint32_t))> bytes;
  };

  const core::Clock& clock;
  DatagramSink* sink;  // null: closed
  // An epoll of our own: one wait in Asio's for all sockets, however many.
  boost::asio::posix::stream_descriptor ready;
  boost::asio::steady_timer pause;
  const std::size_t buffer_bytes;
  const std::unique_ptr<std::byte[]> buffers;  // pages that no datagram reached take no memory
  std::array<iovec, kBatch> parts{};
  std::array<sockaddr_in6, kBatch> peers{};  // an AF_INET one is shorter
  std::array<Control, kBatch> controls{};
  std::array<mmsghdr, kBatch> messages{};
  std::array<epoll_event, kReadyATurn> events{};
  std::deque<Socket> sockets;
};

DatagramSockets::DatagramSockets(NetLoop& net, const core::Clock& clock, DatagramSink& sink, std::size_t max_bytes)
    : state_(std::make_shared<State>(net, clock, sink, max_bytes)) {}

DatagramSockets::~DatagramSockets() {
  state_->sink = nullptr;
  boost::system::error_code ignored;
  state_->ready.close(ignored);
  state_->pause.cancel();
  state_->sockets.clear();
}

std::size_t DatagramSockets::add(OwnedFd fd) { return state_->add(std::move(fd)); }

}  // namespace melstream::audio
