// Files as sources: paced by a clock that the test turns, or as fast as they are read.
#include "melstream/audio/file/file_source.hpp"

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "melstream/audio/net_loop.hpp"
#include "melstream/core/error.hpp"

#include "tests/audio/stream_recorder.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/manual_clock.hpp"

namespace melstream::audio {
namespace {

using test::eventually;

const std::string kFile = "file:" + std::string(MELSTREAM_GOLDEN_DIR) + "/audio/short561.wav";
const std::string kSpeech = "file:" + std::string(MELSTREAM_GOLDEN_DIR) + "/audio/jfk.wav";

class FileSourceTest : public testing::Test {
 protected:
  std::unique_ptr<Source> make(const std::string& uri) {
    const core::SourceSpec spec{.id = "f", .uri = uri, .labels = {{"room", "3"}}};
    const SourceParts parts{.open_stream = recorder_.opener(),
                            .clock = clock_,
                            .tell =
                                [this](const SourceEvent& event) {
                                  const std::lock_guard lock(mutex_);
                                  events_.emplace_back(event.name);
                                },
                            .net = net_};
    return file_kind().make(spec, parse_source_uri(uri), parts);
  }
  std::size_t n_samples() {
    test::RecordedStream* const stream = recorder_.find("f");
    return stream == nullptr ? 0 : stream->taken.front().all_samples().size();
  }
  bool ends() {
    return eventually([this] { return recorder_.find("f")->ended(); });
  }

  test::ManualClock clock_;
  test::StreamRecorder recorder_{clock_};
  NetLoop net_;
  std::mutex mutex_;
  std::vector<std::string> events_;
};

TEST_F(FileSourceTest, PlaysAtTheClocksPace) {
  const auto source = make(kSpeech);
  EXPECT_EQ(n_samples(), 0U);
  clock_.advance_ms(100);
  EXPECT_TRUE(eventually([this] { return n_samples() == 1600; }));
  clock_.advance_ms(39);  // the next chunk of 20 ms is whole then, the one after it is not
  EXPECT_TRUE(eventually([this] { return n_samples() == 1600 + 320; }));
  EXPECT_EQ(source->status().state, core::SourceState::kLive);
  EXPECT_EQ(source->status().streams, std::vector<std::string>{"f"});
  EXPECT_EQ(recorder_.find("f")->request.labels.at("room"), "3");
  EXPECT_TRUE(recorder_.find("f")->request.local);
}

TEST_F(FileSourceTest, ReadsFastWithoutLossAndEnds) {
  const auto source = make(kSpeech + "?pacing=fast");
  ASSERT_TRUE(ends());  // 11 s through a ring of one second, drained as the test looks
  EXPECT_EQ(n_samples(), 176000U);
  EXPECT_EQ(recorder_.find("f")->taken.front().segments.size(), 1U);
  EXPECT_EQ(recorder_.find("f")->taken.front().end_reason, core::EndReason::kCompleted);
  EXPECT_TRUE(eventually([&] { return source->status().state == core::SourceState::kEnded; }));
  EXPECT_NE(source->status().detail.find("read to its end: 176000 samples"), std::string::npos);
  EXPECT_GT(recorder_.find("f")->n_pokes.load(), 0);
}

TEST_F(FileSourceTest, GoesOnInALoop) {
  const auto source = make(kFile + "?pacing=fast&loop=true");
  ASSERT_TRUE(eventually([this] { return n_samples() > 3 * 561; }));
  source->end(core::EndReason::kCompleted);
  ASSERT_TRUE(ends());
  const auto samples = recorder_.find("f")->taken.front().all_samples();
  for (std::size_t i = 561; i < samples.size(); ++i) ASSERT_EQ(samples[i], samples[i - 561]);
}

TEST_F(FileSourceTest, WaitsForItsFirstReaderOnDemand) {
  const auto source = make(kFile + "?pacing=fast&capture=on-demand");
  EXPECT_EQ(source->status().state, core::SourceState::kIdle);
  EXPECT_FALSE(recorder_.find("f")->ended());
  EXPECT_EQ(n_samples(), 0U);
  recorder_.find("f")->n_readers = 1;
  ASSERT_TRUE(ends());
  EXPECT_EQ(n_samples(), 561U);
}

TEST_F(FileSourceTest, EndsAsItIsTold) {
  const auto source = make(kSpeech);
  source->end(core::EndReason::kShutdown);
  ASSERT_TRUE(ends());
  EXPECT_EQ(recorder_.find("f")->taken.front().end_reason, core::EndReason::kShutdown);
}

TEST_F(FileSourceTest, EndsWhenItsIdIsTakenOver) {
  const auto source = make(kSpeech);
  recorder_.find("f")->request.on_takeover();
  ASSERT_TRUE(ends());
  EXPECT_EQ(recorder_.find("f")->taken.front().end_reason, core::EndReason::kTakenOver);
}

TEST_F(FileSourceTest, TakingOverOneThatIsGoneDoesNothing) {
  make(kSpeech).reset();
  recorder_.find("f")->request.on_takeover();  // its stream may outlive it
  EXPECT_EQ(recorder_.find("f")->taken.front().end_reason, core::EndReason::kSourceLost);
}

TEST_F(FileSourceTest, TakesAChannelOrAllOfThem) {
  const std::string stereo = "file:" + std::string(MELSTREAM_GOLDEN_DIR) + "/audio/espeak_44k1_stereo.wav?pacing=fast";
  const auto live = make(stereo.substr(0, stereo.find('?')) + "?channel=split");
  EXPECT_EQ(live->status().streams, (std::vector<std::string>{"f.0", "f.1"}));
  live->end(core::EndReason::kCompleted);
  const auto source = make(stereo + "&channel=split");
  ASSERT_TRUE(ends());
  EXPECT_EQ(recorder_.find("f")->taken.size(), 2U);
  EXPECT_EQ(recorder_.find("f")->taken[0].all_samples().size(), recorder_.find("f")->taken[1].all_samples().size());
}

TEST_F(FileSourceTest, RefusesWhatMeansNothing) {
  for (const std::string& uri : {std::string("file:"), std::string("file://host:1/x.wav"), kFile + "?speed=2",
                                 kFile + "?pacing=slow", std::string("file:/nowhere.wav"), kFile + "?channel=1"}) {
    EXPECT_THROW(make(uri), core::Error) << uri;
  }
  EXPECT_TRUE(recorder_.all().empty());
}

}  // namespace
}  // namespace melstream::audio
