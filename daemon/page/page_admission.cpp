#include "daemon/page/page_admission.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <sys/random.h>

#include "melstream/audio/ws/host_names.hpp"
#include "melstream/core/error.hpp"

namespace melstream::page {
namespace {

std::string_view token_of(std::string_view target) noexcept {
  constexpr std::string_view kBefore = "token=";
  const std::size_t query = target.find('?');
  if (query == std::string_view::npos) return {};
  const std::string_view rest = target.substr(query + 1);
  return rest.substr(0, kBefore.size()) == kBefore ? rest.substr(kBefore.size()) : std::string_view{};
}

bool is_socket_path(std::string_view path) noexcept { return path == kFeaturesPath || path == kMicrophonePath; }

}  // namespace

PageAdmission::PageAdmission(std::string_view bound_host, std::string token)
    : bound_host_(audio::lower_case(bound_host)), token_(std::move(token)) {}

/// The time does not depend on where they differ.
bool PageAdmission::is_token(std::string_view given) const noexcept {
  if (given.size() != token_.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < given.size(); ++i) {
    difference |= static_cast<unsigned char>(given[i]) ^ static_cast<unsigned char>(token_[i]);
  }
  return difference == 0;
}

std::optional<PageRefusal> PageAdmission::refuse(const PageRequest& request) const {
  if (!request.host || request.host->empty()) return PageRefusal{400, "one Host header is needed"};
  const std::string host = audio::lower_case(*request.host);
  if (!audio::is_own_host(host, {request.local_host, request.local_port, bound_host_})) {
    return PageRefusal{403, "Host " + audio::quoted_header(*request.host) +
                                " is not the live page's; open it by the address of page.listen"};
  }
  if (request.origin && audio::lower_case(*request.origin) != "http://" + host) {
    return PageRefusal{
        403, "pages of Origin " + audio::quoted_header(*request.origin) + " may not use melstream's live page"};
  }
  const bool is_socket = is_socket_path(path_of(request.target));
  if (request.is_websocket && !is_socket) return PageRefusal{404, "no WebSocket there"};
  if (is_socket && !is_token(token_of(request.target))) {
    return PageRefusal{403, "the token is missing, or of an earlier start of the daemon: load the page again"};
  }
  if (is_socket && !request.is_websocket) return PageRefusal{426, "this path is for WebSockets"};
  if (!request.is_get) return PageRefusal{405, "only GET and HEAD"};
  return std::nullopt;
}

std::string make_page_token() {
  std::array<unsigned char, 32> bits{};
  if (getrandom(bits.data(), bits.size(), 0) != static_cast<ssize_t>(bits.size())) {
    throw core::Error(core::ErrorCode::kInternal, "no random bits from the kernel");
  }
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string token;
  for (const unsigned char byte : bits) {
    token += kDigits[byte >> 4U];
    token += kDigits[byte & 15U];
  }
  return token;
}

std::string_view path_of(std::string_view target) noexcept { return target.substr(0, target.find('?')); }

}  // namespace melstream::page
