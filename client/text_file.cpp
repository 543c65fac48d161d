#include "client/text_file.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include <sys/stat.h>

#include "client/exit_codes.hpp"

namespace melstream::client {

std::string read_text_file(const std::string& path) {
  constexpr off_t kMaxBytes = 64 << 20;
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) throw ClientError(ExitCode::kInput, path + ": " + std::strerror(errno));
  if (S_ISDIR(info.st_mode)) throw ClientError(ExitCode::kInput, path + ": is a directory; a file is needed");
  if (info.st_size > kMaxBytes) throw ClientError(ExitCode::kInput, path + ": is over 64 MiB");
  std::ifstream file(path, std::ios::binary);
  if (!file) throw ClientError(ExitCode::kInput, path + ": " + std::strerror(errno));
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace melstream::client
