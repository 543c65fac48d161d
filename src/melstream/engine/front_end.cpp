// Checks, canonical text and hash of a front end (front_end.hpp). Any thread; immutable once made.
#include "melstream/engine/front_end.hpp"

#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <utility>

#include "melstream/core/error.hpp"
#include "melstream/core/units.hpp"
#include "melstream/engine/fields.hpp"
#include "melstream/engine/sha256.hpp"

namespace melstream::engine {
namespace {

/// Half of the sample ring (16,384 samples): one row must fit beside what arrives while it is computed.
constexpr std::int64_t kMaxRowSamples = 8192;
constexpr int kMaxFft = 4096;
constexpr int kMaxMels = 512;
constexpr int kMaxLfr = 64;
constexpr double kNyquistHz = core::kSampleRateHz / 2.0;

std::string shown(double value) {
  std::string text = std::to_string(value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

/// Refuses a front end: what the field is, and what it must be.
class Checker {
 public:
  explicit Checker(const std::string& name) : prefix_("front end '" + name + "': ") {}

  void require(bool good, const char* field, const std::string& message) const {
    if (!good) throw core::Error(core::ErrorCode::kInvalidArgument, prefix_ + field + ": " + message, field);
  }
  void range(const char* field, std::int64_t value, std::int64_t low, std::int64_t high) const {
    require(value >= low && value <= high, field,
            std::to_string(value) + " is not in " + std::to_string(low) + ".." + std::to_string(high));
  }

 private:
  std::string prefix_;
};

bool is_name(const std::string& name) {
  constexpr std::size_t kLongest = 64;
  if (name.empty() || name.size() > kLongest) return false;
  return name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") ==
         std::string::npos;
}

bool is_smooth(int n) {
  for (const int p : {2, 3, 5}) {
    while (n % p == 0) n /= p;
  }
  return n == 1;
}

void check_geometry(const Checker& check, const FrameGeometry& g) {
  check.range("window_samples", g.window, 2, kMaxFft);
  check.range("hop_samples", g.hop, 1, kMaxRowSamples);
  check.range("left_samples", g.left, 0, g.window);
  const bool snip = g.count == FrameCount::kSnip;
  check.require(snip == (g.edge == Edge::kNone), "edge",
                "edge = none and frame_count = snip belong together: frames of any other count reach past the ends");
  check.require(!snip || g.left == 0, "left_samples", std::to_string(g.left) + " must be 0 with edge = none");
}

void check_transform(const Checker& check, const TransformSpec& t) {
  check_geometry(check, t.geometry);
  check.range("n_fft", t.n_fft, 8, kMaxFft);
  check.require(t.n_fft % 2 == 0 && is_smooth(t.n_fft), "n_fft",
                std::to_string(t.n_fft) + " must be even and a product of 2, 3 and 5, such as 400, 480 or 512");
  check.require(t.n_fft >= t.geometry.window, "n_fft",
                std::to_string(t.n_fft) + " is shorter than window_samples = " + std::to_string(t.geometry.window));
  check.require(t.scale > 0.0F && t.scale <= 32768.0F, "sample_scale", shown(t.scale) + " is not in (0, 32768]");
  if (t.pre_emphasis_scope == PreEmphasisScope::kNone) return;
  check.require(t.pre_emphasis >= 0.0F && t.pre_emphasis <= 1.0F, "pre_emphasis",
                shown(t.pre_emphasis) + " is not in 0..1");
  if (t.pre_emphasis_scope == PreEmphasisScope::kFrame) return;
  check.require(t.geometry.edge == Edge::kZeros || t.geometry.edge == Edge::kNone, "pre_emphasis_scope",
                "signal needs edge = zeros or none: a reflected signal has no sample before its first");
  check.require(!t.remove_dc, "remove_dc", "must be false with pre_emphasis_scope = signal");
}

void check_mel(const Checker& check, const MelSpec& mel) {
  constexpr double kNarrowestHz = 1.0;
  check.range("n_mels", mel.n_mels, 1, kMaxMels);
  check.require(mel.f_min_hz >= 0.0 && mel.f_min_hz < kNyquistHz, "f_min_hz",
                shown(mel.f_min_hz) + " is not in [0, 8000)");
  check.require(mel.f_max_hz > 0.0 && mel.f_max_hz <= kNyquistHz, "f_max_hz",
                shown(mel.f_max_hz) + " is not in (0, 8000]");
  check.require(mel.f_max_hz - mel.f_min_hz >= kNarrowestHz, "f_max_hz",
                shown(mel.f_max_hz) + " is not at least 1 Hz above f_min_hz = " + shown(mel.f_min_hz));
  check.require(mel.scale != MelScale::kKaldi || mel.norm == MelNorm::kNone, "mel_norm",
                "must be none with mel_scale = kaldi: its triangles are not linear in Hz");
}

void check_values(const Checker& check, const FrontEndSpec& spec) {
  if (spec.log.base != LogBase::kNone) {
    // The kernels' logarithm is that of normal numbers.
    check.require(spec.log.floor_value >= std::numeric_limits<float>::min() && std::isfinite(spec.log.floor_value),
                  "log_floor", "must be at least 1.1754944e-38 where a log is taken");
  }
  if (spec.cepstrum) {
    check.require(spec.log.base == LogBase::kE, "log", "must be e with cepstra");
    check.range("cepstra", spec.cepstrum->n_ceps, 1, spec.mel.n_mels);
    check.require(spec.cepstrum->lifter >= 0.0F && std::isfinite(spec.cepstrum->lifter), "lifter",
                  shown(spec.cepstrum->lifter) + " must be 0 (off) or above");
    // The raw energy is that of a frame before pre-emphasis; of a signal that was pre-emphasised as a whole there is
    // none.
    check.require(spec.cepstrum->energy != EnergyTerm::kRawEnergy ||
                      spec.transform.pre_emphasis_scope != PreEmphasisScope::kSignal,
                  "energy", "must be cepstrum with pre_emphasis_scope = signal");
  }
  check.range("lfr_m", spec.lfr.m, 1, kMaxLfr);
  check.range("lfr_n", spec.lfr.n, 1, kMaxLfr);
  check.range("version", spec.version, 1, 1'000'000);
}

void check_cmvn(const Checker& check, const Cmvn& cmvn, int n_bins) {
  const auto check_vector = [&](const char* field, const std::vector<float>& values) {
    check.require(values.size() == static_cast<std::size_t>(n_bins), field,
                  std::to_string(values.size()) + " values, a row has " + std::to_string(n_bins));
    for (const float v : values) check.require(std::isfinite(v), field, "has a value that is not finite");
  };
  check_vector("cmvn_shift", cmvn.shift);
  check_vector("cmvn_scale", cmvn.scale);
}

/// Fields without effect get one value, so that transforms that agree compare equal.
void settle(FrontEndSpec& spec) {
  TransformSpec& t = spec.transform;
  t.geometry.lead = t.pre_emphasis_scope == PreEmphasisScope::kSignal ? 1 : 0;
  if (t.pre_emphasis_scope == PreEmphasisScope::kNone) t.pre_emphasis = 0.0F;
  if (spec.log.base == LogBase::kNone) spec.log = {LogBase::kNone, LogFloor::kMax, 0.0F};
}

}  // namespace

FrontEnd::FrontEnd(FrontEndSpec spec) : spec_(std::move(spec)) {
  const Checker check(spec_.name);
  check.require(is_name(spec_.name), "name", "must be 1 to 64 of A-Z, a-z, 0-9, '.', '_', '-'");
  check_transform(check, spec_.transform);
  check_mel(check, spec_.mel);
  check_values(check, spec_);
  settle(spec_);
  if (spec_.cmvn) check_cmvn(check, *spec_.cmvn, n_bins());
  const std::int64_t span = row_span(rows(allows_smoothing() ? Smoothing::kBox3x3Valid : Smoothing::kNone));
  check.require(span <= kMaxRowSamples, "hop_samples",
                "a row needs " + std::to_string(span) +
                    " samples at once (window, hop, lfr_m and smoothing), at most " + std::to_string(kMaxRowSamples) +
                    " fit");
  text_ = engine::canonical_text(spec_);
  sha256_ = sha256_hex(text_);
}

int FrontEnd::n_bins() const noexcept {
  return (spec_.cepstrum ? spec_.cepstrum->n_ceps : spec_.mel.n_mels) * spec_.lfr.m;
}

int FrontEnd::n_bins(Smoothing smoothing) const noexcept {
  return smoothing == Smoothing::kBox3x3Valid ? n_bins() - 2 : n_bins();
}

RowGeometry FrontEnd::rows(Smoothing smoothing) const noexcept {
  return {spec_.transform.geometry, spec_.lfr, smoothing};
}

bool FrontEnd::allows_smoothing() const noexcept {
  constexpr int kBox = 3;
  return spec_.log.base != LogBase::kNone && !spec_.cepstrum && spec_.lfr == LowFrameRate{} && !spec_.cmvn &&
         spec_.mel.n_mels >= kBox;
}

bool FrontEnd::is_whisper() const noexcept {
  const LogSpec whisper{LogBase::kTen, LogFloor::kMax, 1e-10F};
  return spec_.log == whisper && !spec_.cepstrum && spec_.lfr == LowFrameRate{} && !spec_.cmvn;
}

}  // namespace melstream::engine
