#include "melstream/audio/rtp/payload_types.hpp"

#include <algorithm>
#include <bit>
#include <cctype>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

#include "melstream/audio/pcm_decode.hpp"
#include "melstream/core/error.hpp"

namespace melstream::audio {
namespace {

constexpr std::array<std::pair<std::string_view, RtpEncoding>, 4> kEncodings = {{
    {"PCMU", RtpEncoding::kPcmu},
    {"PCMA", RtpEncoding::kPcma},
    {"L16", RtpEncoding::kL16},
    {"L24", RtpEncoding::kL24},
}};

// RFC 3551 table 4 and 5.
constexpr std::array<std::pair<std::uint8_t, std::string_view>, 21> kUnsupportedStatic = {{
    {3, "GSM"},  {4, "G723"},  {5, "DVI4"},  {6, "DVI4"},  {7, "LPC"},   {9, "G722"},  {12, "QCELP"},
    {14, "MPA"}, {15, "G728"}, {16, "DVI4"}, {17, "DVI4"}, {18, "G729"}, {25, "CelB"}, {26, "JPEG"},
    {28, "nv"},  {31, "H261"}, {32, "MPV"},  {33, "MP2T"}, {34, "H263"}, {2, "G726"},  {1, "FS-1016"},
}};

constexpr int kG711RateHz = 8000;

[[noreturn]] void refuse(const std::string& message) {
  throw core::Error(core::ErrorCode::kInvalidArgument, message, "uri");
}

bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

std::optional<int> number_of(std::string_view text) noexcept {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// The part before the separator, which is taken off with it.
std::string_view take_part(std::string_view& text, char separator) noexcept {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

using Expansion = std::array<std::int16_t, 256>;

Expansion expansion_of(core::PcmEncoding encoding) {
  std::array<std::byte, 256> codes{};
  for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<std::byte>(i);
  std::array<float, 256> samples{};
  decode(encoding, codes, samples);
  Expansion expansion{};
  for (std::size_t i = 0; i < codes.size(); ++i) expansion[i] = static_cast<std::int16_t>(samples[i] * 32768.0F);
  return expansion;
}

void expand(const Expansion& expansion, std::span<const std::byte> codes, std::byte* out) noexcept {
  static_assert(std::endian::native == std::endian::little);
  for (const std::byte code : codes) {
    std::memcpy(out, &expansion[std::to_integer<std::size_t>(code)], sizeof(std::int16_t));
    out += sizeof(std::int16_t);
  }
}

}  // namespace

std::size_t PayloadType::bytes_per_sample_of_all_channels() const noexcept {
  const auto channels = static_cast<std::size_t>(n_channels);
  switch (encoding) {
    case RtpEncoding::kPcmu:
    case RtpEncoding::kPcma:
      return channels;
    case RtpEncoding::kL16:
      return 2 * channels;
    case RtpEncoding::kL24:
      return 3 * channels;
  }
  return channels;
}

core::PcmEncoding PayloadType::pcm_encoding() const noexcept {
  return encoding == RtpEncoding::kL24 ? core::PcmEncoding::kLinear24 : core::PcmEncoding::kLinear16;
}

PayloadTypes::PayloadTypes(std::string_view declared, int standard_rate_hz, std::string_view target) {
  for (const auto& [number, name] : kUnsupportedStatic) {
    types_[number].kind = PayloadType::Kind::kUnsupported;
    types_[number].name = name;
  }
  set_audio(0, RtpEncoding::kPcmu, kG711RateHz, 1);
  set_audio(8, RtpEncoding::kPcma, kG711RateHz, 1);
  set_audio(10, RtpEncoding::kL16, 44100, 2);
  set_audio(11, RtpEncoding::kL16, 44100, 1);
  for (const std::size_t number : {13U, 19U}) {  // 19 was comfort noise before RFC 3551, and still is with some
    types_[number].kind = PayloadType::Kind::kComfortNoise;
    types_[number].name = "CN";
  }
  while (!declared.empty()) declare(take_part(declared, ','), standard_rate_hz, target);
}

void PayloadTypes::declare(std::string_view entry, int standard_rate_hz, std::string_view target) {
  const std::string whole = "pt=" + std::string(entry);
  const auto number = number_of(take_part(entry, ':'));
  if (!number || *number < 0 || *number > 127 || entry.empty()) {
    refuse(whole + ": write NUMBER:ENCODING/RATE/CHANNELS, such as pt=96:L16/16000/1, several with commas");
  }
  const std::string_view name = take_part(entry, '/');
  const std::string_view rate_text = take_part(entry, '/');
  const std::string_view channels_text = take_part(entry, '/');
  PayloadType& type = types_[static_cast<std::size_t>(*number)];
  if (equal_ignoring_case(name, "CN") || equal_ignoring_case(name, "telephone-event")) {
    type = {};
    type.kind = name.size() == 2 ? PayloadType::Kind::kComfortNoise : PayloadType::Kind::kTelephoneEvent;
    type.name = name;
    return;
  }
  const auto* const known = std::find_if(kEncodings.begin(), kEncodings.end(),
                                         [&](const auto& one) { return equal_ignoring_case(one.first, name); });
  if (known == kEncodings.end()) {
    refuse(whole + ": melstream decodes PCMU, PCMA, L16 and L24 (and skips CN and telephone-event); for " +
           std::string(name) + " run " + conversion_advice(target));
  }
  const bool companded = known->second == RtpEncoding::kPcmu || known->second == RtpEncoding::kPcma;
  const auto rate = !rate_text.empty()     ? number_of(rate_text)
                    : standard_rate_hz > 0 ? std::optional<int>(standard_rate_hz)
                    : companded            ? std::optional<int>(kG711RateHz)
                                           : std::nullopt;
  if (!rate || *rate < core::kMinSampleRateHz || *rate > core::kMaxSampleRateHz) {
    refuse(whole + ": give the sample rate, 8000 to 192000, as in pt=96:L16/16000/1");
  }
  const auto channels = channels_text.empty() ? std::optional<int>(1) : number_of(channels_text);
  if (!channels || *channels < 1 || *channels > core::kMaxChannels || !entry.empty()) {
    refuse(whole + ": channels must be 1 to 8, as in pt=96:L16/16000/1");
  }
  set_audio(static_cast<std::size_t>(*number), known->second, *rate, *channels);
}

void PayloadTypes::set_audio(std::size_t number, RtpEncoding encoding, int rate_hz, int n_channels) {
  types_[number] = {.kind = PayloadType::Kind::kAudio,
                    .encoding = encoding,
                    .rate_hz = rate_hz,
                    .n_channels = n_channels,
                    .name = std::string(kEncodings[static_cast<std::size_t>(encoding)].first)};
}

std::string conversion_advice(std::string_view target) {
  return "ffmpeg -protocol_whitelist file,udp,rtp,srtp,crypto -i session.sdp -c:a pcm_mulaw -ar 8000 -ac 1 -f rtp "
         "rtp://" +
         std::string(target);
}

std::span<const std::byte> to_pcm(RtpEncoding encoding, std::span<const std::byte> payload,
                                  std::span<std::byte> out) noexcept {
  static const Expansion kMulaw = expansion_of(core::PcmEncoding::kMulaw);
  static const Expansion kAlaw = expansion_of(core::PcmEncoding::kAlaw);
  switch (encoding) {
    case RtpEncoding::kPcmu:
      expand(kMulaw, payload, out.data());
      return out.first(2 * payload.size());
    case RtpEncoding::kPcma:
      expand(kAlaw, payload, out.data());
      return out.first(2 * payload.size());
    case RtpEncoding::kL16:
      for (std::size_t i = 0; i + 1 < payload.size(); i += 2) {
        out[i] = payload[i + 1];
        out[i + 1] = payload[i];
      }
      break;
    case RtpEncoding::kL24:
      for (std::size_t i = 0; i + 2 < payload.size(); i += 3) {
        out[i] = payload[i + 2];
        out[i + 1] = payload[i + 1];
        out[i + 2] = payload[i];
      }
      break;
  }
  return out.first(payload.size());
}

}  // namespace melstream::audio
