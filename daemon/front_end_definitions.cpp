// Fields are set by engine::set_field() from text, so that the config knows the same fields as the canonical text.
#include "daemon/front_end_definitions.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "melstream/core/error.hpp"

#include "daemon/config_keys.hpp"
#include "daemon/config_reader.hpp"

namespace melstream::daemon {
namespace {

using Complaints = std::vector<Diagnostic>;

bool is_number(const TomlValue& value) {
  return value.kind == TomlValue::Kind::kInteger || value.kind == TomlValue::Kind::kFloat;
}

/// The value as engine::set_field() takes it; nothing for a kind that no field has.
std::optional<std::string> field_text(const TomlValue& value) {
  if (value.kind == TomlValue::Kind::kString) return value.text;
  if (is_number(value) || value.kind == TomlValue::Kind::kBoolean) return to_literal(value);
  if (value.kind == TomlValue::Kind::kArray && std::all_of(value.elements.begin(), value.elements.end(), is_number)) {
    return to_literal(value);  // brackets and commas are understood
  }
  return std::nullopt;
}

/// [A-Za-z0-9._-]{1,64}, as stream ids: names go through command lines, files and logs unquoted.
bool is_good_name(std::string_view name) {
  constexpr std::size_t kLongest = 64;
  constexpr std::string_view kAllowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  return !name.empty() && name.size() <= kLongest && name.find_first_not_of(kAllowed) == std::string_view::npos;
}

/// The text of a required key; empty, with a complaint, if it is missing or no text.
std::string required_text(const TomlValue& table, std::string_view key, Complaints& complaints) {
  const TomlMember* member = table.find(key);
  if (member == nullptr) {
    complaints.push_back({table.at, "[[front_end]] has no '" + std::string(key) + "'"});
    return {};
  }
  if (member->value.kind != TomlValue::Kind::kString) {
    complaints.push_back(wrong_value("front_end." + std::string(key), member->value, "text in quotes"));
    return {};
  }
  return member->value.text;
}

/// Collects the fields and applies each to the spec.
void read_fields(const TomlValue& table, FrontEndDefinition& definition, engine::FrontEndSpec& spec,
                 Complaints& complaints) {
  const std::span<const std::string_view> known = engine::field_keys();
  for (const TomlMember& member : table.members) {
    if (member.key == "name" || member.key == "base") continue;
    if (std::find(known.begin(), known.end(), member.key) == known.end()) {
      std::vector<std::string_view> names(known.begin(), known.end());
      names.insert(names.end(), {"name", "base"});
      complaints.push_back(
          {member.at, "unknown key '" + member.key + "' in [[front_end]]" + did_you_mean(member.key, names)});
      continue;
    }
    const std::optional<std::string> text = field_text(member.value);
    if (!text) {
      complaints.push_back(
          wrong_value("front_end." + member.key, member.value, "a number, a text, true, false or a list of numbers"));
      continue;
    }
    try {
      engine::set_field(spec, member.key, *text);
      definition.fields.push_back({member.key, *text, to_literal(member.value)});
    } catch (const core::Error& error) {
      complaints.push_back({member.value.at, std::string("front_end.") + error.what()});
    }
  }
}

/// The value of a field in a front end's canonical text; nothing where the field has no effect there.
std::optional<std::string> value_in(const engine::FrontEnd& front_end, std::string_view key) {
  const std::string text = "\n" + front_end.canonical_text();
  const std::size_t line = text.find("\n" + std::string(key) + "=");
  if (line == std::string::npos) return std::nullopt;
  const std::size_t begin = line + key.size() + 2;
  return text.substr(begin, text.find('\n', begin) - begin);
}

/// Adds the spec to the catalog. All that does not fit is told, each at the field at fault: that field gets the base's
/// value back, and the rest is looked at again.
void add_to_catalog(const TomlValue& table, const engine::FrontEnd& base, engine::FrontEndSpec spec,
                    engine::FrontEndCatalog& catalog, Complaints& complaints) {
  std::vector<std::string> told;
  for (;;) {
    try {
      catalog.add(spec);
      return;
    } catch (const core::Error& error) {
      const std::string& field = error.field();
      const TomlMember* at_fault = table.find(field);
      const bool is_field = at_fault != nullptr && field != "name";
      if (at_fault == nullptr) at_fault = table.find("name");
      complaints.push_back({at_fault->value.at, error.what()});
      const std::optional<std::string> text = is_field ? value_in(base, field) : std::nullopt;
      if (!text || std::find(told.begin(), told.end(), field) != told.end()) return;
      told.push_back(field);
      engine::set_field(spec, field, *text);
    }
  }
}

/// Names that [[front_end]] tables before this one have, good or bad.
using Names = std::vector<std::string>;

std::string read_name(const TomlValue& table, Names& names, Complaints& complaints) {
  const std::size_t n_before = complaints.size();
  std::string name = required_text(table, "name", complaints);
  if (complaints.size() != n_before) return name;
  const TomlValue& value = table.find("name")->value;
  if (!is_good_name(name)) {
    complaints.push_back(wrong_value("front_end.name", value, "1 to 64 of A-Z, a-z, 0-9, '.', '_' and '-'"));
  } else if (std::find(names.begin(), names.end(), name) != names.end()) {
    complaints.push_back({value.at, "front end '" + name + "' is defined above; give this one another name"});
  }
  names.push_back(name);
  return name;
}

std::optional<FrontEndDefinition> read_front_end(const TomlValue& table, engine::FrontEndCatalog& catalog, Names& names,
                                                 Complaints& complaints) {
  const std::size_t n_before = complaints.size();
  FrontEndDefinition definition;
  definition.name = read_name(table, names, complaints);
  const bool has_good_name = complaints.size() == n_before;
  definition.base = required_text(table, "base", complaints);
  std::shared_ptr<const engine::FrontEnd> base;
  if (const TomlMember* member = table.find("base"); member != nullptr && !definition.base.empty()) {
    try {
      base = catalog.find(definition.base);
    } catch (const core::Error& error) {
      complaints.push_back({member->value.at, std::string("front_end.base: ") + error.what()});
    }
  }
  engine::FrontEndSpec spec = base ? base->spec() : engine::FrontEndSpec{};
  read_fields(table, definition, spec, complaints);
  if (base && has_good_name) {
    spec.name = definition.name;
    // With a mistake before, only to find the others: nothing may be built on it.
    engine::FrontEndCatalog copy = catalog;
    add_to_catalog(table, *base, std::move(spec), complaints.size() == n_before ? catalog : copy, complaints);
  }
  if (complaints.size() != n_before) return std::nullopt;
  return definition;
}

}  // namespace

std::vector<FrontEndDefinition> read_front_ends(const TomlValue& root, engine::FrontEndCatalog& catalog,
                                                std::vector<std::string>& names, Complaints& complaints) {
  std::vector<FrontEndDefinition> definitions;
  for (const TomlValue* table : tables_of(root, "front_end", complaints)) {
    if (auto definition = read_front_end(*table, catalog, names, complaints))
      definitions.push_back(std::move(*definition));
  }
  return definitions;
}

engine::FrontEndCatalog make_catalog(const Config& config) {
  engine::FrontEndCatalog catalog;
  for (const FrontEndDefinition& definition : config.front_ends) {
    engine::FrontEndSpec spec = catalog.find(definition.base)->spec();
    for (const FrontEndField& field : definition.fields) engine::set_field(spec, field.key, field.text);
    spec.name = definition.name;
    catalog.add(std::move(spec));
  }
  return catalog;
}

}  // namespace melstream::daemon
