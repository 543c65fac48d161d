// Fields of the families of front ends that models are trained with. Numbers: docs/numerics.md, tests/golden/README.md.
#include "client/doctor/model_front_end.hpp"

#include <cmath>
#include <cstdint>
#include <limits>

#include "client/exit_codes.hpp"
#include "client/number_text.hpp"

namespace melstream::client::doctor {
namespace {

constexpr double kRateHz = 16000;

/// A whole number as the canonical text has it. Files are not to be trusted: what no front end could have is refused.
std::string whole(double value, const char* what, const ModelFrontEnd& model) {
  constexpr double kMost = 1e6;
  if (!(value >= 0 && value <= kMost)) {
    throw ClientError(ExitCode::kInput, model.path + ": " + what + " = " + json_number(value) + " makes no sense");
  }
  return std::to_string(static_cast<std::int64_t>(value));
}

std::string float_text(double value) { return json_number(static_cast<float>(value)); }

double power_of_two_from(double n) {
  double power = 1;
  while (power < n) power *= 2;
  return power;
}

/// What is the same wherever nothing else is said.
void set_plain(SpecFields& fields) {
  fields["cepstra"] = "0";
  fields["lfr_m"] = "1";
  fields["lfr_n"] = "1";
  fields["sample_rate_hz"] = "16000";
}

void set_kaldi_window(const KaldiOptions& options, ModelFrontEnd& model) {
  const double window = std::floor(options.frame_length_ms * kRateHz / 1000);
  const double hop = std::floor(options.frame_shift_ms * kRateHz / 1000);
  SpecFields& fields = model.fields;
  fields["window_samples"] = whole(window, "the frame's length", model);
  fields["hop_samples"] = whole(hop, "the frame's shift", model);
  fields["n_fft"] = whole(options.round_to_power_of_two ? power_of_two_from(window) : window, "the FFT", model);
  fields["edge"] = options.snip_edges ? "none" : "symmetric";
  fields["frame_count"] = options.snip_edges ? "snip" : "rounded";
  const double left = std::floor(window / 2) - std::floor(hop / 2);
  fields["left_samples"] = options.snip_edges ? "0" : whole(left, "what lies before the frame", model);
  if (options.window == "povey") {
    fields["window"] = "povey";
  } else if (options.window == "hamming") {
    fields["window"] = "hamming_symmetric";
  } else if (options.window == "hanning" || options.window == "hann") {
    fields["window"] = "hann_symmetric";
  } else {
    model.obstacles.push_back("window '" + options.window + "': the daemon has povey, hamming and hanning");
  }
}

void set_cepstra(const KaldiOptions& options, ModelFrontEnd& model) {
  model.fields["cepstra"] = whole(options.n_cepstra, "the number of cepstra", model);
  model.fields["lifter"] = float_text(options.lifter);
  model.fields["energy"] = options.use_energy ? "raw" : "cepstrum";
  if (options.use_energy && !options.raw_energy) {
    model.obstacles.emplace_back("raw-energy=false: the daemon takes the energy before pre-emphasis and window");
  }
  if (options.use_energy && options.energy_floor > 0) {
    model.notes.emplace_back("energy-floor is not applied: it matters in near silence only");
  }
  if (options.htk_compat) model.obstacles.emplace_back("htk-compat=true: the daemon has Kaldi's order of cepstra");
}

}  // namespace

void check_sample_rate(double rate_hz, ModelFrontEnd& model) {
  if (rate_hz == kRateHz) return;
  model.obstacles.push_back("the model wants audio at " + json_number(rate_hz) +
                            " Hz: every stream is resampled to 16000 Hz, and features of another rate are others");
}

void note_dither(double dither, ModelFrontEnd& model) {
  if (dither == 0) return;
  model.notes.push_back("trained with dither " + json_number(dither) +
                        ": the daemon adds none, as is usual when recognising");
}

void apply_kaldi(const KaldiOptions& options, ModelFrontEnd& model) {
  SpecFields& fields = model.fields;
  set_plain(fields);
  check_sample_rate(options.sample_hz, model);
  set_kaldi_window(options, model);
  fields["remove_dc"] = options.remove_dc ? "true" : "false";
  fields["pre_emphasis_scope"] = options.preemphasis == 0 ? "none" : "frame";
  if (options.preemphasis != 0) fields["pre_emphasis"] = float_text(options.preemphasis);
  fields["sample_scale"] = float_text(options.sample_scale);
  fields["mel_scale"] = "kaldi";
  fields["mel_norm"] = "none";
  fields["n_mels"] = whole(options.n_mels, "the number of mel bins", model);
  fields["f_min_hz"] = json_number(options.low_hz);
  fields["f_max_hz"] = json_number(options.high_hz > 0 ? options.high_hz : kRateHz / 2 + options.high_hz);
  fields["log"] = options.use_log || options.is_mfcc ? "e" : "none";
  if (fields["log"] == "e") {
    fields["log_floor"] = float_text(std::numeric_limits<float>::epsilon());
    fields["log_floor_mode"] = "max";
  }
  if (!options.use_power) model.obstacles.emplace_back("use-power=false: the daemon's filters sum power");
  if (options.is_mfcc) {
    set_cepstra(options, model);
  } else if (options.use_energy) {
    model.obstacles.emplace_back(
        "use-energy=true adds a column of energy to the filterbank, which the daemon does not");
  }
  note_dither(options.dither, model);
}

void apply_whisper(double n_mels, double n_fft, double hop, ModelFrontEnd& model) {
  SpecFields& fields = model.fields;
  set_plain(fields);
  fields["window_samples"] = fields["n_fft"] = whole(n_fft, "n_fft", model);
  fields["left_samples"] = whole(std::floor(n_fft / 2), "n_fft", model);
  fields["hop_samples"] = whole(hop, "hop_length", model);
  fields["n_mels"] = whole(n_mels, "feature_size", model);
  fields["edge"] = "reflect";
  fields["frame_count"] = "floor";
  fields["window"] = "hann_periodic";
  fields["remove_dc"] = "false";
  fields["pre_emphasis_scope"] = "none";
  fields["sample_scale"] = "1";
  fields["mel_scale"] = fields["mel_norm"] = "slaney";
  fields["f_min_hz"] = "0";
  fields["f_max_hz"] = "8000";
  fields["log"] = "ten";
  fields["log_floor"] = float_text(1e-10);
  fields["log_floor_mode"] = "max";
  model.normalization = "whisper_window";
}

void apply_nemo_defaults(double n_mels, ModelFrontEnd& model) {
  SpecFields& fields = model.fields;
  set_plain(fields);
  fields["window_samples"] = "400";
  fields["left_samples"] = "200";
  fields["hop_samples"] = "160";
  fields["n_fft"] = "512";
  fields["n_mels"] = whole(n_mels, "features", model);
  fields["edge"] = "zeros";
  fields["frame_count"] = "floor";
  fields["window"] = "hann_symmetric";
  fields["remove_dc"] = "false";
  fields["pre_emphasis_scope"] = "signal";
  fields["pre_emphasis"] = float_text(0.97);
  fields["sample_scale"] = "1";
  fields["mel_scale"] = fields["mel_norm"] = "slaney";
  fields["f_min_hz"] = "0";
  fields["f_max_hz"] = "8000";
  fields["log"] = "e";
  fields["log_floor"] = float_text(0x1p-24);
  fields["log_floor_mode"] = "add";
}

}  // namespace melstream::client::doctor
