// What a URI of rtp: may say, and what it is told if it says something else.
#include "melstream/audio/rtp/rtp_options.hpp"

#include <array>

#include <gtest/gtest.h>

#include "melstream/audio/pcm_decode.hpp"
#include "melstream/audio/rtp/rtp_source.hpp"
#include "melstream/core/error.hpp"

namespace melstream::audio {
namespace {

RtpOptions options_of(const std::string& uri) { return rtp_options({"desk", uri, {}}, parse_source_uri(uri)); }

std::string refusal_of(const std::string& uri) {
  try {
    options_of(uri);
  } catch (const core::Error& error) {
    EXPECT_EQ(error.code(), core::ErrorCode::kInvalidArgument);
    EXPECT_EQ(error.field(), "uri");
    return error.what();
  }
  return {};
}

TEST(RtpOptions, HaveUsefulStandards) {
  const RtpOptions options = options_of("rtp://127.0.0.1:5004");
  EXPECT_EQ(options.ports, std::vector<std::uint16_t>{5004});
  EXPECT_FALSE(options.demux_ssrc);
  EXPECT_EQ(options.stream.id({{"id", "desk"}}), "desk");
  EXPECT_EQ(options.jitter_min_ns, 20'000'000);
  EXPECT_EQ(options.jitter_max_ns, 200'000'000);
  EXPECT_EQ(options.idle_timeout_ns, 30'000'000'000);
  EXPECT_EQ(options.max_ssrc, 16);
  EXPECT_EQ(options.types[0].name, "PCMU");
  EXPECT_EQ(options.types[8].rate_hz, 8000);
  EXPECT_EQ(options.types[10].n_channels, 2);
  EXPECT_EQ(options.types[11].rate_hz, 44100);
  EXPECT_EQ(options.types[13].kind, PayloadType::Kind::kComfortNoise);
  EXPECT_EQ(options.types[96].kind, PayloadType::Kind::kUnknown);
}

TEST(RtpOptions, DeclarePayloadTypes) {
  const RtpOptions options = options_of(
      "rtp://127.0.0.1:5004?pt=96:L16/16000/1,97:l24/48000/2,98:PCMA,101:telephone-event,102:CN/16000&rate=16000");
  EXPECT_EQ(options.types[96].encoding, RtpEncoding::kL16);
  EXPECT_EQ(options.types[96].rate_hz, 16000);
  EXPECT_EQ(options.types[97].encoding, RtpEncoding::kL24);
  EXPECT_EQ(options.types[97].n_channels, 2);
  EXPECT_EQ(options.types[98].rate_hz, 16000);
  EXPECT_EQ(options.types[101].kind, PayloadType::Kind::kTelephoneEvent);
  EXPECT_EQ(options.types[102].kind, PayloadType::Kind::kComfortNoise);
}

TEST(RtpOptions, TakeTheEvenPortsOfARange) {
  EXPECT_EQ(options_of("rtp://127.0.0.1:20000-20005").ports, (std::vector<std::uint16_t>{20000, 20002, 20004}));
  EXPECT_EQ(options_of("rtp://127.0.0.1:20001-20003").ports, (std::vector<std::uint16_t>{20001, 20002, 20003}));
  EXPECT_EQ(options_of("rtp://127.0.0.1:20000-20002?ports=all").ports,
            (std::vector<std::uint16_t>{20000, 20001, 20002}));
  EXPECT_EQ(options_of("rtp://127.0.0.1:5005").ports, std::vector<std::uint16_t>{5005});
  EXPECT_EQ(options_of("rtp://127.0.0.1:20000-20004").stream.id({{"id", "a"}, {"port", "20002"}}), "a-20002");
  EXPECT_EQ(options_of("rtp://127.0.0.1:5004?demux=ssrc").stream.id({{"id", "a"}, {"ssrc", "0000beef"}}), "a-0000beef");
}

TEST(RtpOptions, SayWhatIsWrong) {
  const std::array<std::pair<std::string, std::string>, 13> cases = {{
      {"pt=96", "pt=96:L16/16000/1"},
      {"pt=128:L16/16000", "pt=96:L16/16000/1"},
      {"pt=96:L16", "give the sample rate"},
      {"pt=96:L16/1000", "8000 to 192000"},
      {"pt=96:L16/16000/9", "channels must be 1 to 8"},
      {"pt=111:opus/48000/2", "for opus run ffmpeg"},
      {"pt=9:G722/8000", "rtp://127.0.0.1:5004"},
      {"jitter_ms=50-20", "jitter_ms=20-200"},
      {"jitter_ms=20-9000", "0 to 2000"},
      {"stream=call-{caller}", "id, ssrc, port or peer"},
      {"demux=ssrc&stream=call", "it needs {ssrc}"},
      {"conceal=maybe", "none, zero or hold"},
      {"jiter_ms=20", "jitter_ms"},
  }};
  for (const auto& [parameters, said] : cases) {
    EXPECT_NE(refusal_of("rtp://127.0.0.1:5004?" + parameters).find(said), std::string::npos)
        << parameters << " is told: " << refusal_of("rtp://127.0.0.1:5004?" + parameters);
  }
  EXPECT_NE(refusal_of("rtp://127.0.0.1:20000-20002?stream=call").find("it needs {port}"), std::string::npos);
}

TEST(RtpOptions, NameTheCommandForSrtp) {
  const core::SourceSpec spec{"desk", "srtp://127.0.0.1:5004", {}};
  try {
    srtp_kind().check(spec, parse_source_uri(spec.uri));
    FAIL();
  } catch (const core::Error& error) {
    EXPECT_NE(std::string(error.what()).find("ffmpeg"), std::string::npos);
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
  }
}

TEST(PayloadTypes, ExpandAsTheDecoderOfG711Does) {
  std::vector<std::byte> codes(256);
  for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<std::byte>(i);
  std::vector<std::byte> pcm(512);
  std::array<float, 256> by_pcm{};
  std::array<float, 256> by_code{};
  for (const bool mulaw : {true, false}) {
    decode(core::PcmEncoding::kLinear16, to_pcm(mulaw ? RtpEncoding::kPcmu : RtpEncoding::kPcma, codes, pcm), by_pcm);
    decode(mulaw ? core::PcmEncoding::kMulaw : core::PcmEncoding::kAlaw, codes, by_code);
    EXPECT_EQ(by_pcm, by_code);
  }
}

TEST(PayloadTypes, TurnBigEndianRound) {
  const std::vector<std::byte> payload = {std::byte{1}, std::byte{2}, std::byte{3},
                                          std::byte{4}, std::byte{5}, std::byte{6}};
  std::vector<std::byte> out(12);
  const auto l16 = to_pcm(RtpEncoding::kL16, payload, out);
  EXPECT_EQ(std::vector(l16.begin(), l16.end()),
            (std::vector{std::byte{2}, std::byte{1}, std::byte{4}, std::byte{3}, std::byte{6}, std::byte{5}}));
  const auto l24 = to_pcm(RtpEncoding::kL24, payload, out);
  EXPECT_EQ(std::vector(l24.begin(), l24.end()),
            (std::vector{std::byte{3}, std::byte{2}, std::byte{1}, std::byte{6}, std::byte{5}, std::byte{4}}));
}

}  // namespace
}  // namespace melstream::audio
