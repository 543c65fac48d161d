#include "daemon/page/page_protocol.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include <nlohmann/json.hpp>

#include "melstream/core/error.hpp"
#include "melstream/core/units.hpp"

namespace melstream::page {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxNameBytes = 256;
constexpr std::size_t kKeyDigits = 32;
constexpr double kMaxSecondsBack = 120;

[[noreturn]] void refuse(const std::string& message) {
  throw core::Error(core::ErrorCode::kInvalidArgument, message + " (daemon/page/page_protocol.hpp)");
}

/// The one member of the object that the text is.
std::pair<std::string, Json> parse_member(std::string_view text) {
  if (text.size() > kMaxTextBytes) refuse("a text message has at most " + std::to_string(kMaxTextBytes) + " bytes");
  // Nesting is bounded by the size.
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || json.size() != 1) refuse("expected a JSON object with one member");
  const auto member = json.begin();
  if (!member->is_object()) refuse("expected an object as the member");
  return {member.key(), std::move(member.value())};
}

template <typename Number>
Number take_number(const Json& json, const char* key, Number low, Number high) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_number()) refuse(std::string(key) + ": a number is needed");
  if constexpr (std::is_integral_v<Number>) {
    if (!found->is_number_integer()) refuse(std::string(key) + ": a whole number is needed");
    const bool huge =
        found->is_number_unsigned() && found->get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX);
    const std::int64_t value = huge ? INT64_MAX : found->get<std::int64_t>();
    if (value < low || value > high) refuse(std::string(key) + ": out of range");
    return static_cast<Number>(value);
  } else {
    const auto value = found->get<Number>();
    if (!(value >= low && value <= high)) refuse(std::string(key) + ": out of range");
    return value;
  }
}

std::string take_text(const Json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_string()) refuse(std::string(key) + ": a text is needed");
  auto text = found->get<std::string>();
  if (text.empty() || text.size() > kMaxNameBytes) refuse(std::string(key) + ": too short or too long");
  return text;
}

std::uint64_t take_epoch(const Json& json) {
  const std::string text = take_text(json, "epoch");
  std::uint64_t epoch = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), epoch);
  if (error != std::errc{} || end != text.data() + text.size()) refuse("epoch: a number as text is needed");
  return epoch;
}

engine::Smoothing take_smoothing(const Json& json) {
  const std::string text = take_text(json, "smoothing");
  if (text == "none") return engine::Smoothing::kNone;
  if (text == "box3x3") return engine::Smoothing::kBox3x3;
  if (text == "box3x3-valid") return engine::Smoothing::kBox3x3Valid;
  refuse("smoothing: none, box3x3 or box3x3-valid");
}

std::uint8_t take_slot(const Json& json) { return take_number<std::uint8_t>(json, "slot", 0, kSlots - 1); }

SubscribeCommand parse_subscribe(const Json& json) {
  SubscribeCommand command;
  command.slot = take_slot(json);
  command.generation = take_number<std::uint16_t>(json, "generation", 1, UINT16_MAX);
  command.stream = take_text(json, "stream");
  command.front_end = take_text(json, "front_end");
  command.smoothing = take_smoothing(json);
  command.seconds_back = take_number<double>(json, "seconds_back", 0, kMaxSecondsBack);
  if (json.contains("epoch")) {
    command.go_on = GoOn{take_epoch(json), take_number<std::int64_t>(json, "frame", 0, core::kMaxPosition)};
  }
  return command;
}

template <typename Number>
void put(Number value, char* at) noexcept {
  std::memcpy(at, &value, sizeof value);  // little-endian, as all machines that we build for
}

}  // namespace

void append_record(const Record& record, std::string& out) {
  std::array<char, kRecordBytes> bytes{};
  bytes[0] = static_cast<char>(record.kind);
  put(record.slot, &bytes[1]);
  put(record.reason, &bytes[2]);
  put(record.flags, &bytes[3]);
  put(record.generation, &bytes[4]);
  put(record.n_values, &bytes[6]);
  put(record.n_rows, &bytes[8]);
  put(record.first_frame, &bytes[16]);
  put(record.first_sample, &bytes[24]);
  put(record.extra, &bytes[32]);
  out.append(bytes.data(), bytes.size());
}

std::variant<SubscribeCommand, UnsubscribeCommand> parse_feature_command(std::string_view json) {
  const auto [name, value] = parse_member(json);
  if (name == "subscribe") return parse_subscribe(value);
  if (name == "unsubscribe") return UnsubscribeCommand{take_slot(value)};
  refuse("expected subscribe or unsubscribe");
}

MicrophoneStart parse_microphone_start(std::string_view json) {
  const auto [name, value] = parse_member(json);
  if (name != "start") refuse("expected start");
  MicrophoneStart start{.rate_hz = take_number<int>(value, "rate", 1, INT32_MAX), .key = take_text(value, "key")};
  const bool is_hex = start.key.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (start.key.size() != kKeyDigits || !is_hex) refuse("key: 32 hexadecimal digits are needed");
  return start;
}

AudioPiece parse_audio(std::span<const std::byte> message) {
  if (message.size() < kAudioHeaderBytes || message.size() % sizeof(float) != 0) {
    refuse("expected 8 bytes with the first sample's index, and float32 samples");
  }
  AudioPiece piece{.samples = message.subspan(kAudioHeaderBytes)};
  std::memcpy(&piece.first_sample, message.data(), sizeof piece.first_sample);
  if (piece.first_sample < 0 || piece.first_sample > core::kMaxPosition) refuse("the first sample's index is none");
  return piece;
}

}  // namespace melstream::page
