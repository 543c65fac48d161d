// The only file that includes toml++: it is slow to compile.
#include "daemon/toml_tree.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>

// toml++ 3.3 asserts what a malformed file breaks, or lets Clang assume it, before it reports the error properly. Bad
// input must reach the report.
#undef NDEBUG
#define TOML_ASSERT(expr) static_cast<void>(0)
#include <toml++/toml.h>

#include "daemon/toml_text.hpp"

namespace melstream::daemon {
namespace {

Position position_of(const toml::source_region& region) {
  return {static_cast<int>(region.begin.line), static_cast<int>(region.begin.column)};
}

TomlValue to_tree(const toml::node& node);

void fill_table(const toml::table& table, TomlValue& value) {
  value.kind = TomlValue::Kind::kTable;
  for (const auto& [key, node] : table) {
    value.members.push_back({std::string(key.str()), position_of(key.source()), to_tree(node)});
  }
  std::stable_sort(value.members.begin(), value.members.end(),
                   [](const TomlMember& a, const TomlMember& b) { return a.at < b.at; });
}

TomlValue to_tree(const toml::node& node) {
  TomlValue value;
  value.at = position_of(node.source());
  if (const auto* table = node.as_table()) {
    fill_table(*table, value);
  } else if (const auto* array = node.as_array()) {
    value.kind = TomlValue::Kind::kArray;
    for (const toml::node& element : *array) value.elements.push_back(to_tree(element));
  } else if (const auto* string = node.as_string()) {
    value.kind = TomlValue::Kind::kString;
    value.text = string->get();
  } else if (const auto* integer = node.as_integer()) {
    value.kind = TomlValue::Kind::kInteger;
    value.integer = integer->get();
    value.number = static_cast<double>(value.integer);
  } else if (const auto* number = node.as_floating_point()) {
    value.kind = TomlValue::Kind::kFloat;
    value.number = number->get();
  } else if (const auto* boolean = node.as_boolean()) {
    value.kind = TomlValue::Kind::kBoolean;
    value.boolean = boolean->get();
  } else {
    value.kind = TomlValue::Kind::kDateTime;
  }
  return value;
}

std::string array_literal(const TomlValue& array) {
  std::string text = "[";
  for (const TomlValue& element : array.elements) {
    if (text.size() > 1) text += ", ";
    text += to_literal(element);
  }
  return text + "]";
}

}  // namespace

const TomlMember* TomlValue::find(std::string_view key) const noexcept {
  const auto it = std::find_if(members.begin(), members.end(), [&](const TomlMember& m) { return m.key == key; });
  return it == members.end() ? nullptr : &*it;
}

const TomlMember* find_key(const TomlValue& root, std::string_view section, std::string_view key) noexcept {
  const TomlMember* member = root.find(section);
  return member == nullptr ? nullptr : member->value.find(key);
}

TomlValue parse_toml(std::string_view text) {
  if (const auto at = first_stray_character(text)) {
    throw TomlSyntaxError("a character beyond ASCII outside of quotes: put quotes around the text", *at);
  }
  try {
    return to_tree(toml::parse(text));
  } catch (const toml::parse_error& error) {
    throw TomlSyntaxError(std::string(error.description()), position_of(error.source()));
  }
}

std::string toml_string(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      quoted += "\\u00";
      quoted += kHex[byte >> 4U];
      quoted += kHex[byte & 0xfU];
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

std::string toml_number(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
  return {text.data(), end};
}

std::string to_literal(const TomlValue& value) {
  switch (value.kind) {
    case TomlValue::Kind::kString:
      return toml_string(value.text);
    case TomlValue::Kind::kInteger:
      return std::to_string(value.integer);
    case TomlValue::Kind::kFloat:
      return toml_number(value.number);
    case TomlValue::Kind::kBoolean:
      return value.boolean ? "true" : "false";
    case TomlValue::Kind::kDateTime:
      return "a date or time";
    case TomlValue::Kind::kArray:
      return array_literal(value);
    case TomlValue::Kind::kTable:
      return "a table";
  }
  return {};
}

}  // namespace melstream::daemon
