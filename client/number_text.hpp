// Numbers as text, independent of the locale.
#pragma once

#include <cstdint>
#include <string>

namespace melstream::client {

/// The shortest text that reads back as the same float, or "null" for NaN and infinity (JSON has neither).
std::string json_number(float value);
std::string json_number(double value);
/// Three significant digits, for people: "0.00123", "4.5e-07".
std::string short_number(double value);
/// With a fixed number of decimals.
std::string fixed_number(double value, int decimals);
/// An epoch as people read it: 16 hex digits.
std::string hex_epoch(std::uint64_t epoch);

}  // namespace melstream::client
