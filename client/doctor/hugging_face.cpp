// preprocessor_config.json of Hugging Face's transformers: the class names the algorithm, whose constants lie in code.
#include <algorithm>
#include <array>
#include <string>

#include <nlohmann/json.hpp>

#include "client/doctor/model_file.hpp"
#include "client/doctor/model_front_end.hpp"
#include "client/exit_codes.hpp"

namespace melstream::client::doctor {
namespace {

using Json = nlohmann::json;

/// What the file says, with defaults of the class.
class Values {
 public:
  Values(const Json& object, const std::string& path) : object_(object), path_(path) {}

  double number(const char* key, double otherwise) const {
    const auto it = object_.find(key);
    if (it == object_.end() || it->is_null()) return otherwise;
    if (!it->is_number()) {
      throw ClientError(ExitCode::kInput, path_ + ": " + key + " is no number");
    }
    return it->get<double>();
  }
  bool flag(const char* key, bool otherwise) const {
    const auto it = object_.find(key);
    return it == object_.end() || !it->is_boolean() ? otherwise : it->get<bool>();
  }
  std::string text(const char* key) const {
    const auto it = object_.find(key);
    return it == object_.end() || !it->is_string() ? std::string() : it->get<std::string>();
  }

 private:
  const Json& object_;
  const std::string& path_;
};

void read_whisper(const Values& values, ModelFrontEnd& model) {
  apply_whisper(values.number("feature_size", 80), values.number("n_fft", 400), values.number("hop_length", 160),
                model);
  check_sample_rate(values.number("sampling_rate", 16000), model);
  note_dither(values.number("dither", 0), model);
}

/// transformers calls Kaldi's filterbank on samples in the range of 16-bit integers.
KaldiOptions kaldi_of(const Values& values) {
  KaldiOptions options;
  options.dither = 0;
  options.sample_hz = values.number("sampling_rate", 16000);
  options.n_mels = values.number("num_mel_bins", 80);
  return options;
}

void read_seamless(const Values& values, ModelFrontEnd& model) {
  apply_kaldi(kaldi_of(values), model);
  model.notes.emplace_back(
      "the extractor normalizes each bin over the whole utterance: do that in the client, the daemon has no "
      "utterances");
  if (const double stride = values.number("stride", 2); stride > 1) {
    model.notes.push_back("the extractor then joins every " + std::to_string(static_cast<int>(std::min(stride, 1e6))) +
                          " rows to one, without overlap: reshape in the client");
  }
}

void read_speech_to_text(const Values& values, ModelFrontEnd& model) {
  apply_kaldi(kaldi_of(values), model);
  note_dither(values.number("dither", 0), model);
  if (values.flag("do_ceptral_normalize", true)) {
    model.notes.emplace_back(
        "the extractor normalizes mean and variance over the whole utterance: do that in the client, the daemon has no "
        "utterances");
  }
}

/// (v - mean) / (2 std), the same for every bin.
void read_audio_spectrogram_transformer(const Values& values, ModelFrontEnd& model) {
  KaldiOptions options = kaldi_of(values);
  options.n_mels = values.number("num_mel_bins", 128);
  options.window = "hanning";
  options.sample_scale = 1;
  apply_kaldi(options, model);
  if (!values.flag("do_normalize", true)) return;
  const double mean = values.number("mean", -4.2677393);
  const double deviation = values.number("std", 4.5689974);
  if (options.n_mels > 512 || deviation == 0) return;
  const auto n = static_cast<std::size_t>(options.n_mels);
  model.cmvn = CmvnVectors{std::vector<float>(n, static_cast<float>(-mean)),
                           std::vector<float>(n, static_cast<float>(1 / (2 * deviation)))};
}

/// Transformers' own of NVIDIA's Parakeet.
void read_parakeet(const Values& values, ModelFrontEnd& model) {
  apply_nemo_defaults(values.number("feature_size", 80), model);
  const double window = values.number("win_length", 400);
  model.fields["window_samples"] = std::to_string(static_cast<int>(std::clamp(window, 0.0, 1e6)));
  model.fields["left_samples"] = std::to_string(static_cast<int>(std::clamp(window, 0.0, 1e6)) / 2);
  model.fields["hop_samples"] =
      std::to_string(static_cast<int>(std::clamp(values.number("hop_length", 160), 0.0, 1e6)));
  model.fields["n_fft"] = std::to_string(static_cast<int>(std::clamp(values.number("n_fft", 512), 0.0, 1e6)));
  check_sample_rate(values.number("sampling_rate", 16000), model);
  model.normalization = "per_feature_window";
}

void read_raw(const Values& values, ModelFrontEnd& model) {
  model.raw_audio = true;
  check_sample_rate(values.number("sampling_rate", 16000), model);
}

struct Extractor {
  const char* name;
  void (*read)(const Values&, ModelFrontEnd&);
};

constexpr std::array kExtractors = {
    Extractor{"WhisperFeatureExtractor", read_whisper},
    Extractor{"SeamlessM4TFeatureExtractor", read_seamless},
    Extractor{"Speech2TextFeatureExtractor", read_speech_to_text},
    Extractor{"ASTFeatureExtractor", read_audio_spectrogram_transformer},
    Extractor{"ParakeetFeatureExtractor", read_parakeet},
    Extractor{"Wav2Vec2FeatureExtractor", read_raw},
    Extractor{"EncodecFeatureExtractor", read_raw},
    Extractor{"DacFeatureExtractor", read_raw},
};

Json parse(const std::string& path) {
  try {
    return Json::parse(read_model_text(path));
  } catch (const Json::exception& error) {
    throw ClientError(ExitCode::kInput, path + ": is not JSON: " + quoted_word(error.what()));
  }
}

}  // namespace

ModelFrontEnd read_hugging_face(const std::string& path) {
  const Json root = parse(path);
  const Json* object = &root;
  if (root.is_object() && root.contains("feature_extractor") && root["feature_extractor"].is_object()) {
    object = &root["feature_extractor"];
  }
  if (!object->is_object()) throw ClientError(ExitCode::kInput, path + ": holds no JSON object");
  ModelFrontEnd model;
  model.format = "Hugging Face";
  model.path = path;
  const Values values(*object, path);
  std::string kind = values.text("feature_extractor_type");
  if (kind.empty()) {
    throw ClientError(ExitCode::kInput,
                      path + ": has no feature_extractor_type: it does not say which features the model takes");
  }
  model.kind = quoted_word(kind);
  // Image processors of multimodal models have names of their own; "...FeatureExtractorFast" is the same algorithm.
  const auto* extractor = std::find_if(kExtractors.begin(), kExtractors.end(), [&](const Extractor& known) {
    return kind == known.name || kind == std::string(known.name) + "Fast";
  });
  if (extractor != kExtractors.end()) {
    extractor->read(values, model);
    return model;
  }
  std::string known;
  for (const Extractor& one : kExtractors) known += (known.empty() ? "" : ", ") + std::string(one.name);
  throw ClientError(ExitCode::kInput,
                    path + ": feature_extractor_type '" + model.kind + "' is none that is known here; known: " + known);
}

}  // namespace melstream::client::doctor
