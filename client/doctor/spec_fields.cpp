#include "client/doctor/spec_fields.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>

#include "client/number_text.hpp"

namespace melstream::client::doctor {
namespace {

std::optional<double> number_of(std::string_view text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

/// Numbers between commas; nothing if any of them is none.
std::optional<std::vector<float>> numbers_of(std::string_view text) {
  std::vector<float> numbers;
  for (;;) {
    const std::size_t comma = text.find(',');
    const auto value = number_of(text.substr(0, comma));
    if (!value) return std::nullopt;
    numbers.push_back(static_cast<float>(*value));
    if (comma == std::string_view::npos) return numbers;
    text.remove_prefix(comma + 1);
  }
}

double number_field(const SpecFields& fields, const std::string& key, double otherwise) {
  const auto it = fields.find(key);
  return it == fields.end() ? otherwise : number_of(it->second).value_or(otherwise);
}

/// As TOML wants it: numbers, true and false bare, vectors in brackets, words in quotes.
std::string toml_value(const std::string& key, const std::string& value) {
  if (key == "cmvn_shift" || key == "cmvn_scale") return "[" + value + "]";
  if (value == "true" || value == "false" || number_of(value)) return value;
  return "\"" + value + "\"";
}

bool is_smooth(std::int64_t n) {
  for (const std::int64_t p : {2, 3, 5}) {
    while (n > 1 && n % p == 0) n /= p;
  }
  return n == 1;
}

}  // namespace

SpecFields parse_spec(std::string_view text) {
  SpecFields fields;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    const std::size_t equals = line.find('=');
    if (equals != std::string_view::npos && line.substr(0, equals) != "version") {
      fields.emplace(line.substr(0, equals), line.substr(equals + 1));
    }
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  return fields;
}

bool same_value(std::string_view a, std::string_view b) {
  if (a == b) return true;
  const auto numbers = numbers_of(a);
  return numbers && numbers == numbers_of(b);
}

std::vector<FieldDifference> differences(const SpecFields& wanted, const SpecFields& served) {
  std::vector<FieldDifference> found;
  for (const auto& [key, value] : wanted) {
    const auto other = served.find(key);
    const std::string there = other == served.end() ? std::string() : other->second;
    if (!same_value(value, there)) found.push_back({key, value, there});
  }
  for (const auto& [key, value] : served) {
    if (wanted.count(key) == 0) found.push_back({key, "", value});
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
  return found;
}

std::optional<std::size_t> nearest_front_end(const SpecFields& wanted, const std::vector<ServedFrontEnd>& served) {
  std::optional<std::size_t> best;
  std::size_t fewest = 0;
  for (std::size_t i = 0; i < served.size(); ++i) {
    const auto& fields = served[i].fields;
    const std::size_t n = differences(wanted, fields).size();
    if (n > 0 && fields.count("cmvn_shift") != 0 && wanted.count("cmvn_shift") == 0) continue;
    if (!best || n < fewest) {
      best = i;
      fewest = n;
    }
  }
  return best;
}

std::vector<std::string> unservable(const SpecFields& wanted) {
  struct Limit {
    const char* key;
    double low;
    double high;
  };
  constexpr std::array<Limit, 9> kLimits{{{"window_samples", 2, 4096},
                                          {"hop_samples", 1, 8192},
                                          {"n_fft", 8, 4096},
                                          {"n_mels", 1, 512},
                                          {"f_min_hz", 0, 7999},
                                          {"f_max_hz", 1, 8000},
                                          {"lfr_m", 1, 64},
                                          {"lfr_n", 1, 64},
                                          {"pre_emphasis", 0, 1}}};
  std::vector<std::string> reasons;
  for (const Limit& limit : kLimits) {
    const double value = number_field(wanted, limit.key, limit.low);
    if (value >= limit.low && value <= limit.high) continue;
    reasons.push_back(std::string(limit.key) + " = " + json_number(value) + ": the daemon serves " +
                      json_number(limit.low) + " to " + json_number(limit.high));
  }
  if (!reasons.empty()) return reasons;
  const auto n_fft = static_cast<std::int64_t>(number_field(wanted, "n_fft", 512));
  if (n_fft % 2 != 0 || !is_smooth(n_fft)) {
    reasons.push_back("n_fft = " + std::to_string(n_fft) +
                      ": the daemon serves even transforms that are products of 2, 3 and 5");
  }
  if (static_cast<double>(n_fft) < number_field(wanted, "window_samples", 2)) {
    reasons.push_back("n_fft = " + std::to_string(n_fft) + " is shorter than the window");
  }
  if (number_field(wanted, "f_max_hz", 8000) - number_field(wanted, "f_min_hz", 0) < 1) {
    reasons.emplace_back("f_max_hz is not above f_min_hz");
  }
  if (number_field(wanted, "cepstra", 0) > number_field(wanted, "n_mels", 1)) {
    reasons.emplace_back("more cepstra than mel bins");
  }
  constexpr double kMostSamples = 8192;
  const double row = number_field(wanted, "window_samples", 400) +
                     number_field(wanted, "hop_samples", 160) * (2 + number_field(wanted, "lfr_m", 1));
  if (row > kMostSamples) reasons.emplace_back("one row needs over 8192 samples at once (window, hop and lfr_m)");
  return reasons;
}

std::string front_end_toml(const std::string& name, const SpecFields& wanted, const ServedFrontEnd* base) {
  // Any built-in one will do where every field is written.
  std::string text = "[[front_end]]\nname = \"" + name + "\"\nbase = \"" + (base ? base->name : "whisper-80") + "\"\n";
  const std::vector<FieldDifference> changed = differences(wanted, base ? base->fields : SpecFields{});
  for (const FieldDifference& field : changed) {
    // What only the base has (the energy of its cepstra) goes with the field that it depends on.
    if (!field.wanted.empty()) text += field.key + " = " + toml_value(field.key, field.wanted) + "\n";
  }
  return text;
}

std::string shown_value(const std::string& value) {
  constexpr std::size_t kLongest = 60;
  if (value.size() <= kLongest) return value;
  const auto n = std::count(value.begin(), value.end(), ',') + 1;
  return "a vector of " + std::to_string(n);
}

}  // namespace melstream::client::doctor
