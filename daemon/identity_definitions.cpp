#include "daemon/identity_definitions.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "melstream/access/glob.hpp"

#include "daemon/config_keys.hpp"
#include "daemon/front_end_definitions.hpp"

namespace melstream::daemon {
namespace {

using Complaints = std::vector<Diagnostic>;

constexpr std::string_view kKeys[] = {"name", "roles", "streams", "uris", "common_names"};
constexpr std::size_t kMostNameBytes = 64;

std::vector<const TomlValue*> texts_of(const TomlMember& member, Complaints& complaints) {
  const std::string accepted = "a list of texts, such as [\"...\"]";
  std::vector<const TomlValue*> texts;
  if (member.value.kind != TomlValue::Kind::kArray) {
    complaints.push_back(wrong_value("identity." + member.key, member.value, accepted));
    return texts;
  }
  for (const TomlValue& element : member.value.elements) {
    if (element.kind == TomlValue::Kind::kString && !element.text.empty()) {
      texts.push_back(&element);
    } else {
      complaints.push_back(wrong_value("identity." + member.key, element, accepted));
    }
  }
  return texts;
}

void read_name(const TomlMember& member, access::Identity& identity, Complaints& complaints) {
  const std::string& name = member.value.text;
  const bool is_name = member.value.kind == TomlValue::Kind::kString && !name.empty() &&
                       name.size() <= kMostNameBytes && access::is_glob(name) &&
                       name.find_first_of("*?") == std::string::npos;
  if (is_name) {
    identity.name = name;
  } else {
    complaints.push_back(wrong_value("identity.name", member.value, "1 to 64 characters of A-Z a-z 0-9 . _ -"));
  }
}

void read_roles(const TomlMember& member, access::Identity& identity, Complaints& complaints) {
  for (const TomlValue* text : texts_of(member, complaints)) {
    if (const auto role = access::parse_role(text->text)) {
      identity.roles.add(*role);
      continue;
    }
    complaints.push_back(wrong_value("identity.roles", *text, "\"publisher\", \"subscriber\" or \"admin\""));
    complaints.back().message += did_you_mean(text->text, access::kRoleNames);
  }
}

void read_streams(const TomlMember& member, access::Identity& identity, Complaints& complaints) {
  identity.streams.clear();
  for (const TomlValue* text : texts_of(member, complaints)) {
    if (access::is_glob(text->text)) {
      identity.streams.push_back(text->text);
    } else {
      complaints.push_back(wrong_value("identity.streams", *text, "a pattern of stream ids: A-Z a-z 0-9 . _ - * ?"));
    }
  }
}

void read_member(const TomlMember& member, access::Identity& identity, Complaints& complaints) {
  if (member.key == "name") return read_name(member, identity, complaints);
  if (member.key == "roles") return read_roles(member, identity, complaints);
  if (member.key == "streams") return read_streams(member, identity, complaints);
  if (member.key == "uris" || member.key == "common_names") {
    std::vector<std::string>& into = member.key == "uris" ? identity.uris : identity.common_names;
    for (const TomlValue* text : texts_of(member, complaints)) into.push_back(text->text);
    return;
  }
  complaints.push_back(
      {member.at, "unknown key '" + member.key + "' in [[identity]]" + did_you_mean(member.key, kKeys)});
}

std::string list_to_toml(const std::vector<std::string>& texts) {
  std::string list = "[";
  for (const std::string& text : texts) list += (list.size() > 1 ? ", " : "") + toml_string(text);
  return list + "]";
}

}  // namespace

std::vector<access::Identity> read_identities(const TomlValue& root, Complaints& complaints) {
  std::vector<access::Identity> identities;
  for (const TomlValue* table : tables_of(root, "identity", complaints)) {
    const std::size_t n_before = complaints.size();
    access::Identity identity;
    for (const TomlMember& member : table->members) read_member(member, identity, complaints);
    if (complaints.size() != n_before) continue;
    if (identity.name.empty()) complaints.push_back({table->at, "[[identity]] has no 'name'"});
    if (identity.roles.empty()) complaints.push_back({table->at, "[[identity]] has no 'roles': it could do nothing"});
    const bool is_taken = std::any_of(identities.begin(), identities.end(),
                                      [&](const access::Identity& one) { return one.name == identity.name; });
    if (is_taken) {
      complaints.push_back({table->find("name")->value.at,
                            "identity '" + identity.name + "' is defined above; give this one another name"});
    }
    if (complaints.size() == n_before) identities.push_back(std::move(identity));
  }
  return identities;
}

std::string identities_to_toml(const std::vector<access::Identity>& identities) {
  std::string text;
  for (const access::Identity& identity : identities) {
    std::vector<std::string> roles;
    for (const std::string_view name : access::kRoleNames) {
      if (identity.roles.has(*access::parse_role(name))) roles.emplace_back(name);
    }
    text += "\n[[identity]]\nname = " + toml_string(identity.name) + "\nroles = " + list_to_toml(roles) +
            "\nstreams = " + list_to_toml(identity.streams) + "\n";
    if (!identity.uris.empty()) text += "uris = " + list_to_toml(identity.uris) + "\n";
    if (!identity.common_names.empty()) text += "common_names = " + list_to_toml(identity.common_names) + "\n";
  }
  return text;
}

}  // namespace melstream::daemon
