// What a browser says of whom it means (Host), for all that pages can reach: WebSocket sources, the live page. A name
// that somebody made to point here (DNS rebinding) is none of ours. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace melstream::audio {

/// Where a request came in.
struct ReachedAddress {
  std::string_view local_host;  ///< the address that the peer reached, without brackets
  std::uint16_t local_port = 0;
  std::string_view bound_host;  ///< as the config or the URI says it, in lower case
};

/// Whether Host (NAME or NAME:PORT, in lower case) is that address, the name that is listened on, or localhost on
/// loopback.
bool is_own_host(std::string_view host, const ReachedAddress& reached);

/// "[::1]:80" and "name:80" have one, "::1" and "name" do not.
bool has_port(std::string_view host) noexcept;
std::string lower_case(std::string_view text);
/// Of a header, for answers and the log: printable, at most 128 characters.
std::string quoted_header(std::string_view text);

}  // namespace melstream::audio
