// A network that drops, delays, doubles and reorders by a seed, and a sender that falls silent: what is told as lost is
// what was taken out, sample for sample. The oracle knows only what was sent and what arrived when.
#include <algorithm>
#include <random>

#include "tests/audio/rtp/rtp_fixture.hpp"

namespace melstream::test {
namespace {

/// A packet on its way.
struct Sent {
  std::int64_t first = 0;  ///< its first sample
  std::int64_t n = 0;
  std::int64_t sent_ns = 0;
  bool dropped = false;
};

struct Arrival {
  std::size_t packet = 0;
  std::int64_t at_ns = 0;
};

struct Weather {
  double drop = 0;
  double twice = 0;
  double silence = 0;
  std::int64_t jitter_ms = 0;
};

class RtpPropertyTest : public RtpTest {
 protected:
  /// What a sender sends: packets of 5 to 40 ms, with silence between some.
  std::vector<Sent> talk(std::size_t n_packets, const Weather& weather) {
    std::vector<Sent> sent;
    std::int64_t at = 0;
    for (std::size_t i = 0; i < n_packets; ++i) {
      if (i > 2 && chance(weather.silence)) at += 1 + static_cast<std::int64_t>(random_() % 8000);
      const auto n = 80 + static_cast<std::int64_t>(random_() % 560);
      sent.push_back({at, n, clock_.mono + (at + n) * 62'500, false});
      at += n;
    }
    return sent;
  }
  /// In the order of arrival. The first two and the last packet get through as they are.
  std::vector<Arrival> travel(std::vector<Sent>& sent, const Weather& weather) {
    std::vector<Arrival> arrivals;
    for (std::size_t i = 0; i < sent.size(); ++i) {
      const bool is_spared = i < 2 || i + 1 == sent.size();
      if (!is_spared && chance(weather.drop)) {
        sent[i].dropped = true;
        continue;
      }
      const int n_copies = !is_spared && chance(weather.twice) ? 2 : 1;
      for (int copy = 0; copy < n_copies; ++copy) {
        const std::int64_t ms =
            is_spared ? (i < 2 ? 0 : weather.jitter_ms)
                      : static_cast<std::int64_t>(random_() % static_cast<unsigned>(weather.jitter_ms + 1));
        arrivals.push_back({i, sent[i].sent_ns + ms * kMs});
      }
    }
    std::sort(arrivals.begin(), arrivals.end(), [](const Arrival& a, const Arrival& b) {
      return a.at_ns != b.at_ns ? a.at_ns < b.at_ns : a.packet < b.packet;
    });
    return arrivals;
  }
  bool chance(double p) { return std::uniform_real_distribution<double>(0, 1)(random_) < p; }

  void run(const std::vector<Sent>& sent, const std::vector<Arrival>& arrivals) {
    for (const Arrival& arrival : arrivals) {
      while (clock_.mono < arrival.at_ns) {
        clock_.mono = std::min(arrival.at_ns, clock_.mono + 5 * kMs);
        receiver_->on_time();
      }
      const Sent& one = sent[arrival.packet];
      RtpFields fields = fields_;
      fields.sequence = static_cast<std::uint16_t>(fields_.sequence + arrival.packet);
      fields.timestamp = static_cast<std::uint32_t>(fields_.timestamp + one.first);
      hear(rtp_bytes(fields, counting_l16(one.first, static_cast<std::size_t>(one.n))));
      if (HasFatalFailure()) return;
    }
    pass(3000);
  }
  /// Samples between what arrived, split by whether packets are missing there.
  static std::pair<std::int64_t, std::int64_t> lost_and_silent(const std::vector<Sent>& sent) {
    std::int64_t lost = 0;
    std::int64_t silent = 0;
    std::size_t before = 0;
    for (std::size_t i = 1; i < sent.size(); ++i) {
      if (sent[i].dropped) continue;
      const std::int64_t between = sent[i].first - (sent[before].first + sent[before].n);
      (i == before + 1 ? silent : lost) += between;
      before = i;
    }
    return {lost, silent};
  }
  /// Each sample is where it was in the sender's time, zero where that was silent.
  void expect_samples(const std::vector<Sent>& sent) {
    std::vector<bool> is_sent(static_cast<std::size_t>(sent.back().first + sent.back().n));
    for (const Sent& one : sent) {
      std::fill_n(is_sent.begin() + one.first, one.n, true);
    }
    for (const Taken::Segment& segment : taken().segments) {
      for (std::size_t i = 0; i < segment.samples.size(); ++i) {
        const std::int64_t position = segment.start.timeline_begin + static_cast<std::int64_t>(i);
        const auto expected = is_sent[static_cast<std::size_t>(position)]
                                  ? static_cast<float>(static_cast<std::int16_t>(position)) / 32768.0F
                                  : 0.0F;
        ASSERT_EQ(segment.samples[i], expected) << position;
      }
    }
  }

  std::mt19937 random_;
};

TEST_F(RtpPropertyTest, LossesAreWhatWasTakenOutExactly) {
  for (unsigned seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(seed);
    random_.seed(seed);
    const Weather weather{.drop = 0.1 * (seed % 4), .twice = 0.1, .silence = 0.05, .jitter_ms = 80};
    // Waits as long as packets are ever late, so that what did arrive was in time.
    fields_.sequence = static_cast<std::uint16_t>(random_());
    fields_.timestamp = static_cast<std::uint32_t>(random_());
    fields_.ssrc = seed;
    make("pt=96:L16/16000/1&jitter_ms=100-200");
    std::vector<Sent> sent = talk(400, weather);
    const std::vector<Arrival> arrivals = travel(sent, weather);
    run(sent, arrivals);
    if (HasFatalFailure()) return;
    const auto [lost_samples, silent_samples] = lost_and_silent(sent);
    EXPECT_EQ(lost(core::GapReason::kNetLoss), lost_samples);
    EXPECT_EQ(counters().dropped, lost_samples);
    EXPECT_EQ(counters().suppressed, silent_samples);
    EXPECT_EQ(counters().offered, sent.back().first + sent.back().n);
    EXPECT_EQ(count("packets_late"), 0);
    EXPECT_EQ(count("packets_lost"),
              std::count_if(sent.begin(), sent.end(), [](const Sent& one) { return one.dropped; }));
    const auto n_arrived = static_cast<std::int64_t>(arrivals.size());
    EXPECT_EQ(count("packets_duplicate"), n_arrived + count("packets_lost") - 400);
    expect_samples(sent);
    receiver_->end(core::EndReason::kCompleted);
  }
}

TEST_F(RtpPropertyTest, LatePacketsAreLossesToo) {
  for (unsigned seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(seed);
    random_.seed(seed);
    const Weather weather{.drop = 0.05, .twice = 0.05, .silence = 0, .jitter_ms = 150};
    fields_.ssrc = seed;
    make("pt=96:L16/16000/1&jitter_ms=5-40");
    std::vector<Sent> sent = talk(400, weather);
    run(sent, travel(sent, weather));
    if (HasFatalFailure()) return;
    const auto n_dropped = std::count_if(sent.begin(), sent.end(), [](const Sent& one) { return one.dropped; });
    const auto [lost_samples, silent_samples] = lost_and_silent(sent);
    EXPECT_GT(count("packets_late"), 0);
    EXPECT_EQ(count("packets_lost"), n_dropped + count("packets_late"));
    EXPECT_EQ(counters().dropped, lost_samples + count("samples_late"));
    EXPECT_EQ(counters().offered, sent.back().first + sent.back().n);
    EXPECT_EQ(silent_samples, 0);
    EXPECT_EQ(count("sender_restarts"), 0);
    expect_samples(sent);
    receiver_->end(core::EndReason::kCompleted);
  }
}

}  // namespace
}  // namespace melstream::test
