// What sound systems do when they fail, one by one: devices that stop, stall, vanish, hang, change their names. Each
// must be told, healed and accounted for.
#include <future>
#include <thread>

#include "tests/audio/mic/mic_fixture.hpp"

namespace melstream::test {
namespace {

using core::SourceState;

/// I1, and that the timeline is in step with the clock: it covers the time since the first sample to a block or two.
void expect_exact(RecordedStream& stream, std::int64_t first_ns, std::int64_t now_ns) {
  const core::IngestCounters counters = stream.ingest->counters();
  EXPECT_EQ(counters.offered, counters.accepted + counters.dropped);
  const std::int64_t elapsed = (now_ns - first_ns) * stream.request.format.sample_rate_hz / core::kNsPerSecond;
  EXPECT_NEAR(static_cast<double>(counters.offered), static_cast<double>(elapsed), 321);
}

class MicFailureTest : public MicTest {
 protected:
  void SetUp() override {
    script.plug(device_of("desk"));
    source = open("m", "mic:desk?capture=always");
    turn(1000);
    ASSERT_EQ(source->status().state, SourceState::kLive);
  }
  std::int64_t first_ns() { return recorder.find("m")->taken[0].segments[0].start.capture_mono_ns; }
  void expect_healed(std::int64_t ms) {
    turn(ms);
    EXPECT_EQ(source->status().state, SourceState::kLive) << source->status().detail;
    EXPECT_EQ(n_events("device_back"), 1);
    EXPECT_EQ(counter(*source, "device_losses"), 1);
    EXPECT_EQ(counter(*source, "device_reopens"), 1);
    const auto& segments = recorder.find("m")->taken[0].segments;
    ASSERT_EQ(segments.size(), 2u);
    EXPECT_EQ(segments[1].start.reason, core::GapReason::kDeviceLost);
    EXPECT_EQ(segments[1].start.lost_source_samples, counter(*source, "samples_missing"));
    expect_exact(*recorder.find("m"), first_ns(), clock.mono_ns());
  }

 public:
  std::unique_ptr<audio::Source> source;
};

TEST_F(MicFailureTest, AServerThatDiesIsFinishedAndTheDeviceOpenedAnew) {
  script.device("desk")->runs = false;
  script.device("desk")->finish();
  turn(50);
  EXPECT_EQ(n_events("device_lost"), 1);
  EXPECT_EQ(source->status().state, SourceState::kWaiting);
  expect_healed(1000);
  EXPECT_EQ(script.n_opened, 2);
}

TEST_F(MicFailureTest, AServerThatDiesWithoutAWordShowsInIsActive) {
  script.device("desk")->dead = true;  // jackd: no finished callback
  turn(100);
  EXPECT_EQ(n_events("device_lost"), 1);
  expect_healed(1000);
}

TEST_F(MicFailureTest, ASuspendedSourceStaysActiveAndIsStalled) {
  script.device("desk")->runs = false;
  turn(400);
  EXPECT_EQ(n_events("device_stalled"), 0) << "may be slow";
  turn(150);
  EXPECT_EQ(n_events("device_stalled"), 1);
  expect_healed(1000);
}

TEST_F(MicFailureTest, ReadersHearOfTheGapBeforeItsEnd) {
  script.refuse("desk", audio::DeviceProblem::kRefused);
  script.device("desk")->finish();
  turn(10'000);
  EXPECT_EQ(source->status().state, SourceState::kWaiting);
  EXPECT_GT(counter(*source, "samples_missing"), 8 * 16000);
  const std::int64_t elapsed = (clock.mono_ns() - first_ns()) * 16 / 1'000'000;
  EXPECT_LE(counter(*source, "samples_offered"), elapsed);
  EXPECT_GE(counter(*source, "samples_offered"), elapsed - 16500);
  EXPECT_EQ(n_events("device_refused"), 1) << "told once";
  script.allow("desk");
  expect_healed(11'000);
}

TEST_F(MicFailureTest, ADeviceThatNeverCallsIsStalledAndTriedWithBackOff) {
  script.device("desk")->runs = false;
  turn(1000);  // stalled, and opened again
  for (int i = 0; i < 40 * 200; ++i) {
    if (ScriptedDevice* const device = script.device("desk")) device->runs = false;
    turn(5);
  }
  // Attempts take 3 s each, and 0.5, 1, 2, 4, 8, 10 ... s lie between them.
  EXPECT_EQ(n_events("device_stalled"), 1) << "told once";
  EXPECT_GE(script.n_opened, 5);
  EXPECT_LE(script.n_opened, 8);
}

TEST_F(MicFailureTest, AVanishedDeviceIsSearchedByProbesAndFoundByRescan) {
  script.unplug("desk");
  script.device("desk")->finish();
  turn(5000);
  EXPECT_EQ(source->status().state, SourceState::kWaiting);
  EXPECT_NE(source->status().detail.find("no microphone 'desk'"), std::string::npos) << source->status().detail;
  EXPECT_EQ(n_events("device_not_found"), 1);
  EXPECT_EQ(script.n_rescans, 1) << "only at first: the probe does not see it";
  EXPECT_GE(script.n_probes, 3);
  script.plug(device_of("desk"));
  expect_healed(11'000);
}

TEST_F(MicFailureTest, ADeviceUnderAnotherNameIsFoundByItsPart) {
  source.reset();
  script.plug(device_of("USB Audio (hw:1,0)"));
  source = open("u", "mic:usb audio?capture=always");
  turn(2500);
  ASSERT_EQ(source->status().state, SourceState::kLive) << source->status().detail;
  script.unplug("USB Audio (hw:1,0)");
  script.plug(device_of("USB Audio (hw:2,0)"));
  script.device("USB Audio (hw:1,0)")->finish();
  turn(3000);
  EXPECT_EQ(source->status().state, SourceState::kLive) << source->status().detail;
  EXPECT_NE(script.device("USB Audio (hw:2,0)"), nullptr);
}

TEST_F(MicFailureTest, ARescanForOneCostsTheOthersAShortExactGap) {
  const auto late = open("late", "mic:door?capture=always");
  turn(3000);
  EXPECT_EQ(late->status().state, SourceState::kWaiting);
  EXPECT_NE(late->status().detail.find("'desk'"), std::string::npos) << "lists what there is";
  EXPECT_EQ(n_events("device_lost"), 0) << "nobody else is disturbed by the search";
  script.plug(device_of("door"));
  turn(11'000);
  EXPECT_EQ(late->status().state, SourceState::kLive) << late->status().detail;
  EXPECT_EQ(n_events("device_lost"), 1);
  EXPECT_EQ(field("device_lost", "reason"), "the list of devices is read anew");
  EXPECT_LT(counter(*source, "samples_missing"), 16000 / 4);
  expect_healed(100);
}

TEST_F(MicFailureTest, ADeviceThatIsThereButRefusesGetsARescanAfterAWhile) {
  script.refuse("desk", audio::DeviceProblem::kRefused);
  script.device("desk")->finish();
  turn(30'000);
  EXPECT_EQ(script.n_rescans, 2);
  script.allow("desk");
  expect_healed(11'000);
}

TEST_F(MicFailureTest, ADeviceThatComesBackWithAnotherRateStartsANewStream) {
  RecordedStream* const before = recorder.find("m");
  script.unplug("desk");
  script.device("desk")->finish();
  turn(3000);
  script.plug(device_of("desk", 48000, 2));
  script.refuse("desk", audio::DeviceProblem::kFormat);
  turn(11'000);
  script.allow("desk");
  turn(11'000);
  EXPECT_TRUE(before->ended());
  EXPECT_EQ(before->taken[0].end_reason, core::EndReason::kSourceLost);
  RecordedStream* const after = recorder.find("m");
  ASSERT_NE(after, before);
  EXPECT_EQ(after->request.format.sample_rate_hz, 48000);
  EXPECT_GT(after->taken[0].all_samples().size(), 1000u);
}

TEST_F(MicFailureTest, AFullRingDropsTheNewestAndTellsHowMuch) {
  ScriptedDevice* const device = script.device("desk");
  device->runs = false;
  const std::int64_t before = counter(*source, "samples_accepted");
  // ms-capture gets no time for 3 s; the ring holds 1.024 s.
  std::int64_t first = next_sample["desk"];
  for (int i = 0; i < 300; ++i) {
    clock.advance_ms(10);
    device->deliver(first, 160);
    first += 160;
  }
  next_sample["desk"] = first;
  device->runs = true;
  turn(1000);
  EXPECT_EQ(counter(*source, "samples_overflowed"), 300 * 160 - 16320);
  EXPECT_EQ(counter(*source, "xruns"), 300 - 16320 / 160);
  const core::IngestCounters counters = recorder.find("m")->ingest->counters();
  EXPECT_EQ(counters.dropped_by[static_cast<std::size_t>(core::GapReason::kCaptureOverflow)], 300 * 160 - 16320);
  EXPECT_EQ(counters.accepted, before + 16320 + 16000);
  EXPECT_EQ(counter(*source, "samples_missing"), 0) << "not counted twice";
  expect_exact(*recorder.find("m"), first_ns(), clock.mono_ns());
}

TEST_F(MicFailureTest, SamplesThatASoundServerSwallowsAreMissedByTheClock) {
  turn(5000);
  script.device("desk")->runs = false;
  turn(300);  // less than a stall; the samples never come
  script.device("desk")->runs = true;
  turn(6000);
  EXPECT_EQ(n_events("device_stalled"), 0);
  EXPECT_NEAR(static_cast<double>(counter(*source, "samples_missing")), 300 * 16, 161);
  expect_exact(*recorder.find("m"), first_ns(), clock.mono_ns());
}

TEST_F(MicFailureTest, ABurstAfterALongCallbackGapLosesNothing) {
  turn(5000);
  ScriptedDevice* const device = script.device("desk");
  device->runs = false;
  turn(300);
  // The server kept them: as many as are missing come at once, as old as they are.
  for (int i = 0; i < 30; ++i) {
    device->deliver(next_sample["desk"], 160, (29 - i) * 10'000'000);
    next_sample["desk"] += 160;
  }
  device->runs = true;
  turn(6000);
  EXPECT_EQ(counter(*source, "samples_missing"), 0);
  EXPECT_EQ(recorder.find("m")->taken[0].segments.size(), 1u);
}

TEST_F(MicFailureTest, ABacklogThatStaysIsCutByOpeningAnew) {
  ScriptedDevice* const device = script.device("desk");
  device->runs = false;
  // PortAudio never flags an overflow through PulseAudio: only the age of the samples tells.
  for (int i = 0; i < 250 && n_events("device_stalled") == 0; ++i) {
    device->deliver(next_sample["desk"], 160, 1'000'000'000);
    next_sample["desk"] += 160;
    turn(10);
  }
  EXPECT_EQ(n_events("device_stalled"), 1);
  expect_healed(1000);
}

TEST_F(MicFailureTest, AStepOfTheWallClockChangesNothing) {
  clock.step_wall_ns(-3600 * core::kNsPerSecond);
  turn(5000);
  EXPECT_EQ(recorder.find("m")->taken[0].segments.size(), 1u);
  EXPECT_EQ(counter(*source, "samples_missing"), 0);
}

TEST_F(MicFailureTest, NoDeviceAtAllIsAStateNotACrash) {
  script.unplug("desk");
  script.device("desk")->finish();
  const auto other = open("d", "mic:default?capture=always");
  turn(60'000);
  EXPECT_EQ(other->status().state, SourceState::kWaiting);
  EXPECT_NE(other->status().detail.find("no device that captures"), std::string::npos) << other->status().detail;
  EXPECT_LE(script.n_probes, 2 * (60 / 8 + 6)) << "with back-off";
}

TEST_F(MicFailureTest, ACallThatHangsIsToldAndDisturbsNoOther) {
  script.plug(device_of("bad"));
  auto bad = open("b", "mic:bad?capture=always");
  turn(2000);
  ASSERT_EQ(bad->status().state, SourceState::kLive) << bad->status().detail;
  turn_control = false;
  script.hang_at_open("bad");
  script.device("bad")->finish();
  turn(600);
  std::thread control([this] { microphones->control().pass(); });
  while (!script.is_hung()) std::this_thread::yield();
  turn(7000);
  EXPECT_EQ(n_events("audio_backend_hangs"), 1);
  EXPECT_EQ(field("audio_backend_hangs", "call"), "open");
  EXPECT_NE(bad->status().detail.find("hangs"), std::string::npos) << bad->status().detail;
  EXPECT_EQ(recorder.find("m")->taken[0].segments.size(), 2u) << "the rescan for 'bad', before";
  EXPECT_EQ(source->status().state, SourceState::kLive);
  const std::int64_t accepted = counter(*source, "samples_accepted");
  turn(1000);
  EXPECT_EQ(counter(*source, "samples_accepted"), accepted + 16000);
  bad.reset();  // does not wait
  script.release_hang();
  control.join();
  turn_control = true;
  turn(100);
  EXPECT_EQ(script.device("bad"), nullptr) << "nobody wants it any more";
}

TEST(MicrophonesTest, ShutdownDoesNotWaitForACallThatHangs) {
  // Never destroyed: the thread that is left behind may still use them as the process ends.
  static ManualClock& clock = *new ManualClock;
  static Script& script = *new Script(clock);
  script.plug(device_of("desk"));
  script.hang_at_open("desk");
  audio::NetLoop net;
  StreamRecorder recorder(clock);
  auto microphones = std::make_unique<audio::Microphones>([] { return std::make_unique<ScriptedBackend>(script); },
                                                          [] { return script.there; }, clock);
  auto source = audio::mic_kind().make({.id = "m", .uri = "mic:desk?capture=always", .labels = {}},
                                       audio::parse_source_uri("mic:desk?capture=always"),
                                       {.open_stream = recorder.opener(),
                                        .clock = clock,
                                        .tell = [](const audio::SourceEvent&) {},
                                        .net = net,
                                        .microphones = microphones.get()});
  while (!script.is_hung()) {
    clock.advance_ms(10);
    std::this_thread::yield();
  }
  const auto begin = std::chrono::steady_clock::now();
  source->end(core::EndReason::kShutdown);
  source.reset();
  microphones.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(6));
  script.release_hang();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (script.is_hung() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_FALSE(script.is_hung());
}

}  // namespace
}  // namespace melstream::test
