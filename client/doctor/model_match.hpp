// A model's front end against those that a daemon serves. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "client/doctor/model_front_end.hpp"
#include "client/doctor/spec_fields.hpp"

namespace melstream::client::doctor {

struct ModelMatch {
  /// The served front end that computes what the model wants; empty: none.
  std::string front_end;
  /// It has the model's CMVN within; else rows need --cmvn where the model has one.
  bool has_cmvn = false;
  /// Without a front end that fits: the one that differs least, and how.
  std::string nearest;
  std::vector<FieldDifference> differences;
  /// The [[front_end]] that fits, CMVN included. Empty where the daemon could not compute it, or where the front end
  /// (with its CMVN) is served already.
  std::string toml;
  std::string toml_name;
};

/// Adds to model.obstacles what the daemon would refuse.
/// @param served empty without a daemon: then the TOML has every field.
/// @param name of the front end to be defined; empty: made from the model's path.
ModelMatch match_model(ModelFrontEnd& model, const std::vector<ServedFrontEnd>& served, const std::string& name);

}  // namespace melstream::client::doctor
