#include "melstream/audio/datagram_sockets.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <deque>
#include <utility>

#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <string.h>  // explicit_bzero

#include "melstream/audio/net_loop.hpp"
#include "melstream/core/units.hpp"

namespace melstream::audio {
namespace {

constexpr std::size_t kBatch = 64;
// Then others have their turn: a flood on one socket must not keep the thread.
constexpr int kBatchesATurn = 4;
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

}  // namespace

struct DatagramSockets::State : std::enable_shared_from_this<State> {
  struct Socket {
    Socket(boost::asio::io_context& context, OwnedFd fd) : descriptor(context, fd.release()) {}
    boost::asio::posix::stream_descriptor descriptor;
    std::uint32_t n_dropped = 0;  ///< the kernel's count, modulo 2^32
  };

  State(NetLoop& loop, const core::Clock& source_clock, DatagramSink& taker, std::size_t max_bytes)
      : net(loop),
        clock(source_clock),
        sink(&taker),
        buffer_bytes(max_bytes),
        buffers(std::make_unique_for_overwrite<std::byte[]>(kBatch * max_bytes)) {
    for (std::size_t i = 0; i < kBatch; ++i) {
      parts[i] = {buffers.get() + i * buffer_bytes, buffer_bytes};
    }
  }

  void wait(std::size_t index) {
    sockets[index].descriptor.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                                         [self = shared_from_this(), index](const boost::system::error_code& error) {
                                           if (error || self->sink == nullptr) return;
                                           self->read(index);
                                           if (self->sink != nullptr) self->wait(index);
                                         });
  }

  void read(std::size_t index) noexcept {
    for (int turn = 0; turn < kBatchesATurn; ++turn) {
      for (std::size_t i = 0; i < kBatch; ++i) {
        messages[i].msg_hdr = {
            &peers[i], sizeof(peers[i]), &parts[i], 1, controls[i].bytes.data(), controls[i].bytes.size(), 0};
      }
      // An error that a datagram of ours provoked does not exist: none is sent. What else there is, the next wait
      // tells.
      const int n = recvmmsg(sockets[index].descriptor.native_handle(), messages.data(), kBatch, MSG_DONTWAIT, nullptr);
      if (n <= 0) return;
      const std::int64_t mono_ns = clock.mono_ns();
      const std::int64_t wall_ns = realtime_ns();
      for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
        if (sink != nullptr) give(index, i, mono_ns, wall_ns);
        explicit_bzero(buffers.get() + i * buffer_bytes, messages[i].msg_len);
      }
      if (sink == nullptr || n < static_cast<int>(kBatch)) return;
    }
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

  NetLoop& net;
  const core::Clock& clock;
  DatagramSink* sink;  // null: closed
  const std::size_t buffer_bytes;
  const std::unique_ptr<std::byte[]> buffers;  // pages that no datagram reached take no memory
  std::array<iovec, kBatch> parts{};
  std::array<sockaddr_in6, kBatch> peers{};  // an AF_INET one is shorter
  std::array<Control, kBatch> controls{};
  std::array<mmsghdr, kBatch> messages{};
  std::deque<Socket> sockets;
};

DatagramSockets::DatagramSockets(NetLoop& net, const core::Clock& clock, DatagramSink& sink, std::size_t max_bytes)
    : state_(std::make_shared<State>(net, clock, sink, max_bytes)) {}

DatagramSockets::~DatagramSockets() {
  state_->sink = nullptr;
  for (State::Socket& socket : state_->sockets) {
    boost::system::error_code ignored;
    socket.descriptor.close(ignored);
  }
}

std::size_t DatagramSockets::add(OwnedFd fd) {
  const std::size_t index = state_->sockets.size();
  state_->sockets.emplace_back(state_->net.context(), std::move(fd));
  state_->wait(index);
  return index;
}

}  // namespace melstream::audio
