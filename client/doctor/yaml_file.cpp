#include "client/doctor/yaml_file.hpp"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "client/doctor/model_file.hpp"
#include "client/exit_codes.hpp"

namespace melstream::client::doctor {
namespace {

/// Of references to references.
constexpr int kMostLookups = 8;

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw ClientError(ExitCode::kInput, path + ": " + why);
}

/// "preprocessor.features" from the root; an undefined node if it is not there.
YAML::Node find_path(const YAML::Node& root, std::string_view path) {
  YAML::Node at(root);
  while (!path.empty()) {
    if (!at.IsMap()) return YAML::Node(YAML::NodeType::Undefined);
    const std::size_t dot = std::min(path.find('.'), path.size());
    at.reset(static_cast<const YAML::Node&>(at)[std::string(path.substr(0, dot))]);
    if (!at.IsDefined()) return at;
    path.remove_prefix(std::min(path.size(), dot + 1));
  }
  return at;
}

}  // namespace

YAML::Node parse_model_yaml(const std::string& text, const std::string& path) {
  try {
    return YAML::Load(text);
  } catch (const YAML::Exception& error) {
    const int line = error.mark.is_null() ? 1 : error.mark.line + 1;
    const int column = error.mark.is_null() ? 1 : error.mark.column + 1;
    refuse(path + ":" + std::to_string(line) + ":" + std::to_string(column), "is not YAML: " + quoted_word(error.msg));
  }
}

std::optional<std::string> yaml_text(const YAML::Node& map, const char* key, const YAML::Node& root) {
  if (!map.IsMap()) return std::nullopt;
  YAML::Node node = map[key];
  for (int i = 0; i < kMostLookups; ++i) {
    if (!node.IsDefined() || !node.IsScalar()) return std::nullopt;
    const std::string& text = node.Scalar();
    if (text.size() < 4 || text.rfind("${", 0) != 0 || text.back() != '}') return text;
    node.reset(find_path(root, std::string_view(text).substr(2, text.size() - 3)));
  }
  return std::nullopt;
}

double yaml_number(const YAML::Node& map, const char* key, double otherwise, const YAML::Node& root,
                   const std::string& path) {
  const auto text = yaml_text(map, key, root);
  if (!text || *text == "null" || *text == "None" || *text == "~") return otherwise;
  return parse_model_number(*text, key, path);
}

bool yaml_flag(const YAML::Node& map, const char* key, bool otherwise, const YAML::Node& root,
               const std::string& path) {
  auto text = yaml_text(map, key, root);
  if (!text) return otherwise;
  std::transform(text->begin(), text->end(), text->begin(), [](unsigned char c) { return std::tolower(c); });
  if (*text == "true" || *text == "yes" || *text == "on" || *text == "1") return true;
  if (*text == "false" || *text == "no" || *text == "off" || *text == "0") return false;
  if (*text == "null" || *text == "none") return otherwise;
  refuse(path, std::string(key) + " = '" + quoted_word(*text) + "' is neither true nor false");
}

}  // namespace melstream::client::doctor
