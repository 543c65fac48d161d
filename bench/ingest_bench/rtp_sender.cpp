#include "bench/ingest_bench/rtp_sender.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <ctime>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/support/processor_time.hpp"

namespace melstream::bench {
namespace {

constexpr std::int64_t kNsPerMs = 1'000'000;
constexpr std::size_t kHeaderBytes = 12;
constexpr std::size_t kBatch = 64;

using Packet = std::array<unsigned char, kHeaderBytes + kPayloadBytes>;

struct OutgoingCall {
  Packet packet{};
  sockaddr_in to{};
  std::uint32_t n_sent = 0;

  /// Counts in the header, and other audio.
  void turn(std::mt19937& random) {
    const auto put = [&](std::size_t at, std::uint32_t value, int n_bytes) {
      for (int i = 0; i < n_bytes; ++i) {
        packet[at + static_cast<std::size_t>(i)] = static_cast<unsigned char>(value >> (8 * (n_bytes - 1 - i)));
      }
    };
    put(2, n_sent, 2);
    put(4, n_sent * kPayloadBytes, 4);
    // Some samples only: making audio up is not what is measured.
    for (int i = 0; i < 8; ++i) packet[kHeaderBytes + random() % kPayloadBytes] = static_cast<unsigned char>(random());
    ++n_sent;
  }
};

std::vector<OutgoingCall> make_calls(const Scenario& scenario, std::mt19937& random) {
  std::vector<OutgoingCall> calls(static_cast<std::size_t>(scenario.n_streams));
  for (int i = 0; i < scenario.n_streams; ++i) {
    OutgoingCall& call = calls[static_cast<std::size_t>(i)];
    for (unsigned char& byte : call.packet) byte = static_cast<unsigned char>(random());
    call.packet[0] = 0x80;
    call.packet[1] = 0;  // PCMU
    call.to.sin_family = AF_INET;
    call.to.sin_port = htons(port_of(scenario, i));
    call.to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  }
  return calls;
}

std::int64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

void sleep_until(std::int64_t ns) {
  const timespec until{ns / 1'000'000'000, ns % 1'000'000'000};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
}

std::int64_t send_all(int fd, std::vector<OutgoingCall*>& due) {
  std::array<mmsghdr, kBatch> messages{};
  std::array<iovec, kBatch> parts{};
  std::int64_t n_sent = 0;
  for (std::size_t at = 0; at < due.size();) {
    const std::size_t n = std::min(kBatch, due.size() - at);
    for (std::size_t i = 0; i < n; ++i) {
      OutgoingCall& call = *due[at + i];
      parts[i] = {call.packet.data(), call.packet.size()};
      messages[i].msg_hdr = {&call.to, sizeof(call.to), &parts[i], 1, nullptr, 0, 0};
    }
    const int done = sendmmsg(fd, messages.data(), static_cast<unsigned>(n), 0);
    if (done <= 0) continue;  // a receiver that is not there yet: the error is told once
    n_sent += done;
    at += static_cast<std::size_t>(done);
  }
  return n_sent;
}

RtpSender::Sent send_calls(const Scenario& scenario) {
  std::mt19937 random(1);
  std::vector<OutgoingCall> calls = make_calls(scenario, random);
  std::vector<OutgoingCall*> due;
  due.reserve(calls.size());
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  RtpSender::Sent sent;
  const auto ramp_ms = static_cast<std::int64_t>(scenario.ramp_s * 1000);
  // Two seconds more than is measured: one before, one after.
  const std::int64_t total_ms = ramp_ms + static_cast<std::int64_t>((scenario.seconds + 2) * 1000);
  const std::int64_t begin_ns = now_ns();
  for (std::int64_t ms = 0; ms < total_ms; ++ms) {
    sleep_until(begin_ns + ms * kNsPerMs);
    if (now_ns() - begin_ns > (ms + 1) * kNsPerMs) ++sent.n_late_ms;
    due.clear();
    for (std::size_t i = static_cast<std::size_t>(ms % kPacketMs); i < calls.size(); i += kPacketMs) {
      const std::int64_t begins_ms = ramp_ms * static_cast<std::int64_t>(i) / static_cast<std::int64_t>(calls.size());
      if (ms < begins_ms) continue;
      calls[i].turn(random);
      due.push_back(&calls[i]);
    }
    sent.n_packets += send_all(fd, due);
  }
  close(fd);
  return sent;
}

}  // namespace

RtpSender::RtpSender(const Scenario& scenario) {
  std::array<int, 2> go{};
  std::array<int, 2> result{};
  if (pipe(go.data()) != 0 || pipe(result.data()) != 0) throw std::runtime_error("cannot make a pipe");
  pid_ = fork();
  if (pid_ < 0) throw std::runtime_error("cannot fork");
  if (pid_ == 0) {
    close(go[1]);
    close(result[0]);
    char byte = 0;
    if (read(go[0], &byte, 1) != 1) _exit(0);
    try {
      pin_to(scenario.sender_core);
    } catch (const std::runtime_error&) {
      _exit(1);
    }
    const Sent sent = send_calls(scenario);
    const bool told = write(result[1], &sent, sizeof(sent)) == static_cast<ssize_t>(sizeof(sent));
    _exit(told ? 0 : 1);
  }
  close(go[0]);
  close(result[1]);
  go_ = go[1];
  result_ = result[0];
}

RtpSender::~RtpSender() {
  close(go_);
  close(result_);
  waitpid(pid_, nullptr, 0);
}

void RtpSender::begin() {
  if (write(go_, "g", 1) != 1) throw std::runtime_error("the sender is gone");
}

RtpSender::Sent RtpSender::wait() {
  Sent sent;
  if (read(result_, &sent, sizeof(sent)) != static_cast<ssize_t>(sizeof(sent))) {
    throw std::runtime_error("the sender failed");
  }
  return sent;
}

}  // namespace melstream::bench
