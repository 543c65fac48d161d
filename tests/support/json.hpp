// JSON as far as the golden manifest needs it: read whole, looked up by key. UTF-8 is passed through; of the escapes
// \uXXXX is refused.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace melstream::test {

class Json {
 public:
  /// Throws std::runtime_error with the offset of the first thing that is not JSON.
  static Json parse(std::string_view text);
  static Json load(const std::filesystem::path& file);

  /// Throw std::runtime_error where the value is of another kind, or the key is absent.
  const Json& at(const std::string& key) const;
  const std::vector<Json>& items() const;
  const std::map<std::string, Json>& members() const;
  bool is_text() const { return kind_ == Kind::kText; }
  const std::string& text() const;
  double number() const;
  /// @return the member's number, or `otherwise` if there is no such member.
  double number_or(const std::string& key, double otherwise) const;

 private:
  friend class JsonParser;
  enum class Kind { kNull, kBool, kNumber, kText, kArray, kObject };
  void expect(Kind kind) const;

  Kind kind_ = Kind::kNull;
  double number_ = 0.0;
  std::string text_;
  std::vector<Json> items_;
  std::map<std::string, Json> members_;
};

}  // namespace melstream::test
