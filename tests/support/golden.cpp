#include "tests/support/golden.hpp"

#include <algorithm>
#include <numbers>
#include <stdexcept>

#include "tests/support/json.hpp"

namespace melstream::test {
namespace {

Tolerance tolerance_of(const Json& json) {
  const std::string& type = json.at("type").text();
  if (type != "log" && type != "linear" && type != "abs") throw std::runtime_error("unknown tolerance type " + type);
  Tolerance t;
  t.rule = type == "log" ? Tolerance::Rule::kLog : type == "linear" ? Tolerance::Rule::kLinear : Tolerance::Rule::kAbs;
  if (t.rule == Tolerance::Rule::kLog) {
    // Written as the number 10 or the letter e.
    const Json& base = json.at("base");
    t.base = base.is_text() ? std::numbers::e : base.number();
  }
  t.group = static_cast<std::size_t>(json.number_or("group", 0));
  t.atol = json.number_or("atol", 0);
  t.rtol = json.number_or("rtol", 0);
  t.lam = json.number_or("lam", 0);
  t.kappa = json.number_or("kappa", 0);
  if (json.members().count("mean_atol") > 0) t.mean_atol = json.at("mean_atol").number();
  return t;
}

}  // namespace

GoldenSet& GoldenSet::instance() {
  static GoldenSet set(MELSTREAM_GOLDEN_DIR);
  return set;
}

GoldenSet::GoldenSet(const std::filesystem::path& folder) : folder_(folder) {
  const Json manifest = Json::load(folder_ / "manifest.json");
  for (const Json& json : manifest.at("entries").items()) {
    entries_.push_back({json.at("preset").text(), json.at("audio").text(), folder_ / json.at("file").text(),
                        static_cast<std::size_t>(json.at("n_frames").number()),
                        static_cast<std::size_t>(json.at("bins").number()), tolerance_of(json.at("tolerance"))});
  }
  for (const Json& json : manifest.at("genuine_errors").items()) {
    refused_.emplace_back(json.at("preset").text(), json.at("audio").text());
  }
  for (const auto& [name, json] : manifest.at("audio").members()) {
    audio_files_[name] = folder_ / json.at("file").text();
  }
}

std::vector<const GoldenEntry*> GoldenSet::entries_of(std::string_view preset) const {
  std::vector<const GoldenEntry*> found;
  for (const GoldenEntry& entry : entries_) {
    if (entry.preset == preset) found.push_back(&entry);
  }
  return found;
}

std::vector<std::string> GoldenSet::presets() const {
  std::vector<std::string> names;
  for (const GoldenEntry& entry : entries_) {
    if (std::find(names.begin(), names.end(), entry.preset) == names.end()) names.push_back(entry.preset);
  }
  return names;
}

std::vector<std::string> GoldenSet::refused_audio(std::string_view preset) const {
  std::vector<std::string> names;
  for (const auto& [refused_preset, audio] : refused_) {
    if (refused_preset == preset) names.push_back(audio);
  }
  return names;
}

const std::vector<float>& GoldenSet::audio(const std::string& name) {
  const auto known = audio_.find(name);
  if (known != audio_.end()) return known->second;
  const Wav wav = read_wav(audio_files_.at(name));
  if (wav.rate_hz != 16000 || wav.n_channels != 1) throw std::runtime_error(name + " is not 16 kHz mono");
  return audio_[name] = to_float(wav.samples);
}

const Matrix& GoldenSet::values(const GoldenEntry& entry) {
  const auto known = values_.find(entry.file);
  if (known != values_.end()) return known->second;
  return values_[entry.file] = read_npy(entry.file);
}

}  // namespace melstream::test
