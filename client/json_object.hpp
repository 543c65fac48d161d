// One JSON object as text, keys in the order they are added. Writing only; reading is protobuf's.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace melstream::client {

/// Quoted and escaped; bytes above 127 stay as they are (UTF-8).
std::string json_string(std::string_view text);
/// [[...], ...]: NaN and infinity are null, all else reads back as the same float32.
/// @param values [n][bins], row-major.
std::string json_rows(std::span<const float> values, int bins);
/// [a, b, ...] of texts that are JSON already.
std::string json_array(const std::vector<std::string>& elements);

class JsonObject {
 public:
  JsonObject& add(std::string_view key, std::string_view value) { return add_json(key, json_string(value)); }
  JsonObject& add(std::string_view key, const char* value) { return add_json(key, json_string(value)); }
  JsonObject& add(std::string_view key, std::int64_t value) { return add_json(key, std::to_string(value)); }
  JsonObject& add(std::string_view key, double value);
  JsonObject& add(std::string_view key, float value);
  JsonObject& add(std::string_view key, bool value) { return add_json(key, value ? "true" : "false"); }
  JsonObject& add_json(std::string_view key, std::string_view json);
  std::string text() const { return "{" + body_ + "}"; }

 private:
  std::string body_;
};

}  // namespace melstream::client
