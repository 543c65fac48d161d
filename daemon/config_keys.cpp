// The rules are built once, at the first use; thread-safe.
#include "daemon/config_keys.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "melstream/core/nearest.hpp"

#include "daemon/identity_definitions.hpp"
#include "daemon/source_definitions.hpp"

namespace melstream::daemon {
namespace {

using Complaints = std::vector<Diagnostic>;

std::string dotted(std::string_view section, std::string_view name) {
  return std::string(section) + "." + std::string(name);
}

std::string listed(std::span<const std::string_view> words) {
  std::string text;
  for (const std::string_view word : words) text += (text.empty() ? "" : ", ") + toml_string(word);
  return text;
}

/// A key of type T at config.*section.*field.
template <typename Section, typename T>
struct Place {
  Section Config::*section;
  T Section::*field;
  T& in(Config& config) const { return config.*section.*field; }
  const T& in(const Config& config) const { return config.*section.*field; }
};

// Clang 14 deduces no aggregates.
template <typename Section, typename T>
Place(Section Config::*, T Section::*) -> Place<Section, T>;

template <typename Section>
KeyRule integer(std::string_view section, std::string_view name, Place<Section, std::int64_t> place, std::int64_t low,
                std::int64_t high) {
  const auto read = [=](const TomlValue& value, Config& config, Complaints& complaints) {
    if (value.kind == TomlValue::Kind::kInteger && value.integer >= low && value.integer <= high) {
      place.in(config) = value.integer;
    } else {
      complaints.push_back(wrong_value(dotted(section, name), value,
                                       "a whole number from " + std::to_string(low) + " to " + std::to_string(high)));
    }
  };
  return {section, name, read, [=](const Config& config) { return std::to_string(place.in(config)); }};
}

template <typename Section>
KeyRule number(std::string_view section, std::string_view name, Place<Section, double> place, double low, double high) {
  const auto read = [=](const TomlValue& value, Config& config, Complaints& complaints) {
    const bool is_number = value.kind == TomlValue::Kind::kInteger || value.kind == TomlValue::Kind::kFloat;
    if (is_number && value.number >= low && value.number <= high) {  // false for NaN
      place.in(config) = value.number;
    } else {
      complaints.push_back(
          wrong_value(dotted(section, name), value, "a number from " + toml_number(low) + " to " + toml_number(high)));
    }
  };
  return {section, name, read, [=](const Config& config) { return toml_number(place.in(config)); }};
}

template <typename Section>
KeyRule boolean(std::string_view section, std::string_view name, Place<Section, bool> place) {
  const auto read = [=](const TomlValue& value, Config& config, Complaints& complaints) {
    if (value.kind == TomlValue::Kind::kBoolean) {
      place.in(config) = value.boolean;
    } else {
      complaints.push_back(wrong_value(dotted(section, name), value, "true or false"));
    }
  };
  return {section, name, read, [=](const Config& config) { return place.in(config) ? "true" : "false"; }};
}

/// @param words the accepted ones; none: any text, checked elsewhere.
template <typename Section>
KeyRule word(std::string_view section, std::string_view name, Place<Section, std::string> place,
             std::span<const std::string_view> words) {
  const auto read = [=](const TomlValue& value, Config& config, Complaints& complaints) {
    const bool known = words.empty() || std::find(words.begin(), words.end(), value.text) != words.end();
    if (value.kind == TomlValue::Kind::kString && known) {
      place.in(config) = value.text;
      return;
    }
    const std::string accepted = words.empty() ? "text in quotes" : "one of " + listed(words);
    complaints.push_back(wrong_value(dotted(section, name), value, accepted));
    if (value.kind == TomlValue::Kind::kString) complaints.back().message += did_you_mean(value.text, words);
  };
  return {section, name, read, [=](const Config& config) { return toml_string(place.in(config)); }};
}

template <typename Section>
KeyRule text_list(std::string_view section, std::string_view name, Place<Section, std::vector<std::string>> place) {
  const auto read = [=](const TomlValue& value, Config& config, Complaints& complaints) {
    const std::string accepted = "a list of texts, such as [\"...\"]";
    if (value.kind != TomlValue::Kind::kArray) {
      complaints.push_back(wrong_value(dotted(section, name), value, accepted));
      return;
    }
    std::vector<std::string>& texts = place.in(config);
    texts.clear();
    for (const TomlValue& element : value.elements) {
      if (element.kind == TomlValue::Kind::kString) {
        texts.push_back(element.text);
      } else {
        complaints.push_back(wrong_value(dotted(section, name), element, accepted));
      }
    }
  };
  const auto write = [=](const Config& config) {
    std::string text = "[";
    for (const std::string& element : place.in(config)) text += (text.size() > 1 ? ", " : "") + toml_string(element);
    return text + "]";
  };
  return {section, name, read, write};
}

constexpr std::string_view kBackends[] = {"auto", "cpu", "cuda"};
constexpr std::string_view kWaits[] = {"sleep", "spin"};
constexpr std::int64_t kMostAudioBytes = std::int64_t{1} << 40;
constexpr double kDay = 86400.0;
constexpr std::int64_t kMostCount = 1'000'000;

std::vector<KeyRule> make_rules() {
  const std::span<const std::string_view> any{};
  const auto server = [](auto field) { return Place{&Config::server, field}; };
  const auto limits = [](auto field) { return Place{&Config::limits, field}; };
  const auto tls = [](auto field) { return Place{&Config::tls, field}; };
  const auto auth = [](auto field) { return Place{&Config::auth, field}; };
  const auto engine = [](auto field) { return Place{&Config::engine, field}; };
  const auto stream = [](auto field) { return Place{&Config::stream, field}; };
  const auto metrics = [](auto field) { return Place{&Config::metrics, field}; };
  const auto log = [](auto field) { return Place{&Config::log, field}; };
  return {
      word("server", "socket", server(&ServerConfig::socket), any),
      word("server", "publisher_socket", server(&ServerConfig::publisher_socket), any),
      word("server", "subscriber_socket", server(&ServerConfig::subscriber_socket), any),
      word("server", "admin_socket", server(&ServerConfig::admin_socket), any),
      word("server", "socket_group", server(&ServerConfig::socket_group), any),
      text_list("server", "listen", server(&ServerConfig::listen)),
      text_list("server", "listen_tls", server(&ServerConfig::listen_tls)),
      boolean("server", "allow_insecure_bind", server(&ServerConfig::allow_insecure_bind)),
      integer("server", "max_connections", server(&ServerConfig::max_connections), 0, 100'000),
      number("server", "drain_timeout_s", server(&ServerConfig::drain_timeout_s), 0, 600),
      number("server", "retire_timeout_s", server(&ServerConfig::retire_timeout_s), 0, kDay),
      number("server", "publisher_idle_timeout_s", server(&ServerConfig::publisher_idle_timeout_s), 0.1, kDay),
      integer("limits", "calls_per_connection", limits(&LimitsConfig::calls_per_connection), 0, kMostCount),
      integer("limits", "connections_per_address", limits(&LimitsConfig::connections_per_address), 0, kMostCount),
      number("limits", "connections_per_second", limits(&LimitsConfig::connections_per_second), 0, kMostCount),
      integer("limits", "connections_per_identity", limits(&LimitsConfig::connections_per_identity), 0, kMostCount),
      integer("limits", "streams_per_identity", limits(&LimitsConfig::streams_per_identity), 0, kMostCount),
      integer("limits", "subscriptions_per_identity", limits(&LimitsConfig::subscriptions_per_identity), 0, kMostCount),
      number("limits", "subscriptions_per_second", limits(&LimitsConfig::subscriptions_per_second), 0, kMostCount),
      word("tls", "certificate", tls(&TlsConfig::certificate), any),
      word("tls", "key", tls(&TlsConfig::key), any),
      word("tls", "client_ca", tls(&TlsConfig::client_ca), any),
      boolean("tls", "require_client_certificate", tls(&TlsConfig::require_client_certificate)),
      word("auth", "tokens", auth(&AuthConfig::tokens), any),
      text_list("auth", "anonymous_roles", auth(&AuthConfig::anonymous_roles)),
      word("engine", "backend", engine(&EngineConfig::backend), kBackends),
      word("engine", "simd", engine(&EngineConfig::simd), any),
      integer("engine", "threads", engine(&EngineConfig::threads), 0, 256),
      integer("engine", "tick_ms", engine(&EngineConfig::tick_ms), 1, 100),
      integer("engine", "device", engine(&EngineConfig::device), 0, 63),
      word("engine", "wait", engine(&EngineConfig::wait), kWaits),
      integer("stream", "ring_ms", stream(&StreamConfig::ring_ms), 200, 60'000),
      number("stream", "audio_history_s", stream(&StreamConfig::audio_history_s), 0, 3600),
      number("stream", "local_audio_history_s", stream(&StreamConfig::local_audio_history_s), 0, 3600),
      number("stream", "history_s", stream(&StreamConfig::history_s), 1, 3600),
      integer("stream", "max_streams", stream(&StreamConfig::max_streams), 1, 100'000),
      text_list("features", "always", Place{&Config::features, &FeaturesConfig::always}),
      integer("memory", "audio_history_bytes", Place{&Config::memory, &MemoryConfig::audio_history_bytes}, 0,
              kMostAudioBytes),
      // A message of 1 MiB and one block of 1,000 frames must fit.
      integer("memory", "queued_bytes", Place{&Config::memory, &MemoryConfig::queued_bytes}, std::int64_t{8} << 20,
              kMostAudioBytes),
      integer("memory", "limit_bytes", Place{&Config::memory, &MemoryConfig::limit_bytes}, 0, kMostAudioBytes),
      word("metrics", "listen", metrics(&MetricsConfig::listen), any),
      text_list("metrics", "required_sources", metrics(&MetricsConfig::required_sources)),
      word("page", "listen", Place{&Config::page, &PageConfig::listen}, any),
      word("log", "level", log(&LogConfig::level), kLogLevels),
      word("log", "format", log(&LogConfig::format), kLogFormats),
  };
}

}  // namespace

std::span<const KeyRule> key_rules() {
  static const std::vector<KeyRule> rules = make_rules();
  return rules;
}

Diagnostic wrong_value(const std::string& key, const TomlValue& value, const std::string& accepted) {
  constexpr std::size_t kShown = 60;
  std::string literal = to_literal(value);
  if (literal.size() > kShown) literal = literal.substr(0, kShown) + "...";
  return {value.at, key + " = " + literal + ": expected " + accepted};
}

std::string did_you_mean(std::string_view name, std::span<const std::string_view> known) {
  // What is meant, whatever is spelt alike.
  constexpr std::pair<std::string_view, std::string_view> kSynonyms[] = {{"gpu", "cuda"}, {"nvidia", "cuda"}};
  for (const auto& [word, meant] : kSynonyms) {
    if (name == word && std::find(known.begin(), known.end(), meant) != known.end()) name = meant;
  }
  return core::did_you_mean(name, known);
}

std::string to_toml(const Config& config) {
  std::string text;
  std::string_view section;
  for (const KeyRule& rule : key_rules()) {
    if (rule.section != section) {
      text += (text.empty() ? "[" : "\n[") + std::string(rule.section) + "]\n";
      section = rule.section;
    }
    text += std::string(rule.name) + " = " + rule.write(config) + "\n";
  }
  for (const FrontEndDefinition& definition : config.front_ends) {
    text +=
        "\n[[front_end]]\nname = " + toml_string(definition.name) + "\nbase = " + toml_string(definition.base) + "\n";
    for (const FrontEndField& field : definition.fields) text += field.key + " = " + field.literal + "\n";
  }
  return text + sources_to_toml(config.sources) + identities_to_toml(config.identities);
}

}  // namespace melstream::daemon
