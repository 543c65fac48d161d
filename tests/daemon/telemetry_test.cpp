// Readiness as text, the totals of microphones that come and go, and what an ingest counts.
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "daemon/ingest_meter.hpp"
#include "daemon/metric_families.hpp"
#include "daemon/microphone_figures.hpp"
#include "daemon/readiness.hpp"

namespace melstream::daemon {
namespace {

using Lines = std::vector<std::string>;

TEST(Readiness, NamesWhatFailsUntilItPasses) {
  Readiness readiness;
  EXPECT_EQ(readiness.failing(), Lines{"starting: the daemon is not yet listening"});
  readiness.set(Check::kStarting, "");
  EXPECT_TRUE(readiness.ready());
  readiness.set(Check::kReload, "m.toml:3:1: unknown key");
  readiness.set(Check::kEngine, "lost");
  EXPECT_EQ(readiness.failing(), (Lines{"engine: lost", "config_reload: m.toml:3:1: unknown key"}));
  readiness.set(Check::kEngine, "");
  EXPECT_EQ(readiness.failing(), Lines{"config_reload: m.toml:3:1: unknown key"});
}

core::SourceStatus microphone(const std::string& id, std::int64_t xruns, double drift_ppm) {
  core::SourceStatus status;
  status.spec.id = id;
  status.counters = {{"xruns", xruns}, {"device_losses", 1}};
  status.drift_ppm = drift_ppm;
  return status;
}

TEST(MicrophoneTotals, NeverShrinkThoughSourcesClose) {
  MicrophoneTotals totals;
  EXPECT_EQ(totals.look({}).xruns, 0);
  EXPECT_EQ(totals.look({microphone("a", 3, 5.0), microphone("b", 4, -80.0)}).xruns, 7);
  EXPECT_EQ(totals.look({microphone("a", 5, 5.0)}).xruns, 9);
  EXPECT_EQ(totals.look({}).xruns, 9);
  const MicrophoneFigures again = totals.look({microphone("a", 2, 5.0)});
  EXPECT_EQ(again.xruns, 11) << "another source of the same id";
  EXPECT_EQ(again.device_losses, 3);
}

TEST(MicrophoneTotals, DriftIsThatOfTheOneThatIsOffMost) {
  MicrophoneTotals totals;
  EXPECT_EQ(totals.look({microphone("a", 0, 5.0), microphone("b", 0, -80.0)}).drift_ppm, -80.0);
  EXPECT_EQ(totals.look({microphone("a", 0, 5.0)}).drift_ppm, 5.0);
}

/// Accepts what it is pushed, drops what it is told is lost.
class FakeIngest final : public core::PcmIngest {
 public:
  bool has_room(std::size_t /*n_bytes*/) noexcept override { return true; }
  void push(std::span<const std::byte> bytes, const core::AudioTime& /*time*/) override {
    counters_.accepted += static_cast<std::int64_t>(bytes.size() / 4);
  }
  void lose(std::int64_t n_source, core::GapReason reason) noexcept override {
    counters_.dropped += n_source;
    counters_.dropped_by[static_cast<std::size_t>(reason)] += n_source;
  }
  void push_suppressed(std::int64_t n_source, const core::AudioTime& /*time*/) noexcept override {
    counters_.accepted += n_source;
  }
  void finish(core::EndReason /*reason*/) noexcept override {}
  core::IngestCounters counters() const noexcept override { return counters_; }

 private:
  core::IngestCounters counters_;
};

TEST(IngestMeter, CountsSamplesBytesLossesAndStreamsByKind) {
  IngestTotals totals;
  const core::PcmFormat stereo{.encoding = core::PcmEncoding::kLinear16,
                               .sample_rate_hz = 8000,
                               .n_channels = 2,
                               .channel_mode = core::ChannelMode::kSplit};
  const auto make =
      metered([](const auto&, auto, auto) { return std::make_unique<FakeIngest>(); }, totals, source_kind_of("rtp"));
  const IngestTotals::Kind& rtp = totals.kinds[source_kind_of("rtp")];
  {
    const auto ingest = make(stereo, {}, core::Conceal::kNone);
    EXPECT_EQ(rtp.streams, 2);
    const std::vector<std::byte> bytes(160 * 4);
    ingest->push(bytes, {.received_mono_ns = 1'000'000'000});
    ingest->lose(80, core::GapReason::kNetLoss);
    ingest->lose(7, core::GapReason::kLate);
    ingest->push_suppressed(50, {});
    EXPECT_EQ(rtp.accepted, 210);
    EXPECT_EQ(rtp.n_bytes, 640);
    EXPECT_EQ(rtp.dropped[static_cast<std::size_t>(core::GapReason::kNetLoss)], 80);
    EXPECT_EQ(rtp.dropped[static_cast<std::size_t>(core::GapReason::kLate)], 7);
    ingest->finish(core::EndReason::kCompleted);
    EXPECT_EQ(rtp.streams, 0);
  }
  EXPECT_EQ(rtp.streams, 0) << "ended once";
  EXPECT_EQ(totals.kinds[source_kind_of("grpc")].accepted, 0);
  EXPECT_EQ(totals.capture.counts().sum, 20'000'000) << "160 samples at 8 kHz";
}

TEST(IngestMeter, ASourceThatEndsWithoutWordIsNotActive) {
  IngestTotals totals;
  const auto make =
      metered([](const auto&, auto, auto) { return std::make_unique<FakeIngest>(); }, totals, source_kind_of("srtp"));
  make({}, {}, core::Conceal::kNone).reset();
  EXPECT_EQ(kSourceKinds[source_kind_of("srtp")], "other");
  EXPECT_EQ(totals.kinds[source_kind_of("srtp")].streams, 0);
}

constexpr std::array<std::int64_t, 2> kBounds{2, 8};

TEST(MetricFamilies, TextIsThatOfPrometheus) {
  core::Tally<kBounds> tally;
  tally.add(1, 3);
  tally.add(20);
  MetricFamilies families;
  families.counter("a_total", "What a is.").value(0, {{"reason", "x"}}).value(2, {{"reason", "y"}});
  families.histogram("b_seconds", "What b is.").tally(tally, 0.25);
  EXPECT_EQ(families.text(),
            "# HELP melstream_a_total What a is.\n# TYPE melstream_a_total counter\n"
            "melstream_a_total{reason=\"x\"} 0\nmelstream_a_total{reason=\"y\"} 2\n"
            "# HELP melstream_b_seconds What b is.\n# TYPE melstream_b_seconds histogram\n"
            "melstream_b_seconds_count 4\nmelstream_b_seconds_sum 5.75\n"
            "melstream_b_seconds_bucket{le=\"0.5\"} 3\nmelstream_b_seconds_bucket{le=\"2\"} 3\n"
            "melstream_b_seconds_bucket{le=\"+Inf\"} 4\n");
}

}  // namespace
}  // namespace melstream::daemon
