// Datagrams in batches over loopback: all of them, from whom, when; and what the kernel threw away.
#include "melstream/audio/datagram_sockets.hpp"

#include <atomic>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "melstream/audio/net_loop.hpp"
#include "melstream/core/units.hpp"

#include "tests/audio/ingest_fixture.hpp"
#include "tests/audio/net_fixture.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/realtime_scope.hpp"

namespace melstream::audio {
namespace {

struct Heard {
  std::size_t socket;
  std::string text;
  NetAddress peer;
  std::int64_t received_mono_ns;
  bool cut;
};

struct Recorder final : DatagramSink {
  void on_datagram(std::size_t socket, const Datagram& datagram) noexcept override {
    heard.push_back({socket, std::string(reinterpret_cast<const char*>(datagram.bytes.data()), datagram.bytes.size()),
                     datagram.peer, datagram.received_mono_ns, datagram.cut});
    ++n_heard;
    if (on_each) on_each();
  }
  void on_kernel_drops(std::size_t, std::int64_t n) noexcept override { n_dropped += n; }

  std::vector<Heard> heard;
  std::atomic<int> n_heard{0};
  std::atomic<std::int64_t> n_dropped{0};
  std::function<void()> on_each;
};

struct DatagramSocketsTest : testing::Test {
  ~DatagramSocketsTest() override {
    net.call([&] { sockets.reset(); });
  }
  NetAddress add(int receive_bytes = 1 << 20) {
    OwnedFd fd = make_datagram_socket(test::any_port(), "udp", receive_bytes);
    const NetAddress where = local_address(fd.get());
    net.call([&] {
      if (!sockets) sockets.emplace(net, clock, recorder, 100);
      sockets->add(std::move(fd));
    });
    return where;
  }

  test::TurnedClock clock;
  Recorder recorder;
  NetLoop net;
  std::optional<DatagramSockets> sockets;
};

TEST_F(DatagramSocketsTest, EveryDatagramComesOnceInOrderWithItsSender) {
  const OwnedFd sender = test::connected(add(), SOCK_DGRAM);
  net.call([&] {  // 300 wait at once: several batches
    for (int i = 0; i < 300; ++i) test::send_all(sender, std::to_string(i));
  });
  ASSERT_TRUE(test::eventually([&] { return recorder.n_heard == 300; }));
  for (std::size_t i = 0; i < 300; ++i) EXPECT_EQ(recorder.heard[i].text, std::to_string(i));
  EXPECT_EQ(recorder.heard[7].peer, local_address(sender.get()));
  EXPECT_EQ(recorder.n_dropped, 0);
}

TEST_F(DatagramSocketsTest, SocketsAreToldApart) {
  const OwnedFd first = test::connected(add(), SOCK_DGRAM);
  const OwnedFd second = test::connected(add(), SOCK_DGRAM);
  test::send_all(second, "b");
  ASSERT_TRUE(test::eventually([&] { return recorder.n_heard == 1; }));
  test::send_all(first, "a");
  ASSERT_TRUE(test::eventually([&] { return recorder.n_heard == 2; }));
  EXPECT_EQ(recorder.heard[0].socket, 1U);
  EXPECT_EQ(recorder.heard[1].socket, 0U);
}

TEST_F(DatagramSocketsTest, EmptyAndTooLongOnesAreSeen) {
  const OwnedFd sender = test::connected(add(), SOCK_DGRAM);
  send(sender.get(), "", 0, 0);
  test::send_all(sender, std::string(100, 'x'));
  test::send_all(sender, std::string(101, 'x'));
  ASSERT_TRUE(test::eventually([&] { return recorder.n_heard == 3; }));
  EXPECT_EQ(recorder.heard[0].text, "");
  EXPECT_FALSE(recorder.heard[1].cut);
  EXPECT_EQ(recorder.heard[2].text.size(), 100U);
  EXPECT_TRUE(recorder.heard[2].cut);
}

TEST_F(DatagramSocketsTest, TheTimeIsWhenTheKernelTookItIn) {
  const OwnedFd sender = test::connected(add(), SOCK_DGRAM);
  std::chrono::steady_clock::time_point sent;
  net.call([&] {  // keeps the thread busy for 20 ms after the datagram came
    test::send_all(sender, "x");
    sent = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() - sent < std::chrono::milliseconds(20)) {
    }
  });
  ASSERT_TRUE(test::eventually([&] { return recorder.n_heard == 1; }));
  EXPECT_LE(recorder.heard[0].received_mono_ns, clock.mono - 20'000'000);
  EXPECT_GT(recorder.heard[0].received_mono_ns, clock.mono - core::kNsPerSecond);
}

TEST_F(DatagramSocketsTest, WhatTheKernelThrewAwayIsCounted) {
  const OwnedFd sender = test::connected(add(1), SOCK_DGRAM);  // the smallest buffer that the kernel gives
  constexpr int kSent = 200;
  net.call([&] {
    for (int i = 0; i < kSent; ++i) test::send_all(sender, std::string(90, 'x'));
  });
  // The count comes with the next datagram that finds room: one at a time, or they would fill the buffer again.
  int n_sent = kSent;
  for (int i = 0; i < kSent && recorder.n_heard + recorder.n_dropped != n_sent; ++i) {
    const auto n_before = recorder.n_heard + recorder.n_dropped;
    test::send_all(sender, "tail");
    ++n_sent;
    ASSERT_TRUE(test::eventually([&] { return recorder.n_heard + recorder.n_dropped > n_before; }));
  }
  EXPECT_GT(recorder.n_dropped, 0);
  EXPECT_EQ(recorder.n_heard + recorder.n_dropped, n_sent);
}

/// Counts what its thread allocates between its first datagram and its latest.
struct AllocationCounter final : DatagramSink {
  void on_datagram(std::size_t, const Datagram&) noexcept override {
    if (!scope) scope.emplace();
    n_allocations = scope->allocations();
    ++n_heard;
  }
  void on_kernel_drops(std::size_t, std::int64_t) noexcept override {}

  std::optional<test::RealtimeScope> scope;
  std::atomic<std::int64_t> n_allocations{0};
  std::atomic<int> n_heard{0};
};

TEST_F(DatagramSocketsTest, ADatagramAllocatesNothing) {
  AllocationCounter counter;
  OwnedFd fd = make_datagram_socket(test::any_port(), "udp", 1 << 20);
  const OwnedFd sender = test::connected(local_address(fd.get()), SOCK_DGRAM);
  net.call([&] {
    sockets.emplace(net, clock, counter, 100);
    sockets->add(std::move(fd));
  });
  for (int i = 1; i <= 100; ++i) {  // one at a time: each is waited for
    test::send_all(sender, "x");
    ASSERT_TRUE(test::eventually([&] { return counter.n_heard == i; }));
  }
  EXPECT_EQ(counter.n_allocations, 0);
  net.call([&] { sockets.reset(); });
}

TEST_F(DatagramSocketsTest, TheSinkMayEndThem) {
  const OwnedFd sender = test::connected(add(), SOCK_DGRAM);
  recorder.on_each = [&] { sockets.reset(); };
  net.call([&] {
    for (int i = 0; i < 10; ++i) test::send_all(sender, "x");
  });
  ASSERT_TRUE(test::eventually([&] { return recorder.n_heard >= 1; }));
  net.call([] {});
  EXPECT_EQ(recorder.n_heard, 1);
}

}  // namespace
}  // namespace melstream::audio
