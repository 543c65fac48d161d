// Files of a model, which may be anything: sizes are limited, and only regular files are opened (a pipe would hang).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace YAML {
class Node;
}

namespace melstream::client::doctor {

/// Text in UTF-8 of at most 4 MiB. Throws ClientError(kInput) where it is missing, no file, unreadable, too large or no
/// UTF-8.
std::string read_model_text(const std::string& path);
/// Throws ClientError(kInput) unless the path leads to a regular file.
void check_regular_file(const std::string& path);
bool is_regular_file(const std::string& path) noexcept;
bool is_utf8(std::string_view text) noexcept;

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
/// A finite number, all of the text. Python writes "1e-05" and "1.0".
double parse_model_number(std::string_view text, const std::string& what, const std::string& path);

/// Cut to 100 characters, control characters replaced: a file's words may be anything.
std::string quoted_word(std::string_view text);

}  // namespace melstream::client::doctor
