#include "client/feature_names.hpp"

#include <algorithm>
#include <array>
#include <numeric>

#include "client/exit_codes.hpp"

namespace melstream::client {
namespace {

template <typename Value>
struct Word {
  const char* text;
  Value value;
};

constexpr std::array<Word<v1::Smoothing>, 3> kSmoothings = {{
    {"none", v1::SMOOTHING_NONE},
    {"box3x3", v1::SMOOTHING_BOX3X3},
    {"box3x3-valid", v1::SMOOTHING_BOX3X3_VALID},
}};

constexpr std::array<Word<v1::Normalization>, 5> kNormalizations = {{
    {"none", v1::NORMALIZATION_NONE},
    {"running_max", v1::NORMALIZATION_RUNNING_MAX},
    {"fixed_max", v1::NORMALIZATION_FIXED_MAX},
    {"whisper_window", v1::NORMALIZATION_WHISPER_WINDOW},
    {"per_feature_window", v1::NORMALIZATION_PER_FEATURE_WINDOW},
}};

constexpr std::array<Word<v1::ElementType>, 2> kElementTypes = {{
    {"f32", v1::ELEMENT_TYPE_FLOAT32},
    {"f16", v1::ELEMENT_TYPE_FLOAT16},
}};

template <typename Value, std::size_t n>
Value parse(const std::array<Word<Value>, n>& words, std::string_view text, char wrong, char right, const char* what) {
  std::string wanted(text);
  std::replace(wanted.begin(), wanted.end(), wrong, right);
  std::string known;
  for (const auto& word : words) {
    if (wanted == word.text) return word.value;
    known += (known.empty() ? "" : ", ") + std::string(word.text);
  }
  throw ClientError(ExitCode::kUsage,
                    "unknown " + std::string(what) + " '" + std::string(text) + "': use one of " + known);
}

template <typename Value, std::size_t n>
const char* name(const std::array<Word<Value>, n>& words, Value value) noexcept {
  for (const auto& word : words) {
    if (word.value == value) return word.text;
  }
  return words[0].text;
}

std::string without_prefix(const std::string& text, std::string_view prefix) {
  return text.rfind(prefix, 0) == 0 ? text.substr(prefix.size()) : text;
}

/// Levenshtein's.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t change = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({change, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

v1::Smoothing parse_smoothing(std::string_view text) { return parse(kSmoothings, text, '_', '-', "smoothing"); }

v1::Normalization parse_normalization(std::string_view text) {
  return parse(kNormalizations, text, '-', '_', "normalization");
}

v1::ElementType parse_element_type(std::string_view text) {
  return parse(kElementTypes, text, '-', '-', "element type");
}

const char* smoothing_name(v1::Smoothing smoothing) noexcept { return name(kSmoothings, smoothing); }

const char* normalization_name(v1::Normalization normalization) noexcept {
  return name(kNormalizations, normalization);
}

std::string gap_reason_name(v1::GapReason reason) {
  // A later daemon may know reasons that we do not.
  const std::string text = v1::GapReason_Name(reason);
  return text.empty() ? std::to_string(static_cast<int>(reason)) : without_prefix(text, "GAP_REASON_");
}

std::string end_reason_name(v1::EndReason reason) {
  const std::string text = v1::EndReason_Name(reason);
  return text.empty() ? std::to_string(static_cast<int>(reason)) : without_prefix(text, "END_REASON_");
}

std::string nearest(std::string_view text, const std::vector<std::string>& candidates) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, text.size() / 3) + 1;
  for (const auto& candidate : candidates) {
    const std::size_t distance = edit_distance(text, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace melstream::client
