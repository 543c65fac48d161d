// Memory runs short: what nobody reads is forgotten first, then newcomers are refused, then histories of the newest
// streams are made shorter. Whoever reads hears of every frame that is gone.
#include "tests/pipeline/pipeline_fixture.hpp"

namespace melstream::test {
namespace {

using pipeline::OverloadState;

/// Bytes of one history of whisper-80.
std::int64_t history_bytes(double seconds) {
  return pipeline::FeatureHistory::bytes_for(80, static_cast<std::int64_t>(seconds * 100));
}

class OverloadMemoryTest : public PipelineTest {
 protected:
  static constexpr double kHistoryS = 10.0;

  /// Room for that many histories of whisper-80 before the first state. The arena is counted too.
  void build_for(double n_histories, double history_s = kHistoryS) {
    build({.max_streams = 64, .history_s = history_s});
    { const auto ring = open("first"); }  // maps the rings' slab
    const auto mapped = static_cast<double>(arena_.usage().mapped_bytes);
    limit_ = static_cast<std::int64_t>((mapped + n_histories * static_cast<double>(history_bytes(history_s))) / 0.8);
    build({.max_streams = 64, .history_s = history_s, .memory_limit_bytes = limit_});
  }
  void look(std::int64_t ms = 1000) {
    clock_.advance_ms(ms);
    registry_->collect();
  }
  OverloadState state() { return registry_->overload().look().state(); }
  std::int64_t share_percent() { return 100 * registry_->overload().look().memory_bytes / limit_; }

  std::int64_t limit_ = 0;
};

TEST_F(OverloadMemoryTest, FrontEndsThatNobodyReadsGoFirstAndAReaderWhoComesBackHearsOfTheGap) {
  build_for(8.5);
  auto stream = open("s");
  begin(*stream);
  std::vector<std::unique_ptr<pipeline::Subscription>> readers;
  Received before;
  {
    auto left = subscribe("s", "whisper-80");
    for (const char* name : {"kaldi-80", "wenet-80", "funasr-80", "nemo-80", "librosa-80"}) {
      readers.push_back(subscribe("s", name));
    }
    publish(*stream, noise(16000, 1));
    drain(*left, before);
    EXPECT_EQ(state(), OverloadState::kNormal);
  }
  look();
  EXPECT_EQ(stream->histories().size(), 6U);  // it stays for its 10 s as long as there is room
  while (state() == OverloadState::kNormal) {
    const std::string id = "t" + std::to_string(readers.size());
    open(id);
    readers.push_back(subscribe(id, "whisper-80"));
  }
  look(0);
  EXPECT_EQ(stream->histories().size(), 5U);
  EXPECT_EQ(registry_->counters().front_ends_forgotten.load(), 1);

  readers.pop_back();  // makes room
  registry_->collect();
  pipeline::SubscriptionOptions resume{.start = {.kind = pipeline::StartAt::Kind::kResume,
                                                 .epoch = stream->epoch(),
                                                 .cursor = {.frame = 50, .segment_ordinal = 0}}};
  look(2000);
  auto back = subscribe("s", "whisper-80", resume);
  publish(*stream, noise(16000, 2));
  end(*stream);
  Received after;
  drain(*back, after);
  after.expect_tiled();
  ASSERT_FALSE(after.holes.empty());
  EXPECT_EQ(after.holes[0].hole.reason, core::GapReason::kHistoryEvicted);
  EXPECT_EQ(after.holes[0].hole.first_frame, 50);
}

TEST_F(OverloadMemoryTest, EndedStreamsThatNobodyReadsAreForgottenOldestFirst) {
  build_for(5.5);
  for (const char* id : {"a", "b", "c", "d"}) {
    auto stream = open(id);
    begin(*stream);
    auto reader = subscribe(id, "whisper-80");
    publish(*stream, noise(3200, 1));
    end(*stream);
  }
  auto reads_a = subscribe("a", "whisper-80", {.start = {.kind = pipeline::StartAt::Kind::kFrame}});
  look();
  EXPECT_EQ(registry_->all().size(), 4U);
  open("e");
  auto reader = subscribe("e", "whisper-80");
  open("f");
  auto another = subscribe("f", "whisper-80");
  ASSERT_EQ(state(), OverloadState::kShedHistory);
  look(0);
  EXPECT_NE(registry_->find("a"), nullptr);  // somebody reads it
  EXPECT_EQ(registry_->find("b"), nullptr);
  EXPECT_NE(registry_->find("d"), nullptr);
  EXPECT_GE(registry_->counters().streams_forgotten.load(), 1);
  EXPECT_LE(share_percent(), 75);
}

TEST_F(OverloadMemoryTest, NewcomersAreRefusedByNameAndTheLimitHolds) {
  build_for(4);
  auto stream = open("s");
  begin(*stream);
  std::vector<std::unique_ptr<pipeline::Subscription>> readers;
  std::string said;
  for (int i = 0; i < 30 && said.empty(); ++i) {
    try {
      const std::string id = "t" + std::to_string(i);
      open(id);
      readers.push_back(subscribe(id, "whisper-80"));
    } catch (const core::Error& error) {
      EXPECT_EQ(error.code(), core::ErrorCode::kResourceExhausted);
      said = error.what();
    }
    EXPECT_LE(registry_->overload().look().memory_bytes, limit_);
  }
  EXPECT_NE(said.find("memory.limit_bytes"), std::string::npos) << said;
  EXPECT_NE(said.find("overload state 2"), std::string::npos) << said;
  EXPECT_THROW(open("another"), core::Error);
  EXPECT_THROW(registry_->open({{.id = "taken-over-by-nobody"}}, true), core::Error);
  EXPECT_THROW(subscribe("t0", "whisper-80"), core::Error);  // computed already, and refused all the same
  EXPECT_EQ(registry_->counters().overload_state.load(), 2);

  // Those who are in go on.
  Received received;
  publish(*stream, noise(1600, 1));
  drain(*readers[0], received);

  readers.clear();
  look(1000);
  tick();  // the tick lets go of them as well
  look(1000);
  look(1100);
  EXPECT_NO_THROW(open("another"));
}

TEST_F(OverloadMemoryTest, AHistoryThatDoesNotFitIsRefusedBeforeTheState) {
  build_for(0.1, 60.0);
  open("s");
  ASSERT_EQ(state(), OverloadState::kNormal);
  EXPECT_THROW(subscribe("s", "whisper-80"), core::Error);
  EXPECT_EQ(registry_->counters().front_ends_refused.load(), 1);
  EXPECT_EQ(state(), OverloadState::kNormal);
}

TEST_F(OverloadMemoryTest, WhatIsQueuedCountsAndTheNewestHistoriesAreMadeShorter) {
  build_for(8);
  std::vector<std::unique_ptr<pipeline::Subscription>> readers;
  for (const char* id : {"old", "b", "c", "d", "e", "new"}) {
    auto stream = open(id);
    begin(*stream);
    readers.push_back(subscribe(id, "whisper-80", {.start = {.kind = pipeline::StartAt::Kind::kFrame}}));
    publish(*stream, noise(16000 * 9, 1), 1600);
  }
  ASSERT_EQ(state(), OverloadState::kNormal);
  const std::int64_t full = registry_->find("new")->histories()[0]->bytes();
  registry_->overload().set_queued_bytes(limit_ * 99 / 100 - registry_->overload().look().memory_bytes);
  EXPECT_EQ(state(), OverloadState::kDrop);
  look(0);
  EXPECT_LT(registry_->find("new")->histories()[0]->bytes(), full);
  EXPECT_EQ(registry_->find("old")->histories()[0]->bytes(), full);
  EXPECT_GT(registry_->counters().rows_forgotten.load(), 0);

  // The reader of the newest has lost rows, and is told; the rest is exact.
  auto newest = registry_->find("new");
  publish(*newest, noise(1600, 3));
  end(*newest);
  Received received;
  drain(*readers.back(), received);
  received.expect_tiled();
  ASSERT_EQ(received.holes.size(), 1U);
  EXPECT_EQ(received.holes[0].hole.reason, core::GapReason::kHistoryEvicted);
  EXPECT_EQ(received.holes[0].hole.first_frame, 0);
  Received whole;
  end(*registry_->find("old"));
  drain(*readers[0], whole);
  whole.expect_tiled();
  EXPECT_TRUE(whole.holes.empty());
}

TEST_F(OverloadMemoryTest, AShorterHistoryHoldsTheRowsOfTheLongOne) {
  build({.history_s = kHistoryS});
  auto stream = open("s");
  begin(*stream);
  auto reader = subscribe("s", "whisper-80", {.start = {.kind = pipeline::StartAt::Kind::kFrame}});
  const std::vector<float> samples = noise(16000 * 14, 4);
  publish(*stream, std::span(samples).first(16000 * 13), 1600);  // wraps
  EXPECT_EQ(stream->histories()[0]->shrink(333), 1000 - 333);
  EXPECT_EQ(stream->histories()[0]->shrink(400), 0);  // only shorter
  publish(*stream, std::span(samples).subspan(16000 * 13), 1600);
  end(*stream);
  Received received;
  drain(*reader, received);
  received.expect_tiled();
  ASSERT_EQ(received.frames.size(), 333U);
  const std::vector<float> reference = offline("whisper-80", samples);
  const auto from = static_cast<std::ptrdiff_t>(received.frames.front() * 80);
  EXPECT_TRUE(std::equal(received.values.begin(), received.values.end(), reference.begin() + from));
}

TEST_F(OverloadMemoryTest, AHistoryThatABlockingReaderCountsOnStaysLong) {
  build({.history_s = kHistoryS});
  auto stream = open("s", pipeline::Pacing::kFast);
  auto reader =
      subscribe("s", "whisper-80",
                {.start = {.kind = pipeline::StartAt::Kind::kFrame}, .slow_policy = pipeline::SlowPolicy::kBlock});
  const std::int64_t full = stream->histories()[0]->bytes();
  EXPECT_EQ(stream->histories()[0]->shrink(100), 0);
  EXPECT_EQ(stream->histories()[0]->bytes(), full);
}

}  // namespace
}  // namespace melstream::test
