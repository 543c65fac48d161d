// The daemon around a source that peers connect to, a clock that any thread may read, and a peer.
#pragma once

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "melstream/audio/net_loop.hpp"
#include "melstream/audio/peer/peer_source.hpp"
#include "melstream/audio/source.hpp"

#include "tests/audio/net_fixture.hpp"
#include "tests/audio/stream_recorder.hpp"
#include "tests/support/eventually.hpp"

namespace melstream::test {

class SharedClock final : public core::Clock {
 public:
  std::int64_t mono_ns() const noexcept override { return mono; }
  std::int64_t wall_ns() const noexcept override { return 1'700'000'000'000'000'000; }
  void turn_s(std::int64_t seconds) noexcept { mono += seconds * core::kNsPerSecond; }
  std::atomic<std::int64_t> mono{1'000'000'000'000};
};

/// What sources stand on, with all that they tell.
class PeerFixture {
 public:
  audio::SourceParts parts() {
    return {.open_stream = recorder.opener(),
            .clock = clock,
            .tell =
                [this](const audio::SourceEvent& event) {
                  std::string line(event.name);
                  for (const auto& [key, value] : event.fields) line += " " + std::string(key) + "=" + value;
                  const std::lock_guard lock(mutex_);
                  events_.push_back(std::move(line));
                },
            .net = net};
  }
  std::unique_ptr<audio::Source> open(const audio::SourceKind& kind, const std::string& text) {
    return kind.make({.id = "desk", .uri = text, .labels = {{"room", "1"}}}, audio::parse_source_uri(text), parts());
  }
  /// The events so far, a line each.
  std::string events() {
    const std::lock_guard lock(mutex_);
    std::string all;
    for (const std::string& event : events_) all += event + "\n";
    return all;
  }
  bool has_event(std::string_view part) { return events().find(part) != std::string::npos; }

  SharedClock clock;
  StreamRecorder recorder{clock};
  audio::NetLoop net;

 private:
  std::mutex mutex_;  // protects events_
  std::vector<std::string> events_;
};

/// The same for one connection without a source: the peer 127.0.0.1:0, connected to port 4000, number 7.
class PeerContextFixture : public PeerFixture {
 public:
  /// Replaces the last; sessions of that must be gone.
  const audio::PeerContext& make_context(const std::string& uri) {
    audio::SourceUri parsed = audio::parse_source_uri(uri);
    const core::SourceSpec spec{.id = "desk", .uri = uri, .labels = {{"room", "1"}}};
    params_ = audio::take_sender_params(spec, parsed, parsed.params, "max_connections");
    context_.emplace(audio::PeerContext{*params_, parts_, totals, any_port(), 4000, 7});
    return *context_;
  }
  std::int64_t now() const { return clock.mono_ns(); }
  RecordedStream& stream(const std::string& id = "desk") {
    RecordedStream* const found = recorder.find(id);
    if (found == nullptr) throw std::runtime_error("no stream " + id);
    return *found;
  }

  audio::PeerTotals totals;

 private:
  const audio::SourceParts parts_ = parts();
  std::optional<audio::SenderParams> params_;
  std::optional<audio::PeerContext> context_;
};

inline std::int64_t counter(const core::SourceStatus& status, std::string_view name) {
  for (const core::SourceCounter& one : status.counters) {
    if (one.name == name) return one.value;
  }
  return -1;
}

/// The port of "listening on 127.0.0.1:4711, ...".
inline std::uint16_t port_of(const audio::Source& source) {
  const std::string detail = source.status().detail;
  return static_cast<std::uint16_t>(std::stoi(detail.substr(detail.find(':') + 1)));
}

/// A TCP client. Waits 10 s at most for anything.
class TcpPeer {
 public:
  explicit TcpPeer(std::uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval limit{.tv_sec = 10, .tv_usec = 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
      throw std::runtime_error("cannot connect");
    }
  }
  TcpPeer(const TcpPeer&) = delete;
  TcpPeer& operator=(const TcpPeer&) = delete;
  ~TcpPeer() { close(); }

  void send(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) throw std::runtime_error("cannot send");
      bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
  }
  /// As many as the kernel takes now. False if it takes none.
  bool send_some(std::string_view text) {
    return ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT) > 0;
  }
  void send(std::string_view text) { send(std::as_bytes(std::span(text))); }
  /// Of at least one byte; empty once the source has closed.
  std::string receive() {
    std::array<char, 65536> bytes{};
    const ssize_t n = recv(fd_, bytes.data(), bytes.size(), 0);
    if (n < 0 && errno == EAGAIN) throw std::runtime_error("nothing comes");
    return {bytes.data(), n > 0 ? static_cast<std::size_t>(n) : 0};
  }
  /// Until `end` has come.
  std::string receive_until(std::string_view end) {
    std::string all;
    while (all.find(end) == std::string::npos) {
      const std::string more = receive();
      if (more.empty()) throw std::runtime_error("closed after '" + all + "'");
      all += more;
    }
    return all;
  }
  std::string receive_all() {
    std::string all;
    for (std::string more = receive(); !more.empty(); more = receive()) all += more;
    return all;
  }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  /// As a peer that crashed: the connection is reset.
  void reset() {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close();
  }

 private:
  int fd_;
};

/// s16 samples of a stream, as they came out.
inline std::vector<std::int16_t> s16_of(const std::vector<float>& samples) {
  std::vector<std::int16_t> values;
  values.reserve(samples.size());
  for (const float sample : samples) values.push_back(static_cast<std::int16_t>(sample * 32768.0F));
  return values;
}

/// Those of counting_bytes(first, n).
inline std::vector<std::int16_t> counting(std::int64_t first, std::size_t n) {
  std::vector<std::int16_t> values(n);
  for (std::size_t i = 0; i < n; ++i) values[i] = static_cast<std::int16_t>(first + static_cast<std::int64_t>(i));
  return values;
}

}  // namespace melstream::test
