// Fields of a front end as text: every key round-trips, and wrong ones are told with what is accepted.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "melstream/core/error.hpp"
#include "melstream/engine/front_end.hpp"

namespace melstream::engine {
namespace {

/// The message of the error that set_field throws; empty if it throws none.
std::string refusal(std::string_view key, std::string_view value) {
  FrontEndSpec spec;
  try {
    set_field(spec, key, value);
  } catch (const core::Error& error) {
    EXPECT_EQ(error.code(), core::ErrorCode::kInvalidArgument);
    EXPECT_EQ(error.field(), key);
    return error.what();
  }
  return {};
}

/// Sets all lines of a canonical text, last line first if reversed.
FrontEndSpec spec_from(const std::string& text, bool reversed) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
    lines.push_back(text.substr(at, text.find('\n', at) - at));
  }
  if (reversed) std::reverse(lines.begin(), lines.end());
  FrontEndSpec spec;
  spec.name = "read-back";
  for (const std::string& line : lines) {
    const std::size_t equals = line.find('=');
    set_field(spec, line.substr(0, equals), line.substr(equals + 1));
  }
  return spec;
}

TEST(Fields, CanonicalTextReadsBackToTheSameFrontEndInAnyOrder) {
  const FrontEndCatalog catalog;
  std::vector<std::shared_ptr<const FrontEnd>> front_ends(catalog.all().begin(), catalog.all().end());
  std::vector<float> shift(560);
  for (std::size_t i = 0; i < shift.size(); ++i) shift[i] = -8.0F + 1.0F / static_cast<float>(i + 3);
  front_ends.push_back(catalog.with_cmvn("paraformer-560", {shift, std::vector<float>(560, 0.1F)}));
  for (const auto& front_end : front_ends) {
    for (const bool reversed : {false, true}) {
      const FrontEnd read_back(spec_from(front_end->canonical_text(), reversed));
      EXPECT_EQ(read_back.canonical_text(), front_end->canonical_text()) << front_end->name();
      EXPECT_EQ(read_back.spec().transform, front_end->spec().transform);
      EXPECT_EQ(read_back.spec().mel, front_end->spec().mel);
      EXPECT_EQ(read_back.spec().cmvn, front_end->spec().cmvn);
    }
  }
}

TEST(Fields, KeysAreSortedAndComplete) {
  const auto keys = field_keys();
  EXPECT_TRUE(std::is_sorted(keys.begin(), keys.end()));
  EXPECT_EQ(keys.size(), 28U);
  const FrontEndCatalog catalog;
  for (const auto& front_end : catalog.all()) {
    const std::string& text = front_end->canonical_text();
    for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
      const std::string key = text.substr(at, text.find('=', at) - at);
      EXPECT_NE(std::find(keys.begin(), keys.end(), key), keys.end()) << key;
    }
  }
}

TEST(Fields, ListsTakeBracketsCommasAndBlanks) {
  FrontEndSpec spec;
  set_field(spec, "cmvn_shift", "[1, -2.5,3e-3]");
  set_field(spec, "cmvn_scale", " 1 2\n3 ");
  EXPECT_EQ(spec.cmvn, (Cmvn{{1.0F, -2.5F, 3e-3F}, {1.0F, 2.0F, 3.0F}}));
}

TEST(Fields, NoCepstraMeansALogMel) {
  FrontEndSpec spec = FrontEndCatalog().find("mfcc-13")->spec();
  set_field(spec, "cepstra", "0");
  EXPECT_FALSE(spec.cepstrum.has_value());
}

TEST(Fields, ALifterAloneMakesNoCepstra) {
  FrontEndSpec spec = FrontEndCatalog().find("kaldi-80")->spec();
  set_field(spec, "lifter", "22");
  EXPECT_THROW(FrontEnd{spec}, core::Error);
  set_field(spec, "cepstra", "13");
  EXPECT_EQ(FrontEnd(spec).n_bins(), 13);
}

TEST(Fields, AWrongWordIsToldWithTheAcceptedOnes) {
  EXPECT_EQ(refusal("edge", "mirror"), "edge = 'mirror': expected one of none, zeros, reflect, symmetric");
  EXPECT_EQ(refusal("remove_dc", "yes"), "remove_dc = 'yes': expected one of false, true");
}

TEST(Fields, AWrongNumberIsTold) {
  EXPECT_EQ(refusal("n_mels", "eighty"), "n_mels = 'eighty': expected a whole number");
  EXPECT_EQ(refusal("n_mels", "80.5"), "n_mels = '80.5': expected a whole number");
  EXPECT_EQ(refusal("n_mels", ""), "n_mels = '': expected a whole number");
  EXPECT_EQ(refusal("hop_samples", "99999999999999"), "hop_samples = '99999999999999': expected a whole number");
  EXPECT_EQ(refusal("log_floor", "nan"), "log_floor = 'nan': expected a finite number");
  EXPECT_EQ(refusal("f_max_hz", "8 kHz"), "f_max_hz = '8 kHz': expected a finite number");
  EXPECT_EQ(refusal("cmvn_shift", "1, x"), "cmvn_shift = 'x': expected a finite number");
  EXPECT_EQ(refusal("sample_rate_hz", "8000"),
            "sample_rate_hz = '8000': expected 16000: every stream is resampled to it");
  EXPECT_EQ(refusal("sample_rate_hz", "16000"), "");
}

TEST(Fields, AnUnknownKeyIsToldWithTheNearest) {
  EXPECT_EQ(refusal("n_mel", "80"), "unknown key 'n_mel' of a front end (did you mean 'n_mels'?)");
  EXPECT_EQ(refusal("colour", "red"), "unknown key 'colour' of a front end");
}

TEST(Fields, ALongValueIsCutInTheMessage) { EXPECT_LT(refusal("n_mels", std::string(10'000, '9')).size(), 120U); }

}  // namespace
}  // namespace melstream::engine
