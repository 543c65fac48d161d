// Kaldi's option files: "--name=value" lines with '#' comments. online_*.conf names others by --mfcc-config and
// --fbank-config.
#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "client/doctor/model_file.hpp"
#include "client/doctor/model_front_end.hpp"
#include "client/exit_codes.hpp"

namespace melstream::client::doctor {
namespace {

using Options = std::map<std::string, std::string>;
/// online.conf that names online.conf.
constexpr int kDeepest = 4;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

Options parse_options(const std::string& path) {
  const std::string text = read_model_text(path);
  Options options;
  std::string_view rest = text;
  for (int number = 1; !rest.empty(); ++number) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = trimmed(rest.substr(0, std::min(end, rest.find('#'))));
    rest.remove_prefix(std::min(rest.size(), end + 1));
    if (line.empty()) continue;
    if (line.rfind("--", 0) != 0) {
      throw ClientError(ExitCode::kInput, path + ":" + std::to_string(number) + ": '" + quoted_word(line) +
                                              "' is no option of Kaldi (--name=value)");
    }
    const std::size_t equals = std::min(line.find('='), line.size());
    std::string key(trimmed(line.substr(2, equals - 2)));
    // Kaldi takes '_' for '-' as well.
    std::replace(key.begin(), key.end(), '_', '-');
    options[key] = equals == line.size() ? "true" : std::string(trimmed(line.substr(equals + 1)));
  }
  return options;
}

void set(double& value, const Options& options, const char* key, const std::string& path) {
  if (const auto it = options.find(key); it != options.end()) value = parse_model_number(it->second, key, path);
}

void set(bool& value, const Options& options, const char* key, const std::string& path) {
  const auto it = options.find(key);
  if (it == options.end()) return;
  if (it->second == "true" || it->second == "t" || it->second == "1") {
    value = true;
  } else if (it->second == "false" || it->second == "f" || it->second == "0") {
    value = false;
  } else {
    throw ClientError(ExitCode::kInput,
                      path + ": " + key + " = '" + quoted_word(it->second) + "' is neither true nor false");
  }
}

void set_all(KaldiOptions& kaldi, const Options& options, const std::string& path) {
  set(kaldi.sample_hz, options, "sample-frequency", path);
  set(kaldi.frame_length_ms, options, "frame-length", path);
  set(kaldi.frame_shift_ms, options, "frame-shift", path);
  set(kaldi.dither, options, "dither", path);
  set(kaldi.preemphasis, options, "preemphasis-coefficient", path);
  set(kaldi.remove_dc, options, "remove-dc-offset", path);
  set(kaldi.round_to_power_of_two, options, "round-to-power-of-two", path);
  set(kaldi.snip_edges, options, "snip-edges", path);
  set(kaldi.n_mels, options, "num-mel-bins", path);
  set(kaldi.low_hz, options, "low-freq", path);
  set(kaldi.high_hz, options, "high-freq", path);
  set(kaldi.use_energy, options, "use-energy", path);
  set(kaldi.raw_energy, options, "raw-energy", path);
  set(kaldi.use_log, options, "use-log-fbank", path);
  set(kaldi.use_power, options, "use-power", path);
  set(kaldi.htk_compat, options, "htk-compat", path);
  set(kaldi.n_cepstra, options, "num-ceps", path);
  set(kaldi.lifter, options, "cepstral-lifter", path);
  set(kaldi.energy_floor, options, "energy-floor", path);
  if (const auto it = options.find("window-type"); it != options.end()) kaldi.window = quoted_word(it->second);
}

ModelFrontEnd read_features(const Options& options, bool is_mfcc, const std::string& path) {
  ModelFrontEnd model;
  model.format = "Kaldi";
  model.path = path;
  model.kind = is_mfcc ? "MFCC" : "filterbank";
  KaldiOptions kaldi;
  kaldi.is_mfcc = is_mfcc;
  kaldi.use_energy = is_mfcc;
  set_all(kaldi, options, path);
  apply_kaldi(kaldi, model);
  if (options.count("vtln-warp") != 0 || options.count("vtln-map") != 0) {
    model.obstacles.emplace_back("vtln-warp: the daemon warps no frequencies");
  }
  return model;
}

/// "conf/mfcc.conf" is meant from where Kaldi was started: from the model's folder, or beside this file.
std::string resolve(const std::string& named, const std::string& path) {
  namespace fs = std::filesystem;
  const fs::path folder = fs::path(path).parent_path();
  for (const fs::path& candidate : {folder / named, folder / ".." / named, folder / fs::path(named).filename()}) {
    if (is_regular_file(candidate.string())) return candidate.lexically_normal().string();
  }
  throw ClientError(ExitCode::kInput, path + ": names '" + quoted_word(named) + "', which is not there");
}

ModelFrontEnd read_at(const std::string& path, int depth) {
  const Options options = parse_options(path);
  const auto type = options.find("feature-type");
  const std::string feature = type == options.end() ? "mfcc" : type->second;
  const std::string key = feature + "-config";
  if (const auto config = options.find(key); config != options.end()) {
    if (depth == kDeepest) throw ClientError(ExitCode::kInput, path + ": files that name each other, or too deeply");
    if (feature != "mfcc" && feature != "fbank") {
      throw ClientError(ExitCode::kInput, path + ": feature-type '" + quoted_word(feature) +
                                              "' is none of the daemon's: it has fbank and mfcc");
    }
    ModelFrontEnd model = read_at(resolve(config->second, path), depth + 1);
    if (options.count("ivector-extraction-config") != 0) {
      model.notes.emplace_back(
          "the model takes i-vectors beside the features: the daemon has none, compute them from "
          "the same rows");
    }
    const auto pitch = options.find("add-pitch");
    if (pitch != options.end() && pitch->second == "true") {
      model.obstacles.emplace_back("add-pitch=true: the daemon computes no pitch");
    }
    return model;
  }
  const std::string name = std::filesystem::path(path).filename().string();
  const bool is_mfcc = options.count("num-ceps") != 0 || name.find("mfcc") != std::string::npos;
  if (name.find("plp") != std::string::npos || name.find("pitch") != std::string::npos) {
    throw ClientError(ExitCode::kInput, path + ": PLP and pitch are none of the daemon's: it has fbank and mfcc");
  }
  return read_features(options, is_mfcc, path);
}

}  // namespace

ModelFrontEnd read_kaldi_conf(const std::string& path) { return read_at(path, 0); }

}  // namespace melstream::client::doctor
