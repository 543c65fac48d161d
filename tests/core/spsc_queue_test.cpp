// The queue of small values: bounds, order, and two threads.
#include "melstream/core/spsc_queue.hpp"

#include <thread>

#include <gtest/gtest.h>

namespace melstream::core {
namespace {

TEST(SpscQueue, KeepsOrderOverManyWraps) {
  SpscQueue<int, 4> queue;
  int pushed = 0;
  int popped = 0;
  for (int round = 0; round < 50; ++round) {
    while (queue.push(pushed)) ++pushed;
    for (int i = 0; i < 3; ++i) {
      ASSERT_NE(queue.front(), nullptr);
      ASSERT_EQ(*queue.front(), popped++);
      queue.pop();
    }
  }
  EXPECT_EQ(pushed - popped, 1);
}

TEST(SpscQueue, RefusesWhenFullAndLosesNothing) {
  SpscQueue<int, 2> queue;
  EXPECT_EQ(queue.room(), 2u);
  EXPECT_TRUE(queue.push(1));
  EXPECT_TRUE(queue.push(2));
  EXPECT_EQ(queue.room(), 0u);
  EXPECT_FALSE(queue.push(3));
  EXPECT_EQ(*queue.front(), 1);
  queue.pop();
  EXPECT_EQ(*queue.front(), 2);
  queue.pop();
  EXPECT_EQ(queue.front(), nullptr);
}

TEST(SpscQueue, CarriesEveryValueBetweenTwoThreads) {
  constexpr int kValues = 100'000;
  SpscQueue<int, 64> queue;
  std::jthread producer([&queue] {
    for (int i = 0; i < kValues; ++i) {
      while (!queue.push(i)) std::this_thread::yield();
    }
  });
  int wrong = 0;
  for (int i = 0; i < kValues; ++i) {
    while (queue.front() == nullptr) std::this_thread::yield();
    wrong += *queue.front() != i ? 1 : 0;
    queue.pop();
  }
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace melstream::core
