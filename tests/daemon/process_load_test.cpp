// What the daemon tells of its own processor time and memory.
#include "daemon/process_load.hpp"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include <pthread.h>

#include <gtest/gtest.h>

namespace melstream::daemon {
namespace {

const rpc::ProcessLoad::Threads* find(const rpc::ProcessLoad& load, const std::string& name) {
  const auto found =
      std::find_if(load.threads.begin(), load.threads.end(), [&](const auto& t) { return t.name == name; });
  return found == load.threads.end() ? nullptr : &*found;
}

TEST(ProcessLoad, NamesTheThreadThatComputes) {
  ProcessMeter meter;
  std::atomic<bool> stop{false};
  // A name with what ends it in the file.
  const auto spin = [&stop] {
    pthread_setname_np(pthread_self(), "a) spinner");
    while (!stop) {
    }
  };
  std::thread spinner(spin);
  rpc::ProcessLoad load;
  const rpc::ProcessLoad::Threads* found = nullptr;
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while ((found == nullptr || found->cpu_s < 0.05) && std::chrono::steady_clock::now() < give_up) {
    load = meter.load();
    found = find(load, "a) spinner");
  }
  stop = true;
  spinner.join();
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->n, 1);
  EXPECT_GE(found->cpu_s, 0.05);
  EXPECT_GE(load.cpu_s, 0.04);  // of the same moment, but not rounded to 10 ms
}

TEST(ProcessLoad, TellsMemoryAndProcessors) {
  ProcessMeter before;
  const rpc::ProcessLoad first = before.load();
  EXPECT_GE(first.n_processors, 1);
  EXPECT_GT(first.resident_bytes, 1'000'000);
  // The kernel counts the peak in steps of its own, so it may lag by some pages.
  EXPECT_GT(first.resident_bytes_peak, 1'000'000);
  std::vector<char> more(64 << 20, 'x');
  ProcessMeter after;
  EXPECT_GE(after.load().resident_bytes, first.resident_bytes + (48 << 20));
  EXPECT_EQ(more.back(), 'x');
}

}  // namespace
}  // namespace melstream::daemon
