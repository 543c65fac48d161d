// A TOML document as a plain tree that knows where each key and value stands, for error messages. Control threads.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "melstream/core/error.hpp"

namespace melstream::daemon {

/// 1-based; columns count characters, not bytes. Line 0: the file as a whole.
struct Position {
  int line = 0;
  int column = 0;
  bool operator==(const Position&) const = default;
  /// In the order of the text.
  bool operator<(const Position& other) const noexcept {
    return line != other.line ? line < other.line : column < other.column;
  }
};

struct TomlMember;

struct TomlValue {
  enum class Kind : std::uint8_t { kString, kInteger, kFloat, kBoolean, kDateTime, kArray, kTable };

  Kind kind = Kind::kTable;
  Position at;
  std::string text;                 ///< kString: its contents, UTF-8
  std::int64_t integer = 0;         ///< kInteger
  double number = 0.0;              ///< kFloat, and kInteger as such
  bool boolean = false;             ///< kBoolean
  std::vector<TomlValue> elements;  ///< kArray
  std::vector<TomlMember> members;  ///< kTable, in the order of the file

  /// The table's member; null if there is none or this is no table.
  const TomlMember* find(std::string_view key) const noexcept;
};

struct TomlMember {
  std::string key;
  Position at;  ///< of the key
  TomlValue value;
};

/// Not TOML. what() says what is wrong, at() where.
class TomlSyntaxError : public core::Error {
 public:
  TomlSyntaxError(const std::string& message, Position at)
      : Error(core::ErrorCode::kInvalidArgument, message), at_(at) {}
  Position at() const noexcept { return at_; }

 private:
  Position at_;
};

/// Throws TomlSyntaxError.
TomlValue parse_toml(std::string_view text);

/// The member *key* of the table *section* of the document; null if there is none.
const TomlMember* find_key(const TomlValue& root, std::string_view section, std::string_view key) noexcept;

/// A string as a TOML basic string, quotes included.
std::string toml_string(std::string_view text);
/// A number as TOML: the shortest text that reads back to the same value.
std::string toml_number(double number);
/// The value as TOML text, tables and dates in words ("a table").
std::string to_literal(const TomlValue& value);

}  // namespace melstream::daemon
