// A front end as fields: the keys and values of the canonical text that ListFrontEnds gives (docs/numerics.md). What a
// model wants and what a daemon serves are compared as such. Pure; any thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace melstream::client::doctor {

/// Key to value, as in the canonical text; without `version`, which is no number of a model's.
using SpecFields = std::map<std::string, std::string>;

/// Of a front end that a daemon serves.
struct ServedFrontEnd {
  std::string name;
  SpecFields fields;
};

/// Reads "key=value" lines; other lines are left out.
SpecFields parse_spec(std::string_view text);

/// Equal as text, or as numbers in float32 between commas.
bool same_value(std::string_view a, std::string_view b);

struct FieldDifference {
  std::string key;
  std::string wanted;  ///< empty: the model's front end has no such field
  std::string served;  ///< the same of the daemon's
};

/// Every field in which they differ, by key.
std::vector<FieldDifference> differences(const SpecFields& wanted, const SpecFields& served);

/// The place in `served` of the front end with the fewest differences, the first of equals. Nothing where none could be
/// a base: CMVN that a base has cannot be taken away by a field.
std::optional<std::size_t> nearest_front_end(const SpecFields& wanted, const std::vector<ServedFrontEnd>& served);

/// Why the daemon would refuse these fields, one sentence each; the limits of docs/numerics.md.
std::vector<std::string> unservable(const SpecFields& wanted);

/// A [[front_end]] table for the config: the base and what differs from it. Without a base every field is written, on a
/// built-in one.
/// @param base may be null.
std::string front_end_toml(const std::string& name, const SpecFields& wanted, const ServedFrontEnd* base);

/// "A vector of 560": values of more than 60 characters are shortened, for people.
std::string shown_value(const std::string& value);

}  // namespace melstream::client::doctor
