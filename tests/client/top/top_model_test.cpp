// What `melstream top` knows from one look to the next.
#include "client/top/top_model.hpp"

#include <gtest/gtest.h>

#include "client/exit_codes.hpp"
#include "tests/client/top/looks.hpp"

namespace melstream::client {
namespace {

std::vector<std::string> ids(const std::vector<const TopStream*>& streams) {
  std::vector<std::string> names;
  names.reserve(streams.size());
  for (const TopStream* stream : streams) names.push_back(stream->id);
  return names;
}

using Names = std::vector<std::string>;

TEST(TopModel, RatesComeFromTwoLooks) {
  TopModel model;
  TopLook first = make_look(10);
  add_stream(first, "a").set_gap_samples(1600);
  model.update(first);
  EXPECT_FALSE(model.rates());
  EXPECT_FALSE(model.streams(TopOrder::kName, false, 0, 1)[0]->gap_per_s);
  TopLook second = make_look(12);
  add_stream(second, "a").set_gap_samples(1600 + 16'000);
  v1::ServerLoad& load = *second.info.mutable_load();
  load.set_tick_busy_ns(500'000'000);
  load.set_cpu_seconds(3);
  load.set_frames_delivered(2000);
  second.info.set_frames_computed(4000);
  second.info.set_ticks(200);
  model.update(second);
  ASSERT_TRUE(model.rates());
  EXPECT_DOUBLE_EQ(model.rates()->tick_share, 0.25);
  EXPECT_DOUBLE_EQ(model.rates()->cpu_share, 0.75);  // 3 s in 2 s of 2 processors
  EXPECT_DOUBLE_EQ(model.rates()->frames_per_s, 2000);
  EXPECT_DOUBLE_EQ(model.rates()->frames_per_tick, 20);
  EXPECT_DOUBLE_EQ(model.rates()->delivered_per_s, 1000);
  const TopStream& stream = *model.streams(TopOrder::kName, false, 0, 1)[0];
  EXPECT_DOUBLE_EQ(stream.gap_s, 1.1);
  ASSERT_TRUE(stream.gap_per_s);
  EXPECT_DOUBLE_EQ(*stream.gap_per_s, 0.5);
}

TEST(TopModel, AnotherLifeOfAStreamHasNoRateYet) {
  TopModel model;
  TopLook first = make_look(1);
  add_stream(first, "a", 1).set_gap_samples(16'000);
  model.update(first);
  TopLook second = make_look(2);
  add_stream(second, "a", 2);
  model.update(second);
  EXPECT_FALSE(model.streams(TopOrder::kName, false, 0, 1)[0]->gap_per_s);
}

TEST(TopModel, ADaemonThatWasStartedAnewHasNoRatesYet) {
  TopModel model;
  model.update(make_look(50));
  TopLook restarted = make_look(51);
  restarted.info.set_start_time_ns(4711);
  model.update(restarted);
  EXPECT_FALSE(model.rates());
}

TEST(TopModel, ShowsTheWorstFirstAndOnlyWhatIsAskedFor) {
  TopModel model;
  TopLook look = make_look(1);
  add_stream(look, "quiet").set_rms_dbfs(-60);
  add_stream(look, "loud").set_rms_dbfs(-10);
  add_stream(look, "middle").set_rms_dbfs(-30);
  add_stream(look, "ended").set_state(v1::STREAM_STATE_ENDED);
  model.update(look);
  EXPECT_EQ(ids(model.streams(TopOrder::kLevel, false, 0, 10)), (Names{"loud", "middle", "quiet", "ended"}));
  EXPECT_EQ(ids(model.streams(TopOrder::kLevel, true, 0, 10)), (Names{"quiet", "middle", "loud", "ended"}));
  EXPECT_EQ(ids(model.streams(TopOrder::kName, false, 0, 2)), (Names{"loud", "middle"}));
  EXPECT_EQ(ids(model.streams(TopOrder::kName, true, 0, 2)), (Names{"quiet", "middle"}));
  EXPECT_EQ(ids(model.streams(TopOrder::kName, false, 1, 2)), (Names{"middle", "quiet"}));
  EXPECT_TRUE(model.streams(TopOrder::kName, false, 10, 2).empty());
}

TEST(TopModel, AStreamHasTheLagOfItsSlowestReader) {
  TopModel model;
  TopLook look = make_look(1);
  add_stream(look, "a");
  add_stream(look, "b").set_behind_ns(250'000'000);
  add_subscription(look, "a", 3);
  add_subscription(look, "a", 70);
  add_subscription(look, "all", 500);
  model.update(look);
  const auto streams = model.streams(TopOrder::kLag, false, 0, 2);
  EXPECT_EQ(ids(streams), (Names{"a", "b"}));
  EXPECT_EQ(streams[0]->lag_frames, 70);
  EXPECT_EQ(streams[1]->lag_frames, 0);
  EXPECT_EQ(streams[1]->behind_ms, 250);
  EXPECT_FALSE(streams[0]->behind_ms);
  EXPECT_EQ(ids(model.streams(TopOrder::kBehind, false, 0, 1)), Names{"b"});
  // Readers: who is behind most comes first.
  ASSERT_EQ(model.subscriptions().size(), 3U);
  EXPECT_EQ(model.subscriptions()[0].info.lag_frames(), 500);
}

TEST(TopModel, ReadersHaveRatesToo) {
  TopModel model;
  TopLook first = make_look(1);
  add_subscription(first, "a", 0).set_delivered_frames(100);
  model.update(first);
  TopLook second = make_look(3);
  v1::SubscriptionInfo& info = add_subscription(second, "a", 0);
  info.set_delivered_frames(300);
  info.set_gap_frames(10);
  model.update(second);
  EXPECT_EQ(model.subscriptions()[0].frames_per_s, 100);
  EXPECT_EQ(model.subscriptions()[0].gaps_per_s, 5);
}

TEST(TopOrder, HasNames) {
  EXPECT_EQ(parse_top_order("gap-rate"), TopOrder::kGapRate);
  EXPECT_STREQ(top_order_name(TopOrder::kBehind), "behind");
  EXPECT_THROW(parse_top_order("size"), ClientError);
}

}  // namespace
}  // namespace melstream::client
