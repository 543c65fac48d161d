#include "client/doctor/model_match.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "client/number_text.hpp"

namespace melstream::client::doctor {
namespace {

std::string vector_text(const std::vector<float>& values) {
  std::string text;
  for (const float value : values) text += (text.empty() ? "" : ",") + json_number(value);
  return text;
}

bool is_name_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '-';
}

/// From the model's folder: "models/whisper tiny/preprocessor_config.json" gives "whisper-tiny". None that is taken.
std::string make_name(const ModelFrontEnd& model, const std::vector<ServedFrontEnd>& served) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  fs::path folder = fs::absolute(model.path, ignored).lexically_normal().parent_path();
  if (folder.filename() == "conf") folder = folder.parent_path();
  std::string name = folder.filename().string();
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !is_name_character(c); }, '-');
  constexpr std::size_t kLongest = 56;
  name = name.substr(0, kLongest);
  if (name.empty()) name = "model";
  const auto is_taken = [&](const std::string& wanted) {
    return std::any_of(served.begin(), served.end(), [&](const auto& one) { return one.name == wanted; });
  };
  std::string free_name = name;
  for (int i = 2; is_taken(free_name); ++i) free_name = name + "-" + std::to_string(i);
  return free_name;
}

const ServedFrontEnd* find_equal(const SpecFields& wanted, const std::vector<ServedFrontEnd>& served) {
  const auto it = std::find_if(served.begin(), served.end(),
                               [&](const auto& one) { return differences(wanted, one.fields).empty(); });
  return it == served.end() ? nullptr : &*it;
}

/// CMVN of another length would be refused.
void check_cmvn_length(ModelFrontEnd& model) {
  if (!model.cmvn) return;
  const std::string& n_bins = model.fields["cepstra"] != "0" ? model.fields["cepstra"] : model.fields["n_mels"];
  const double wanted = std::stod(n_bins) * std::stod(model.fields["lfr_m"]);
  if (wanted == static_cast<double>(model.cmvn->shift.size())) return;
  model.obstacles.push_back("its CMVN has " + std::to_string(model.cmvn->shift.size()) + " values, a row has " +
                            json_number(wanted));
}

}  // namespace

ModelMatch match_model(ModelFrontEnd& model, const std::vector<ServedFrontEnd>& served, const std::string& name) {
  ModelMatch match;
  if (model.raw_audio) return match;
  if (model.obstacles.empty()) {
    model.obstacles = unservable(model.fields);
    if (model.obstacles.empty()) check_cmvn_length(model);
  }
  SpecFields with_cmvn = model.fields;
  if (model.cmvn) {
    with_cmvn["cmvn_shift"] = vector_text(model.cmvn->shift);
    with_cmvn["cmvn_scale"] = vector_text(model.cmvn->scale);
  }
  const ServedFrontEnd* equal = find_equal(with_cmvn, served);
  match.has_cmvn = model.cmvn && equal != nullptr;
  const ServedFrontEnd* plain = equal != nullptr ? equal : find_equal(model.fields, served);
  if (plain != nullptr && model.obstacles.empty()) match.front_end = plain->name;
  const auto nearest = nearest_front_end(model.fields, served);
  if (plain == nullptr && nearest) {
    match.nearest = served[*nearest].name;
    match.differences = differences(model.fields, served[*nearest].fields);
  }
  if (equal != nullptr || !model.obstacles.empty()) return match;
  match.toml_name = name.empty() ? make_name(model, served) : name;
  match.toml = front_end_toml(match.toml_name, with_cmvn, nearest ? &served[*nearest] : nullptr);
  return match;
}

}  // namespace melstream::client::doctor
