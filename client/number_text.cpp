#include "client/number_text.hpp"

#include <array>
#include <charconv>
#include <cmath>

namespace melstream::client {
namespace {

template <typename Value>
std::string round_trip(Value value) {
  if (!std::isfinite(value)) return "null";
  std::array<char, 32> text{};
  const auto result = std::to_chars(text.data(), text.data() + text.size(), value);
  return {text.data(), result.ptr};
}

}  // namespace

std::string json_number(float value) { return round_trip(value); }

std::string json_number(double value) { return round_trip(value); }

std::string short_number(double value) {
  std::array<char, 32> text{};
  const auto result = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::general, 3);
  return {text.data(), result.ptr};
}

std::string fixed_number(double value, int decimals) {
  if (!std::isfinite(value)) return short_number(value);
  // The largest double has 309 digits before its point.
  std::array<char, 352> text{};
  const auto result = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed, decimals);
  return {text.data(), result.ptr};
}

std::string hex_epoch(std::uint64_t epoch) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text(16, '0');
  for (int i = 15; i >= 0; --i, epoch >>= 4) text[static_cast<std::size_t>(i)] = kDigits[epoch & 0xF];
  return text;
}

}  // namespace melstream::client
