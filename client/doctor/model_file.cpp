#include "client/doctor/model_file.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/exit_codes.hpp"

namespace melstream::client::doctor {
namespace {

constexpr std::size_t kMaxTextBytes = 4 << 20;

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw ClientError(ExitCode::kInput, path + ": " + why);
}

/// Bytes of the UTF-8 sequence that the byte begins; 0: it begins none.
std::size_t sequence_bytes(unsigned char first) noexcept {
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first < 0xE0) return 2;
  if (first >= 0xE0 && first < 0xF0) return 3;
  return first >= 0xF0 && first < 0xF5 ? 4 : 0;
}

}  // namespace

bool is_regular_file(const std::string& path) noexcept {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

void check_regular_file(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) refuse(path, std::strerror(errno));
  if (!S_ISREG(info.st_mode)) refuse(path, "is no regular file");
}

bool is_utf8(std::string_view text) noexcept {
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t n = sequence_bytes(static_cast<unsigned char>(text[i]));
    if (n == 0 || i + n > text.size()) return false;
    for (std::size_t k = 1; k < n; ++k) {
      if ((static_cast<unsigned char>(text[i + k]) & 0xC0) != 0x80) return false;
    }
    i += n;
  }
  // A NUL is UTF-8, but no text: UTF-16 has them.
  return text.find('\0') == std::string_view::npos;
}

std::string read_model_text(const std::string& path) {
  check_regular_file(path);
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) refuse(path, std::strerror(errno));
  std::string text(kMaxTextBytes + 1, '\0');
  std::size_t n = 0;
  ssize_t got = 0;
  while (n < text.size() && (got = read(fd, text.data() + n, text.size() - n)) > 0) n += static_cast<std::size_t>(got);
  const int error = got < 0 ? errno : 0;
  close(fd);
  if (error != 0) refuse(path, std::strerror(error));
  if (n > kMaxTextBytes) refuse(path, "is over 4 MiB: no such file of a model is");
  text.resize(n);
  if (!is_utf8(text)) refuse(path, "is not text in UTF-8; is it damaged, or another kind of file?");
  return text;
}

double parse_model_number(std::string_view text, const std::string& what, const std::string& path) {
  double value = 0;
  const char* begin = text.data() + (!text.empty() && text.front() == '+' ? 1 : 0);
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(begin, end, value);
  if (error != std::errc{} || stop != end || !std::isfinite(value)) {
    refuse(path, what + " = '" + quoted_word(text) + "' is no number");
  }
  return value;
}

std::string quoted_word(std::string_view text) {
  constexpr std::size_t kLongest = 100;
  std::string word(text.substr(0, kLongest));
  // A sequence that was cut in the middle, or never was whole.
  while (!word.empty() && !is_utf8(word) && text.size() > kLongest && kLongest - word.size() < 4) word.pop_back();
  if (!is_utf8(word)) {
    std::replace_if(
        word.begin(), word.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
  }
  std::replace_if(
      word.begin(), word.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, '?');
  return word + (text.size() > kLongest ? "..." : "");
}

}  // namespace melstream::client::doctor
