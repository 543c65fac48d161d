#include "client/interrupt.hpp"

#include <csignal>
#include <future>

#include <poll.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace melstream::client {
namespace {

TEST(Interrupt, ASignalRunsTheActionOnceAndMakesTheDescriptorReadable) {
  Interrupt interrupt;
  EXPECT_FALSE(interrupt.requested());
  std::promise<void> ran;
  const InterruptAction action(&interrupt, [&] { ran.set_value(); });
  kill(getpid(), SIGINT);
  ran.get_future().get();
  EXPECT_TRUE(interrupt.requested());
  pollfd entry{interrupt.fd(), POLLIN, 0};
  EXPECT_EQ(poll(&entry, 1, 10'000), 1);
}

TEST(Interrupt, AnActionThatComesLateRunsAtOnce) {
  Interrupt interrupt;
  kill(getpid(), SIGTERM);
  pollfd entry{interrupt.fd(), POLLIN, 0};
  ASSERT_EQ(poll(&entry, 1, 10'000), 1);
  bool ran = false;
  const InterruptAction action(&interrupt, [&] { ran = true; });
  EXPECT_TRUE(ran);
}

/// Dies of the second signal; the poll after it is for a process that does not.
void interrupt_twice() {
  const Interrupt interrupt;
  kill(getpid(), SIGINT);
  pollfd entry{interrupt.fd(), POLLIN, 0};
  poll(&entry, 1, 10'000);
  kill(getpid(), SIGINT);
  poll(nullptr, 0, 10'000);
}

TEST(Interrupt, ASecondSignalEndsTheProcess) { EXPECT_EXIT(interrupt_twice(), testing::KilledBySignal(SIGINT), ""); }

}  // namespace
}  // namespace melstream::client
