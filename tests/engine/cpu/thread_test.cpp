// Several threads, several ticks under way, tables made meanwhile: the same bits. Also what ThreadSanitizer looks at.
#include <atomic>
#include <chrono>
#include <thread>

#include <gtest/gtest.h>

#include "tests/engine/ticks.hpp"

namespace melstream::engine::cpu {
namespace {

using test::all_cases;
using test::Case;

/// A tick with its own output.
struct OwnTick {
  std::vector<Lane> lanes;
  std::vector<float> rows, maxima;
  Tick tick() { return {lanes, rows, maxima}; }
};

class Threads : public ::testing::TestWithParam<int> {
 protected:
  Threads() {
    Options options;
    options.n_threads = GetParam();
    instance_ = make_engine(options);
    for (const Case& c : all_cases()) prepared_.push_back(instance_.engine->prepare(c.front_end, c.smoothing));
  }
  /// Rows of all front ends of one made-up stream.
  OwnTick tick_of(const std::vector<float>& audio) const {
    OwnTick tick;
    std::size_t n_values = 0, n_rows = 0;
    for (const auto& prepared : prepared_) {
      tick.lanes.push_back(test::whole_lane(*prepared, audio));
      const auto n = static_cast<std::size_t>(tick.lanes.back().n_rows);
      n_rows += n;
      n_values += n * static_cast<std::size_t>(prepared->front_end().n_bins(prepared->smoothing()));
    }
    tick.rows.resize(n_values);
    tick.maxima.resize(n_rows);
    return tick;
  }

  EngineInstance instance_;
  std::vector<std::shared_ptr<const Prepared>> prepared_;
};
INSTANTIATE_TEST_SUITE_P(Counts, Threads, ::testing::Values(1, 2, 3));

TEST_P(Threads, SixTicksUnderWayEqualOneThread) {
  const EngineInstance single = make_engine(Options{});
  std::vector<std::vector<float>> audio;
  std::vector<OwnTick> ticks;
  std::vector<Ticket> tickets;
  ticks.reserve(6);
  tickets.reserve(6);
  for (std::uint32_t seed = 0; seed < 6; ++seed) audio.push_back(test::made_up_audio(8000 + 500 * seed, seed));
  for (const auto& samples : audio) ticks.push_back(tick_of(samples));
  for (OwnTick& tick : ticks) tickets.push_back(instance_.engine->submit(tick.tick()));
  for (auto ticket = tickets.rbegin(); ticket != tickets.rend(); ++ticket) {  // the newest first
    while (!instance_.engine->poll(*ticket, std::chrono::milliseconds(50))) {
    }
  }
  for (std::size_t i = 0; i < ticks.size(); ++i) {
    OwnTick expected = tick_of(audio[i]);
    std::vector<std::shared_ptr<const Prepared>> held;
    for (Lane& lane : expected.lanes) {
      held.push_back(single.engine->prepare(std::make_shared<const FrontEnd>(lane.prepared->front_end().spec()),
                                            lane.prepared->smoothing()));
      lane.prepared = held.back().get();
    }
    EXPECT_TRUE(single.engine->poll(single.engine->submit(expected.tick()), std::chrono::seconds(0)));
    EXPECT_EQ(ticks[i].rows, expected.rows) << i;
    EXPECT_EQ(ticks[i].maxima, expected.maxima) << i;
  }
}

TEST_P(Threads, TablesAreMadeWhileTicksRun) {
  const std::vector<float> audio = test::made_up_audio(4000, 9);
  OwnTick expected = tick_of(audio);
  while (!instance_.engine->poll(instance_.engine->submit(expected.tick()), std::chrono::seconds(1))) {
  }
  std::atomic<bool> is_done = false;
  std::atomic<int> n_made = 0;
  std::thread maker([&] {
    while (!is_done || n_made == 0) {
      for (const Case& c : all_cases()) {
        if (instance_.engine->prepare(c.front_end, c.smoothing)) ++n_made;
      }
    }
  });
  for (int round = 0; round < 20; ++round) {
    OwnTick tick = tick_of(audio);
    const Ticket ticket = instance_.engine->submit(tick.tick());
    while (!instance_.engine->poll(ticket, std::chrono::milliseconds(1))) {
    }
    EXPECT_EQ(tick.rows, expected.rows);
  }
  is_done = true;
  maker.join();
  EXPECT_GT(n_made, 0);
}

}  // namespace
}  // namespace melstream::engine::cpu
