// ONNX files with the metadata that sherpa-onnx reads. The kind of model names most of the front end, as sherpa-onnx'
// code does; the metadata adds stacking and CMVN.
#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "client/doctor/model_file.hpp"
#include "client/doctor/model_front_end.hpp"
#include "client/doctor/onnx_metadata.hpp"
#include "client/exit_codes.hpp"
#include "client/number_text.hpp"

namespace melstream::client::doctor {
namespace {

/// With the file's name for messages.
struct Metadata {
  const std::map<std::string, std::string>& values;
  const std::string& path;

  bool has(const char* key) const { return values.count(key) != 0; }
  double number(const char* key, double otherwise) const {
    const auto it = values.find(key);
    return it == values.end() || it->second.empty() ? otherwise : parse_model_number(it->second, key, path);
  }
  /// Numbers between commas.
  std::vector<float> vector(const char* key) const {
    std::vector<float> numbers;
    const auto it = values.find(key);
    if (it == values.end()) return numbers;
    std::string_view rest = it->second;
    while (!rest.empty()) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      numbers.push_back(static_cast<float>(parse_model_number(rest.substr(0, comma), key, path)));
      rest.remove_prefix(std::min(rest.size(), comma + 1));
    }
    return numbers;
  }
};

void check_cmvn(const CmvnVectors& cmvn, const Metadata& metadata) {
  if (!cmvn.shift.empty() && cmvn.shift.size() == cmvn.scale.size()) return;
  throw ClientError(ExitCode::kInput, metadata.path + ": its CMVN has " + std::to_string(cmvn.shift.size()) +
                                          " means and " + std::to_string(cmvn.scale.size()) + " deviations");
}

/// What icefall's models are trained with: samples in +-1, 80 bins up to 7600 Hz.
void read_icefall(const Metadata& metadata, ModelFrontEnd& model) {
  KaldiOptions options;
  options.dither = 0;
  options.n_mels = metadata.number("feature_dim", 80);
  options.high_hz = -400;
  options.snip_edges = false;
  options.sample_scale = metadata.number("normalize_samples", 1) != 0 ? 1 : 32768;
  apply_kaldi(options, model);
  if (!metadata.has("feature_dim")) model.notes.emplace_back("80 mel bins assumed: the metadata does not name them");
}

void read_wenet(const Metadata& metadata, ModelFrontEnd& model) {
  KaldiOptions options;
  options.dither = 0;
  options.n_mels = metadata.number("feature_dim", 80);
  apply_kaldi(options, model);
  model.notes.emplace_back(
      "this is WeNet's own front end, which the model was trained with; sherpa-onnx computes up to 7600 Hz and without "
      "snip_edges");
}

/// Paraformer and SenseVoice.
void read_funasr_export(const Metadata& metadata, ModelFrontEnd& model) {
  KaldiOptions options;
  options.dither = 0;
  options.n_mels = 80;
  options.window = "hamming";
  options.sample_scale = metadata.number("normalize_samples", 0) != 0 ? 1 : 32768;
  apply_kaldi(options, model);
  model.fields["lfr_m"] = json_number(metadata.number("lfr_window_size", 7));
  model.fields["lfr_n"] = json_number(metadata.number("lfr_window_shift", 6));
  model.notes.emplace_back(
      "rows are stacked as FunASR does, three frames before the first one repeated; sherpa-onnx begins at the first "
      "frame");
  if (!metadata.has("neg_mean")) return;
  model.cmvn = CmvnVectors{metadata.vector("neg_mean"), metadata.vector("inv_stddev")};
  check_cmvn(*model.cmvn, metadata);
}

void read_fire_red(const Metadata& metadata, ModelFrontEnd& model) {
  KaldiOptions options;
  options.dither = 0;
  options.n_mels = 80;
  apply_kaldi(options, model);
  if (!metadata.has("cmvn_mean")) return;
  model.cmvn = CmvnVectors{metadata.vector("cmvn_mean"), metadata.vector("cmvn_inv_stddev")};
  for (float& mean : model.cmvn->shift) mean = -mean;
  check_cmvn(*model.cmvn, metadata);
}

void read_tele_speech(const Metadata&, ModelFrontEnd& model) {
  KaldiOptions options;
  options.dither = 0;
  options.is_mfcc = true;
  options.n_mels = 40;
  options.n_cepstra = 40;
  options.low_hz = 40;
  options.high_hz = -200;
  apply_kaldi(options, model);
}

void read_nemo_export(const Metadata& metadata, ModelFrontEnd& model) {
  apply_nemo_defaults(metadata.number("feat_dim", 80), model);
  const auto it = metadata.values.find("normalize_type");
  if (it != metadata.values.end() && it->second == "per_feature") model.normalization = "per_feature_window";
  if (!metadata.has("feat_dim")) model.notes.emplace_back("80 mel bins assumed: the metadata does not name them");
}

void read_whisper_export(const Metadata& metadata, ModelFrontEnd& model) {
  apply_whisper(metadata.number("n_mels", 80), 400, 160, model);
}

void read_raw(const Metadata&, ModelFrontEnd& model) { model.raw_audio = true; }

struct Kind {
  std::string_view prefix;  ///< of model_type
  void (*read)(const Metadata&, ModelFrontEnd&);
};

/// The first that fits.
constexpr std::array kKinds = {
    Kind{"zipformer", read_icefall},
    Kind{"conv-emformer", read_icefall},
    Kind{"conformer", read_icefall},
    Kind{"lstm", read_icefall},
    Kind{"wenet_ctc", read_wenet},
    Kind{"paraformer", read_funasr_export},
    Kind{"sense_voice", read_funasr_export},
    Kind{"fire-red-asr", read_fire_red},
    Kind{"telespeech_ctc", read_tele_speech},
    Kind{"EncDec", read_nemo_export},
    Kind{"whisper", read_whisper_export},
    Kind{"moonshine", read_raw},
    Kind{"silero", read_raw},
};

}  // namespace

ModelFrontEnd read_sherpa_onnx(const std::string& path) {
  const auto values = read_onnx_metadata(path);
  const auto type = values.find("model_type");
  ModelFrontEnd model;
  model.format = "sherpa-onnx";
  model.path = path;
  if (type == values.end()) {
    throw ClientError(ExitCode::kInput, path +
                                            ": its metadata has no model_type, so it does not say which features it "
                                            "takes. Of a model in several files, name the encoder");
  }
  model.kind = quoted_word(type->second);
  const Metadata metadata{values, path};
  for (const Kind& kind : kKinds) {
    if (type->second.rfind(kind.prefix, 0) != 0) continue;
    kind.read(metadata, model);
    return model;
  }
  std::string known;
  for (const Kind& kind : kKinds) known += (known.empty() ? "" : ", ") + std::string(kind.prefix);
  throw ClientError(ExitCode::kInput,
                    path + ": model_type '" + model.kind + "' is none that is known here; known: " + known);
}

}  // namespace melstream::client::doctor
