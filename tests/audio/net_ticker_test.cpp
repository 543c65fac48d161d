// The regular call on the thread of sockets.
#include "melstream/audio/net_ticker.hpp"

#include <atomic>
#include <optional>

#include <gtest/gtest.h>

#include "melstream/audio/net_loop.hpp"

#include "tests/support/eventually.hpp"

namespace melstream::audio {
namespace {

TEST(NetTicker, CallsUntilItIsDestroyed) {
  NetLoop net;
  std::atomic<int> n_calls{0};
  std::optional<NetTicker> ticker;
  net.call([&] { ticker.emplace(net, std::chrono::milliseconds(1), [&] { ++n_calls; }); });
  EXPECT_TRUE(test::eventually([&] { return n_calls >= 3; }));
  net.call([&] { ticker.reset(); });
  const int n_then = n_calls;
  std::atomic<int> n_others{0};
  std::optional<NetTicker> other;
  net.call([&] { other.emplace(net, std::chrono::milliseconds(1), [&] { ++n_others; }); });
  EXPECT_TRUE(test::eventually([&] { return n_others >= 3; }));
  net.call([&] { other.reset(); });
  EXPECT_EQ(n_calls, n_then);
}

TEST(NetTicker, MayBeDestroyedByItsOwnCall) {
  NetLoop net;
  std::optional<NetTicker> ticker;
  std::atomic<int> n_calls{0};
  net.call([&] {
    ticker.emplace(net, std::chrono::milliseconds(1), [&] {
      ++n_calls;
      ticker.reset();
    });
  });
  EXPECT_TRUE(test::eventually([&] { return n_calls == 1; }));
  net.call([&] { EXPECT_FALSE(ticker.has_value()); });
}

}  // namespace
}  // namespace melstream::audio
