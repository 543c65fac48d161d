// RFC 3550 section 5.1, field by field, and every way in which a packet can lie about its lengths.
#include "melstream/audio/rtp/rtp_packet.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/audio/rtp/rtp_fixture.hpp"

namespace melstream::audio {
namespace {

std::vector<std::byte> bytes_of(std::initializer_list<int> values) {
  std::vector<std::byte> bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

/// Bytes of the payload, or -1 if the packet is malformed.
int payload_of(std::initializer_list<int> values) {
  RtpPacket packet;
  if (parse_rtp(bytes_of(values), packet) != RtpParse::kRtp) return -1;
  return static_cast<int>(packet.payload.size());
}

TEST(RtpPacket, TellsItsFields) {
  const auto bytes = bytes_of({0x80, 0xE0, 0x12, 0x34, 0x01, 0x02, 0x03, 0x04, 0xAA, 0xBB, 0xCC, 0xDD, 7, 8});
  RtpPacket packet;
  ASSERT_EQ(parse_rtp(bytes, packet), RtpParse::kRtp);
  EXPECT_TRUE(packet.marker);
  EXPECT_EQ(packet.payload_type, 96);
  EXPECT_EQ(packet.sequence, 0x1234);
  EXPECT_EQ(packet.timestamp, 0x01020304U);
  EXPECT_EQ(packet.ssrc, 0xAABBCCDDU);
  ASSERT_EQ(packet.payload.size(), 2U);
  EXPECT_EQ(packet.payload.data(), bytes.data() + 12);
}

TEST(RtpPacket, SkipsContributorsExtensionAndPadding) {
  EXPECT_EQ(payload_of({0x82, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 9}), 1);
  EXPECT_EQ(payload_of({0x90, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0xBE, 0xDE, 0, 1, 5, 5, 5, 5, 9, 9}), 2);
  EXPECT_EQ(payload_of({0xA0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 9, 9, 9, 0, 0, 3}), 3);
  EXPECT_EQ(payload_of({0xA0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2}), 0);
}

TEST(RtpPacket, RefusesWhatDoesNotFitIntoIt) {
  EXPECT_EQ(payload_of({}), -1);
  EXPECT_EQ(payload_of({0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}), -1);              // no whole header
  EXPECT_EQ(payload_of({0x40, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 9}), -1);        // version 1
  EXPECT_EQ(payload_of({0x81, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 9, 9, 9}), -1);  // a contributor cut
  EXPECT_EQ(payload_of({0x90, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0}), -1);  // an extension's header cut
  EXPECT_EQ(payload_of({0x90, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 255, 255, 1}), -1);
  EXPECT_EQ(payload_of({0xA0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 9, 3}), -1);  // more padding than payload
  EXPECT_EQ(payload_of({0xA0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 9, 0}), -1);  // padding counts itself
  EXPECT_EQ(payload_of({0xA0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1}), -1);        // the header is no padding
}

TEST(RtpPacket, KnowsRtcpOnTheSamePort) {
  RtpPacket packet;
  for (const int type : {192, 200, 204, 223}) {
    EXPECT_EQ(parse_rtp(bytes_of({0x80, type, 0, 1, 0, 0, 0, 1}), packet), RtpParse::kRtcp) << type;
  }
  EXPECT_EQ(payload_of({0x80, 191, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 9}), 1);
  EXPECT_EQ(payload_of({0x80, 224, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 9}), 1);
}

}  // namespace
}  // namespace melstream::audio
