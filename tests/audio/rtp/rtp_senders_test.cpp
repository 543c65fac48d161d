// Who may send, and whose packets belong to which stream.
#include <random>

#include "tests/audio/rtp/rtp_fixture.hpp"
#include "tests/support/realtime_scope.hpp"

namespace melstream::test {
namespace {

constexpr const char* kL16 = "pt=96:L16/16000/1";

class RtpSendersTest : public RtpTest {};

TEST_F(RtpSendersTest, AnotherSsrcFromTheSameAddressGoesOnWithTheStream) {
  make(kL16);
  hear_packets(0, 5);
  pass(480);  // and the 20 of the last packet: half a second
  fields_.ssrc = 0x22222222;
  fields_.sequence = 999;
  fields_.timestamp = 12345;
  hear_packets(0, 5);
  EXPECT_EQ(recorder_.all().size(), 1U);
  EXPECT_EQ(count("ssrc_changes"), 1);
  EXPECT_EQ(count("sender_restarts"), 0);
  EXPECT_EQ(lost(core::GapReason::kRestart), 8000 - kN);
  EXPECT_EQ(counters().accepted, 10 * kN);
  EXPECT_EQ(taken().segments.size(), 2U);
  EXPECT_EQ(told("rtp_sender_changed", "ssrc"), "22222222");
}

TEST_F(RtpSendersTest, AnotherSsrcThatBeginsAtOnceLosesNothing) {
  make(kL16);
  hear_packets(0, 5);
  fields_.ssrc = 0x22222222;
  hear_packets(0, 9);
  EXPECT_EQ(count("ssrc_changes"), 0);  // the old one may still be there
  hear_packets(9, 20);
  EXPECT_EQ(count("ssrc_changes"), 1);
  EXPECT_EQ(count("ssrc_rivals"), 0);
  EXPECT_EQ(counters().accepted, 25 * kN);
  EXPECT_EQ(lost(core::GapReason::kRestart), 1);  // no time was lost
  EXPECT_EQ(counters().dropped, 1);
}

TEST_F(RtpSendersTest, OfTwoSsrcsThatBothLiveTheFirstIsHeard) {
  for (const std::int64_t turn : {1, 2}) {  // packets
    SCOPED_TRACE(turn);
    make(kL16);
    told_.clear();
    RtpFields rival = fields_;
    rival.ssrc = 0x22222222 + static_cast<std::uint32_t>(turn);
    fields_.ssrc = static_cast<std::uint32_t>(turn);
    hear_packets(0, 2);
    for (std::int64_t n = 2; n < 100; n += turn) {
      for (std::int64_t i = 0; i < turn; ++i) {
        ++rival.sequence;
        hear(rtp_bytes(rival, counting_l16(7, kSamples)));
        pass(1);
      }
      hear_packets(n, n + turn);
    }
    EXPECT_EQ(count("ssrc_changes"), 0);
    EXPECT_EQ(count("ssrc_rivals"), 98 - turn);  // the last ones may be those of a sender that goes on
    EXPECT_EQ(n_told("rtp_ssrc_rival"), 1);
    EXPECT_NE(told("rtp_ssrc_rival", "remedy").find("demux=ssrc"), std::string::npos);
    EXPECT_EQ(counters().accepted, 100 * kN);
    EXPECT_EQ(counters().dropped, 0);
    expect_in_place(taken());
    receiver_->end(core::EndReason::kCompleted);
  }
}

TEST_F(RtpSendersTest, TheSameSsrcFromAnotherAddressIsDropped) {
  make(kL16);
  hear_packets(0, 5);
  for (std::int64_t n = 5; n < 10; ++n) hear(packet(n), address(2, 4000));
  EXPECT_EQ(count("ssrc_collisions"), 5);
  EXPECT_EQ(n_told("rtp_ssrc_collision"), 1);
  hear_packets(5, 10);
  EXPECT_EQ(counters().accepted, 10 * kN);
  EXPECT_EQ(counters().dropped, 0);
  pass(5000);  // silence makes no difference between hosts
  hear(packet(10), address(2, 4000));
  EXPECT_EQ(count("ssrc_collisions"), 6);
}

TEST_F(RtpSendersTest, AnotherSenderOfAPortWithOneStreamIsRefused) {
  make(kL16);
  hear_packets(0, 5);
  RtpFields other = fields_;
  other.ssrc = 0x33333333;
  for (int i = 0; i < 5; ++i) {
    ++other.sequence;
    hear(rtp_bytes(other, counting_l16(0, kSamples)), address(2, 4000));
  }
  EXPECT_EQ(count("packets_refused"), 5);
  EXPECT_EQ(n_told("rtp_sender_refused"), 1);
  EXPECT_NE(told("rtp_sender_refused", "remedy").find("demux=ssrc"), std::string::npos);
}

TEST_F(RtpSendersTest, AProgramThatWasRestartedMayGoOnFromAnotherPort) {
  make(kL16);
  hear_packets(0, 5);
  fields_.ssrc = 0x44444444;
  const audio::NetAddress other = address(1, 4002);
  hear(packet(0), other);
  EXPECT_EQ(count("packets_refused"), 1);  // the first one may still be there
  pass(1000);
  hear(packet(1), other);
  hear(packet(2), other);
  EXPECT_EQ(count("ssrc_changes"), 1);
  EXPECT_EQ(counters().accepted, 7 * kN);
}

TEST_F(RtpSendersTest, EachSsrcHasAStreamIfItIsAskedFor) {
  make(std::string(kL16) + "&demux=ssrc&stream=call-{ssrc}");
  for (std::int64_t n = 0; n < 5; ++n) {
    for (const std::uint32_t ssrc : {0xABCU, 0xDEFU}) {
      fields_.ssrc = ssrc;
      hear(packet(n));
    }
  }
  ASSERT_EQ(recorder_.all().size(), 2U);
  EXPECT_EQ(counters("call-00000abc").accepted, 5 * kN);
  EXPECT_EQ(counters("call-00000def").accepted, 5 * kN);
  EXPECT_EQ(receiver_->status().streams, (std::vector<std::string>{"call-00000abc", "call-00000def"}));
  EXPECT_EQ(count("samples_accepted"), 10 * kN);
}

TEST_F(RtpSendersTest, EachPortOfARangeHasAStream) {
  make(std::string(kL16) + "&stream=call-{port}-{peer}", "20000-20002");
  for (std::int64_t n = 0; n < 5; ++n) {
    hear(packet(n), peer_, 0);
    hear(packet(n), peer_, 1);
  }
  EXPECT_EQ(counters("call-20000-10.0.0.1-4000").accepted, 5 * kN);
  EXPECT_EQ(counters("call-20002-10.0.0.1-4000").accepted, 5 * kN);
}

TEST_F(RtpSendersTest, AHostHasSoManyStreamsAndNoMore) {
  make(std::string(kL16) + "&demux=ssrc&max_ssrc=3");
  for (std::int64_t n = 0; n < 4; ++n) {
    for (std::uint32_t ssrc = 1; ssrc <= 5; ++ssrc) {
      fields_.ssrc = ssrc;
      hear(packet(n));
    }
    fields_.ssrc = 77;
    hear(packet(n), address(9, 4000));
  }
  EXPECT_EQ(recorder_.all().size(), 4U);
  EXPECT_EQ(n_told("rtp_sender_refused"), 1);
  EXPECT_NE(told("rtp_sender_refused", "reason").find("max_ssrc=3"), std::string::npos);
}

TEST_F(RtpSendersTest, ASilentStreamEndsAndItsPlaceIsFree) {
  make(std::string(kL16) + "&idle_timeout_s=2");
  hear_packets(0, 5);
  pass(1900);
  EXPECT_FALSE(recorder_.find("desk")->ended());
  pass(300);
  ASSERT_TRUE(recorder_.find("desk")->ended());
  EXPECT_EQ(taken().end_reason, core::EndReason::kSourceLost);
  EXPECT_EQ(told("rtp_stream_ended", "reason"), "idle");
  EXPECT_EQ(receiver_->status().state, core::SourceState::kWaiting);
  EXPECT_EQ(count("samples_accepted"), 5 * kN);  // a sum of ended ones too
  fields_.ssrc = 0x55555555;
  for (std::int64_t n = 0; n < 3; ++n) hear(packet(n), address(2, 4000));
  EXPECT_EQ(recorder_.all().size(), 2U);
  EXPECT_EQ(count("samples_accepted"), 8 * kN);
}

TEST_F(RtpSendersTest, AStreamThatIsTakenOverEnds) {
  make(kL16);
  hear_packets(0, 5);
  recorder_.find("desk")->request.on_takeover();
  pass(100);
  EXPECT_TRUE(recorder_.find("desk")->ended());
  EXPECT_EQ(taken().end_reason, core::EndReason::kTakenOver);
}

TEST_F(RtpSendersTest, ARefusedStreamIsToldAndTriedAgainLater) {
  recorder_.set_max_streams(0);
  make(kL16);
  hear_packets(0, 10);
  EXPECT_EQ(n_told("rtp_stream_refused"), 1);
  EXPECT_EQ(count("packets_refused"), 10);
  recorder_.set_max_streams(1);
  hear_packets(10, 60);
  EXPECT_EQ(n_told("rtp_stream_refused"), 1);
  ASSERT_NE(recorder_.find("desk"), nullptr);
  const auto origin = static_cast<std::int64_t>(taken().segments.front().samples.front() * 32768.0F);
  expect_in_place(taken(), origin);
}

TEST_F(RtpSendersTest, ARefusalThatRepeatsIsToldOnceInTenSeconds) {
  recorder_.set_max_streams(0);
  make(kL16);
  hear_packets(0, 600);
  ASSERT_EQ(n_told("rtp_stream_refused"), 2);
  EXPECT_EQ(told("rtp_stream_refused", "left_out"), "0");
  EXPECT_EQ(told_.back().fields.back().second, "9");
}

TEST_F(RtpSendersTest, AStreamWhoseIdIsInUseIsRefusedAndToldUntilItIsFree) {
  make(kL16);
  core::StreamRequest request;
  request.id = "desk";
  auto other = recorder_.opener()(request);
  hear_packets(0, 4);
  EXPECT_EQ(n_told("rtp_stream_refused"), 1);
  EXPECT_EQ(count("packets_refused"), 4);
  other->ingest().finish(core::EndReason::kCompleted);
  other.reset();
  hear_packets(4, 80);
  EXPECT_EQ(recorder_.all().size(), 2U);
  EXPECT_EQ(count("packets_refused") + counters().accepted / kN, 80);
  EXPECT_EQ(counters().dropped, 0);
}

TEST_F(RtpSendersTest, AStreamWhoseIdWasInUseForLongBeginsWithWhatIsLive) {
  make(kL16);
  core::StreamRequest request;
  request.id = "desk";
  auto other = recorder_.opener()(request);
  hear_packets(0, 400);  // 8 s
  EXPECT_EQ(n_told("rtp_stream_refused"), 1);
  other->ingest().finish(core::EndReason::kCompleted);
  other.reset();
  hear_packets(400, 460);
  const auto origin = static_cast<std::int64_t>(taken().segments.front().samples.front() * 32768.0F);
  expect_in_place(taken(), origin);
  EXPECT_EQ(counters().dropped, 0);
  EXPECT_GE(counters().accepted, 5 * kN);
  EXPECT_LE(counters().accepted, 60 * kN);
  EXPECT_EQ(count("packets_refused") + counters().accepted / kN, 460);
}

TEST_F(RtpSendersTest, OnlyAllowedNetworksAreHeard) {
  make(std::string(kL16) + "&allow_from=10.0.0.1,192.168.0.0/16");
  for (std::int64_t n = 0; n < 5; ++n) {
    hear(packet(n), address(2, 4000));
    hear(counting_l16(0, 5), address(2, 4000));
  }
  EXPECT_EQ(count("packets_refused"), 10);
  EXPECT_EQ(count("packets_malformed"), 0);
  EXPECT_EQ(n_told("rtp_sender_refused"), 1);
  EXPECT_TRUE(recorder_.all().empty());
  hear_packets(0, 5);
  EXPECT_EQ(counters().accepted, 5 * kN);
}

TEST_F(RtpSendersTest, AFloodFromNowhereHarmsNobody) {
  make(std::string(kL16) + "&demux=ssrc&stream={ssrc}");
  std::mt19937 random(3);
  std::vector<std::vector<std::byte>> flood;
  for (int i = 0; i < 10'000; ++i) {
    RtpFields fields;
    fields.ssrc = static_cast<std::uint32_t>(random());
    fields.sequence = static_cast<std::uint16_t>(random());
    fields.payload_type = 0;
    flood.push_back(i % 2 == 0 ? rtp_bytes(fields, counting_l16(0, 80))
                               : counting_l16(static_cast<int>(random()), 100));
  }
  // One second: 50 packets of somebody, 200 of the flood after each; the call begins amid it.
  for (std::int64_t n = 0; n < 50; ++n) {
    hear(packet(n));
    for (std::size_t i = 0; i < 200; ++i) {
      const std::size_t at = static_cast<std::size_t>(n) * 200 + i;
      const audio::NetAddress from = address(static_cast<std::uint8_t>(random()), static_cast<std::uint16_t>(random()));
      const std::size_t n_told_before = told_.size();
      const RealtimeScope scope;
      receiver_->on_datagram(0, {flood[at], from, clock_.mono, false});
      const auto n_allocations = scope.allocations();
      ASSERT_TRUE(told_.size() > n_told_before || n_allocations == 0) << n_allocations;
      clock_.mono += kMs / 10;
    }
  }
  EXPECT_EQ(recorder_.all().size(), 1U);
  EXPECT_EQ(counters("11111111").accepted, 50 * kN);
  EXPECT_EQ(counters("11111111").dropped, 0);
  EXPECT_EQ(count("packets"), 10'050);
  EXPECT_LE(told_.size(), 2U + 128U);  // each payload type at most once
}

TEST_F(RtpSendersTest, EndingTheSourceEndsAllStreams) {
  make(std::string(kL16) + "&demux=ssrc&stream={ssrc}");
  hear_packets(0, 3);
  hear(packet(4));  // one that waits
  receiver_->end(core::EndReason::kCompleted);
  EXPECT_TRUE(recorder_.find("11111111")->ended());
  EXPECT_EQ(taken("11111111").end_reason, core::EndReason::kCompleted);
  EXPECT_EQ(taken("11111111").all_samples().size(), static_cast<std::size_t>(4 * kN));
  expect_in_place(taken("11111111"));
}

}  // namespace
}  // namespace melstream::test
