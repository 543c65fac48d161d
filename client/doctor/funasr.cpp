// config.yaml of FunASR (Paraformer, SenseVoice and others), and am.mvn beside it.
#include <algorithm>
#include <filesystem>
#include <string>

#include "client/doctor/model_file.hpp"
#include "client/doctor/model_front_end.hpp"
#include "client/doctor/yaml_file.hpp"
#include "client/exit_codes.hpp"
#include "client/number_text.hpp"

namespace melstream::client::doctor {
namespace {

KaldiOptions kaldi_of(const YAML::Node& conf, const YAML::Node& root, const std::string& path) {
  KaldiOptions options;
  options.sample_hz = yaml_number(conf, "fs", 16000, root, path);
  options.n_mels = yaml_number(conf, "n_mels", 80, root, path);
  options.frame_length_ms = yaml_number(conf, "frame_length", 25, root, path);
  options.frame_shift_ms = yaml_number(conf, "frame_shift", 10, root, path);
  options.dither = yaml_number(conf, "dither", 1.0, root, path);
  options.snip_edges = yaml_flag(conf, "snip_edges", true, root, path);
  // Misspelled in FunASR.
  options.sample_scale = yaml_flag(conf, "upsacle_samples", true, root, path) ? 32768 : 1;
  options.window = yaml_text(conf, "window", root).value_or("hamming");
  return options;
}

void read_stacking(const YAML::Node& conf, const YAML::Node& root, ModelFrontEnd& model) {
  const double m = yaml_number(conf, "lfr_m", 1, root, model.path);
  const double n = yaml_number(conf, "lfr_n", 1, root, model.path);
  model.fields["lfr_m"] = json_number(m);
  model.fields["lfr_n"] = json_number(n);
  // FunASR puts (m - 1) / 2 frames before the first one, the daemon m / 2.
  if (m > 1 && static_cast<long>(std::min(m, 1e6)) % 2 == 0) {
    model.obstacles.emplace_back("lfr_m is even: the daemon stacks half a frame earlier than FunASR");
  }
}

/// What the configuration names, or lies beside it.
void read_am_mvn(const YAML::Node& conf, const YAML::Node& root, ModelFrontEnd& model) {
  namespace fs = std::filesystem;
  const fs::path folder = fs::path(model.path).parent_path();
  const std::string named = yaml_text(conf, "cmvn_file", root).value_or("");
  const bool is_named = !named.empty() && named != "null" && named != "None";
  const fs::path beside = folder / "am.mvn";
  // A path of the machine that trained is of no use here; then the file beside the configuration is meant.
  fs::path path = is_named ? folder / named : beside;
  if (!is_regular_file(path.string())) path = beside;
  if (!is_regular_file(path.string())) {
    if (is_named) {
      throw ClientError(ExitCode::kInput, model.path + ": cmvn_file '" + quoted_word(named) +
                                              "' is not there, nor an am.mvn beside the configuration: the features "
                                              "would lack their CMVN. Put the file there");
    }
    return;
  }
  model.cmvn = parse_cmvn(read_model_text(path.string()), path.string());
  model.cmvn_path = path.string();
}

}  // namespace

ModelFrontEnd read_funasr(const std::string& path) {
  const YAML::Node root = parse_model_yaml(read_model_text(path), path);
  if (!root.IsMap()) throw ClientError(ExitCode::kInput, path + ": is no configuration of a FunASR model");
  const YAML::Node conf = root["frontend_conf"].IsDefined() ? root["frontend_conf"] : YAML::Node(YAML::NodeType::Map);
  ModelFrontEnd model;
  model.format = "FunASR";
  model.path = path;
  const std::string kind = yaml_text(root, "frontend", root).value_or("");
  model.kind = quoted_word(kind);
  if (kind == "WhisperFrontend") {
    apply_whisper(yaml_number(conf, "n_mels", 80, root, path), 400, 160, model);
    check_sample_rate(yaml_number(conf, "fs", 16000, root, path), model);
    return model;
  }
  if (kind != "WavFrontend" && kind != "WavFrontendOnline" && kind != "wav_frontend" && kind != "wav_frontend_online") {
    throw ClientError(ExitCode::kInput, path + ": frontend '" + model.kind +
                                            "' is none that is known here; known: WavFrontend, WavFrontendOnline, "
                                            "WhisperFrontend");
  }
  apply_kaldi(kaldi_of(conf, root, path), model);
  read_stacking(conf, root, model);
  read_am_mvn(conf, root, model);
  return model;
}

ModelFrontEnd read_yaml_config(const std::string& path) {
  const YAML::Node root = parse_model_yaml(read_model_text(path), path);
  if (root.IsMap() && root["preprocessor"].IsDefined()) return read_nemo(path);
  if (root.IsMap() && root["frontend"].IsDefined()) return read_funasr(path);
  throw ClientError(ExitCode::kInput,
                    path +
                        ": has neither 'preprocessor' (NeMo) nor 'frontend' (FunASR): it does not say "
                        "which features the model takes");
}

}  // namespace melstream::client::doctor
