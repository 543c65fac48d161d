// One table of the fields of a front end: key, how it is written as text, how it is read from text. It serves the
// canonical text (and so the hash) and the front ends of the config. Any thread; not for real-time code.
#include "melstream/engine/fields.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "melstream/core/error.hpp"
#include "melstream/core/nearest.hpp"
#include "melstream/core/units.hpp"

namespace melstream::engine {
namespace {

[[noreturn]] void refuse(std::string_view key, std::string_view value, const std::string& accepted) {
  constexpr std::size_t kShown = 60;
  std::string shown(value.substr(0, kShown));
  if (value.size() > kShown) shown += "...";
  throw core::Error(core::ErrorCode::kInvalidArgument, std::string(key) + " = '" + shown + "': expected " + accepted,
                    std::string(key));
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  const std::size_t begin = std::min(text.find_first_not_of(kBlanks), text.size());
  text.remove_prefix(begin);
  return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

// ---- numbers: shortest text that reads back to the same value

template <typename T>
std::string to_text(T value) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

template <typename T>
T to_number(std::string_view key, std::string_view value) {
  T number{};
  const char* end = value.data() + value.size();
  const auto [stop, error] = std::from_chars(value.data(), end, number);
  bool good = error == std::errc{} && stop == end;
  if constexpr (std::is_floating_point_v<T>) good = good && std::isfinite(number);
  if (!good) refuse(key, value, std::is_floating_point_v<T> ? "a finite number" : "a whole number");
  return number;
}

std::string to_text(const std::vector<float>& values) {
  std::string text;
  for (const float v : values) text.append(text.empty() ? "" : ",").append(to_text(v));
  return text;
}

/// Numbers between commas or blanks, brackets around them allowed.
std::vector<float> to_numbers(std::string_view key, std::string_view value) {
  constexpr std::string_view kBetween = " \t\r\n,[]";
  std::vector<float> numbers;
  std::size_t begin = value.find_first_not_of(kBetween);
  while (begin != std::string_view::npos) {
    const std::size_t end = std::min(value.find_first_of(kBetween, begin), value.size());
    numbers.push_back(to_number<float>(key, value.substr(begin, end - begin)));
    begin = value.find_first_not_of(kBetween, end);
  }
  return numbers;
}

// ---- words

template <typename E, std::size_t N>
using WordTable = std::array<std::pair<std::string_view, E>, N>;

constexpr WordTable<bool, 2> kBoolWords{{{"false", false}, {"true", true}}};
constexpr WordTable<Edge, 4> kEdgeWords{
    {{"none", Edge::kNone}, {"zeros", Edge::kZeros}, {"reflect", Edge::kReflect}, {"symmetric", Edge::kSymmetric}}};
constexpr WordTable<FrameCount, 4> kFrameCountWords{{{"floor", FrameCount::kFloor},
                                                     {"floor_plus_one", FrameCount::kFloorPlusOne},
                                                     {"rounded", FrameCount::kRounded},
                                                     {"snip", FrameCount::kSnip}}};
constexpr WordTable<WindowShape, 4> kWindowWords{{{"hann_periodic", WindowShape::kHannPeriodic},
                                                  {"hann_symmetric", WindowShape::kHannSymmetric},
                                                  {"hamming_symmetric", WindowShape::kHammingSymmetric},
                                                  {"povey", WindowShape::kPovey}}};
constexpr WordTable<PreEmphasisScope, 3> kScopeWords{
    {{"none", PreEmphasisScope::kNone}, {"frame", PreEmphasisScope::kFrame}, {"signal", PreEmphasisScope::kSignal}}};
constexpr WordTable<MelScale, 3> kMelScaleWords{
    {{"slaney", MelScale::kSlaney}, {"kaldi", MelScale::kKaldi}, {"htk", MelScale::kHtk}}};
constexpr WordTable<MelNorm, 2> kMelNormWords{{{"none", MelNorm::kNone}, {"slaney", MelNorm::kSlaney}}};
constexpr WordTable<LogBase, 3> kLogWords{{{"none", LogBase::kNone}, {"ten", LogBase::kTen}, {"e", LogBase::kE}}};
constexpr WordTable<LogFloor, 2> kLogFloorWords{{{"max", LogFloor::kMax}, {"add", LogFloor::kAdd}}};
constexpr WordTable<EnergyTerm, 2> kEnergyWords{{{"cepstrum", EnergyTerm::kCepstrum}, {"raw", EnergyTerm::kRawEnergy}}};

template <typename E, std::size_t N>
std::string word_of(const WordTable<E, N>& words, E value) {
  const auto it = std::find_if(words.begin(), words.end(), [&](const auto& w) { return w.second == value; });
  return it == words.end() ? std::string{} : std::string(it->first);
}

template <typename E, std::size_t N>
E value_of(const WordTable<E, N>& words, std::string_view key, std::string_view word) {
  std::string accepted;
  for (const auto& [name, value] : words) {
    if (name == word) return value;
    accepted.append(accepted.empty() ? "one of " : ", ").append(name);
  }
  refuse(key, word, accepted);
}

// ---- the table

struct Field {
  std::string_view key;
  std::string (*read)(const FrontEndSpec&);
  void (*write)(FrontEndSpec&, std::string_view key, std::string_view value);
  /// Whether the field decides numbers in this front end; no function: always.
  bool (*applies)(const FrontEndSpec&) = nullptr;
};

/// Member of a spec, const or not, as a captureless lambda.
template <auto kMember>
constexpr Field number(std::string_view key, bool (*applies)(const FrontEndSpec&) = nullptr) {
  return {key, [](const FrontEndSpec& s) { return to_text(kMember(s)); },
          [](FrontEndSpec& s, std::string_view k, std::string_view value) {
            kMember(s) = to_number<std::remove_cvref_t<decltype(kMember(s))>>(k, value);
          },
          applies};
}

template <auto kMember, const auto& kWords>
constexpr Field word(std::string_view key, bool (*applies)(const FrontEndSpec&) = nullptr) {
  return {key, [](const FrontEndSpec& s) { return word_of(kWords, kMember(s)); },
          [](FrontEndSpec& s, std::string_view k, std::string_view value) { kMember(s) = value_of(kWords, k, value); },
          applies};
}

bool has_log(const FrontEndSpec& s) { return s.log.base != LogBase::kNone; }
bool has_cepstrum(const FrontEndSpec& s) { return s.cepstrum.has_value(); }
bool has_cmvn(const FrontEndSpec& s) { return s.cmvn.has_value(); }
bool has_pre_emphasis(const FrontEndSpec& s) { return s.transform.pre_emphasis_scope != PreEmphasisScope::kNone; }

/// The optional parts come into being with the first field that is set, in whatever order the fields are.
template <typename T>
T& made(std::optional<T>& part) {
  return part ? *part : part.emplace();
}
/// A cepstrum of which only the lifter or the energy is known: 0 coefficients, refused unless `cepstra` follows.
CepstrumSpec& made_cepstrum(FrontEndSpec& s) {
  if (!s.cepstrum) s.cepstrum.emplace().n_ceps = 0;
  return *s.cepstrum;
}

std::string read_cepstra(const FrontEndSpec& s) { return s.cepstrum ? to_text(s.cepstrum->n_ceps) : "0"; }
void write_cepstra(FrontEndSpec& s, std::string_view key, std::string_view value) {
  const int n = to_number<int>(key, value);
  if (n == 0) {
    s.cepstrum.reset();
  } else {
    made(s.cepstrum).n_ceps = n;
  }
}

std::string read_rate(const FrontEndSpec&) { return to_text(core::kSampleRateHz); }
void write_rate(FrontEndSpec&, std::string_view key, std::string_view value) {
  if (to_number<int>(key, value) != core::kSampleRateHz) refuse(key, value, "16000: every stream is resampled to it");
}

/// Sorted by key.
constexpr std::array kFields = {
    Field{"cepstra", read_cepstra, write_cepstra},
    Field{"cmvn_scale", [](const FrontEndSpec& s) { return to_text(s.cmvn->scale); },
          [](FrontEndSpec& s, std::string_view k, std::string_view v) { made(s.cmvn).scale = to_numbers(k, v); },
          has_cmvn},
    Field{"cmvn_shift", [](const FrontEndSpec& s) { return to_text(s.cmvn->shift); },
          [](FrontEndSpec& s, std::string_view k, std::string_view v) { made(s.cmvn).shift = to_numbers(k, v); },
          has_cmvn},
    word < [](auto& s) -> auto& {return s.transform.geometry.edge;
}  // namespace
, kEdgeWords > ("edge"),
    Field{"energy", [](const FrontEndSpec& s) { return word_of(kEnergyWords, s.cepstrum->energy); },
          [](FrontEndSpec& s, std::string_view k, std::string_view v) {
            made_cepstrum(s).energy = value_of(kEnergyWords, k, v);
          },
          has_cepstrum},
    number < [](auto& s) -> auto& {
  return s.mel.f_max_hz;
}
> ("f_max_hz"), number < [](auto& s) -> auto& { return s.mel.f_min_hz; }
> ("f_min_hz"), word < [](auto& s) -> auto& { return s.transform.geometry.count; }
, kFrameCountWords > ("frame_count"), number < [](auto& s) -> auto& { return s.transform.geometry.hop; }
> ("hop_samples"), number < [](auto& s) -> auto& { return s.transform.geometry.left; }
> ("left_samples"), number < [](auto& s) -> auto& { return s.lfr.m; }
> ("lfr_m"), number < [](auto& s) -> auto& { return s.lfr.n; }
> ("lfr_n"),
    Field{"lifter", [](const FrontEndSpec& s) { return to_text(s.cepstrum->lifter); },
          [](FrontEndSpec& s, std::string_view k, std::string_view v) {
            made_cepstrum(s).lifter = to_number<float>(k, v);
          },
          has_cepstrum},
    word < [](auto& s) -> auto& {
  return s.log.base;
}
, kLogWords > ("log"), number < [](auto& s) -> auto& { return s.log.floor_value; }
> ("log_floor", has_log), word < [](auto& s) -> auto& { return s.log.floor; }
, kLogFloorWords > ("log_floor_mode", has_log), word < [](auto& s) -> auto& { return s.mel.norm; }
, kMelNormWords > ("mel_norm"), word < [](auto& s) -> auto& { return s.mel.scale; }
, kMelScaleWords > ("mel_scale"), number < [](auto& s) -> auto& { return s.transform.n_fft; }
> ("n_fft"), number < [](auto& s) -> auto& { return s.mel.n_mels; }
> ("n_mels"), number < [](auto& s) -> auto& { return s.transform.pre_emphasis; }
> ("pre_emphasis", has_pre_emphasis), word < [](auto& s) -> auto& { return s.transform.pre_emphasis_scope; }
, kScopeWords > ("pre_emphasis_scope"), word < [](auto& s) -> auto& { return s.transform.remove_dc; }
, kBoolWords > ("remove_dc"), Field{"sample_rate_hz", read_rate, write_rate}, number < [](auto& s) -> auto& {
  return s.transform.scale;
}
> ("sample_scale"), number < [](auto& s) -> auto& { return s.version; }
> ("version"), word < [](auto& s) -> auto& { return s.transform.window; }
, kWindowWords > ("window"), number < [](auto& s) -> auto& { return s.transform.geometry.window; }
> ("window_samples"),
};  // namespace melstream::engine

constexpr auto kKeys = [] {
  std::array<std::string_view, kFields.size()> keys{};
  for (std::size_t i = 0; i < kFields.size(); ++i) keys[i] = kFields[i].key;
  return keys;
}();
static_assert(std::is_sorted(kKeys.begin(), kKeys.end()));

}  // namespace

std::string canonical_text(const FrontEndSpec& spec) {
  std::string text;
  for (const Field& field : kFields) {
    if (field.applies && !field.applies(spec)) continue;
    text.append(field.key).append("=").append(field.read(spec)).append("\n");
  }
  return text;
}

void set_field(FrontEndSpec& spec, std::string_view key, std::string_view value) {
  const auto it = std::find(kKeys.begin(), kKeys.end(), key);
  if (it == kKeys.end()) {
    const std::string shown(key.substr(0, 60));
    throw core::Error(core::ErrorCode::kInvalidArgument,
                      "unknown key '" + shown + "' of a front end" + core::did_you_mean(key, kKeys), std::string(key));
  }
  kFields[static_cast<std::size_t>(it - kKeys.begin())].write(spec, key, value);
}

FrontEndSpec parse_spec(std::string name, std::string_view text) {
  constexpr std::string_view kHash = "sha256 ";
  FrontEndSpec spec;
  spec.name = std::move(name);
  std::vector<std::string_view> seen;
  std::string_view hash;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#') continue;
    if (line.starts_with(kHash)) {
      if (!hash.empty()) refuse("spec", line, "one sha256 line");
      hash = trimmed(line.substr(kHash.size()));
      continue;
    }
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) refuse("spec", line, "lines of key=value");
    const std::string_view key = trimmed(line.substr(0, equals));
    if (std::find(seen.begin(), seen.end(), key) != seen.end()) refuse(key, line, "each key once");
    set_field(spec, key, trimmed(line.substr(equals + 1)));
    seen.push_back(key);
  }
  if (seen.empty()) refuse("spec", text, "lines of key=value: it has none");
  if (!hash.empty() && FrontEnd(spec).sha256() != hash) {
    refuse("spec", hash, "the hash of its lines, " + FrontEnd(spec).sha256());
  }
  return spec;
}

std::span<const std::string_view> field_keys() noexcept { return kKeys; }

}  // namespace melstream::engine
