// The config as a file on disk, and where things are by default.
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

#include "daemon/config_reader.hpp"

namespace melstream::daemon {
namespace {

constexpr std::size_t kMostBytes = std::size_t{8} << 20;

[[noreturn]] void refuse(const std::string& path, const std::error_code& error) {
  const bool forbidden = error == std::errc::permission_denied;
  throw ConfigError(forbidden ? ExitCode::kPermission : ExitCode::kInput, path,
                    "cannot read the config file: " + error.message());
}

/// A pipe or /dev/null will do too; a folder, and what never ends, will not.
std::string read_text(const std::string& path) {
  std::error_code error;
  const bool is_folder = std::filesystem::is_directory(path, error);
  if (error) refuse(path, error);
  if (is_folder) refuse(path, std::make_error_code(std::errc::is_a_directory));
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) refuse(path, {errno, std::generic_category()});
  std::string text(kMostBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kMostBytes) throw ConfigError(ExitCode::kInput, path, "the config file is larger than 8 MiB");
  return text;
}

}  // namespace

Config load_config(const std::string& path, const Surroundings& surroundings) {
  return parse_config(read_text(path), path, surroundings);
}

std::string default_socket(const char* xdg_runtime_dir) {
  if (xdg_runtime_dir == nullptr || *xdg_runtime_dir == '\0') return "/run/melstream/melstream.sock";
  return std::string(xdg_runtime_dir) + "/melstream.sock";
}

}  // namespace melstream::daemon
