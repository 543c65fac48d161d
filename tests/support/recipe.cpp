#include "tests/support/recipe.hpp"

#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

#include "tests/support/golden.hpp"

namespace melstream::test {

using engine::Normalization;
using engine::Smoothing;

Recipe recipe_of(std::string_view preset) {
  constexpr std::size_t kThirtySeconds = 480'000;
  if (preset == "whisper80_norm") return {"whisper-80", {}, Normalization::kWhisperWindow, 0, false};
  if (preset == "whisper128_norm") return {"whisper-128", {}, Normalization::kWhisperWindow, 0, false};
  if (preset == "whisper80_norm30s") return {"whisper-80", {}, Normalization::kWhisperWindow, kThirtySeconds, false};
  if (preset == "nemo80_norm") return {"nemo-80", {}, Normalization::kPerFeatureWindow, 0, false};
  if (preset == "nemo128_norm") return {"nemo-128", {}, Normalization::kPerFeatureWindow, 0, false};
  if (preset == "paraformer560_cmvn") return {"paraformer-560", {}, {}, 0, true};
  if (preset == "smooth3x3_same") return {"whisper-80", Smoothing::kBox3x3, {}, 0, false};
  if (preset == "smooth3x3_valid") return {"whisper-80", Smoothing::kBox3x3Valid, {}, 0, false};
  // All others are an alias of a front end, nothing more.
  for (const std::string& known : GoldenSet::instance().presets()) {
    if (known == preset) return {std::string(preset), {}, {}, 0, false};
  }
  throw std::runtime_error("no golden preset " + std::string(preset));
}

std::shared_ptr<const engine::FrontEnd> front_end_of(const Recipe& recipe, const engine::FrontEndCatalog& catalog) {
  if (!recipe.cmvn) return catalog.find(recipe.front_end);
  return catalog.with_cmvn(recipe.front_end, read_cmvn(GoldenSet::instance().folder() / "cmvn" / "am.mvn"));
}

engine::Cmvn read_cmvn(const std::filesystem::path& file) {
  std::ifstream in(file);
  if (!in) throw std::runtime_error("cannot read " + file.string());
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const auto vector_after = [&](const char* tag) {
    const std::size_t open = text.find('[', text.find("<LearnRateCoef>", text.find(tag)));
    const std::size_t close = text.find(']', open);
    if (open == std::string::npos || close == std::string::npos)
      throw std::runtime_error("no vector after " + std::string(tag));
    std::istringstream numbers(text.substr(open + 1, close - open - 1));
    return std::vector<float>{std::istream_iterator<float>(numbers), {}};
  };
  return {vector_after("<AddShift>"), vector_after("<Rescale>")};
}

std::vector<float> prepared_audio(const Recipe& recipe, const std::vector<float>& clip) {
  std::vector<float> audio = clip;
  if (recipe.pad_to_samples > 0) audio.resize(recipe.pad_to_samples, 0.0F);
  return audio;
}

void normalize(const Recipe& recipe, Matrix& rows) {
  if (recipe.normalization == Normalization::kWhisperWindow) engine::whisper_window(rows.values);
  if (recipe.normalization == Normalization::kPerFeatureWindow) {
    engine::per_feature_window(rows.values, static_cast<int>(rows.cols));
  }
}

}  // namespace melstream::test
