// The set of all sources: ids, ends, and what repeats in the log.
#include "melstream/audio/sources.hpp"

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "melstream/audio/event_limiter.hpp"
#include "melstream/core/error.hpp"

#include "tests/audio/stream_recorder.hpp"
#include "tests/support/manual_clock.hpp"

namespace melstream::audio {
namespace {

/// A source that tells an event as often as its path says, and opens one stream.
class ToySource final : public Source {
 public:
  ToySource(const core::SourceSpec& spec, const SourceUri& uri, const SourceParts& parts) {
    for (int i = 0; i < std::stoi(uri.path); ++i) parts.tell({.name = "toy", .fields = {{"i", std::to_string(i)}}});
    stream_ = parts.open_stream({.id = spec.id});
    tell_ = parts.tell;
  }
  ~ToySource() override { tell_({.name = "toy_gone", .fields = {}}); }
  core::SourceStatus status() const override { return {.state = core::SourceState::kLive, .detail = "toy"}; }
  void end(core::EndReason reason) override {
    EXPECT_EQ(n_ends_++, 0);  // the contract of Source
    stream_->ingest().finish(reason);
  }

 private:
  int n_ends_ = 0;
  std::unique_ptr<core::OpenStream> stream_;
  std::function<void(const SourceEvent&)> tell_;
};

SourceKind toy_kind() {
  return {.scheme = "toy",
          .form = "toy:N",
          .check =
              [](const core::SourceSpec&, const SourceUri& uri) {
                if (uri.path.empty()) throw core::Error(core::ErrorCode::kInvalidArgument, "toy: no N", "uri");
              },
          .make = [](const core::SourceSpec& spec, const SourceUri& uri, const SourceParts& parts)
              -> std::unique_ptr<Source> { return std::make_unique<ToySource>(spec, uri, parts); }};
}

class SourcesTest : public testing::Test {
 protected:
  std::string refusal(const core::SourceSpec& spec) {
    try {
      sources_.open(spec);
    } catch (const core::Error& error) {
      return error.what();
    }
    return "";
  }
  core::EndReason end_of(const std::string& id) { return recorder_.find(id)->taken.front().end_reason; }

  test::ManualClock clock_;
  test::StreamRecorder recorder_{clock_};
  std::vector<std::string> events_;
  Sources sources_{{.kinds = {toy_kind()},
                    .open_stream = recorder_.opener(),
                    .tell =
                        [this](const core::SourceSpec& spec, const SourceEvent& event) {
                          std::string text = spec.id + " " + std::string(event.name);
                          for (const auto& [key, value] : event.fields) text += " " + std::string(key) + "=" + value;
                          events_.push_back(text);
                        },
                    .devices = [] { return std::vector<core::AudioDevice>{{.name = "one"}}; }},
                   clock_};
};

TEST_F(SourcesTest, TellsWhichStreamsASpecWouldOpen) {
  const auto ids = [&](const char* uri) { return sources_.stream_ids({.id = "a", .uri = uri}); };
  using Ids = std::vector<std::string>;
  EXPECT_EQ(ids("mic:default"), Ids{"a"});
  EXPECT_EQ(ids("file:/x.wav?channel=split"), Ids{"a.{channel}"});
  EXPECT_EQ(ids("tcp://127.0.0.1:7000?stream=b-{id}-{id}-{n}"), Ids{"b-a-a-{n}"});
  EXPECT_EQ(ids("rtp://127.0.0.1:7000?demux=ssrc"), Ids{"a-{ssrc}"});
  EXPECT_EQ(ids("rtp://127.0.0.1:7000-7100"), Ids{"a-{port}"});
  EXPECT_EQ(ids("rtp://127.0.0.1:7000-7100?stream=call-{port}"), Ids{"call-{port}"});
}

TEST_F(SourcesTest, OpensListsAndCloses) {
  sources_.open({.id = "a", .uri = "toy:0"});
  sources_.open({.id = "b", .uri = "toy:0"});
  const auto list = sources_.list();
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0].spec.id, "a");
  EXPECT_EQ(list[0].detail, "toy");
  EXPECT_EQ(list[1].spec.uri, "toy:0");
  sources_.close("a");
  EXPECT_EQ(sources_.list().size(), 1U);
  EXPECT_EQ(end_of("a"), core::EndReason::kCompleted);
  EXPECT_EQ(events_, (std::vector<std::string>{"a source_opened uri=toy:0", "b source_opened uri=toy:0", "a toy_gone",
                                               "a source_closed"}));
  sources_.open({.id = "a", .uri = "toy:0"});  // its id is free again
  EXPECT_EQ(sources_.devices().front().name, "one");
}

TEST_F(SourcesTest, RefusesWhatCannotBe) {
  sources_.open({.id = "a", .uri = "toy:0"});
  EXPECT_EQ(refusal({.id = "a", .uri = "toy:0"}), "source 'a' is open; close it first, or choose another id");
  EXPECT_EQ(refusal({.id = "b", .uri = "toi:0"}), "no source type 'toi'; there are: toy:N");
  EXPECT_EQ(refusal({.id = "b", .uri = "toy:"}), "toy: no N");
  EXPECT_EQ(refusal({.id = "b c", .uri = "toy:0"}),
            "the id of a source takes 1 to 64 of the characters A-Z a-z 0-9 . _ -");
  EXPECT_THROW(sources_.close("b"), core::Error);
  recorder_.set_max_streams(1);
  EXPECT_EQ(refusal({.id = "b", .uri = "toy:0"}), "all streams are in use");
  recorder_.set_max_streams(2);
  EXPECT_EQ(refusal({.id = "b", .uri = "toy:0"}), "");  // a failure leaves the id free
}

TEST_F(SourcesTest, EndsAllAndTakesNoMore) {
  sources_.open({.id = "a", .uri = "toy:0"});
  sources_.end_all(core::EndReason::kShutdown);
  EXPECT_EQ(end_of("a"), core::EndReason::kShutdown);
  EXPECT_EQ(refusal({.id = "b", .uri = "toy:0"}), "the daemon is shutting down; try again later");
  EXPECT_THROW(sources_.close("a"), core::Error);  // it was ended already, once
  sources_.end_all(core::EndReason::kShutdown);
}

TEST_F(SourcesTest, RefusesLabelsThatNoStreamCouldHave) {
  EXPECT_NE(refusal({.id = "a", .uri = "toy:0", .labels = {{std::string(300, 'k'), "v"}}}), "");
  EXPECT_TRUE(sources_.list().empty());
}

TEST_F(SourcesTest, TellsAFaultThatRepeatsOnlySoOften) {
  sources_.open({.id = "a", .uri = "toy:7"});
  EXPECT_EQ(events_.size(), 6U);               // five, and that it is open
  sources_.open({.id = "b", .uri = "toy:1"});  // another source has its own count
  EXPECT_EQ(events_[6], "b toy i=0");
}

TEST(EventLimiter, CountsWhatItLeftOut) {
  test::ManualClock clock;
  EventLimiter limiter(clock);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(limiter.admit("a").pass);
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(limiter.admit("a").pass);
  EXPECT_TRUE(limiter.admit("b").pass);
  clock.advance_ms(1000);
  const auto verdict = limiter.admit("a");
  EXPECT_TRUE(verdict.pass);
  EXPECT_EQ(verdict.n_suppressed, 3);
  EXPECT_EQ(limiter.admit("a").n_suppressed, 0);
}

}  // namespace
}  // namespace melstream::audio
