#include "daemon/source_definitions.hpp"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <utility>

#include "melstream/audio/sources.hpp"

#include "daemon/config_keys.hpp"
#include "daemon/front_end_definitions.hpp"
#include "daemon/listen_address.hpp"
#include "daemon/source_kinds.hpp"

namespace melstream::daemon {
namespace {

using Complaints = std::vector<Diagnostic>;

std::string required_text(const TomlValue& source, std::string_view key, Complaints& complaints) {
  const TomlMember* member = source.find(key);
  if (member == nullptr) {
    complaints.push_back({source.at, "[[source]] has no '" + std::string(key) + "'"});
    return {};
  }
  if (member->value.kind == TomlValue::Kind::kString) return member->value.text;
  complaints.push_back(wrong_value("source." + member->key, member->value, "text in quotes"));
  return {};
}

void read_labels(const TomlMember& member, core::SourceSpec& spec, Complaints& complaints) {
  if (member.value.kind != TomlValue::Kind::kTable) {
    complaints.push_back(wrong_value("source.labels", member.value, "a table of texts, such as { room = \"3\" }"));
    return;
  }
  for (const TomlMember& label : member.value.members) {
    if (label.value.kind == TomlValue::Kind::kString) {
      spec.labels.emplace(label.key, label.value.text);
    } else {
      complaints.push_back(wrong_value("source.labels." + label.key, label.value, "text in quotes"));
    }
  }
}

/// For the query of a URI.
std::string encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c > ' ' && c < 0x7f && c != '%' && c != '&' && c != '?' && c != '#') {
      out += c;
      continue;
    }
    char hex[4];
    std::snprintf(hex, sizeof(hex), "%%%02X", static_cast<unsigned>(static_cast<unsigned char>(c)));
    out += hex;
  }
  return out;
}

void add_parameter(const TomlMember& member, core::SourceSpec& spec, Complaints& complaints) {
  std::string value;
  switch (member.value.kind) {
    case TomlValue::Kind::kString:
      value = member.value.text;
      break;
    case TomlValue::Kind::kInteger:
    case TomlValue::Kind::kFloat:
    case TomlValue::Kind::kBoolean:
      value = to_literal(member.value);
      break;
    default:
      complaints.push_back(wrong_value("source." + member.key, member.value, "a text, a number, true or false"));
      return;
  }
  spec.uri += (spec.uri.find('?') == std::string::npos ? '?' : '&') + encoded(member.key) + "=" + encoded(value);
}

/// Where the key stands that the message speaks of; else the URI.
Position place_of(const std::string& message, const TomlValue& source) {
  for (const TomlMember& member : source.members) {
    const bool is_named =
        message.rfind(member.key + "=", 0) == 0 || message.rfind("unknown parameter '" + member.key + "'", 0) == 0;
    if (is_named) return member.at;
  }
  return source.find("uri")->value.at;
}

std::optional<core::SourceSpec> read_source(const TomlValue& source, Complaints& complaints) {
  const std::size_t n_before = complaints.size();
  core::SourceSpec spec;
  spec.id = required_text(source, "id", complaints);
  spec.uri = required_text(source, "uri", complaints);
  for (const TomlMember& member : source.members) {
    if (member.key == "labels") {
      read_labels(member, spec, complaints);
    } else if (member.key != "id" && member.key != "uri") {
      add_parameter(member, spec, complaints);
    }
  }
  if (complaints.size() != n_before) return std::nullopt;
  try {
    audio::check_source(source_kinds(), spec);
  } catch (const core::Error& error) {
    const std::string message = error.what();
    const Position at = error.field() == "id" ? source.find("id")->value.at : place_of(message, source);
    complaints.push_back({at, "source '" + spec.id + "': " + message});
    return std::nullopt;
  }
  return spec;
}

bool is_datagram(const audio::SourceUri& uri) noexcept { return uri.scheme == "udp" || uri.scheme == "rtp"; }

/// Of two sockets that would be bound to one port: the first source would open, the second not.
void check_ports(const core::SourceSpec& spec, const std::vector<core::SourceSpec>& before, const TomlValue& source,
                 Complaints& complaints) {
  const audio::SourceUri uri = audio::parse_source_uri(spec.uri);
  if (!uri.has_authority || uri.first_port == 0) return;
  for (const core::SourceSpec& other : before) {
    const audio::SourceUri there = audio::parse_source_uri(other.uri);
    const bool overlaps = there.has_authority && there.host == uri.host && is_datagram(there) == is_datagram(uri) &&
                          there.first_port <= uri.last_port && uri.first_port <= there.last_port;
    if (!overlaps) continue;
    complaints.push_back({source.find("uri")->value.at,
                          "source '" + spec.id + "': source '" + other.id + "' has that port already; choose another"});
    return;
  }
}

/// The rules of binding as far as they can be told without asking the resolver; the start has the last word.
void check_reach(const core::SourceSpec& spec, const TomlValue& source, bool allow_insecure_bind,
                 Complaints& complaints) {
  audio::SourceUri uri = audio::parse_source_uri(spec.uri);
  if (!uri.has_authority) return;
  const bool is_v6 = uri.host.find(':') != std::string::npos;
  const std::string address = (is_v6 ? "[" + uri.host + "]" : uri.host) + ":" + std::to_string(uri.first_port);
  try {
    if (parse_listen_address(address).loopback) return;
  } catch (const core::Error&) {
    return;  // a name
  }
  const Position at = source.find("uri")->value.at;
  if (!allow_insecure_bind) {
    complaints.push_back({at, "source '" + spec.id + "': " + address +
                                  " can be reached from other machines, without encryption or authentication: use "
                                  "127.0.0.1 or [::1], or set server.allow_insecure_bind = true"});
  } else if (is_datagram(uri) && !uri.params.text("allow_from")) {
    complaints.push_back(
        {at, "source '" + spec.id + "': " + address +
                 " can be reached from other machines, and datagrams prove nothing of their sender: say "
                 "who may send, such as allow_from = \"10.0.0.0/8\""});
  }
}

}  // namespace

std::vector<core::SourceSpec> read_sources(const TomlValue& root, bool allow_insecure_bind, Complaints& complaints) {
  std::vector<core::SourceSpec> specs;
  for (const TomlValue* table : tables_of(root, "source", complaints)) {
    std::optional<core::SourceSpec> spec = read_source(*table, complaints);
    if (!spec) continue;
    check_reach(*spec, *table, allow_insecure_bind, complaints);
    check_ports(*spec, specs, *table, complaints);
    const bool is_taken =
        std::any_of(specs.begin(), specs.end(), [&](const core::SourceSpec& one) { return one.id == spec->id; });
    if (is_taken) {
      complaints.push_back(
          {table->find("id")->value.at, "source '" + spec->id + "' is defined above; give this one another id"});
    } else {
      specs.push_back(std::move(*spec));
    }
  }
  return specs;
}

std::string sources_to_toml(const std::vector<core::SourceSpec>& sources) {
  std::string text;
  for (const core::SourceSpec& source : sources) {
    text += "\n[[source]]\nid = " + toml_string(source.id) + "\nuri = " + toml_string(source.uri) + "\n";
    if (source.labels.empty()) continue;
    std::string labels;
    for (const auto& [key, value] : source.labels) {
      labels += (labels.empty() ? " " : ", ") + toml_string(key) + " = " + toml_string(value);
    }
    text += "labels = {" + labels + " }\n";
  }
  return text;
}

}  // namespace melstream::daemon
