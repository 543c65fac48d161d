#include "melstream/pipeline/memory_plan.hpp"

#include <algorithm>

#include "melstream/core/error.hpp"

#include "gtest/gtest.h"

namespace melstream::pipeline {
namespace {

constexpr std::int64_t kPlenty = std::int64_t{1} << 40;

TEST(MemoryPlan, CountsRingsHistoriesAndFeatures) {
  const engine::FrontEndCatalog catalog;
  const MemoryPlan plan =
      plan_memory({.max_streams = 100, .local_audio_history_s = 0, .always = {"whisper-80"}}, catalog, kPlenty);
  EXPECT_EQ(plan.ring_bytes_per_stream, 65536);
  EXPECT_EQ(plan.audio_history_bytes, 0);
  EXPECT_GE(plan.feature_bytes_per_stream, 3000 * 80 * 4);  // 30 s of 80 bins
  EXPECT_LE(plan.feature_bytes_per_stream, 3000 * 80 * 4 * 11 / 10);
  EXPECT_EQ(plan.total_bytes, 116 * 65536 + 200 * plan.feature_bytes_per_stream);
  EXPECT_TRUE(plan.lowered.empty());
}

TEST(MemoryPlan, SaysWhatTheBudgetLowers) {
  const engine::FrontEndCatalog catalog;
  const RegistryOptions options{.max_streams = 100, .audio_history_s = 40.0, .audio_history_bytes = 1 << 20};
  const MemoryPlan plan = plan_memory(options, catalog, kPlenty);
  EXPECT_EQ(plan.audio_history_bytes, 1 << 20);
  ASSERT_EQ(plan.lowered.size(), 1U);
  const auto lines = describe(plan, options);
  EXPECT_TRUE(
      std::any_of(lines.begin(), lines.end(), [](const std::string& line) { return line.starts_with("lowered: "); }));
}

TEST(MemoryPlan, LocalStreamsShareTheBudgetAndAreToldApart) {
  const engine::FrontEndCatalog catalog;
  RegistryOptions options{.max_streams = 100, .local_audio_history_s = 40.0, .audio_history_bytes = 64 << 20};
  MemoryPlan plan = plan_memory(options, catalog, kPlenty);
  EXPECT_EQ(plan.audio_history_wanted, 0);  // of network streams
  EXPECT_EQ(plan.audio_history_bytes, 64 << 20);
  EXPECT_EQ(plan.local_bytes, 64 << 20);
  EXPECT_EQ(plan.arena_bytes, 116 * 65536 + (64 << 20));
  EXPECT_TRUE(plan.lowered.empty());
  const auto says = [&](const std::string& text) {
    const auto lines = describe(plan, options);
    return std::any_of(lines.begin(), lines.end(),
                       [&](const std::string& line) { return line.find(text) != std::string::npos; });
  };
  EXPECT_TRUE(says("each microphone or file: 40 s (2.56 MiB), each stream from the network: none"));

  options.max_streams = 2;  // less than the budget would hold
  plan = plan_memory(options, catalog, kPlenty);
  EXPECT_EQ(plan.audio_history_bytes, 2 * 41 * 65536);

  options.audio_history_s = 10.0;  // of which network streams want their part in any case
  plan = plan_memory(options, catalog, kPlenty);
  EXPECT_EQ(plan.audio_history_bytes, 2 * 41 * 65536);
  EXPECT_EQ(plan.local_bytes, 2 * 30 * 65536);

  options.local_audio_history_s = options.audio_history_s = 0.0;
  plan = plan_memory(options, catalog, kPlenty);
  EXPECT_EQ(plan.audio_history_bytes, 0);
  EXPECT_TRUE(says("audio history: none"));
}

TEST(MemoryPlan, RefusesMoreThanTheMachineHas) {
  const engine::FrontEndCatalog catalog;
  EXPECT_THROW(plan_memory({.max_streams = 1000}, catalog, 1 << 20), core::Error);
}

TEST(MemoryPlan, RefusesARingThatIsTooShortForARow) {
  const engine::FrontEndCatalog catalog;
  EXPECT_THROW(plan_memory({.ring_samples = 1024}, catalog, kPlenty), core::Error);
}

}  // namespace
}  // namespace melstream::pipeline
