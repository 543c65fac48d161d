#include "client/json_object.hpp"

#include "client/number_text.hpp"

namespace melstream::client {

std::string json_string(std::string_view text) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string quoted = "\"";
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (c == '\n') {
      quoted += "\\n";
    } else if (code < 0x20) {
      quoted += "\\u00";
      quoted += kDigits[code >> 4];
      quoted += kDigits[code & 0xF];
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

std::string json_rows(std::span<const float> values, int bins) {
  std::string text = "[";
  const auto n_bins = static_cast<std::size_t>(bins);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i % n_bins == 0) text += i == 0 ? "[" : "], [";
    if (i % n_bins != 0) text += ", ";
    text += json_number(values[i]);
  }
  return text + (values.empty() ? "]" : "]]");
}

std::string json_array(const std::vector<std::string>& elements) {
  std::string text = "[";
  for (const auto& element : elements) text += (text.size() > 1 ? ", " : "") + element;
  return text + "]";
}

JsonObject& JsonObject::add(std::string_view key, double value) { return add_json(key, json_number(value)); }

JsonObject& JsonObject::add(std::string_view key, float value) { return add_json(key, json_number(value)); }

JsonObject& JsonObject::add_json(std::string_view key, std::string_view json) {
  if (!body_.empty()) body_ += ", ";
  body_ += json_string(key) + ": ";
  body_ += json;
  return *this;
}

}  // namespace melstream::client
