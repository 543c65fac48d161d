// What a golden preset is in melstream's terms: front end, smoothing, and what happens to a whole clip before and
// after.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "melstream/engine/front_end.hpp"
#include "melstream/engine/normalization.hpp"

#include "tests/support/matrix.hpp"

namespace melstream::test {

struct Recipe {
  std::string front_end;
  engine::Smoothing smoothing = engine::Smoothing::kNone;
  engine::Normalization normalization = engine::Normalization::kNone;
  std::size_t pad_to_samples = 0;  ///< 0: the clip as it is
  bool cmvn = false;               ///< with the vectors of tests/golden/cmvn/am.mvn
};

/// Throws std::runtime_error for a preset that is not in the golden set.
Recipe recipe_of(std::string_view preset);
/// The recipe's front end, with its CMVN if it has one.
std::shared_ptr<const engine::FrontEnd> front_end_of(const Recipe& recipe, const engine::FrontEndCatalog& catalog);
/// Vectors of a Kaldi-nnet text: the bracketed numbers after <AddShift> and <Rescale>.
engine::Cmvn read_cmvn(const std::filesystem::path& file);
/// The clip as the recipe wants it: padded with zeros or cut.
std::vector<float> prepared_audio(const Recipe& recipe, const std::vector<float>& clip);
/// Normalises the rows of a whole clip.
void normalize(const Recipe& recipe, Matrix& rows);

}  // namespace melstream::test
