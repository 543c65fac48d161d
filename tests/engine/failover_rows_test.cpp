// Failing over between real engines: rows, memory and threads.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "melstream/engine/cpu/cpu_engine.hpp"
#include "melstream/engine/failover_engine.hpp"
#include "melstream/engine/losing_engine.hpp"

#include "tests/engine/ticks.hpp"
#include "tests/support/realtime_scope.hpp"

namespace melstream::test {
namespace {

using engine::FailoverEngine;

constexpr std::uint64_t kNever = ~std::uint64_t{0};

engine::EngineInstance cpu(const std::string& simd = "auto", int n_threads = 1) {
  return engine::cpu::make_engine({.simd = simd, .n_threads = n_threads, .limits = {}});
}

/// Its primary is a CPU engine that is lost after n_ticks.
std::unique_ptr<FailoverEngine> losing_after(std::uint64_t n_ticks, int n_threads = 1) {
  engine::EngineInstance primary = cpu("scalar", n_threads);
  primary.engine = std::make_unique<engine::LosingEngine>(std::move(primary.engine), n_ticks);
  return std::make_unique<FailoverEngine>(std::move(primary), cpu("auto", n_threads), engine::Limits{},
                                          FailoverEngine::OnLoss());
}

TEST(FailoverRows, AfterTheLossAreThoseOfTheStandbyToTheBit) {
  const std::vector<float> audio = made_up_audio(8000, 3);
  for (const int n_threads : {1, 3}) {
    const auto engine = losing_after(2, n_threads);
    const engine::EngineInstance alone = cpu();
    const engine::EngineInstance scalar = cpu("scalar");
    int tick = 0;
    for (const Case& c : all_cases()) {
      const auto prepared = engine->prepare(c.front_end, c.smoothing);
      const auto expected = (tick < 2 ? scalar : alone).engine->prepare(c.front_end, c.smoothing);
      const auto& reference = tick < 2 ? scalar : alone;
      EXPECT_EQ(run_tick(*engine, {whole_lane(*prepared, audio)}),
                run_tick(*reference.engine, {whole_lane(*expected, audio)}))
          << c.name << " in tick " << tick;
      ++tick;
    }
    EXPECT_EQ(engine->loss(), "lost on purpose after 2 ticks");
    EXPECT_EQ(engine->info().target, alone.info.target);
  }
}

TEST(FailoverRows, TicksUnderWayAreComputedAgain) {
  const std::vector<float> audio = made_up_audio(16000, 4);
  const auto engine = losing_after(1, 2);
  const engine::FrontEndCatalog catalog;
  const auto prepared = engine->prepare(catalog.find("whisper-80"), engine::Smoothing::kNone);
  struct Work {
    engine::Lane lane;
    std::vector<float> rows = std::vector<float>(std::size_t{10} * 80);
    std::vector<float> maxima = std::vector<float>(10);
    engine::Ticket ticket = 0;
  };
  std::vector<Work> works(4);
  std::int64_t first_row = 0;
  for (Work& work : works) {
    work.lane = lane_of(*prepared, audio, first_row, 10);
    first_row += 10;
    work.ticket = engine->submit({.lanes = {&work.lane, 1}, .rows = work.rows, .maxima = work.maxima});
  }
  for (const Work& work : works) {
    while (!engine->poll(work.ticket, std::chrono::milliseconds(100))) {
    }
  }
  const engine::EngineInstance alone = cpu();
  const auto expected = alone.engine->prepare(catalog.find("whisper-80"), engine::Smoothing::kNone);
  for (std::size_t i = 1; i < works.size(); ++i) {
    const auto rows = run_tick(*alone.engine, {lane_of(*expected, audio, works[i].lane.first_row, 10)});
    EXPECT_EQ(works[i].rows, rows[0].rows) << i;
    EXPECT_EQ(works[i].maxima, rows[0].maxima) << i;
  }
}

TEST(FailoverRows, TicksAllocateNothingBeforeAndAfterTheLoss) {
  const std::vector<float> audio = made_up_audio(16000, 5);
  for (const std::uint64_t n_ticks : {kNever, std::uint64_t{0}}) {
    const auto engine = losing_after(n_ticks);
    const engine::FrontEndCatalog catalog;
    const auto prepared = engine->prepare(catalog.find("whisper-80"), engine::Smoothing::kNone);
    std::vector<engine::Lane> lanes;
    for (std::int64_t row = 0; row < 50; ++row) lanes.push_back(lane_of(*prepared, audio, row, 1));
    std::vector<float> rows(lanes.size() * 80), maxima(lanes.size());
    static_cast<void>(run_tick(*engine, lanes));  // the loss itself may allocate
    const RealtimeScope scope;
    for (int i = 0; i < 10; ++i) {
      const engine::Ticket ticket = engine->submit({.lanes = lanes, .rows = rows, .maxima = maxima});
      while (!engine->poll(ticket, std::chrono::milliseconds(100))) {
      }
    }
    const std::int64_t n_allocations = scope.allocations();
    EXPECT_EQ(n_allocations, 0) << n_ticks;
    EXPECT_EQ(engine->loss().has_value(), n_ticks == 0);
  }
}

/// For ThreadSanitizer: front ends come and go, and others ask how it stands, while the loss happens.
TEST(FailoverRows, PreparingWhileThePrimaryIsLost) {
  const std::vector<float> audio = made_up_audio(4000, 6);
  const auto engine = losing_after(20);
  const engine::FrontEndCatalog catalog;
  const auto prepared = engine->prepare(catalog.find("whisper-80"), engine::Smoothing::kNone);
  std::atomic<bool> is_over{false};
  std::thread control([&] {
    while (!is_over) {
      for (const char* name : {"kaldi-80", "nemo-80"}) {
        const auto other = engine->prepare(catalog.find(name), engine::Smoothing::kNone);
        EXPECT_EQ(other->front_end().name(), name);
      }
      if (engine->loss()) {
        EXPECT_EQ(engine->info().target, engine::cpu::targets().front());
      }
    }
  });
  for (int i = 0; i < 60; ++i) static_cast<void>(run_tick(*engine, {whole_lane(*prepared, audio)}));
  is_over = true;
  control.join();
  EXPECT_TRUE(engine->loss().has_value());
}

}  // namespace
}  // namespace melstream::test
