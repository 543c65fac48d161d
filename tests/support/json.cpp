#include "tests/support/json.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace melstream::test {

/// Recursive descent over one text.
class JsonParser {
 public:
  explicit JsonParser(std::string_view text) : text_(text) {}

  Json whole() {
    Json json = value();
    blank();
    if (at_ != text_.size()) fail();
    return json;
  }

 private:
  [[noreturn]] void fail() const { throw std::runtime_error("not JSON at offset " + std::to_string(at_)); }
  void blank() { at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size()); }
  char peek() {
    blank();
    if (at_ == text_.size()) fail();
    return text_[at_];
  }
  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  void need(char c) {
    if (!take(c)) fail();
  }

  Json value() {
    Json json;
    switch (peek()) {
      case '{':
        object(json);
        break;
      case '[':
        array(json);
        break;
      case '"':
        json.kind_ = Json::Kind::kText;
        json.text_ = string();
        break;
      default:
        scalar(json);
    }
    return json;
  }

  void object(Json& json) {
    json.kind_ = Json::Kind::kObject;
    need('{');
    if (take('}')) return;
    do {
      if (peek() != '"') fail();
      std::string key = string();
      need(':');
      json.members_.emplace(std::move(key), value());
    } while (take(','));
    need('}');
  }

  void array(Json& json) {
    json.kind_ = Json::Kind::kArray;
    need('[');
    if (take(']')) return;
    do json.items_.push_back(value());
    while (take(','));
    need(']');
  }

  std::string string() {
    constexpr std::string_view kEscapes = "\"\\/nrtbf";
    constexpr std::string_view kMeanings = "\"\\/\n\r\t\b\f";
    std::string result;
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (text_[at_] != '\\') {
        result.push_back(text_[at_]);
        continue;
      }
      if (++at_ == text_.size()) fail();
      const std::size_t escape = kEscapes.find(text_[at_]);
      if (escape == std::string_view::npos) fail();
      result.push_back(kMeanings[escape]);
    }
    if (at_ == text_.size()) fail();
    ++at_;
    return result;
  }

  void scalar(Json& json) {
    for (const std::string_view word : {"null", "true", "false"}) {
      if (text_.substr(at_, word.size()) != word) continue;
      at_ += word.size();
      json.kind_ = word == "null" ? Json::Kind::kNull : Json::Kind::kBool;
      json.number_ = word == "true" ? 1.0 : 0.0;
      return;
    }
    const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), json.number_);
    if (error != std::errc{}) fail();
    json.kind_ = Json::Kind::kNumber;
    at_ = static_cast<std::size_t>(end - text_.data());
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

Json Json::parse(std::string_view text) { return JsonParser(text).whole(); }

Json Json::load(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + file.string());
  std::ostringstream text;
  text << in.rdbuf();
  return parse(text.str());
}

void Json::expect(Kind kind) const {
  if (kind_ != kind) throw std::runtime_error("JSON value is of another kind than asked for");
}

const Json& Json::at(const std::string& key) const {
  expect(Kind::kObject);
  const auto it = members_.find(key);
  if (it == members_.end()) throw std::runtime_error("JSON object has no member '" + key + "'");
  return it->second;
}

const std::vector<Json>& Json::items() const {
  expect(Kind::kArray);
  return items_;
}

const std::map<std::string, Json>& Json::members() const {
  expect(Kind::kObject);
  return members_;
}

const std::string& Json::text() const {
  expect(Kind::kText);
  return text_;
}

double Json::number() const {
  expect(Kind::kNumber);
  return number_;
}

double Json::number_or(const std::string& key, double otherwise) const {
  expect(Kind::kObject);
  const auto it = members_.find(key);
  return it == members_.end() ? otherwise : it->second.number();
}

}  // namespace melstream::test
