#include "client/resume_token.hpp"

#include "client/exit_codes.hpp"

namespace melstream::client {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

}  // namespace

std::string token_text(std::string_view token) {
  std::string text;
  text.reserve(2 * token.size());
  for (const char c : token) {
    const auto byte = static_cast<unsigned char>(c);
    text += kDigits[byte >> 4];
    text += kDigits[byte & 0xF];
  }
  return text;
}

std::string parse_token(std::string_view text, std::string_view where) {
  const auto refuse = [&] {
    return ClientError(ExitCode::kUsage, std::string(where) + ": '" + std::string(text) +
                                             "' is no resume token: an even number of the digits 0-9 and a-f, as "
                                             "'melstream subscribe --json' prints it");
  };
  if (text.empty() || text.size() % 2 != 0) throw refuse();
  std::string token;
  token.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const auto high = kDigits.find(text[i]);
    const auto low = kDigits.find(text[i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) throw refuse();
    token += static_cast<char>((high << 4) | low);
  }
  return token;
}

}  // namespace melstream::client
