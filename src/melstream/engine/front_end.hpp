// A front end is a named, versioned value: everything that decides its numbers, and the hash of that. Immutable.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "melstream/engine/framing.hpp"

namespace melstream::engine {

enum class WindowShape : std::uint8_t { kHannPeriodic, kHannSymmetric, kHammingSymmetric, kPovey };
enum class PreEmphasisScope : std::uint8_t {
  kNone,
  kFrame,   ///< inside each frame, after DC removal: y[0] = x[0] - c x[0] (Kaldi)
  kSignal,  ///< over the whole segment: y[0] = x[0]; outside [0, N) y is 0 (NeMo)
};
enum class MelScale : std::uint8_t { kSlaney, kKaldi, kHtk };
enum class MelNorm : std::uint8_t { kNone, kSlaney };
enum class LogBase : std::uint8_t { kNone, kTen, kE };
enum class LogFloor : std::uint8_t {
  kMax,  ///< log(max(v, floor))
  kAdd,  ///< log(v + floor)
};
enum class EnergyTerm : std::uint8_t {
  kCepstrum,   ///< c_0 stays
  kRawEnergy,  ///< c_0 becomes ln(max(sum x^2, floor)) of the mean-free frame before pre-emphasis and window
};

/// Shared by front ends whose power spectra are the same bits: one FFT serves all of them.
struct TransformSpec {
  FrameGeometry geometry;
  float scale = 1.0F;  ///< samples in [-1, 1) are multiplied by this: 1 or 32768
  bool remove_dc = false;
  PreEmphasisScope pre_emphasis_scope = PreEmphasisScope::kNone;
  float pre_emphasis = 0.0F;
  WindowShape window = WindowShape::kHannPeriodic;
  int n_fft = 400;  ///< 2^a 3^b 5^c, >= geometry.window, even
  bool operator==(const TransformSpec&) const = default;
};

struct MelSpec {
  int n_mels = 80;
  MelScale scale = MelScale::kSlaney;
  MelNorm norm = MelNorm::kSlaney;
  double f_min_hz = 0.0;
  double f_max_hz = 8000.0;  ///< Kaldi's "high <= 0" is resolved: 7600 for -400
  bool operator==(const MelSpec&) const = default;
};

struct LogSpec {
  LogBase base = LogBase::kTen;
  LogFloor floor = LogFloor::kMax;
  float floor_value = 1e-10F;
  bool operator==(const LogSpec&) const = default;
};

/// Cepstra from the log mels: orthonormal DCT-II, lifter 1 + Q/2 sin(pi i / Q).
struct CepstrumSpec {
  int n_ceps = 13;
  float lifter = 22.0F;
  EnergyTerm energy = EnergyTerm::kRawEnergy;
  bool operator==(const CepstrumSpec&) const = default;
};

/// Mean and variance normalisation given by the client: y = (v + shift) * scale per element of the row.
struct Cmvn {
  std::vector<float> shift;
  std::vector<float> scale;
  bool operator==(const Cmvn&) const = default;
};

struct FrontEndSpec {
  std::string name;  ///< not part of the hash
  int version = 1;
  TransformSpec transform;
  MelSpec mel;
  LogSpec log;
  std::optional<CepstrumSpec> cepstrum;
  LowFrameRate lfr;
  std::optional<Cmvn> cmvn;
};

/// Checked, with its canonical text and hash. Thread-safe: immutable.
class FrontEnd {
 public:
  /// Throws Error(kInvalidArgument, field) naming the value and the range it must be in.
  explicit FrontEnd(FrontEndSpec spec);

  const FrontEndSpec& spec() const noexcept { return spec_; }
  const std::string& name() const noexcept { return spec_.name; }
  /// Floats of one row without smoothing: n_mels or n_ceps, times lfr.m.
  int n_bins() const noexcept;
  /// Floats of one row after smoothing: two fewer for kBox3x3Valid.
  int n_bins(Smoothing smoothing) const noexcept;
  RowGeometry rows(Smoothing smoothing) const noexcept;
  /// Smoothing exists for the Whisper, Kaldi, WeNet, FunASR and NeMo shapes: log mel of 3 bins or
  /// more, no cepstrum, no LFR, no CMVN.
  bool allows_smoothing() const noexcept;
  /// True for log10 with floor kMax 1e-10 without LFR, cepstrum and CMVN: running_max, fixed_max and whisper_window
  /// make sense.
  bool is_whisper() const noexcept;
  /// Canonical text: sorted `key=value` lines, floats by shortest round trip, CMVN vectors included.
  const std::string& canonical_text() const noexcept { return text_; }
  /// SHA-256 of canonical_text(), 64 lower-case hex digits.
  const std::string& sha256() const noexcept { return sha256_; }

 private:
  FrontEndSpec spec_;
  std::string text_;
  std::string sha256_;
};

/// The front ends by name: the built-in ones and those of the config. Thread-safe once filled (const).
class FrontEndCatalog {
 public:
  /// With the built-in ones.
  FrontEndCatalog();
  /// Throws Error(kAlreadyExists) if the name is taken.
  void add(FrontEndSpec spec);
  /// Throws Error(kNotFound, field front_end) listing the known names and the nearest one. Aliases (golden names
  /// without normalization, such as whisper80_raw, kaldi80, sensevoice560) are found too.
  std::shared_ptr<const FrontEnd> find(std::string_view name) const;
  /// The named front end with CMVN after it; its hash differs. Throws Error(kInvalidArgument, field cmvn) on sizes.
  std::shared_ptr<const FrontEnd> with_cmvn(std::string_view name, Cmvn cmvn) const;
  /// In order of definition.
  std::span<const std::shared_ptr<const FrontEnd>> all() const noexcept { return front_ends_; }

 private:
  std::vector<std::shared_ptr<const FrontEnd>> front_ends_;
};

/// A spec as text, for the config: sets one field by its canonical key, e.g. ("n_mels", "64").
/// Throws Error(kInvalidArgument, field key) with the accepted values; unknown keys name the nearest known one.
void set_field(FrontEndSpec& spec, std::string_view key, std::string_view value);
/// A front end as a text of `key=value` lines, as canonical_text() is one; blanks around keys and values, empty lines
/// and lines that begin with '#' do not count. What the text leaves out is as in whisper-80. A line
/// `sha256 HASH`, which `melstream front-ends --spec` prints last, must be true. Throws
/// Error(kInvalidArgument, field key or spec) naming the line; the result is checked by FrontEnd.
FrontEndSpec parse_spec(std::string name, std::string_view text);
/// Keys that set_field() takes, sorted.
std::span<const std::string_view> field_keys() noexcept;

}  // namespace melstream::engine
