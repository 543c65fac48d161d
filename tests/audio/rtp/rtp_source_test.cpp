// The source with real sockets on loopback.
#include "melstream/audio/rtp/rtp_source.hpp"

#include <mutex>

#include "melstream/audio/net_address.hpp"

#include "tests/audio/rtp/rtp_fixture.hpp"
#include "tests/support/eventually.hpp"

namespace melstream::test {
namespace {

class RtpSourceTest : public testing::Test {
 protected:
  std::unique_ptr<audio::Source> open(const std::string& uri) {
    const core::SourceSpec spec{"desk", uri, {}};
    const audio::SourceUri parsed = audio::parse_source_uri(uri);
    audio::rtp_kind().check(spec, parsed);
    return audio::rtp_kind().make(spec, parsed, parts_);
  }
  /// From "listens on 127.0.0.1:40000".
  static audio::NetAddress listens_on(const audio::Source& source) {
    const std::string detail = source.status().detail;
    return any_port().with_port(static_cast<std::uint16_t>(std::stoi(detail.substr(detail.rfind(':') + 1))));
  }
  static std::int64_t count(const audio::Source& source, std::string_view name) {
    for (const core::SourceCounter& counter : source.status().counters) {
      if (counter.name == name) return counter.value;
    }
    return -1;
  }
  static std::vector<std::byte> packet(std::int64_t n) {
    RtpFields fields;
    fields.sequence = static_cast<std::uint16_t>(n);
    fields.timestamp = static_cast<std::uint32_t>(160 * n);
    fields.payload_type = 96;
    return rtp_bytes(fields, counting_l16(160 * n, 160));
  }
  std::string refusal_of(const std::string& uri) {
    try {
      open(uri);
    } catch (const core::Error& error) {
      return error.what();
    }
    return {};
  }

  core::SystemClock clock_;
  audio::NetLoop net_;
  StreamRecorder recorder_{clock_};
  audio::SourceParts parts_{recorder_.opener(), clock_, [](const audio::SourceEvent& /*event*/) {}, net_};
};

TEST_F(RtpSourceTest, HearsASenderAndEnds) {
  const auto source = open("rtp://127.0.0.1:0?pt=96:L16/16000/1");
  EXPECT_EQ(source->status().state, core::SourceState::kWaiting);
  const audio::OwnedFd sender = connected(listens_on(*source), SOCK_DGRAM);
  for (std::int64_t n = 0; n < 50; ++n) send_all(sender, packet(n));
  ASSERT_TRUE(eventually([&] { return count(*source, "samples_accepted") == 50 * 160; }));
  EXPECT_EQ(source->status().state, core::SourceState::kLive);
  EXPECT_EQ(source->status().streams, std::vector<std::string>{"desk"});
  source->end(core::EndReason::kCompleted);
  const Taken& taken = recorder_.find("desk")->taken.front();
  EXPECT_EQ(taken.end_reason, core::EndReason::kCompleted);
  EXPECT_EQ(taken.all_samples().size(), 50U * 160);
  EXPECT_EQ(source->status().state, core::SourceState::kEnded);
  EXPECT_EQ(count(*source, "packets"), 50);
}

TEST_F(RtpSourceTest, EndsOnceHoweverOftenItIsAskedTo) {
  const auto source = open("rtp://127.0.0.1:0");
  source->end(core::EndReason::kCompleted);
  source->end(core::EndReason::kShutdown);
  EXPECT_EQ(source->status().state, core::SourceState::kEnded);
}

TEST_F(RtpSourceTest, GivesUpOnALostPacketByItself) {
  const auto source = open("rtp://127.0.0.1:0?pt=96:L16/16000/1");
  const audio::OwnedFd sender = connected(listens_on(*source), SOCK_DGRAM);
  for (const std::int64_t n : {0, 1, 2, 4}) send_all(sender, packet(n));
  EXPECT_TRUE(eventually([&] { return count(*source, "samples_accepted") == 4 * 160; }));
  EXPECT_EQ(count(*source, "samples_dropped"), 160);
}

TEST_F(RtpSourceTest, EndsAStreamThatFallsSilentByItself) {
  const auto source = open("rtp://127.0.0.1:0?pt=96:L16/16000/1&idle_timeout_s=0.2");
  const audio::OwnedFd sender = connected(listens_on(*source), SOCK_DGRAM);
  for (const std::int64_t n : {0, 1}) send_all(sender, packet(n));
  ASSERT_TRUE(eventually([&] { return recorder_.find("desk") != nullptr; }));
  EXPECT_TRUE(eventually([&] { return recorder_.find("desk")->ended(); }));
}

TEST_F(RtpSourceTest, NeverAnswers) {
  const auto source = open("rtp://127.0.0.1:0?pt=96:L16/16000/1");
  const audio::OwnedFd sender = connected(listens_on(*source), SOCK_DGRAM);
  for (std::int64_t n = 0; n < 20; ++n) send_all(sender, n % 2 == 0 ? packet(n) : counting_l16(n, 50));
  ASSERT_TRUE(eventually([&] { return count(*source, "packets") == 20; }));
  std::array<std::byte, 16> answer{};
  EXPECT_EQ(recv(sender.get(), answer.data(), answer.size(), MSG_DONTWAIT), -1);
}

TEST_F(RtpSourceTest, ADestroyedSourceLosesItsStreams) {
  auto source = open("rtp://127.0.0.1:0?pt=96:L16/16000/1");
  const audio::OwnedFd sender = connected(listens_on(*source), SOCK_DGRAM);
  for (const std::int64_t n : {0, 1}) send_all(sender, packet(n));
  ASSERT_TRUE(eventually([&] { return recorder_.find("desk") != nullptr; }));
  source.reset();
  EXPECT_EQ(recorder_.find("desk")->taken.front().end_reason, core::EndReason::kSourceLost);
}

TEST_F(RtpSourceTest, IsCarefulWhereOthersCanReachIt) {
  EXPECT_NE(refusal_of("rtp://0.0.0.0:0").find("allow_insecure_bind"), std::string::npos);
  parts_.allow_insecure_bind = true;
  EXPECT_NE(refusal_of("rtp://0.0.0.0:0").find("allow_from="), std::string::npos);
  EXPECT_EQ(refusal_of("rtp://0.0.0.0:0?allow_from=10.0.0.0/8"), "");
}

TEST_F(RtpSourceTest, SaysThatAPortIsTaken) {
  const auto source = open("rtp://127.0.0.1:0");
  const std::string port = std::to_string(listens_on(*source).port());
  EXPECT_NE(refusal_of("rtp://127.0.0.1:" + port).find("127.0.0.1:" + port), std::string::npos);
}

}  // namespace
}  // namespace melstream::test
