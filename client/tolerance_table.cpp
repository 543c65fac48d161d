#include "client/tolerance_table.hpp"

#include <array>
#include <numbers>

namespace melstream::client {
namespace {

Tolerance log_tolerance(double base, int group, double atol, double lam, double kappa) {
  Tolerance tolerance;
  tolerance.kind = Tolerance::Kind::kLog;
  tolerance.base = base;
  tolerance.group = group;
  tolerance.atol = atol;
  tolerance.lam = lam;
  tolerance.kappa = kappa;
  return tolerance;
}

Tolerance linear_tolerance(double rtol, double lam, double kappa) {
  Tolerance tolerance;
  tolerance.kind = Tolerance::Kind::kLinear;
  tolerance.rtol = rtol;
  tolerance.lam = lam;
  tolerance.kappa = kappa;
  return tolerance;
}

Tolerance absolute_tolerance(double atol, double mean_atol) {
  Tolerance tolerance;
  tolerance.atol = atol;
  tolerance.mean_atol = mean_atol;
  return tolerance;
}

}  // namespace

std::optional<Tolerance> speech_tolerance(std::string_view preset) noexcept {
  // From tests/golden/manifest.json; a test keeps them equal to what is there for speech.
  constexpr double kE = std::numbers::e;
  if (preset == "whisper80_raw") return log_tolerance(10, 80, 1e-5, 1e-6, 3e-6);
  if (preset == "whisper128_raw") return log_tolerance(10, 128, 1e-5, 1e-6, 3e-6);
  if (preset == "kaldi80" || preset == "kaldi80_hf0" || preset == "kaldi80_int16" || preset == "wenet80" ||
      preset == "funasr80" || preset == "paraformer560") {
    return log_tolerance(kE, 80, 3e-5, 2e-5, 5e-6);
  }
  if (preset == "nemo80_raw") return log_tolerance(kE, 80, 3e-5, 1e-6, 5e-6);
  if (preset == "nemo128_raw") return log_tolerance(kE, 128, 3e-5, 1e-6, 5e-6);
  if (preset == "librosa80_power") return linear_tolerance(2e-5, 1e-6, 3e-6);
  if (preset == "torchaudio80_power") return linear_tolerance(2e-5, 2e-5, 3e-6);
  struct Absolute {
    std::string_view preset;
    double atol;
    double mean_atol;
  };
  static constexpr std::array<Absolute, 10> kAbsolute = {{
      {"whisper80_norm", 1.12e-4, 2e-6},
      {"whisper128_norm", 1.12e-4, 2e-6},
      {"whisper80_norm30s", 1.12e-4, 2e-6},
      {"paraformer560_cmvn", 2.06e-4, 6.08e-6},
      {"nemo80_norm", 5.68e-4, 3e-5},
      {"nemo128_norm", 5.68e-4, 3e-5},
      {"mfcc13", 0.0201, 2.6e-4},
      {"mfcc13_c0", 0.0201, 2.6e-4},
      {"smooth3x3_same", 2.85e-3, 8.75e-6},
      {"smooth3x3_valid", 2.85e-3, 8.75e-6},
  }};
  for (const Absolute& entry : kAbsolute) {
    if (entry.preset == preset) return absolute_tolerance(entry.atol, entry.mean_atol);
  }
  return std::nullopt;
}

}  // namespace melstream::client
