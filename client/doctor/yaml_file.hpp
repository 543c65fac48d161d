// YAML of a model: look-ups only.
#pragma once

#include <optional>
#include <string>

#include <yaml-cpp/yaml.h>

namespace melstream::client::doctor {

/// One YAML document. Throws ClientError(kInput), with the place of a mistake. Aliases stay references: nothing here
/// follows all of a tree, so that a few lines cannot grow to gigabytes.
YAML::Node parse_model_yaml(const std::string& text, const std::string& path);

/// The value of a key of a map as text, "${a.b}" (OmegaConf) looked up from the root; nothing if it is missing, null,
/// or no scalar.
std::optional<std::string> yaml_text(const YAML::Node& map, const char* key, const YAML::Node& root);

// Throw ClientError(kInput) for what is no such value.
double yaml_number(const YAML::Node& map, const char* key, double otherwise, const YAML::Node& root,
                   const std::string& path);
bool yaml_flag(const YAML::Node& map, const char* key, bool otherwise, const YAML::Node& root, const std::string& path);

}  // namespace melstream::client::doctor
