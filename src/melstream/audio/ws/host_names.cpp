#include "melstream/audio/ws/host_names.hpp"

#include <cctype>

namespace melstream::audio {
namespace {

/// As in a Host header or a URI.
std::string bracketed(std::string_view host) {
  const bool v6 = host.find(':') != std::string_view::npos;
  return v6 ? "[" + std::string(host) + "]" : std::string(host);
}

}  // namespace

bool is_own_host(std::string_view host, const ReachedAddress& reached) {
  const std::string with_port = has_port(host) ? std::string(host) : std::string(host) + ":80";
  const std::string port = ":" + std::to_string(reached.local_port);
  const bool is_loopback = reached.local_host == "::1" || reached.local_host.substr(0, 4) == "127.";
  return with_port == bracketed(reached.local_host) + port || with_port == bracketed(reached.bound_host) + port ||
         (is_loopback && with_port == "localhost" + port);
}

bool has_port(std::string_view host) noexcept {
  const std::size_t colon = host.rfind(':');
  return colon != std::string_view::npos && (host.front() != '[' || host[colon - 1] == ']');
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

std::string quoted_header(std::string_view text) {
  constexpr std::size_t kMost = 128;
  std::string out(text.substr(0, kMost));
  for (char& c : out) {
    if (c < ' ' || c > '~') c = '?';
  }
  return "'" + out + (text.size() > kMost ? "...'" : "'");
}

}  // namespace melstream::audio
