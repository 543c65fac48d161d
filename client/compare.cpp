// melstream compare: two feature files by the golden set's tolerance rule. Needs no daemon.
#include <cstdio>
#include <string>

#include "client/commands.hpp"
#include "client/diagnosis.hpp"
#include "client/golden.hpp"
#include "client/json_object.hpp"
#include "client/npy.hpp"
#include "client/number_text.hpp"
#include "client/recipes.hpp"
#include "client/tolerance_table.hpp"

namespace melstream::client {
namespace {

const Recipe& recipe_of(const std::string& front_end) {
  if (const Recipe* recipe = find_recipe(front_end); recipe != nullptr) return *recipe;
  std::string known;
  for (const Recipe& recipe : recipes()) known += " " + std::string(recipe.name);
  throw ClientError(ExitCode::kUsage, "no tolerance is known for the front end '" + front_end +
                                          "'; for one of your own name the one it is based on, or one of:" + known);
}

Tolerance find_tolerance(const CompareOptions& options, const Recipe& recipe) {
  if (options.clip.empty()) {
    if (const auto tolerance = speech_tolerance(recipe.preset)) return *tolerance;
    throw ClientError(ExitCode::kUsage, "no tolerance is known for " + std::string(recipe.preset));
  }
  const GoldenSet golden = load_golden(find_golden_folder(options.golden_folder));
  if (const GoldenEntry* entry = golden.find(recipe.preset, options.clip)) return entry->tolerance;
  throw ClientError(ExitCode::kUsage,
                    "the golden set has no clip '" + options.clip + "' for " + std::string(recipe.preset));
}

/// Of the frame's first sample from the front end's frame 0. LFR rows advance by six frames of 10 ms.
double seconds_of(std::int64_t frame, const Recipe& recipe) {
  const double hop_seconds = recipe.front_end == "paraformer-560" ? 0.06 : 0.01;
  return static_cast<double>(frame) * hop_seconds;
}

void print_text(const Recipe& recipe, const Comparison& result, const Diagnosis& diagnosis, int bins) {
  std::string reasons;
  for (const auto& reason : result.reasons) reasons += (reasons.empty() ? ": " : ", ") + reason;
  std::printf("%s %s%s\n", result.matches() ? "PASS" : "FAIL", std::string(recipe.preset).c_str(), reasons.c_str());
  std::printf("  %lld frames of %d bins compared, largest difference %s, mean %s, worst difference/tolerance %s\n",
              static_cast<long long>(result.frames_compared), bins, short_number(result.largest_difference).c_str(),
              short_number(result.mean_difference).c_str(), short_number(result.worst_ratio).c_str());
  if (result.frames_compared > 0) {
    const Cell& worst = result.worst;
    std::printf("  worst cell: frame %lld, bin %d, at %s s: %s where the reference has %s, allowed %s\n",
                static_cast<long long>(worst.frame), worst.bin,
                fixed_number(seconds_of(worst.frame, recipe), 3).c_str(),
                json_number(static_cast<float>(worst.actual)).c_str(),
                json_number(static_cast<float>(worst.reference)).c_str(), short_number(worst.allowed).c_str());
  }
  if (!result.matches()) std::printf("  likely cause: %s: %s\n", to_string(diagnosis.cause), diagnosis.text.c_str());
}

void print_json(const Recipe& recipe, const Comparison& result, const Diagnosis& diagnosis) {
  std::vector<std::string> reasons;
  for (const auto& reason : result.reasons) reasons.push_back(json_string(reason));
  JsonObject worst;
  worst.add("frame", result.worst.frame).add("bin", std::int64_t{result.worst.bin});
  worst.add("seconds", seconds_of(result.worst.frame, recipe)).add("actual", static_cast<float>(result.worst.actual));
  worst.add("reference", static_cast<float>(result.worst.reference)).add("allowed", result.worst.allowed);
  JsonObject json;
  json.add("preset", recipe.preset).add("pass", result.matches()).add("frames", result.frames_actual);
  json.add("frames_reference", result.frames_reference).add("frames_compared", result.frames_compared);
  json.add("bad_cells", result.bad_cells).add("largest_difference", result.largest_difference);
  json.add("mean_difference", result.mean_difference).add("worst_ratio", result.worst_ratio);
  json.add_json("worst", result.frames_compared > 0 ? worst.text() : "null");
  json.add_json("reasons", json_array(reasons)).add("cause", to_string(diagnosis.cause));
  std::printf("%s\n", json.add("cause_text", diagnosis.text).text().c_str());
}

}  // namespace

ExitCode run_compare(const CompareOptions& options) {
  const Recipe& recipe = recipe_of(options.front_end);
  const Tolerance tolerance = find_tolerance(options, recipe);
  const FeatureMatrix actual = read_npy(options.actual_path);
  const FeatureMatrix reference = read_npy(options.reference_path);
  const Comparison result = compare_matrices(actual, reference, tolerance);
  const Diagnosis diagnosis = diagnose(actual, reference, tolerance, result);
  if (options.json) {
    print_json(recipe, result, diagnosis);
  } else {
    print_text(recipe, result, diagnosis, reference.bins);
  }
  return result.matches() ? ExitCode::kOk : ExitCode::kFailure;
}

}  // namespace melstream::client
