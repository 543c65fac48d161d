// What the facts of a load test mean.
#include "client/load/verdict.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "client/load/load_report.hpp"

namespace melstream::client {
namespace {

/// 100 streams, everything delivered, the daemon at ease.
LoadFacts good_facts() {
  LoadFacts facts;
  facts.n_streams = facts.n_started = facts.n_completed = facts.n_ended = 100;
  facts.readers = "one";
  facts.chunk_samples = 320;
  facts.front_end = "kaldi-80";
  facts.measured_s = 10;
  facts.chunks_sent = 50'000;
  facts.frames_expected = 99'700;
  facts.frames_delivered = 99'900;
  for (int i = 0; i < 1000; ++i) facts.latency.add(i < 985 ? 20'000'000 : 80'000'000);
  for (int i = 0; i < 1000; ++i) facts.lateness.add(200'000);
  DaemonUse& daemon = facts.daemon;
  daemon.known = daemon.is_local = true;
  daemon.backend = "cpu";
  daemon.wall_s = 10;
  daemon.cpu_s = 4;
  daemon.processors = 4;
  daemon.tick_share = 0.2;
  daemon.thread_shares = {{"ms-tick", 0.2}, {"ms-subscribe", 0.1}};
  facts.generator.busiest_share = 0.3;
  facts.generator.machine_share = 0.5;
  return facts;
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(Verdict, SustainedWhenAllCameWithoutAGap) {
  const Verdict verdict = judge(good_facts(), 0);
  EXPECT_TRUE(verdict.sustained);
  EXPECT_TRUE(verdict.reasons.empty());
  EXPECT_EQ(verdict.busiest, "the tick");
  // 20 % of the period for 100 streams: 80 % for 400.
  EXPECT_EQ(verdict.room_for, 400);
  EXPECT_TRUE(contains(verdict.limit, "nothing yet"));
  EXPECT_TRUE(contains(verdict.limit, "the tick takes 20 % of its period"));
}

TEST(Verdict, AnythingMissingIsNotSustained) {
  const auto expect_refused = [](void (*spoil)(LoadFacts&), const std::string& why) {
    LoadFacts facts = good_facts();
    spoil(facts);
    const Verdict verdict = judge(facts, 0);
    EXPECT_FALSE(verdict.sustained) << why;
    EXPECT_TRUE(std::any_of(verdict.reasons.begin(), verdict.reasons.end(), [&](const std::string& reason) {
      return contains(reason, why);
    })) << why;
  };
  expect_refused([](LoadFacts& facts) { facts.frames_gapped = facts.losses = 1; }, "1 frames are missing, in 1 gaps");
  expect_refused([](LoadFacts& facts) { facts.losses = 2; }, "2 discontinuities");
  expect_refused([](LoadFacts& facts) { facts.frames_delivered = 99'699; }, "1 frames fewer than expected");
  expect_refused([](LoadFacts& facts) { facts.dropped_samples = 5; }, "5 samples were lost");
  expect_refused([](LoadFacts& facts) { facts.chunks_lost = 3; }, "3 chunks could not be sent");
  expect_refused([](LoadFacts& facts) { facts.n_completed = 98; }, "2 streams were not carried to their end");
  expect_refused([](LoadFacts& facts) { facts.n_ended = 99; }, "1 streams were not read to their end");
  expect_refused([](LoadFacts& facts) { facts.holes = 1; }, "did not follow");
  expect_refused([](LoadFacts& facts) { facts.failures["publishing: no"] = 4; }, "4 streams failed: publishing: no");
}

TEST(Verdict, WithoutReadersOnlyTheWayInCounts) {
  LoadFacts facts = good_facts();
  facts.readers = "none";
  facts.frames_delivered = facts.frames_expected = 0;
  facts.n_ended = 0;
  EXPECT_TRUE(judge(facts, 0).sustained);
  facts.dropped_samples = 1;
  EXPECT_FALSE(judge(facts, 0).sustained);
}

TEST(Verdict, LatencyCountsOnlyIfABoundWasGiven) {
  const LoadFacts facts = good_facts();
  EXPECT_NEAR(facts.latency.quantile_ms(0.5), 20, 0.3);
  EXPECT_NEAR(facts.latency.quantile_ms(0.99), 80, 1);
  EXPECT_TRUE(judge(facts, 100).sustained);
  const Verdict verdict = judge(facts, 50);
  EXPECT_FALSE(verdict.sustained);
  ASSERT_EQ(verdict.reasons.size(), 1U);
  EXPECT_TRUE(contains(verdict.reasons.front(), "p99 latency"));
}

TEST(Verdict, NamesTheFullTickAndTheRemedy) {
  LoadFacts facts = good_facts();
  facts.daemon.tick_share = 0.93;
  facts.gapped_by["ENGINE_OVERLOAD"] = facts.frames_gapped = 100;
  EXPECT_EQ(judge(facts, 0).limit, "the tick takes 93 % of its period: add engine.threads (now 1) or a GPU");
  facts.daemon.backend = "cuda";
  EXPECT_TRUE(contains(judge(facts, 0).limit, "a second daemon"));
}

TEST(Verdict, NamesTheFullThread) {
  LoadFacts facts = good_facts();
  facts.daemon.thread_shares["ms-subscribe"] = 0.97;
  EXPECT_TRUE(
      contains(judge(facts, 0).limit, "thread ms-subscribe needs 97 % of a processor: let readers follow many"));
}

TEST(Verdict, SaysWhenTheGeneratorWasTheLimit) {
  LoadFacts facts = good_facts();
  facts.generator.busiest_share = 0.96;
  EXPECT_TRUE(contains(judge(facts, 0).limit, "the load generator, not the daemon"));
  EXPECT_TRUE(contains(judge(facts, 0).limit, "96 %"));
  LoadFacts late = good_facts();
  for (int i = 0; i < 100; ++i) late.lateness.add(30'000'000);
  EXPECT_TRUE(contains(judge(late, 0).limit, "were late by"));
}

TEST(Verdict, SaysWhenTheDaemonStoodStill) {
  LoadFacts facts = good_facts();
  facts.dropped_samples = facts.dropped_by["CAPTURE_OVERFLOW"] = 16'000;
  EXPECT_TRUE(contains(judge(facts, 0).limit, "stream.ring_ms"));
  facts.daemon.unanswered = 2;
  EXPECT_TRUE(contains(judge(facts, 0).limit, "did not answer 2 time(s)"));
}

TEST(Verdict, SaysWhenTheMachineIsBusyWithOtherThings) {
  LoadFacts facts = good_facts();
  facts.generator.machine_share = 0.99;
  EXPECT_TRUE(contains(judge(facts, 0).limit, "this machine is 99 % busy"));
}

TEST(Verdict, AnOldDaemonTellsNothingOfItsLoad) {
  LoadFacts facts = good_facts();
  facts.daemon.known = false;
  const Verdict verdict = judge(facts, 0);
  EXPECT_TRUE(verdict.sustained);
  EXPECT_EQ(verdict.room_for, 0);
  EXPECT_TRUE(contains(verdict.limit, "not known"));
}

TEST(LoadReport, BeginsWithTheVerdictAndNamesReasons) {
  LoadFacts facts = good_facts();
  facts.dropped_samples = facts.dropped_by["CAPTURE_OVERFLOW"] = 321;
  const std::string text = report_text(facts, judge(facts, 0), "PCMU 8000 Hz");
  EXPECT_EQ(text.rfind("verdict        NOT SUSTAINED: 100 streams for 10.0 s\n", 0), 0U) << text;
  // A part of a chunk is a chunk.
  EXPECT_TRUE(contains(text, "50000 sent, 2 lost (CAPTURE_OVERFLOW 321)")) << text;
  EXPECT_TRUE(contains(text, "p50 20.")) << text;
}

}  // namespace
}  // namespace melstream::client
