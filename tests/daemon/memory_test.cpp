// The memory plan as the user reads it, and what the machine grants.
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>

#include <gtest/gtest.h>
#include <stdlib.h>  // mkdtemp

#include "melstream/core/error.hpp"
#include "melstream/core/host_arena.hpp"

#include "daemon/available_memory.hpp"
#include "daemon/plan.hpp"
#include "tests/daemon/config_errors.hpp"

namespace melstream::daemon {
namespace {

constexpr std::int64_t kMiB = std::int64_t{1} << 20;
constexpr std::int64_t kGiB = std::int64_t{1} << 30;
constexpr std::int64_t kUnlimited = std::numeric_limits<std::int64_t>::max();

/// A made-up root of /proc and /sys.
class AvailableMemory : public testing::Test {
 public:
  AvailableMemory() {
    std::string path = testing::TempDir() + "melstream-memory-XXXXXX";
    root_ = mkdtemp(path.data());
  }
  ~AvailableMemory() override { std::filesystem::remove_all(root_); }

 protected:
  void write(const std::string& path, const std::string& text) {
    const std::filesystem::path file = root_ / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  std::filesystem::path root_;
};

TEST_F(AvailableMemory, NothingKnownIsNoLimit) { EXPECT_EQ(available_memory_bytes(root_), kUnlimited); }

TEST_F(AvailableMemory, IsTheKernelsEstimate) {
  write("proc/meminfo", "MemTotal:       100 kB\nMemFree:   5 kB\nMemAvailable:      50 kB\n");
  EXPECT_EQ(available_memory_bytes(root_), 50 * 1024);
}

TEST_F(AvailableMemory, IsWhatTheTightestGroupLeaves) {
  write("proc/meminfo", "MemAvailable: 50000 kB\n");
  write("proc/self/cgroup", "0::/outer/inner\n");
  write("sys/fs/cgroup/outer/inner/memory.max", "max\n");
  write("sys/fs/cgroup/outer/inner/memory.current", "1\n");
  EXPECT_EQ(available_memory_bytes(root_), 50000 * 1024);
  write("sys/fs/cgroup/outer/memory.max", "10000\n");
  write("sys/fs/cgroup/outer/memory.current", "4000\n");
  EXPECT_EQ(available_memory_bytes(root_), 6000);
  write("sys/fs/cgroup/outer/memory.current", "14000\n");
  EXPECT_EQ(available_memory_bytes(root_), 0);
}

TEST_F(AvailableMemory, KnowsVersion1Groups) {
  write("proc/self/cgroup", "3:cpu,cpuacct:/\n2:memory:/box\n");
  write("sys/fs/cgroup/memory/box/memory.limit_in_bytes", "900\n");
  write("sys/fs/cgroup/memory/box/memory.usage_in_bytes", "100\n");
  EXPECT_EQ(available_memory_bytes(root_), 800);
}

TEST_F(AvailableMemory, LockingIsUnlimitedWithTheCapability) {
  write("proc/self/status", "Name:\tx\nCapEff:\t0000000000004000\n");
  EXPECT_EQ(lockable_memory_bytes(root_), kUnlimited);
}

TEST(MemoryPlan, CountsTheRingsOfAllStreams) {
  const Config config = good("[stream]\nmax_streams = 100\nring_ms = 1000\n");
  const Plan plan = make_plan(config, make_catalog(config), kGiB, kUnlimited);
  EXPECT_EQ(plan.memory.ring_bytes_per_stream, 65536);
  EXPECT_GE(plan.memory.arena_bytes, 100 * 65536);
  EXPECT_NE(to_text(plan).find("locked in RAM: all audio memory"), std::string::npos) << to_text(plan);
}

TEST(MemoryPlan, RingIsAPowerOfTwoAndAtLeastABlock) {
  EXPECT_EQ(registry_options(good("[stream]\nring_ms = 200\n")).ring_samples, core::kBlockSamples);
  EXPECT_EQ(registry_options(good("[stream]\nring_ms = 1024\n")).ring_samples, 16384U);
  EXPECT_EQ(registry_options(good("[stream]\nring_ms = 1025\n")).ring_samples, 32768U);
}

TEST(MemoryPlan, AudioHistoryWithinItsBudgetIsLowered) {
  const Config config =
      good("[stream]\nmax_streams = 1000\naudio_history_s = 40\n[memory]\naudio_history_bytes = 67108864\n");
  const Plan plan = make_plan(config, make_catalog(config), 8 * kGiB, kUnlimited);
  EXPECT_LE(plan.memory.audio_history_bytes, 64 * kMiB);
  EXPECT_FALSE(plan.warnings.empty());
  EXPECT_NE(to_text(plan).find("lowered: "), std::string::npos) << to_text(plan);
}

TEST(MemoryPlan, WhatMicrophonesAndFilesMayWantIsNoReasonToWarn) {
  const Config config = good("[stream]\nmax_streams = 100\n");  // rings of 7.3 MiB
  const Plan plan = make_plan(config, make_catalog(config), 8 * kGiB, 8 * kMiB);
  EXPECT_EQ(plan.memory.local_bytes, 64 * kMiB);
  EXPECT_TRUE(plan.warnings.empty()) << to_text(plan);
  EXPECT_NE(to_text(plan).find("locked in RAM: all audio memory, 7.3 MiB, and 0.8 MiB of the 64.0 MiB that microphones "
                               "and files may want besides\n"),
            std::string::npos)
      << to_text(plan);
}

TEST(MemoryPlan, WhatCannotBeLockedIsTold) {
  const Config config = good("[stream]\nmax_streams = 1000\nlocal_audio_history_s = 0\n");
  const Plan plan = make_plan(config, make_catalog(config), 8 * kGiB, 8 * kMiB);
  const std::string text = to_text(plan);
  EXPECT_NE(text.find("locked in RAM: 8.0 MiB of 63.5 MiB of audio memory\n"), std::string::npos) << text;
  EXPECT_NE(text.find("lowered: only 8.0 MiB of 63.5 MiB of audio memory can be locked in RAM"), std::string::npos)
      << text;
  EXPECT_NE(text.find("LimitMEMLOCK="), std::string::npos) << text;
}

TEST(MemoryPlan, ImpossiblePlanIsRefused) {
  const Config config = good("[stream]\nmax_streams = 100000\n[features]\nalways = [\"whisper-80\"]\n");
  EXPECT_THROW(static_cast<void>(make_plan(config, make_catalog(config), kGiB, kUnlimited)), core::Error);
}

}  // namespace
}  // namespace melstream::daemon
