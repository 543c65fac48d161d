// What becomes of one sender's packets: in order, out of order, twice, late, never, and what is no audio.
#include "tests/audio/rtp/rtp_fixture.hpp"
#include "tests/support/realtime_scope.hpp"

namespace melstream::test {
namespace {

class RtpReceiverTest : public RtpTest {
 protected:
  RtpReceiverTest() { make("pt=96:L16/16000/1,97:CN,101:telephone-event,98:L16/8000/1"); }
};

TEST_F(RtpReceiverTest, OpensAStreamWithTheSecondPacketAndLosesNothingOfTheFirst) {
  hear(packet(0));
  EXPECT_EQ(recorder_.find("desk"), nullptr);
  hear(packet(1));
  ASSERT_NE(recorder_.find("desk"), nullptr);
  const core::StreamRequest& request = recorder_.find("desk")->request;
  EXPECT_EQ(request.format.sample_rate_hz, 16000);
  EXPECT_EQ(request.labels.at("room"), "7");
  EXPECT_EQ(told("rtp_stream_opened", "encoding"), "L16");
  EXPECT_EQ(taken().all_samples().size(), 2 * kSamples);
  expect_in_place(taken());
}

TEST_F(RtpReceiverTest, PassesWhatIsInOrderAtOnce) {
  hear_packets(0, 2);
  for (std::int64_t n = 2; n < 200; ++n) {
    hear(packet(n));
    ASSERT_EQ(taken().all_samples().size(), static_cast<std::size_t>((n + 1) * kN));
  }
  expect_in_place(taken());
  EXPECT_EQ(n_waits_, 0);
}

TEST_F(RtpReceiverTest, CountsThroughTheEndsOfBothClocks) {
  fields_.sequence = 65500;
  fields_.timestamp = 0xFFFFFFFFU - 10'000;
  hear_packets(0, 300);
  EXPECT_EQ(taken().segments.size(), 1U);
  expect_in_place(taken());
  EXPECT_EQ(count("packets_lost") + count("sender_restarts") + count("samples_dropped"), 0);
}

TEST_F(RtpReceiverTest, PutsPacketsIntoOrder) {
  hear_packets(0, 3);
  hear(packet(4));
  EXPECT_EQ(taken().all_samples().size(), static_cast<std::size_t>(3 * kN));
  EXPECT_EQ(n_waits_, 1);
  hear(packet(5));
  hear(packet(3));
  EXPECT_EQ(taken().all_samples().size(), static_cast<std::size_t>(6 * kN));
  EXPECT_EQ(taken().segments.size(), 1U);
  expect_in_place(taken());
  EXPECT_EQ(count("packets_reordered"), 1);
  EXPECT_EQ(count("packets_lost"), 0);
}

TEST_F(RtpReceiverTest, GivesUpAfterTheWaitAndTellsTheExactLoss) {
  hear_packets(0, 3);
  hear(packet(6));
  pass(19);
  EXPECT_EQ(counters().dropped, 0);
  pass(6);
  EXPECT_EQ(counters().dropped, 3 * kN);
  EXPECT_EQ(lost(core::GapReason::kNetLoss), 3 * kN);
  EXPECT_EQ(count("packets_lost"), 3);
  ASSERT_EQ(taken().segments.size(), 2U);
  EXPECT_EQ(taken().segments[1].start.timeline_begin, 6 * kN);
  EXPECT_EQ(taken().segments[1].start.reason, core::GapReason::kNetLoss);
  expect_in_place(taken());
  EXPECT_FALSE(receiver_->is_waiting());
}

TEST_F(RtpReceiverTest, CountsWhatComesTooLateAndWhatComesTwice) {
  hear_packets(0, 3);
  hear(packet(4));
  pass(30);
  hear(packet(3));
  hear(packet(3));
  hear(packet(4));
  hear(packet(1));
  EXPECT_EQ(count("packets_late"), 1);
  EXPECT_EQ(count("samples_late"), kN);
  EXPECT_EQ(count("packets_duplicate"), 3);
  EXPECT_EQ(counters().dropped, kN);
  hear(packet(6));
  hear(packet(6));  // of one that waits
  EXPECT_EQ(count("packets_duplicate"), 4);
}

TEST_F(RtpReceiverTest, WaitsLongerOnceItHasSeenHowLatePacketsCome) {
  hear_packets(0, 3);
  hear(packet(4));
  pass(60);
  hear(packet(3));
  EXPECT_EQ(count("packets_late"), 1);
  for (std::int64_t n = 5; n < 50; n += 2) {
    hear(packet(n + 1));
    pass(50);  // beyond the 20 ms that it began with
    hear(packet(n));
  }
  EXPECT_EQ(count("packets_late"), 1);
  EXPECT_EQ(count("packets_reordered"), 23);
}

TEST_F(RtpReceiverTest, TakesSilenceForZerosThatAreMarked) {
  hear_packets(0, 5);
  fields_.timestamp += 16000;
  pass(1000);
  hear(packet(5));
  EXPECT_EQ(counters().suppressed, 16000);
  EXPECT_EQ(counters().dropped, 0);
  EXPECT_EQ(count("samples_suppressed"), 16000);
  ASSERT_EQ(taken().segments.size(), 1U);
  const std::vector<float> samples = taken().all_samples();
  ASSERT_EQ(samples.size(), static_cast<std::size_t>(6 * kN + 16000));
  EXPECT_TRUE(std::all_of(samples.begin() + 5 * kN, samples.begin() + 5 * kN + 16000, [](float s) { return s == 0; }));
  ASSERT_FALSE(taken().filled.empty());
  EXPECT_EQ(taken().filled.front().begin, 5 * kN);
  EXPECT_EQ(taken().filled.back().end, 5 * kN + 16000);
}

TEST_F(RtpReceiverTest, HasWhatFollowsLongSilenceWaitForRoom) {
  hear_packets(0, 2);
  reads_along_ = false;  // the ring holds one second
  clock_.mono += 50'000 * kMs;
  fields_.timestamp += 50 * 16000;
  hear(packet(2));
  for (std::int64_t n = 3; n < 10; ++n) hear(packet(n));
  EXPECT_TRUE(receiver_->is_waiting());
  reads_along_ = true;
  pass(500);
  EXPECT_FALSE(receiver_->is_waiting());
  EXPECT_EQ(counters().dropped, 0);
  EXPECT_EQ(counters().suppressed, 50 * 16000);
  EXPECT_EQ(taken().all_samples().size(), static_cast<std::size_t>(10 * kN + 50 * 16000));
  EXPECT_EQ(taken().all_samples().back(), static_cast<float>(static_cast<std::int16_t>(10 * kN - 1)) / 32768.0F);
}

TEST_F(RtpReceiverTest, LosesSilenceForWhichRoomNeverComes) {
  hear_packets(0, 2);
  reads_along_ = false;
  clock_.mono += 50'000 * kMs;
  fields_.timestamp += 50 * 16000;
  for (std::int64_t n = 2; n < 2 + 200; ++n) hear(packet(n));  // more than can wait
  EXPECT_GT(lost(core::GapReason::kCaptureOverflow), 0);
  reads_along_ = true;
  pass(100);
  hear(packet(202));
  EXPECT_EQ(counters().offered, 203 * kN + 50 * 16000);
}

TEST_F(RtpReceiverTest, TakesSilenceOfAnyLengthThatTheArrivalClockConfirms) {
  hear_packets(0, 5);
  clock_.mono += 90'000 * kMs;
  fields_.timestamp += 90 * 16000;
  hear(packet(5));
  pass(1000);
  EXPECT_EQ(counters().suppressed, 90 * 16000);
  EXPECT_EQ(counters().dropped, 0);
  EXPECT_EQ(taken().segments.size(), 1U);
  EXPECT_EQ(counters().offered, 6 * kN + 90 * 16000);
}

TEST_F(RtpReceiverTest, WritesSilenceAsItGoesByWhileThereIsComfortNoise) {
  hear_packets(0, 5);
  RtpFields noise = fields_;
  noise.payload_type = 97;
  noise.sequence = 4;
  noise.timestamp = 5 * kSamples;
  const std::vector<std::byte> level(1);
  for (int i = 0; i < 400; ++i) {
    ++noise.sequence;
    hear(rtp_bytes(noise, level));
    EXPECT_EQ(counters().suppressed, i * 3200);
    noise.timestamp += 3200;
    pass(200);
  }
  fields_.sequence = 400;
  fields_.timestamp = 400 * 3200;
  hear(packet(5));
  EXPECT_EQ(counters().suppressed, 400 * 3200);
  EXPECT_EQ(counters().accepted, 6 * kN + 400 * 3200);
  EXPECT_EQ(counters().dropped + count("sender_restarts") + count("packets_lost"), 0);
}

TEST_F(RtpReceiverTest, TakesAJumpThatTheArrivalClockDoesNotConfirmForARestart) {
  hear_packets(0, 5);
  fields_.timestamp += 61 * 16000;
  hear(packet(5));
  EXPECT_EQ(counters().suppressed, 0);
  EXPECT_EQ(lost(core::GapReason::kNetLoss), 0);
  EXPECT_EQ(lost(core::GapReason::kRestart), 1);  // no time was lost
  EXPECT_EQ(count("sender_restarts"), 1);
  EXPECT_EQ(counters().accepted, 6 * kN);
}

TEST_F(RtpReceiverTest, SkipsComfortNoiseAndEventsWithoutALoss) {
  hear_packets(0, 3);
  RtpFields other = fields_;
  other.sequence = 3;
  other.timestamp = 3 * kSamples;
  other.payload_type = 97;
  hear(rtp_bytes(other, {}));
  other.sequence = 4;
  other.payload_type = 101;
  hear(rtp_bytes(other, counting_l16(0, 2)));
  fields_.timestamp += 8000 - 2 * kSamples;
  hear(packet(5));
  EXPECT_EQ(count("packets_comfort_noise"), 1);
  EXPECT_EQ(count("packets_telephone_event"), 1);
  EXPECT_EQ(counters().suppressed, 8000);
  EXPECT_EQ(counters().dropped, 0);
  EXPECT_EQ(count("packets_lost"), 0);
}

TEST_F(RtpReceiverTest, TellsHowToDeclareATypeAndLosesItsSamples) {
  hear_packets(0, 3);
  const std::vector<std::byte> good = packet(3);
  fields_.payload_type = 111;
  hear(packet(3));
  hear(packet(4));
  fields_.payload_type = 96;
  hear(packet(5));
  EXPECT_EQ(count("packets_unknown_type"), 2);
  EXPECT_EQ(n_told("rtp_unknown_type"), 1);
  EXPECT_NE(told("rtp_unknown_type", "remedy").find("pt=111:L16/16000/1"), std::string::npos);
  EXPECT_EQ(lost(core::GapReason::kDecodeError), 2 * kN);
  EXPECT_EQ(counters().suppressed, 0);
  expect_in_place(taken());
}

TEST_F(RtpReceiverTest, NamesTheCommandThatConvertsG722) {
  fields_.payload_type = 9;
  hear_packets(0, 5);
  EXPECT_EQ(count("packets_unknown_type"), 5);
  EXPECT_EQ(n_told("rtp_unsupported_encoding"), 1);
  EXPECT_EQ(told("rtp_unsupported_encoding", "encoding"), "G722");
  EXPECT_NE(told("rtp_unsupported_encoding", "remedy").find("ffmpeg "), std::string::npos);
  EXPECT_TRUE(recorder_.all().empty());
}

TEST_F(RtpReceiverTest, LosesWhatIsNoWholeNumberOfSamples) {
  hear_packets(0, 3);
  std::vector<std::byte> cut = packet(3);
  cut.pop_back();
  hear(cut);
  hear(packet(4));
  EXPECT_EQ(count("packets_malformed"), 1);
  EXPECT_EQ(n_told("rtp_malformed"), 1);
  EXPECT_EQ(lost(core::GapReason::kDecodeError), kN);
  expect_in_place(taken());
}

TEST_F(RtpReceiverTest, CountsJunkRtcpAndOversizedAndGoesOn) {
  hear_packets(0, 3);
  hear(counting_l16(77, 100));
  hear(std::vector<std::byte>{std::byte{0x80}, std::byte{200}, std::byte{0}, std::byte{6}});
  const auto fine = packet(3);
  receiver_->on_datagram(0, {fine, peer_, clock_.mono, true});
  hear(packet(3));
  EXPECT_EQ(count("packets_malformed"), 2);
  EXPECT_EQ(count("packets_rtcp"), 1);
  EXPECT_EQ(count("packets"), 7);
  EXPECT_EQ(taken().all_samples().size(), 4 * kSamples);
}

TEST_F(RtpReceiverTest, TellsTimestampsThatGoBackFromLoss) {
  hear_packets(0, 5);
  pass(80);  // after the 20 of the last packet: 100 ms after it came
  fields_.timestamp -= 100'000;
  hear(packet(5));
  EXPECT_EQ(count("sender_restarts"), 1);
  EXPECT_EQ(lost(core::GapReason::kRestart), 1600 - kN);
  ASSERT_EQ(taken().segments.size(), 2U);
  EXPECT_EQ(taken().segments[1].start.timeline_begin, 5 * kN + 1600 - kN);
  hear_packets(6, 9);
  EXPECT_EQ(counters().accepted, 9 * kN);
}

TEST_F(RtpReceiverTest, TakesTimestampsThatJitterForPacketsThatFollowOn) {
  for (std::int64_t n = 0; n < 50; ++n) {
    fields_.timestamp = n % 2 == 0 ? 100'000 : 100'000 - 160;  // 10 ms back
    hear_packets(n, n + 1);
  }
  EXPECT_EQ(count("sender_restarts"), 0);
  EXPECT_EQ(counters().accepted, 50 * kN);
  EXPECT_EQ(counters().dropped + counters().suppressed, 0);
  EXPECT_EQ(taken().segments.size(), 1U);
  expect_in_place(taken());
  fields_.timestamp -= 1;
  hear_packets(51, 52);  // the one before it is missing
  pass(50);
  EXPECT_EQ(lost(core::GapReason::kNetLoss), kN - 161);
  fields_.timestamp -= 400;
  hear_packets(52, 53);
  EXPECT_EQ(count("sender_restarts"), 1);
}

TEST_F(RtpReceiverTest, TakesAPauseThatTheTimestampsCannotTellForARestart) {
  make("pt=96:L16/192000/1&idle_timeout_s=86400");
  hear_packets(0, 5);
  const std::int64_t pause_ns = (std::int64_t{1} << 32) * core::kNsPerSecond / 192'000;  // once around
  clock_.mono += pause_ns;
  hear(packet(5));
  EXPECT_EQ(count("sender_restarts"), 1);
  EXPECT_NEAR(static_cast<double>(lost(core::GapReason::kRestart)), 4294967296.0, 192'000.0);
  EXPECT_EQ(counters().accepted, 6 * kN);
}

TEST_F(RtpReceiverTest, BelievesNewSequenceNumbersAfterTwoPacketsAndLosesNeither) {
  hear_packets(0, 5);
  fields_.sequence += 30'000;
  fields_.timestamp += 1'000'000'000;
  hear(packet(5));
  EXPECT_EQ(counters().accepted, 5 * kN);
  pass(20);
  hear(packet(6));
  EXPECT_EQ(counters().accepted, 7 * kN);
  EXPECT_EQ(count("sender_restarts"), 1);
  EXPECT_EQ(lost(core::GapReason::kRestart), 1);  // no time was lost, but it is another segment
  EXPECT_EQ(count("packets_lost"), 0);
}

TEST_F(RtpReceiverTest, IsNotMovedByOneStrayPacket) {
  hear_packets(0, 5);
  RtpFields stray = fields_;
  stray.sequence = 40'000;
  hear(rtp_bytes(stray, counting_l16(0, kSamples)));
  hear_packets(5, 10);
  EXPECT_EQ(counters().accepted, 10 * kN);
  EXPECT_EQ(counters().dropped, 0);
  expect_in_place(taken());
}

TEST_F(RtpReceiverTest, KnowsWhatTheKernelDropped) {
  hear_packets(0, 3);
  receiver_->on_kernel_drops(0, 4);
  hear(packet(7));
  EXPECT_EQ(lost(core::GapReason::kKernelDrop), 4 * kN);  // at once: they will not come
  EXPECT_EQ(count("kernel_drops"), 4);
  EXPECT_EQ(n_told("rtp_kernel_drops"), 1);
  receiver_->on_kernel_drops(0, 1);
  hear(packet(10));  // two are missing: one was lost elsewhere, who knows which
  pass(200);
  EXPECT_EQ(lost(core::GapReason::kKernelDrop), 4 * kN);
  EXPECT_EQ(lost(core::GapReason::kNetLoss), 2 * kN);
}

TEST_F(RtpReceiverTest, LosesAnOutageLongerThanItsWindowAtOnce) {
  hear_packets(0, 3);
  hear(packet(3 + 500));
  EXPECT_EQ(lost(core::GapReason::kNetLoss), 500 * kN);
  EXPECT_EQ(count("packets_lost"), 500);
  expect_in_place(taken());
}

TEST_F(RtpReceiverTest, ChangesBetweenMulawAndAlaw) {
  make("");
  for (std::int64_t n = 0; n < 10; ++n) {
    fields_.payload_type = n % 4 < 2 ? 0 : 8;
    const std::vector<std::byte> payload(160, n % 4 < 2 ? std::byte{0xFF} : std::byte{0xD5});
    RtpFields fields = fields_;
    fields.sequence = static_cast<std::uint16_t>(n);
    fields.timestamp = static_cast<std::uint32_t>(160 * n);
    hear(rtp_bytes(fields, payload));
  }
  EXPECT_EQ(counters().accepted, 1600);
  EXPECT_EQ(counters().dropped, 0);
  EXPECT_EQ(taken().segments.size(), 1U);
}

TEST_F(RtpReceiverTest, BeginsAStreamOfItsOwnForAnotherRate) {
  hear_packets(0, 5);
  fields_.payload_type = 98;
  hear_packets(5, 6);
  EXPECT_FALSE(recorder_.find("desk")->ended());  // not believed yet
  hear_packets(6, 12);
  ASSERT_EQ(recorder_.all().size(), 2U);
  EXPECT_EQ(recorder_.find("desk")->request.format.sample_rate_hz, 8000);
  EXPECT_EQ(counters().accepted, 7 * kN);
  EXPECT_EQ(told("rtp_stream_ended", "reason"), "format_changed");
  EXPECT_EQ(count("packets_wrong_type"), 1);
}

TEST_F(RtpReceiverTest, LosesThePacketOfAnotherFormatAloneAndEndsNothing) {
  make("");
  for (std::int64_t n = 0; n < 50; ++n) {
    RtpFields fields = fields_;
    fields.payload_type = n == 25 ? 10 : 0;
    fields.sequence = static_cast<std::uint16_t>(n);
    fields.timestamp = static_cast<std::uint32_t>(160 * n);
    hear(rtp_bytes(fields, std::vector<std::byte>(160, std::byte{0xFF})));
    pass(20);
  }
  EXPECT_EQ(recorder_.all().size(), 1U);
  EXPECT_EQ(n_told("rtp_stream_ended"), 0);
  EXPECT_EQ(count("packets_wrong_type"), 1);
  EXPECT_EQ(told("rtp_wrong_type", "type"), "L16/44100/2");
  EXPECT_EQ(told("rtp_wrong_type", "stream_type"), "PCMU/8000/1");
  EXPECT_EQ(lost(core::GapReason::kDecodeError), 160);
  EXPECT_EQ(counters().dropped, 160);
  EXPECT_EQ(counters().accepted, 49 * 160);
}

TEST_F(RtpReceiverTest, BelievesNoFormatThatTakesTurnsWithTheOldOne) {
  for (std::int64_t n = 0; n < 40; ++n) {
    fields_.payload_type = n >= 2 && n % 2 == 0 ? 98 : 96;
    hear_packets(n, n + 1);
  }
  EXPECT_EQ(recorder_.all().size(), 1U);
  EXPECT_EQ(count("packets_wrong_type"), 19);
  EXPECT_EQ(n_told("rtp_wrong_type"), 1);
  EXPECT_EQ(lost(core::GapReason::kDecodeError), 19 * kN);
  expect_in_place(taken());
}

TEST_F(RtpReceiverTest, AnchorsSegmentsByTheSendersClock) {
  hear_packets(0, 3);
  clock_.mono += 20 * kMs + 7 * kMs;  // this one is held up on its way
  hear(packet(4));
  pass(30);
  hear(packet(5));
  ASSERT_EQ(taken().segments.size(), 2U);
  const std::int64_t first_ns = taken().segments[0].start.capture_mono_ns;
  // 4 packets of 20 ms later by the sender's clock, whenever it came.
  EXPECT_EQ(taken().segments[1].start.capture_mono_ns, first_ns + 80 * kMs);
  EXPECT_EQ(first_ns, TurnedClock().mono - 20 * kMs);
}

TEST_F(RtpReceiverTest, TakesNoNoticeOfAStepOfTheWallClock) {
  hear_packets(0, 3);
  clock_.wall += 3600'000 * kMs;
  hear_packets(3, 6);
  pass(20);
  hear(packet(7));
  pass(30);
  ASSERT_EQ(taken().segments.size(), 2U);
  EXPECT_EQ(taken().segments[1].start.capture_mono_ns - taken().segments[0].start.capture_mono_ns, 140 * kMs);
}

TEST_F(RtpReceiverTest, ConcealsShortLossesIfItIsAskedTo) {
  make("pt=96:L16/16000/1&conceal=zero");
  hear_packets(0, 3);
  hear(packet(4));
  pass(30);
  EXPECT_EQ(counters().concealed, kN);
  EXPECT_EQ(count("samples_concealed"), kN);
  EXPECT_EQ(taken().segments.size(), 1U);
}

TEST_F(RtpReceiverTest, AllocatesNothingOnceItsStreamIsOpen) {
  hear_packets(0, 3);
  std::vector<std::vector<std::byte>> packets;
  for (std::int64_t n = 0; n < 60; ++n) packets.push_back(packet(n));
  reads_along_ = false;
  const audio::RtpReceiver* const before = receiver_.get();
  const RealtimeScope scope;
  for (std::size_t n = 3; n < 20; ++n) receiver_->on_datagram(0, {packets[n], peer_, clock_.mono, false});
  for (const std::size_t n : {22U, 21U, 20U, 24U, 24U, 26U, 25U}) {  // out of order, twice, lost
    receiver_->on_datagram(0, {packets[n], peer_, clock_.mono, false});
  }
  clock_.mono += 100 * kMs;
  receiver_->on_time();
  receiver_->on_datagram(0, {packets[23], peer_, clock_.mono, false});
  receiver_->look_after();
  const auto n = scope.allocations();
  EXPECT_EQ(n, 0);
  EXPECT_EQ(before, receiver_.get());
  EXPECT_EQ(counters().accepted, 26 * kN);
}

}  // namespace
}  // namespace melstream::test
