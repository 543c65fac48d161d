// What a page gets, over a real pipeline turned by hand: the rows of the engine, gaps, ends, and no more than it takes.
#include "daemon/page/feature_channel.hpp"

#include <cstring>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/pipeline/pipeline_fixture.hpp"

namespace melstream::page {
namespace {

struct Got {
  std::vector<Record> records;
  std::vector<float> values;
  std::vector<std::string> texts;
};

std::int64_t i64(const char* at) {
  std::int64_t value = 0;
  std::memcpy(&value, at, sizeof value);
  return value;
}

void take_records(const std::string& bytes, Got& got) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    ASSERT_LE(at + kRecordBytes, bytes.size());
    const char* const header = bytes.data() + at;
    Record record{.kind = static_cast<RecordKind>(header[0]),
                  .slot = static_cast<std::uint8_t>(header[1]),
                  .reason = static_cast<std::uint8_t>(header[2]),
                  .flags = static_cast<std::uint8_t>(header[3])};
    std::memcpy(&record.generation, header + 4, 2);
    std::memcpy(&record.n_values, header + 6, 2);
    std::memcpy(&record.n_rows, header + 8, 4);
    record.first_frame = i64(header + 16);
    record.first_sample = i64(header + 24);
    record.extra = i64(header + 32);
    at += kRecordBytes;
    std::vector<float> rows(std::size_t{record.n_rows} * record.n_values);
    ASSERT_LE(at + rows.size() * sizeof(float), bytes.size());
    if (!rows.empty()) std::memcpy(rows.data(), bytes.data() + at, rows.size() * sizeof(float));
    at += rows.size() * sizeof(float);
    got.values.insert(got.values.end(), rows.begin(), rows.end());
    got.records.push_back(record);
  }
}

std::string wish_for(const std::string& stream, const std::string& rest = R"("seconds_back":10)") {
  return R"({"subscribe":{"slot":0,"generation":5,"stream":")" + stream +
         R"(","front_end":"whisper-80","smoothing":"none",)" + rest + "}}";
}

class FeatureChannelTest : public test::PipelineTest {
 protected:
  /// All that there is now.
  Got take(FeatureChannel& channel) {
    Got got;
    PageMessage message;
    while (channel.next(message, clock_.mono_ns())) {
      if (message.is_text) {
        got.texts.push_back(message.bytes);
      } else {
        take_records(message.bytes, got);
      }
    }
    return got;
  }
  void send(FeatureChannel& channel, const std::string& text) { channel.on_text(text, clock_.mono_ns()); }

  StreamList list_{*registry_};
  FeatureChannel::All all_;
};

TEST_F(FeatureChannelTest, HelloComesFirstThenTheList) {
  FeatureChannel channel(*registry_, list_, "hello", all_, "page:1");
  const Got got = take(channel);
  ASSERT_EQ(got.texts.size(), 2U);
  EXPECT_EQ(got.texts[0], "hello");
  EXPECT_EQ(got.texts[1], R"({"streams":[],"total":0})");
  EXPECT_TRUE(take(channel).texts.empty());
}

TEST_F(FeatureChannelTest, RowsAreTheEnginesBitForBit) {
  FeatureChannel channel(*registry_, list_, "hello", all_, "page:1");
  const auto stream = open("desk");
  begin(*stream);
  send(channel, wish_for("desk"));
  take(channel);
  const std::vector<float> samples = test::noise(16000, 1);
  publish(*stream, samples);
  end(*stream);
  clock_.advance_ms(20);
  const Got got = take(channel);
  EXPECT_EQ(got.values, offline("whisper-80", samples));
  ASSERT_GE(got.records.size(), 3U);
  EXPECT_EQ(got.records.front().kind, RecordKind::kStarted);
  EXPECT_EQ(static_cast<std::uint64_t>(got.records.front().extra), stream->epoch());
  EXPECT_EQ(got.records.back().kind, RecordKind::kEnded);
  EXPECT_EQ(got.records.back().first_frame, 100);
  std::int64_t next = 0;
  for (const Record& record : got.records) {
    EXPECT_EQ(record.generation, 5);
    if (record.kind != RecordKind::kRows) continue;
    EXPECT_EQ(record.first_frame, next);
    EXPECT_EQ(record.first_sample, 160 * next);
    EXPECT_EQ(record.n_values, 80);
    next += record.n_rows;
  }
}

TEST_F(FeatureChannelTest, LossesAreGapsOfTheirLength) {
  FeatureChannel channel(*registry_, list_, "hello", all_, "page:1");
  const auto stream = open("desk");
  begin(*stream);
  send(channel, wish_for("desk"));
  publish(*stream, test::noise(1600, 1));
  begin(*stream, 3200, core::GapReason::kLate);
  publish(*stream, test::noise(1600, 2));
  end(*stream);
  clock_.advance_ms(20);
  const Got got = take(channel);
  std::vector<Record> gaps;
  for (const Record& record : got.records) {
    if (record.kind == RecordKind::kGap) gaps.push_back(record);
  }
  ASSERT_EQ(gaps.size(), 1U);
  EXPECT_EQ(gaps[0].first_frame, 10);
  EXPECT_EQ(gaps[0].extra, 10);
  EXPECT_EQ(gaps[0].first_sample, 3200);
  EXPECT_EQ(gaps[0].reason, static_cast<std::uint8_t>(core::GapReason::kLate));
  EXPECT_EQ(gaps[0].flags, 0);
}

TEST_F(FeatureChannelTest, APageThatTakesNothingGetsAGapOfItsOwn) {
  build({.history_s = 1.0});
  StreamList list(*registry_);
  FeatureChannel channel(*registry_, list, "hello", all_, "page:1");
  const auto stream = open("desk");
  begin(*stream);
  send(channel, wish_for("desk"));
  publish(*stream, test::noise(1600, 1));
  take(channel);
  publish(*stream, test::noise(64000, 2));
  const Got got = take(channel);
  ASSERT_FALSE(got.records.empty());
  const Record& gap = got.records.front();
  EXPECT_EQ(gap.kind, RecordKind::kGap);
  EXPECT_EQ(gap.reason, static_cast<std::uint8_t>(core::GapReason::kSubscriberSlow));
  EXPECT_EQ(gap.flags, static_cast<std::uint8_t>(RecordFlag::kNotLost));
  ASSERT_GE(got.records.size(), 2U);
  EXPECT_EQ(got.records[1].first_frame, gap.first_frame + gap.extra);
}

TEST_F(FeatureChannelTest, GoesOnWhereThePageWas) {
  const auto stream = open("desk");
  begin(*stream);
  FeatureChannel first(*registry_, list_, "hello", all_, "page:1");
  send(first, wish_for("desk"));
  publish(*stream, test::noise(8000, 1));
  take(first);
  FeatureChannel second(*registry_, list_, "hello", all_, "page:1");
  send(second,
       wish_for("desk", R"("seconds_back":10,"epoch":")" + std::to_string(stream->epoch()) + R"(","frame":20)"));
  clock_.advance_ms(20);
  Got got = take(second);
  ASSERT_GE(got.records.size(), 2U);
  EXPECT_EQ(got.records[0].first_frame, 20);
  EXPECT_EQ(got.records[1].first_frame, 20);
  // Of a life that is gone it goes back to what there is now, and says which.
  send(second, wish_for("desk", R"("seconds_back":10,"epoch":"1","frame":999)"));
  got = take(second);
  ASSERT_GE(got.records.size(), 1U);
  EXPECT_EQ(static_cast<std::uint64_t>(got.records[0].extra), stream->epoch());
  EXPECT_EQ(got.records[0].first_frame, 0);
}

TEST_F(FeatureChannelTest, WhatCannotBeIsSaid) {
  FeatureChannel channel(*registry_, list_, "hello", all_, "page:1");
  take(channel);
  std::string wrong = wish_for("desk");
  wrong.replace(wrong.find("whisper-80"), 10, "whisper-81");
  send(channel, wrong);
  const Got got = take(channel);
  ASSERT_EQ(got.texts.size(), 1U);
  EXPECT_THAT(got.texts[0], testing::HasSubstr(R"("refused":{"generation":5,"message":)"));
  EXPECT_THAT(got.texts[0], testing::HasSubstr("whisper-80"));  // the nearest name
  EXPECT_THROW(channel.on_binary({}, 0), core::Error);
}

TEST_F(FeatureChannelTest, QuestionsWithoutEndAreCutOff) {
  FeatureChannel channel(*registry_, list_, "hello", all_, "page:1");
  const auto ask = [&] {
    for (int i = 0; i < 100; ++i) send(channel, wish_for("no/such id"));
  };
  EXPECT_THROW(ask(), core::Error);
}

TEST_F(FeatureChannelTest, WaitsForAStreamToComeAndLetsGoOfOne) {
  FeatureChannel channel(*registry_, list_, "hello", all_, "page:1");
  send(channel, wish_for("later"));
  EXPECT_TRUE(take(channel).records.empty());
  const auto stream = open("later");
  begin(*stream);
  tick();
  take(channel);
  EXPECT_EQ(stream->n_readers(), 1);
  send(channel, R"({"unsubscribe":{"slot":0}})");
  EXPECT_EQ(stream->n_readers(), 0);
}

TEST_F(FeatureChannelTest, WhoReadsCanBeAsked) {
  const auto stream = open("desk");
  begin(*stream);
  {
    FeatureChannel channel(*registry_, list_, "hello", all_, "page:1");
    send(channel, wish_for("desk"));
    publish(*stream, test::noise(8000, 1));
    clock_.advance_ms(20);
    take(channel);
    publish(*stream, test::noise(1600, 1));
    std::vector<PageReader> readers;
    for (const FeatureChannel* one : all_) one->append_readers(readers);
    ASSERT_EQ(readers.size(), 1U);
    EXPECT_EQ(readers[0].peer, "page:1");
    EXPECT_EQ(readers[0].stream, "desk");
    EXPECT_EQ(readers[0].front_end, "whisper-80");
    EXPECT_EQ(readers[0].delivered_frames, 49);
    EXPECT_EQ(readers[0].lag_frames, 10);
  }
  EXPECT_TRUE(all_.empty());
}

TEST_F(FeatureChannelTest, TheListHasLevelLagAndLosses) {
  const auto stream = open("desk");
  begin(*stream, 1600);
  publish(*stream, std::vector<float>(3200, 0.1F));
  const std::string text = list_.text(clock_.mono_ns());
  EXPECT_THAT(text, testing::HasSubstr(R"("rms_db":-20.0)"));
  EXPECT_THAT(text, testing::HasSubstr(R"("gap_seconds":0.1)"));
  EXPECT_THAT(text, testing::HasSubstr("\"epoch\":\"" + std::to_string(stream->epoch()) + "\""));
  const std::uint64_t version = list_.version();
  end(*stream);
  list_.text(clock_.mono_ns());
  EXPECT_EQ(list_.version(), version) << "four times a second at most";
  clock_.advance_ms(250);
  EXPECT_THAT(list_.text(clock_.mono_ns()), testing::HasSubstr(R"("ended":true)"));
}

TEST(Hello, FrontEndsHaveTheirAxes) {
  const std::string text = hello_text(engine::FrontEndCatalog{}, "1.2.3", true);
  EXPECT_THAT(text, testing::HasSubstr(R"("version":"1.2.3")"));
  EXPECT_THAT(text, testing::HasSubstr(R"("name":"whisper-80")"));
  EXPECT_THAT(text, testing::HasSubstr("\"net_loss\""));
  EXPECT_THAT(text, testing::HasSubstr(R"("axis_hz":[],"hop_samples":960)"));  // paraformer-560: no spectrum
}

}  // namespace
}  // namespace melstream::page
