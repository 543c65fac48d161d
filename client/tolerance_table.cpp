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

Tolerance absolute_tolerance(double atol) {
  Tolerance tolerance;
  tolerance.atol = atol;
  return tolerance;
}

}  // namespace

std::optional<Tolerance> common_tolerance(std::string_view preset) noexcept {
  // From tests/golden/manifest.json; a test keeps them equal to the most frequent values there.
  constexpr double e = std::numbers::e;
  if (preset == "whisper80_raw") return log_tolerance(10, 80, 1e-5, 1e-6, 3e-6);
  if (preset == "whisper128_raw") return log_tolerance(10, 128, 1e-5, 1e-6, 3e-6);
  if (preset == "kaldi80" || preset == "kaldi80_hf0" || preset == "kaldi80_int16" || preset == "wenet80" ||
      preset == "funasr80" || preset == "paraformer560") {
    return log_tolerance(e, 80, 3e-5, 2e-5, 5e-6);
  }
  if (preset == "nemo80_raw") return log_tolerance(e, 80, 3e-5, 1e-6, 5e-6);
  if (preset == "nemo128_raw") return log_tolerance(e, 128, 3e-5, 1e-6, 5e-6);
  if (preset == "librosa80_power") return linear_tolerance(2e-5, 1e-6, 3e-6);
  if (preset == "torchaudio80_power") return linear_tolerance(2e-5, 2e-5, 3e-6);
  struct Absolute {
    std::string_view preset;
    double atol;
  };
  static constexpr std::array<Absolute, 10> kAbsolute = {{
      {"whisper80_norm", 5e-5},
      {"whisper128_norm", 5e-5},
      {"whisper80_norm30s", 9.02e-5},
      {"paraformer560_cmvn", 5e-5},
      {"nemo80_norm", 1e-4},
      {"nemo128_norm", 1e-4},
      {"mfcc13", 5e-4},
      {"mfcc13_c0", 5e-4},
      {"smooth3x3_same", 2e-5},
      {"smooth3x3_valid", 2e-5},
  }};
  for (const Absolute& entry : kAbsolute) {
    if (entry.preset == preset) return absolute_tolerance(entry.atol);
  }
  return std::nullopt;
}

}  // namespace melstream::client
