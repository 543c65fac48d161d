#include "melstream/audio/ws/ws_admission.hpp"

#include <algorithm>

#include "melstream/audio/ws/host_names.hpp"
#include "melstream/core/error.hpp"

namespace melstream::audio {
namespace {

[[noreturn]] void refuse_uri(const std::string& message) {
  throw core::Error(core::ErrorCode::kInvalidArgument, message, "uri");
}

std::vector<std::string> take_list(UriParams& params, std::string_view name) {
  std::vector<std::string> list;
  const auto given = params.text(name);
  if (!given) return list;
  for (std::string_view rest = *given;;) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    list.push_back(lower_case(rest.substr(0, comma)));
    if (list.back().empty()) refuse_uri(std::string(name) + "=" + *given + ": separate the entries by single commas");
    if (comma == rest.size()) return list;
    rest.remove_prefix(comma + 1);
  }
}

void require_origin(const std::string& origin) {
  const std::size_t slashes = origin.find("://");
  // "null" is what any page becomes in a sandboxed frame, so it would let all of them in.
  if (slashes == std::string::npos || slashes == 0 || slashes + 3 == origin.size() ||
      origin.find_first_of("/?#*@ ", slashes + 3) != std::string::npos) {
    refuse_uri("origins=" + origin + ": an origin is SCHEME://HOST or SCHEME://HOST:PORT, without a path or *, " +
               "such as https://app.example or http://localhost:8000");
  }
}

/// As a request writes it: not decoded.
std::string path_of(const SourceUri& uri) {
  const std::string_view text = std::string_view(uri.text).substr(0, uri.text.find('?'));
  const std::size_t authority = text.find("//");
  const std::size_t slash = authority == std::string_view::npos ? authority : text.find('/', authority + 2);
  return slash == std::string_view::npos ? std::string() : std::string(text.substr(slash));
}

}  // namespace

WsAdmission::WsAdmission(const SourceUri& uri, UriParams& params)
    : path_(path_of(uri)),
      bound_host_(lower_case(uri.host)),
      origins_(take_list(params, "origins")),
      hosts_(take_list(params, "hosts")) {
  for (const std::string& origin : origins_) require_origin(origin);
  for (const std::string& host : hosts_) {
    if (host.find_first_of("/*@? ") != std::string::npos) {
      refuse_uri("hosts=" + host + ": entries are NAME or NAME:PORT, such as audio.example:7000");
    }
  }
}

bool WsAdmission::is_host_known(std::string_view host, const WsRequest& request) const {
  const std::string name = lower_case(host);
  for (const std::string& known : hosts_) {
    if (name == known) return true;
    if (!has_port(known) && has_port(name) && name.substr(0, name.rfind(':')) == known) return true;
  }
  return is_own_host(name,
                     {.local_host = request.local_host, .local_port = request.local_port, .bound_host = bound_host_});
}

std::optional<WsRefusal> WsAdmission::refuse(const WsRequest& request) const {
  const std::string_view path = request.target.substr(0, request.target.find('?'));
  if (!path_.empty() && path != path_) {
    return WsRefusal{404, "nothing at " + quoted_header(path) + "; audio is taken at " + path_};
  }
  if (!request.host || request.host->empty()) return WsRefusal{400, "one Host header is needed"};
  if (!is_host_known(*request.host, request)) {
    return WsRefusal{403, "Host " + quoted_header(*request.host) +
                              " is none of this source's; if it is right, list it in hosts= of the source's URI"};
  }
  if (request.origin && std::find(origins_.begin(), origins_.end(), lower_case(*request.origin)) == origins_.end()) {
    return WsRefusal{403, "pages of Origin " + quoted_header(*request.origin) +
                              " may not send audio; if they shall, list it in origins= of the source's URI"};
  }
  return std::nullopt;
}

}  // namespace melstream::audio
