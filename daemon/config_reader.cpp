// Reading in three steps: TOML; each key by its rule; what spans several keys or needs the machine.
#include "daemon/config_reader.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "daemon/config_keys.hpp"
#include "daemon/front_end_definitions.hpp"
#include "daemon/identity_definitions.hpp"
#include "daemon/listen_address.hpp"
#include "daemon/listener_rules.hpp"
#include "daemon/source_definitions.hpp"
#include "daemon/toml_tree.hpp"

namespace melstream::daemon {
namespace {

using Complaints = std::vector<Diagnostic>;
using Names = std::vector<std::string_view>;

constexpr std::string_view kTableArrays[] = {"front_end", "source", "identity"};

std::string quoted(std::string_view name) { return std::string("'").append(name).append("'"); }

Names section_names() {
  Names names(std::begin(kTableArrays), std::end(kTableArrays));
  for (const KeyRule& rule : key_rules()) {
    if (std::find(names.begin(), names.end(), rule.section) == names.end()) names.push_back(rule.section);
  }
  return names;
}

void read_section(const TomlMember& section, Config& config, Complaints& complaints) {
  if (section.value.kind != TomlValue::Kind::kTable) {
    complaints.push_back(
        {section.at, quoted(section.key) + " is a section: write [" + section.key + "] and its keys below"});
    return;
  }
  for (const TomlMember& member : section.value.members) {
    Names names;
    const KeyRule* found = nullptr;
    for (const KeyRule& rule : key_rules()) {
      if (rule.section != section.key) continue;
      names.push_back(rule.name);
      if (rule.name == member.key) found = &rule;
    }
    if (found != nullptr) {
      found->read(member.value, config, complaints);
    } else {
      complaints.push_back({member.at, "unknown key " + quoted(member.key) + " in [" + section.key + "]" +
                                           did_you_mean(member.key, names)});
    }
  }
}

/// Everything that one rule alone decides.
void read_sections(const TomlValue& root, Config& config, Complaints& complaints) {
  const Names sections = section_names();
  for (const TomlMember& member : root.members) {
    if (std::find(std::begin(kTableArrays), std::end(kTableArrays), member.key) != std::end(kTableArrays)) continue;
    if (std::find(sections.begin(), sections.end(), member.key) != sections.end()) {
      read_section(member, config, complaints);
      continue;
    }
    const bool is_table = member.value.kind == TomlValue::Kind::kTable || member.value.kind == TomlValue::Kind::kArray;
    std::string message = is_table ? "unknown section " : "unknown key ";
    message += quoted(member.key) + (is_table ? "" : " outside of a section") + did_you_mean(member.key, sections);
    complaints.push_back({member.at, std::move(message)});
  }
}

void check_metrics(const TomlValue& root, const Config& config, Complaints& complaints) {
  const TomlMember* listen = find_key(root, "metrics", "listen");
  if (listen != nullptr && listen->value.kind == TomlValue::Kind::kString && !listen->value.text.empty()) {
    const std::string shown = "metrics.listen: " + toml_string(listen->value.text);
    try {
      if (!parse_listen_address(listen->value.text).loopback && !config.server.allow_insecure_bind) {
        complaints.push_back({listen->value.at, shown +
                                                    " can be read from other machines, without authentication: use "
                                                    "127.0.0.1 or [::1], or set server.allow_insecure_bind = true"});
      }
    } catch (const core::Error& error) {
      complaints.push_back({listen->value.at, shown + " has " + error.what() + ", or \"\" for none"});
    }
  }
  const TomlMember* required = find_key(root, "metrics", "required_sources");
  if (required == nullptr) return;
  for (const TomlValue& element : required->value.elements) {
    const auto has_id = [&element](const core::SourceSpec& spec) { return spec.id == element.text; };
    if (element.kind != TomlValue::Kind::kString) continue;  // its rule has complained
    if (std::any_of(config.sources.begin(), config.sources.end(), has_id)) continue;
    complaints.push_back(
        {element.at, "metrics.required_sources: no [[source]] has the id " + toml_string(element.text)});
  }
}

/// Whoever reaches the page may do what TCP callers without a token may: it has no other authentication.
void check_page(const TomlValue& root, const Config& config, Complaints& complaints) {
  const TomlMember* listen = find_key(root, "page", "listen");
  if (listen == nullptr || listen->value.kind != TomlValue::Kind::kString || listen->value.text.empty()) return;
  const std::string shown = "page.listen: " + toml_string(listen->value.text);
  try {
    if (!parse_listen_address(listen->value.text).loopback) {
      complaints.push_back({listen->value.at, shown +
                                                  " can be reached from other machines, and browsers give no page a "
                                                  "microphone there: use 127.0.0.1 or [::1], and from elsewhere `ssh "
                                                  "-L PORT:127.0.0.1:PORT HOST` with the same port"});
    }
  } catch (const core::Error& error) {
    complaints.push_back({listen->value.at, shown + " has " + error.what() + ", or \"\" for none"});
  }
  const auto& roles = config.auth.anonymous_roles;
  if (std::find(roles.begin(), roles.end(), "subscriber") == roles.end()) {
    complaints.push_back({listen->value.at, shown +
                                                " would show every user of this machine what auth.anonymous_roles "
                                                "keeps from them: add \"subscriber\" there, or set \"\" for no page"});
  }
}

void check_engine(const TomlValue& root, const Config& config, const Surroundings& surroundings,
                  Complaints& complaints) {
  const std::string& simd = config.engine.simd;
  const auto& targets = surroundings.simd_targets;
  const TomlMember* member = find_key(root, "engine", "simd");
  if (member == nullptr || simd == "auto" || std::find(targets.begin(), targets.end(), simd) != targets.end()) return;
  std::string accepted = "\"auto\" or a target of this build that this machine can run:";
  for (const std::string& target : targets) accepted.append(" ").append(toml_string(target));
  complaints.push_back(wrong_value("engine.simd", member->value, accepted));
}

/// @param defined names of all [[front_end]] tables: those with mistakes have been told, and are not unknown.
void check_always(const TomlValue& root, const engine::FrontEndCatalog& catalog,
                  const std::vector<std::string>& defined, Complaints& complaints) {
  const TomlMember* always = find_key(root, "features", "always");
  if (always == nullptr) return;
  std::vector<std::string> seen;
  for (const TomlValue& element : always->value.elements) {
    if (element.kind != TomlValue::Kind::kString) continue;
    if (std::find(seen.begin(), seen.end(), element.text) != seen.end()) {
      complaints.push_back({element.at, "features.always: " + quoted(element.text) + " is there twice"});
      continue;
    }
    seen.push_back(element.text);
    if (std::find(defined.begin(), defined.end(), element.text) != defined.end()) continue;
    try {
      static_cast<void>(catalog.find(element.text));
    } catch (const core::Error& error) {
      complaints.push_back({element.at, std::string("features.always: ") + error.what()});
    }
  }
}

}  // namespace

std::vector<const TomlValue*> tables_of(const TomlValue& root, std::string_view key,
                                        std::vector<Diagnostic>& complaints) {
  std::vector<const TomlValue*> tables;
  const TomlMember* member = root.find(key);
  if (member == nullptr) return tables;
  const std::vector<TomlValue>& elements = member->value.elements;
  const bool all_tables = std::all_of(elements.begin(), elements.end(),
                                      [](const TomlValue& e) { return e.kind == TomlValue::Kind::kTable; });
  if (member->value.kind != TomlValue::Kind::kArray || !all_tables) {
    const std::string name(key);
    complaints.push_back({member->at, quoted(key) + " is a list: write [[" + name + "]] above each"});
    return tables;
  }
  for (const TomlValue& element : elements) tables.push_back(&element);
  return tables;
}

Config parse_config(std::string_view text, std::string_view file, const Surroundings& surroundings) {
  TomlValue root;
  try {
    root = parse_toml(text);
  } catch (const TomlSyntaxError& error) {
    throw ConfigError({{error.at(), error.what()}}, file, text);
  }
  Config config;
  config.server.socket = surroundings.socket;
  Complaints complaints;
  read_sections(root, config, complaints);
  check_listeners(root, config, complaints);
  check_engine(root, config, surroundings, complaints);
  engine::FrontEndCatalog catalog;
  std::vector<std::string> defined;
  config.front_ends = read_front_ends(root, catalog, defined, complaints);
  check_always(root, catalog, defined, complaints);
  config.identities = read_identities(root, complaints);
  check_access(root, config, complaints);
  config.sources = read_sources(root, config.server.allow_insecure_bind, complaints);
  check_metrics(root, config, complaints);
  check_page(root, config, complaints);
  if (!complaints.empty()) throw ConfigError(std::move(complaints), file, text);
  return config;
}

}  // namespace melstream::daemon
