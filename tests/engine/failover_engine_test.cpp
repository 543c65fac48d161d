// Losing the primary in every way, with scripted engines: which engine computed which tick, and what is kept.
#include "melstream/engine/failover_engine.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "melstream/core/error.hpp"

#include "tests/engine/scripted_engine.hpp"

namespace melstream::test {
namespace {

using engine::Ticket;
using std::chrono::milliseconds;

constexpr float kPrimary = 1.0F;
constexpr float kStandby = 2.0F;

/// One lane of one row, and its memory.
struct SmallTick {
  explicit SmallTick(const engine::Prepared& prepared) : rows(80, 0.0F) {
    lane.prepared = &prepared;
    lane.n_rows = 1;
  }
  engine::Tick tick() { return {.lanes = {&lane, 1}, .rows = rows, .maxima = maxima}; }
  /// The value that all of it has; -1 if it differs.
  float value() const {
    return std::all_of(rows.begin(), rows.end(), [&](float row) { return row == maxima[0]; }) ? maxima[0] : -1.0F;
  }

  engine::Lane lane;
  std::vector<float> rows;
  std::array<float, 1> maxima{};
};

class FailoverEngineTest : public testing::Test {
 protected:
  FailoverEngineTest() {
    primary_.value = kPrimary;
    standby_.value = kStandby;
  }

  std::shared_ptr<const engine::Prepared> prepare(const char* front_end = "whisper-80") {
    return engine_->prepare(catalog_.find(front_end), engine::Smoothing::kNone);
  }
  /// Polls to the end; the number of polls is bounded, so that a lost tick fails rather than hangs.
  void finish(Ticket ticket) {
    for (int i = 0; i < 20; ++i) {
      if (engine_->poll(ticket, milliseconds(1))) return;
    }
    FAIL() << "ticket " << ticket << " is never done";
  }
  float run(const engine::Prepared& prepared) {
    SmallTick tick(prepared);
    finish(engine_->submit(tick.tick()));
    return tick.value();
  }
  void expect_lost(const std::string& reason) const {
    EXPECT_EQ(engine_->loss(), reason);
    EXPECT_EQ(engine_->info().backend, "standby");
    EXPECT_EQ(told_, std::vector<std::string>{reason});
  }

  Script primary_;
  Script standby_;
  std::vector<std::string> told_;
  engine::FrontEndCatalog catalog_;
  std::unique_ptr<engine::FailoverEngine> engine_ = std::make_unique<engine::FailoverEngine>(
      make_scripted_engine(primary_, {"primary", "p", 1}), make_scripted_engine(standby_, {"standby", "s", 2}),
      engine::Limits{}, [this](const std::string& reason) { told_.push_back(reason); });
};

TEST_F(FailoverEngineTest, WorkingPrimaryDoesEverything) {
  const auto prepared = prepare();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(run(*prepared), kPrimary);
  EXPECT_EQ(engine_->info().backend, "primary");
  EXPECT_EQ(engine_->loss(), std::nullopt);
  EXPECT_EQ(standby_.n_submits, 0);
  EXPECT_TRUE(told_.empty());
}

TEST_F(FailoverEngineTest, LossAtSubmitComputesThatTickOnTheStandby) {
  const auto prepared = prepare();
  primary_.on_submit = [](int n_before) {
    if (n_before == 1) throw core::EngineError("unspecified launch failure");
  };
  EXPECT_EQ(run(*prepared), kPrimary);
  EXPECT_EQ(run(*prepared), kStandby);
  expect_lost("unspecified launch failure");
  EXPECT_EQ(run(*prepared), kStandby);
  EXPECT_EQ(primary_.n_submits, 2);
  EXPECT_EQ(primary_.n_polls, 1);
}

TEST_F(FailoverEngineTest, LossAtPollComputesThatTickOnTheStandby) {
  const auto prepared = prepare();
  primary_.polls_until_done = 3;
  primary_.on_poll = [](int n_before) {
    if (n_before == 4) throw core::EngineError("a tick took more than 250 ms");
  };
  EXPECT_EQ(run(*prepared), kPrimary);
  EXPECT_EQ(run(*prepared), kStandby);
  expect_lost("a tick took more than 250 ms");
  EXPECT_EQ(run(*prepared), kStandby);
  EXPECT_EQ(primary_.n_polls, 5);
}

TEST_F(FailoverEngineTest, AnythingThrownIsALoss) {
  const auto prepared = prepare();
  primary_.on_submit = [](int) { throw 1; };
  EXPECT_EQ(run(*prepared), kStandby);
  expect_lost("unknown exception");
}

TEST_F(FailoverEngineTest, AllTicksUnderWayAreComputedAgainInOrder) {
  const auto prepared = prepare();
  std::vector<SmallTick> ticks(3, SmallTick(*prepared));
  std::vector<Ticket> tickets;
  for (SmallTick& tick : ticks) tickets.push_back(engine_->submit(tick.tick()));
  primary_.on_poll = [](int) { throw core::EngineError("gone"); };
  finish(tickets[1]);
  expect_lost("gone");
  EXPECT_EQ(ticks[1].value(), kStandby);
  EXPECT_EQ(standby_.ticks,
            (std::vector<const float*>{ticks[0].rows.data(), ticks[1].rows.data(), ticks[2].rows.data()}));
  finish(tickets[0]);
  finish(tickets[2]);
  EXPECT_EQ(ticks[0].value(), kStandby);
  EXPECT_EQ(ticks[2].value(), kStandby);
  EXPECT_EQ(primary_.n_polls, 1);
}

TEST_F(FailoverEngineTest, LossAtSubmitTakesEarlierTicksAlong) {
  const auto prepared = prepare();
  SmallTick first(*prepared);
  SmallTick second(*prepared);
  const Ticket first_ticket = engine_->submit(first.tick());
  primary_.on_submit = [](int) { throw core::EngineError("gone"); };
  const Ticket second_ticket = engine_->submit(second.tick());
  finish(first_ticket);
  finish(second_ticket);
  EXPECT_EQ(first.value(), kStandby);
  EXPECT_EQ(second.value(), kStandby);
  EXPECT_EQ(standby_.ticks, (std::vector<const float*>{first.rows.data(), second.rows.data()}));
}

TEST_F(FailoverEngineTest, TickThatWasDoneIsNotComputedAgain) {
  const auto prepared = prepare();
  SmallTick done(*prepared);
  SmallTick lost(*prepared);
  const Ticket done_ticket = engine_->submit(done.tick());
  const Ticket lost_ticket = engine_->submit(lost.tick());
  finish(done_ticket);
  primary_.on_poll = [](int) { throw core::EngineError("gone"); };
  finish(lost_ticket);
  finish(done_ticket);
  EXPECT_EQ(done.value(), kPrimary);
  EXPECT_EQ(lost.value(), kStandby);
  EXPECT_EQ(standby_.ticks, std::vector<const float*>{lost.rows.data()});
}

TEST_F(FailoverEngineTest, MoreTicksThanCanBeUnderWayFinishTheOldest) {
  const auto prepared = prepare();
  std::vector<SmallTick> ticks(9, SmallTick(*prepared));
  std::vector<Ticket> tickets;
  for (SmallTick& tick : ticks) {
    if (&tick == &ticks[7]) primary_.on_submit = [](int) { throw core::EngineError("gone"); };
    tickets.push_back(engine_->submit(tick.tick()));
  }
  for (const Ticket ticket : tickets) finish(ticket);
  for (std::size_t i = 0; i < ticks.size(); ++i) EXPECT_EQ(ticks[i].value(), i < 4 ? kPrimary : kStandby) << i;
  EXPECT_EQ(standby_.ticks.size(), 5U);
}

TEST_F(FailoverEngineTest, RefusedFrontEndIsTheCallersMistake) {
  primary_.on_prepare = [] { throw core::Error(core::ErrorCode::kInvalidArgument, "too large", "front_end"); };
  EXPECT_THROW(prepare(), core::Error);
  EXPECT_EQ(engine_->loss(), std::nullopt);
  primary_.on_prepare = nullptr;
  EXPECT_EQ(run(*prepare()), kPrimary);
}

TEST_F(FailoverEngineTest, FailedPrepareIsALossAndGivesTablesAllTheSame) {
  const auto before = prepare();
  primary_.on_prepare = [] { throw core::EngineError("out of memory"); };
  const auto after = prepare("kaldi-80");
  expect_lost("out of memory");
  EXPECT_EQ(run(*after), kStandby);
  EXPECT_EQ(run(*before), kStandby);
  EXPECT_EQ(primary_.n_submits, 0);
  const auto later = prepare("nemo-80");
  EXPECT_EQ(run(*later), kStandby);
  EXPECT_EQ(told_.size(), 1U);
}

TEST_F(FailoverEngineTest, ThePrimaryStillGivesWhatItHadUnderWayWhenPrepareLostIt) {
  const auto prepared = prepare();
  SmallTick good(*prepared);
  SmallTick bad(*prepared);
  SmallTick late(*prepared);
  const Ticket good_ticket = engine_->submit(good.tick());
  const Ticket bad_ticket = engine_->submit(bad.tick());
  primary_.on_prepare = [] { throw std::runtime_error("out of memory"); };
  const auto other = prepare("kaldi-80");
  const Ticket late_ticket = engine_->submit(late.tick());
  finish(good_ticket);
  primary_.on_poll = [](int) { throw core::EngineError("and gone"); };
  finish(bad_ticket);
  finish(late_ticket);
  EXPECT_EQ(good.value(), kPrimary);
  EXPECT_EQ(bad.value(), kStandby);
  EXPECT_EQ(late.value(), kStandby);
  EXPECT_EQ(standby_.ticks, (std::vector<const float*>{late.rows.data(), bad.rows.data()}));
  expect_lost("out of memory");
}

TEST_F(FailoverEngineTest, MemoryIsRegisteredWithBoth) {
  std::array<std::byte, 2> memory{};
  engine_->register_host({memory.data(), 1});
  EXPECT_EQ(primary_.slabs, std::vector<std::byte*>{memory.data()});
  EXPECT_EQ(standby_.slabs, std::vector<std::byte*>{memory.data()});
  primary_.on_register = [] { throw core::EngineError("cannot pin"); };
  engine_->register_host({memory.data() + 1, 1});
  expect_lost("cannot pin");
  primary_.on_register = nullptr;
  engine_->register_host({memory.data(), 1});
  EXPECT_EQ(primary_.slabs.size(), 1U) << "a lost engine is asked for nothing";
  EXPECT_EQ(standby_.slabs.size(), 3U);
}

TEST_F(FailoverEngineTest, TablesOfAWorkingPrimaryAreFreed) {
  auto prepared = prepare();
  EXPECT_EQ(primary_.n_prepared, 1);
  EXPECT_EQ(standby_.n_prepared, 1);
  prepared.reset();
  EXPECT_EQ(primary_.n_prepared, 0);
  EXPECT_EQ(standby_.n_prepared, 0);
}

TEST_F(FailoverEngineTest, WorkingPrimaryIsDestroyed) {
  engine_.reset();
  EXPECT_TRUE(primary_.is_destroyed);
  EXPECT_TRUE(standby_.is_destroyed);
}

TEST(FailoverEngineEnd, LostPrimaryAndItsTablesAreNeverDestroyed) {
  Script primary;
  Script standby;
  const engine::FrontEndCatalog catalog;
  auto engine = std::make_unique<engine::FailoverEngine>(make_scripted_engine(primary, {"primary", "p", 1}),
                                                         make_scripted_engine(standby, {"standby", "s", 1}),
                                                         engine::Limits{}, engine::FailoverEngine::OnLoss());
  auto dropped = engine->prepare(catalog.find("whisper-80"), engine::Smoothing::kNone);
  auto outliving = engine->prepare(catalog.find("kaldi-80"), engine::Smoothing::kNone);
  primary.on_submit = [](int) { throw core::EngineError("gone"); };
  SmallTick tick(*dropped);
  EXPECT_TRUE(engine->poll(engine->submit(tick.tick()), milliseconds(1)));
  dropped.reset();
  engine.reset();
  outliving.reset();
  EXPECT_FALSE(primary.is_destroyed);
  EXPECT_EQ(primary.n_prepared, 2);
  EXPECT_TRUE(standby.is_destroyed);
  EXPECT_EQ(standby.n_prepared, 0);
}

}  // namespace
}  // namespace melstream::test
