#include "bench/ingest_bench/bare_receiver.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <stdexcept>

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "melstream/audio/net_address.hpp"

#include "bench/ingest_bench/rtp_sender.hpp"

namespace melstream::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr std::size_t kBatch = 64;
constexpr std::size_t kBytes = 2112;
constexpr int kQuietMs = 1500;

audio::NetAddress loopback(std::uint16_t port) {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  v4.sin_port = htons(port);
  return audio::NetAddress(reinterpret_cast<const sockaddr&>(v4));
}

double thread_processor_s() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

class Sockets {
 public:
  explicit Sockets(const Scenario& scenario) : epoll_(epoll_create1(EPOLL_CLOEXEC)), buffers_(kBatch * kBytes) {
    const int n_sockets = scenario.demux ? 1 : scenario.n_streams;
    for (int i = 0; i < n_sockets; ++i) {
      fds_.push_back(audio::make_datagram_socket(loopback(port_of(scenario, i)), "rtp", scenario.receive_bytes));
      const int fd = fds_.back().get();
      setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &scenario.receive_bytes, sizeof(scenario.receive_bytes));
      epoll_event event{EPOLLIN, {.fd = fd}};
      if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) throw std::runtime_error("cannot watch a socket");
    }
    for (std::size_t i = 0; i < kBatch; ++i) parts_[i] = {buffers_.data() + i * kBytes, kBytes};
    for (std::size_t i = 0; i < kBatch; ++i) messages_[i].msg_hdr = {nullptr, 0, &parts_[i], 1, nullptr, 0, 0};
  }

  /// Packets that came; 0 after so long without any.
  std::int64_t receive(int quiet_ms) {
    std::array<epoll_event, 128> events{};
    const int n = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), quiet_ms);
    std::int64_t n_received = 0;
    for (int i = 0; i < n; ++i) {
      const int done =
          recvmmsg(events[static_cast<std::size_t>(i)].data.fd, messages_.data(), kBatch, MSG_DONTWAIT, nullptr);
      if (done > 0) n_received += done;
    }
    return n_received;
  }

 private:
  audio::OwnedFd epoll_;
  std::vector<audio::OwnedFd> fds_;
  std::vector<std::byte> buffers_;
  std::array<iovec, kBatch> parts_{};
  std::array<mmsghdr, kBatch> messages_{};
};

}  // namespace

Measured receive_bare(const Scenario& scenario, RtpSender& sender) {
  Sockets sockets(scenario);
  sender.begin();
  Measured measured;
  const auto begin = SteadyClock::now() + std::chrono::duration<double>(scenario.ramp_s + 1);
  const auto end = begin + std::chrono::duration<double>(scenario.seconds);
  double processor_at_begin = 0;
  enum class Phase { kBefore, kMeasured, kAfter } phase = Phase::kBefore;
  while (const std::int64_t n = sockets.receive(kQuietMs)) {
    measured.n_received += n;
    const auto now = SteadyClock::now();
    if (phase == Phase::kBefore && now >= begin) {
      phase = Phase::kMeasured;
      processor_at_begin = thread_processor_s();
    } else if (phase == Phase::kMeasured) {
      measured.n_packets += n;
      if (now < end) continue;
      phase = Phase::kAfter;
      measured.processor_s = thread_processor_s() - processor_at_begin;
      measured.seconds = scenario.seconds;
    }
  }
  return measured;
}

}  // namespace melstream::bench
