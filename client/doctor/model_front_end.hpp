// What a model's own files say of the features it was trained on. Each reader knows one format, reads no weights, and
// says what it does not understand. Any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "client/cmvn.hpp"
#include "client/doctor/spec_fields.hpp"

namespace melstream::client::doctor {

struct ModelFrontEnd {
  std::string format;  ///< "Hugging Face", "NeMo", "sherpa-onnx", "FunASR", "Kaldi"
  std::string path;    ///< of the file that was read
  std::string kind;    ///< as the file names it: "WhisperFeatureExtractor"
  SpecFields fields;   ///< without CMVN; empty for raw audio
  /// The model takes samples: no front end is needed, and none fits.
  bool raw_audio = false;
  std::optional<CmvnVectors> cmvn;
  std::string cmvn_path;  ///< a file that --cmvn takes; empty if the vectors lie elsewhere
  /// What is done to finished rows: "whisper_window", "per_feature_window"; empty: nothing.
  std::string normalization;
  std::vector<std::string> notes;      ///< true, and no obstacle
  std::vector<std::string> obstacles;  ///< what the daemon cannot serve
};

/// Kaldi's options for filterbanks and MFCC, with its defaults; other programs that call Kaldi's code or torchaudio's
/// set some of them.
struct KaldiOptions {
  double sample_hz = 16000;
  double frame_length_ms = 25;
  double frame_shift_ms = 10;
  double dither = 1.0;
  double preemphasis = 0.97;
  bool remove_dc = true;
  std::string window = "povey";
  bool round_to_power_of_two = true;
  bool snip_edges = true;
  double n_mels = 23;
  double low_hz = 20;
  double high_hz = 0;  ///< 0 or below: counted from half the sample rate
  double sample_scale = 32768;
  bool use_energy = false;
  bool raw_energy = true;
  bool use_log = true;
  bool use_power = true;
  bool htk_compat = false;
  // MFCC only.
  bool is_mfcc = false;
  double n_cepstra = 13;
  double lifter = 22;
  double energy_floor = 0;
};

/// Sets the fields, and adds notes and obstacles.
void apply_kaldi(const KaldiOptions& options, ModelFrontEnd& model);
/// openai/whisper's features. @param n_fft samples of window and transform
void apply_whisper(double n_mels, double n_fft, double hop, ModelFrontEnd& model);
/// As NeMo's FilterbankFeatures has it by default, at 16 kHz.
void apply_nemo_defaults(double n_mels, ModelFrontEnd& model);
/// Notes that the daemon never dithers, if the model was trained with it.
void note_dither(double dither, ModelFrontEnd& model);
/// An obstacle if the model does not want 16 kHz.
void check_sample_rate(double rate_hz, ModelFrontEnd& model);

// Readers. Each throws ClientError(kInput) that says what is wrong with the file.

/// preprocessor_config.json, or processor_config.json with a feature_extractor in it.
ModelFrontEnd read_hugging_face(const std::string& path);
/// model_config.yaml.
ModelFrontEnd read_nemo(const std::string& path);
/// A .nemo file: model_config.yaml in a tar, plain or compressed.
ModelFrontEnd read_nemo_archive(const std::string& path);
/// config.yaml of FunASR; am.mvn beside it.
ModelFrontEnd read_funasr(const std::string& path);
/// fbank.conf, mfcc.conf, online_*.conf.
ModelFrontEnd read_kaldi_conf(const std::string& path);
/// An ONNX file with sherpa-onnx' metadata.
ModelFrontEnd read_sherpa_onnx(const std::string& path);
/// model_config.yaml or config.yaml: by what is in it.
ModelFrontEnd read_yaml_config(const std::string& path);
/// Of NeMo. @param text of a model_config.yaml; path stands in messages.
ModelFrontEnd parse_nemo(const std::string& text, const std::string& path);

/// Reads what there is: a file by its name, a folder by looking for the files above. Throws ClientError(kInput), which
/// says what was looked for.
ModelFrontEnd read_model(const std::string& path);

}  // namespace melstream::client::doctor
