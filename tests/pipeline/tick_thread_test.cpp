// The thread that runs the tick, on the real clock. Nothing here depends on how fast it is.
#include "melstream/pipeline/tick_thread.hpp"

#include <condition_variable>
#include <mutex>

#include "tests/pipeline/pipeline_fixture.hpp"

namespace melstream::test {
namespace {

/// Counts events and lets a test wait for them.
class Count {
 public:
  void add() {
    const std::lock_guard lock(mutex_);
    ++n_;
    changed_.notify_all();
  }
  /// Waits until `n` events have come; false after a minute.
  bool reached(int n) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::minutes(1), [&] { return n_ >= n; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int n_ = 0;
};

class TickThreadTest : public PipelineTest {
 protected:
  core::SystemClock system_clock_;
  Count ticks_;
};

TEST_F(TickThreadTest, TicksOnItsPeriod) {
  pipeline::TickThread thread(
      *loop_, system_clock_, 1'000'000, registry_->counters(), [this] { ticks_.add(); },
      [](const std::exception_ptr&) { FAIL(); });
  EXPECT_TRUE(ticks_.reached(3));
}

TEST_F(TickThreadTest, TicksAtOnceWhenPoked) {
  constexpr std::int64_t kDay = 86'400'000'000'000;
  pipeline::TickThread thread(
      *loop_, system_clock_, kDay, registry_->counters(), [this] { ticks_.add(); },
      [](const std::exception_ptr&) { FAIL(); });
  thread.poke();
  EXPECT_TRUE(ticks_.reached(1));
}

TEST_F(TickThreadTest, ReadersSeeRowsWhileItRuns) {
  auto stream = open("s");
  auto reader = subscribe("s", "whisper-80", {.start = {.kind = pipeline::StartAt::Kind::kFrame}});
  const auto samples = noise(8000, 1);
  Received received;
  {
    pipeline::TickThread thread(
        *loop_, system_clock_, 1'000'000, registry_->counters(), [this] { ticks_.add(); },
        [](const std::exception_ptr&) { FAIL(); });
    begin(*stream);
    for (std::size_t at = 0; at < samples.size(); at += 400) {
      write(*stream, std::span(samples).subspan(at, 400));
      drain(*reader, received);
    }
    stream->feed().finish(core::EndReason::kCompleted);
    for (int tick = 1; !received.ended; ++tick) {
      ASSERT_TRUE(ticks_.reached(tick));
      drain(*reader, received);
    }
  }
  received.expect_tiled();
  EXPECT_EQ(received.values, offline("whisper-80", samples));
}

}  // namespace
}  // namespace melstream::test
