// The config as a file on disk, and where things are by default.
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "daemon/config_reader.hpp"

namespace melstream::daemon {
namespace {

constexpr std::uintmax_t kMostBytes = std::uintmax_t{8} << 20;

std::string read_text(const std::string& path) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) {
    const bool forbidden = error == std::errc::permission_denied;
    throw ConfigError(forbidden ? ExitCode::kPermission : ExitCode::kInput, path,
                      "cannot read the config file: " + (error ? error.message() : std::strerror(ENOENT)));
  }
  if (!std::filesystem::is_regular_file(status) && !std::filesystem::is_fifo(status)) {
    throw ConfigError(ExitCode::kInput, path, "cannot read the config file: it is not a regular file");
  }
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    throw ConfigError(errno == EACCES ? ExitCode::kPermission : ExitCode::kInput, path,
                      std::string("cannot read the config file: ") + std::strerror(errno));
  }
  std::string text(std::istreambuf_iterator<char>(file), {});
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
