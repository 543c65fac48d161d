// The words of the Python interface as numbers of the C ABI.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "melstream/engine.h"

#include "errors.hpp"

namespace melstream::python {

template <std::size_t N>
std::int32_t number_of(const std::array<std::pair<std::string_view, std::int32_t>, N>& words, const char* argument,
                       std::string_view word) {
  std::string known;
  for (const auto& [name, number] : words) {
    if (name == word) return number;
    known.append(known.empty() ? "" : ", ").append(name);
  }
  raise_value_error(std::string(argument) + ": '" + std::string(word) + "' is none of " + known);
}

inline melstream_smoothing smoothing_of(std::string_view word) {
  static constexpr std::array<std::pair<std::string_view, std::int32_t>, 3> kWords{
      {{"none", MELSTREAM_SMOOTHING_NONE},
       {"box3x3", MELSTREAM_SMOOTHING_BOX3X3},
       {"box3x3-valid", MELSTREAM_SMOOTHING_BOX3X3_VALID}}};
  return number_of(kWords, "smoothing", word);
}

inline melstream_normalization normalization_of(std::string_view word) {
  static constexpr std::array<std::pair<std::string_view, std::int32_t>, 5> kWords{
      {{"none", MELSTREAM_NORMALIZATION_NONE},
       {"running_max", MELSTREAM_NORMALIZATION_RUNNING_MAX},
       {"fixed_max", MELSTREAM_NORMALIZATION_FIXED_MAX},
       {"whisper_window", MELSTREAM_NORMALIZATION_WHISPER_WINDOW},
       {"per_feature_window", MELSTREAM_NORMALIZATION_PER_FEATURE_WINDOW}}};
  return number_of(kWords, "normalization", word);
}

}  // namespace melstream::python
