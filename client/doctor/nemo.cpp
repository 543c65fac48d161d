// model_config.yaml of NVIDIA NeMo: the section `preprocessor`, with the defaults of AudioToMelSpectrogramPreprocessor.
#include <algorithm>
#include <cmath>
#include <string>

#include "client/doctor/model_file.hpp"
#include "client/doctor/model_front_end.hpp"
#include "client/doctor/yaml_file.hpp"
#include "client/exit_codes.hpp"
#include "client/number_text.hpp"

namespace melstream::client::doctor {
namespace {

constexpr double kRateHz = 16000;

/// The section, with the file around it.
struct Section {
  const YAML::Node& map;
  const YAML::Node& root;
  const std::string& path;

  std::string text(const char* key, const char* otherwise) const {
    return yaml_text(map, key, root).value_or(otherwise);
  }
  double number(const char* key, double otherwise) const { return yaml_number(map, key, otherwise, root, path); }
  bool flag(const char* key, bool otherwise) const { return yaml_flag(map, key, otherwise, root, path); }
  bool is_null(const char* key) const { return map[key].IsDefined() && (map[key].IsNull() || text(key, "") == "None"); }
};

std::string samples(double value, const Section& section, const char* key) {
  constexpr double kMost = 1e6;
  if (!(value >= 0 && value <= kMost)) {
    throw ClientError(ExitCode::kInput, section.path + ": " + key + " makes no sense");
  }
  return std::to_string(std::lround(value));
}

void read_window(const Section& section, ModelFrontEnd& model) {
  auto& fields = model.fields;
  // In samples, or in seconds.
  const double window =
      std::floor(section.number("n_window_size", section.number("window_size", 0.02) * kRateHz) + 1e-6);
  const double hop =
      std::floor(section.number("n_window_stride", section.number("window_stride", 0.01) * kRateHz) + 1e-6);
  fields["window_samples"] = samples(window, section, "window_size");
  fields["left_samples"] = samples(std::floor(window / 2), section, "window_size");
  fields["hop_samples"] = samples(hop, section, "window_stride");
  double power = 1;
  while (power < window) power *= 2;
  fields["n_fft"] = samples(section.number("n_fft", power), section, "n_fft");
  const std::string shape = section.text("window", "hann");
  if (shape == "hann" || shape == "hamming") {
    fields["window"] = shape + "_symmetric";
  } else {
    model.obstacles.push_back("window '" + quoted_word(shape) + "': the daemon has hann and hamming");
  }
  if (section.flag("exact_pad", false)) {
    model.obstacles.emplace_back("exact_pad: true shifts the frames, which the daemon does not");
  }
}

void read_mel(const Section& section, ModelFrontEnd& model) {
  auto& fields = model.fields;
  fields["f_min_hz"] = json_number(section.number("lowfreq", 0));
  fields["f_max_hz"] = json_number(section.number("highfreq", kRateHz / 2));
  const std::string norm = section.is_null("mel_norm") ? "none" : section.text("mel_norm", "slaney");
  if (norm == "slaney" || norm == "none") {
    fields["mel_norm"] = norm;
  } else {
    model.obstacles.push_back("mel_norm '" + quoted_word(norm) + "': the daemon has slaney and none");
  }
  if (section.number("mag_power", 2) != 2) {
    model.obstacles.emplace_back("mag_power is not 2: the daemon's filters sum power");
  }
  if (section.is_null("preemph") || section.number("preemph", 0.97) == 0) {
    fields["pre_emphasis_scope"] = "none";
    fields.erase("pre_emphasis");
  } else {
    fields["pre_emphasis"] = json_number(static_cast<float>(section.number("preemph", 0.97)));
  }
}

void read_log(const Section& section, ModelFrontEnd& model) {
  auto& fields = model.fields;
  if (!section.flag("log", true)) {
    fields["log"] = "none";
    fields.erase("log_floor");
    fields.erase("log_floor_mode");
    return;
  }
  const std::string guard = section.text("log_zero_guard_type", "add");
  if (guard != "add" && guard != "clamp") {
    model.obstacles.push_back("log_zero_guard_type '" + quoted_word(guard) + "': the daemon has add and clamp");
  }
  fields["log_floor_mode"] = guard == "clamp" ? "max" : "add";
  const std::string value = section.text("log_zero_guard_value", "");
  double floor = 0x1p-24;
  if (value == "tiny") {
    floor = 1.17549435e-38;
  } else if (value == "eps") {
    floor = 1.1920929e-07;
  } else if (!value.empty()) {
    floor = parse_model_number(value, "log_zero_guard_value", section.path);
  }
  fields["log_floor"] = json_number(static_cast<float>(floor));
}

void read_rest(const Section& section, ModelFrontEnd& model) {
  if (section.number("frame_splicing", 1) != 1) {
    model.obstacles.emplace_back("frame_splicing is not 1: the daemon does not splice NeMo's frames");
  }
  const std::string normalize = section.is_null("normalize") ? "" : section.text("normalize", "per_feature");
  if (normalize == "per_feature") {
    model.normalization = "per_feature_window";
  } else if (normalize == "all_features") {
    model.notes.emplace_back("normalize: all_features is over the whole utterance: do that in the client");
  } else if (section.map["normalize"].IsDefined() && section.map["normalize"].IsMap()) {
    model.notes.emplace_back("normalize has fixed means and deviations: send them as CMVN");
  }
  note_dither(section.number("dither", 1e-5), model);
}

}  // namespace

ModelFrontEnd parse_nemo(const std::string& text, const std::string& path) {
  const YAML::Node root = parse_model_yaml(text, path);
  const YAML::Node map = root.IsMap() ? root["preprocessor"] : root;
  if (!root.IsMap() || !map.IsDefined() || !map.IsMap()) {
    throw ClientError(ExitCode::kInput,
                      path + ": has no section 'preprocessor': it is no configuration of a NeMo model");
  }
  const Section section{map, root, path};
  ModelFrontEnd model;
  model.format = "NeMo";
  model.path = path;
  std::string kind = section.text("_target_", section.text("cls", "").c_str());
  kind = kind.substr(kind.rfind('.') == std::string::npos ? 0 : kind.rfind('.') + 1);
  model.kind = quoted_word(kind.empty() ? "preprocessor" : kind);
  if (!kind.empty() && kind != "AudioToMelSpectrogramPreprocessor") {
    throw ClientError(ExitCode::kInput, path + ": preprocessor '" + model.kind +
                                            "' is none that is known here; known: AudioToMelSpectrogramPreprocessor");
  }
  // Ones that are missing are in seconds of this.
  check_sample_rate(section.number("sample_rate", kRateHz), model);
  apply_nemo_defaults(section.number("features", section.number("nfilt", 64)), model);
  read_window(section, model);
  read_mel(section, model);
  read_log(section, model);
  read_rest(section, model);
  return model;
}

ModelFrontEnd read_nemo(const std::string& path) { return parse_nemo(read_model_text(path), path); }

}  // namespace melstream::client::doctor
