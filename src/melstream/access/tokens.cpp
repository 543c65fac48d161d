#include "melstream/access/tokens.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <system_error>

#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <string.h>  // explicit_bzero

#include "melstream/core/error.hpp"

namespace melstream::access {
namespace {

using core::Error;
using core::ErrorCode;

constexpr std::size_t kLeastCharacters = 16;
constexpr std::size_t kMostCharacters = 512;
constexpr std::size_t kMostFileBytes = std::size_t{1} << 20;
constexpr std::string_view kHashPrefix = "sha256:";

std::string_view take_word(std::string_view& line) {
  line.remove_prefix(std::min(line.size(), line.find_first_not_of(" \t\r")));
  const std::string_view word = line.substr(0, line.find_first_of(" \t\r"));
  line.remove_prefix(word.size());
  return word;
}

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<Sha256> from_hex(std::string_view text) {
  Sha256 hash{};
  if (text.size() != 2 * hash.size()) return std::nullopt;
  for (std::size_t i = 0; i < hash.size(); ++i) {
    const int high = hex_digit(text[2 * i]);
    const int low = hex_digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    hash[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return hash;
}

/// b64token of RFC 6750.
bool is_token(std::string_view text) noexcept {
  return text.size() >= kLeastCharacters && text.size() <= kMostCharacters &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  std::string_view("-._~+/=").find(c) != std::string_view::npos;
         });
}

/// What is wrong with a line, without its token; else the entry is added.
std::string read_line(std::string_view line, std::span<const std::string> names, std::vector<TokenHash>& tokens) {
  const std::string_view name = take_word(line);
  if (name.empty() || name.front() == '#') return {};
  const std::string_view secret = take_word(line);
  if (!take_word(line).empty() || secret.empty()) return "expected IDENTITY TOKEN or IDENTITY sha256:HEX";
  if (std::find(names.begin(), names.end(), name) == names.end()) {
    return "no [[identity]] of the config has this name; add one, or remove the line";
  }
  TokenHash entry{std::string(name), {}};
  if (secret.rfind(kHashPrefix, 0) == 0) {
    const std::optional<Sha256> hash = from_hex(secret.substr(kHashPrefix.size()));
    if (!hash) return "expected 64 hexadecimal digits after sha256:";
    entry.sha256 = *hash;
  } else if (is_token(secret)) {
    entry.sha256 = sha256_of(secret);
  } else {
    return "a token has 16 to 512 characters of A-Z a-z 0-9 - . _ ~ + / =; `melstreamd --make-token` makes one";
  }
  const bool known =
      std::any_of(tokens.begin(), tokens.end(), [&](const TokenHash& other) { return other.sha256 == entry.sha256; });
  if (known) return "this token is in a line above; give each identity its own";
  tokens.push_back(std::move(entry));
  return {};
}

bool is_our_group(gid_t group) {
  if (group == 0 || group == getegid()) return true;
  std::array<gid_t, 64> groups{};
  const int n = getgroups(static_cast<int>(groups.size()), groups.data());
  return n > 0 && std::find(groups.begin(), groups.begin() + n, group) != groups.begin() + n;
}

[[noreturn]] void refuse(const std::string& path, int error) {
  const ErrorCode code = error == EACCES || error == EPERM ? ErrorCode::kPermissionDenied : ErrorCode::kNotFound;
  throw Error(code, path + ": " + std::generic_category().message(error));
}

}  // namespace

Sha256 sha256_of(std::string_view text) noexcept {
  Sha256 hash{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), hash.data());
  return hash;
}

std::string to_hex(const Sha256& hash) {
  std::string text;
  for (const std::uint8_t byte : hash) {
    char digits[3];
    std::snprintf(digits, sizeof(digits), "%02x", byte);
    text += digits;
  }
  return text;
}

std::optional<std::size_t> find_token(std::span<const TokenHash> tokens, std::string_view token) noexcept {
  const Sha256 hash = sha256_of(token);
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (CRYPTO_memcmp(tokens[i].sha256.data(), hash.data(), hash.size()) == 0) found = i;
  }
  return found;
}

std::vector<TokenHash> parse_tokens(std::string_view text, std::string_view file, std::span<const std::string> names) {
  std::vector<TokenHash> tokens;
  std::string faults;
  for (int number = 1; !text.empty(); ++number) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::string fault = read_line(line, names, tokens);
    if (fault.empty()) continue;
    faults += (faults.empty() ? "" : "\n") + std::string(file) + ":" + std::to_string(number) + ": " + fault;
  }
  if (!faults.empty()) throw Error(ErrorCode::kInvalidArgument, faults);
  return tokens;
}

void check_secret_file(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) refuse(path, errno);
  if (::access(path.c_str(), R_OK) != 0) {
    throw Error(ErrorCode::kPermissionDenied, path + ": the daemon (user " + std::to_string(geteuid()) +
                                                  ") may not read it; run `chown root:GROUP` with a group of the "
                                                  "daemon's, and `chmod 0640`, or let systemd hand it over "
                                                  "(LoadCredential=)");
  }
  const unsigned forbidden = is_our_group(info.st_gid) ? 037U : 077U;
  if (S_ISREG(info.st_mode) && (info.st_mode & forbidden) != 0) {
    char mode[8];
    std::snprintf(mode, sizeof(mode), "%04o", info.st_mode & 07777U);
    throw Error(ErrorCode::kPermissionDenied,
                path + ": its mode is " + mode + ", so others can read or change it; run `chmod 0600 " + path +
                    "`, or where the daemon is not its owner: `chown root:GROUP` with a group of the daemon's, and "
                    "`chmod 0640`");
  }
  if (info.st_uid != 0 && info.st_uid != geteuid()) {
    throw Error(ErrorCode::kPermissionDenied, path + ": it belongs to user " + std::to_string(info.st_uid) +
                                                  "; it must belong to root or to the user "
                                                  "who runs melstreamd: `chown`");
  }
}

std::vector<TokenHash> read_tokens(const std::string& path, std::span<const std::string> names) {
  check_secret_file(path);
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) refuse(path, errno);
  std::string text(kMostFileBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  const auto n_bytes = static_cast<std::size_t>(file.gcount());
  if (n_bytes > kMostFileBytes) throw Error(ErrorCode::kInvalidArgument, path + ": larger than 1 MiB");
  struct Wipe {
    std::string& text;
    ~Wipe() { explicit_bzero(text.data(), text.size()); }
  } const wipe{text};
  return parse_tokens(std::string_view(text).substr(0, n_bytes), path, names);
}

std::string make_token() {
  std::array<unsigned char, 32> bits{};
  if (RAND_bytes(bits.data(), bits.size()) != 1) throw Error(ErrorCode::kInternal, "no random bits from OpenSSL");
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";  // RFC 4648, 5
  std::string token;
  unsigned held = 0;
  int n_held = 0;
  for (const unsigned char byte : bits) {
    held = (held << 8U) | byte;
    for (n_held += 8; n_held >= 6; n_held -= 6) token += kDigits[(held >> static_cast<unsigned>(n_held - 6)) & 63U];
  }
  if (n_held > 0) token += kDigits[(held << static_cast<unsigned>(6 - n_held)) & 63U];
  return token;
}

}  // namespace melstream::access
