#include "melstream/audio/wyoming/wyoming_reader.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "melstream/core/error.hpp"

namespace melstream::audio {
namespace {

using Json = nlohmann::json;

[[noreturn]] void refuse(const std::string& message) { throw core::Error(core::ErrorCode::kInvalidArgument, message); }

Json parse_object(const std::string& text, std::string_view what) {
  Json object = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) {
    refuse(std::string(what) +
           R"( is no JSON object: send events of the Wyoming protocol, such as {"type":"audio-start",)" +
           R"("data":{"rate":16000,"width":2,"channels":1}})");
  }
  return object;
}

/// Null where it is absent.
const Json* find(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::size_t length(const Json& line, const char* key, std::size_t most) {
  const Json* const value = find(line, key);
  if (value == nullptr) return 0;
  if (!value->is_number_unsigned() || value->get<std::uint64_t>() > most) {
    refuse(std::string(key) + " must be 0 to " + std::to_string(most) + "; send more events instead of a longer one");
  }
  return value->get<std::size_t>();
}

void read_integer(const Json& data, const char* key, std::optional<std::int64_t>& value) {
  const Json* const found = find(data, key);
  if (found == nullptr) return;
  const std::int64_t number = found->is_number_integer() ? found->get<std::int64_t>() : 0;
  if (number < 1 || number > 1'000'000) {
    refuse(std::string(key) + R"( of audio must be a number such as those of {"rate":16000,"width":2,"channels":1})");
  }
  value = number;
}

bool is_audio(std::string_view type) noexcept { return type == "audio-start" || type == "audio-chunk"; }

void read_data(const Json& data, WyomingEvent& event) {
  if (is_audio(event.type)) {
    read_integer(data, "rate", event.rate);
    read_integer(data, "width", event.width);
    read_integer(data, "channels", event.channels);
  } else if (const Json* const text = find(data, "text"); text != nullptr && text->is_string()) {
    event.text = text->get<std::string>();
  }
}

}  // namespace

std::optional<WyomingReader::Item> WyomingReader::next(std::span<const std::byte>& bytes) {
  while (!bytes.empty()) {
    if (n_payload_ > 0 && n_data_ == 0) {
      const Payload piece = bytes.first(std::min(n_payload_, bytes.size()));
      bytes = bytes.subspan(piece.size());
      n_payload_ -= piece.size();
      return piece;
    }
    if (auto event = n_data_ > 0 ? take_data(bytes) : take_head(bytes)) return event;
  }
  return std::nullopt;
}

std::optional<WyomingReader::Item> WyomingReader::take_head(std::span<const std::byte>& bytes) {
  const auto newline = std::find(bytes.begin(), bytes.end(), std::byte{'\n'});
  const auto n = static_cast<std::size_t>(newline - bytes.begin());
  if (text_.size() + n > kMaxWyomingLineBytes) {
    refuse("a line of over " + std::to_string(kMaxWyomingLineBytes) +
           " bytes: each event of the Wyoming protocol begins with a line of JSON");
  }
  text_.append(reinterpret_cast<const char*>(bytes.data()), n);
  if (newline == bytes.end()) {
    bytes = {};
    return std::nullopt;
  }
  bytes = bytes.subspan(n + 1);
  parse_line();
  text_.clear();
  if (n_data_ > 0) return std::nullopt;
  return std::exchange(event_, {});
}

std::optional<WyomingReader::Item> WyomingReader::take_data(std::span<const std::byte>& bytes) {
  const std::size_t n = std::min(n_data_ - text_.size(), bytes.size());
  text_.append(reinterpret_cast<const char*>(bytes.data()), n);
  bytes = bytes.subspan(n);
  if (text_.size() < n_data_) return std::nullopt;
  read_data(parse_object(text_, "the data of " + event_.type), event_);
  n_data_ = 0;
  text_.clear();
  return std::exchange(event_, {});
}

void WyomingReader::parse_line() {
  const Json line = parse_object(text_, "the line");
  const Json* const type = find(line, "type");
  if (type == nullptr || !type->is_string()) refuse(R"(an event without a type: send {"type":"audio-start",...})");
  event_.type = type->get<std::string>();
  n_data_ = length(line, "data_length", kMaxWyomingDataBytes);
  n_payload_ = length(line, "payload_length", kMaxWyomingPayloadBytes);
  if (const Json* const data = find(line, "data"); data != nullptr) {
    if (!data->is_object()) refuse("the data of an event must be an object");
    read_data(*data, event_);
  }
}

}  // namespace melstream::audio
