// Who may ask the live page for what. A page of any site can make the browser of somebody on this machine connect to a
// local port. So the name that the browser looked up (Host) must be ours, which refuses DNS rebinding; a page that asks
// (Origin) must be the live page itself; and a WebSocket needs the token of this start, which only the live page has
// read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace melstream::page {

struct PageRequest {
  std::string_view target;               ///< "/features?token=x"
  std::optional<std::string_view> host;  ///< nothing unless it is there once
  std::optional<std::string_view> origin;
  std::string_view local_host;  ///< the address that the peer reached, without brackets
  std::uint16_t local_port = 0;
  bool is_get = true;  ///< or HEAD
  bool is_websocket = false;
};

/// What is answered instead.
struct PageRefusal {
  unsigned status = 403;  ///< of HTTP
  std::string reason;
};

inline constexpr std::string_view kFeaturesPath = "/features";
inline constexpr std::string_view kMicrophonePath = "/microphone";

/// A value.
class PageAdmission {
 public:
  /// @param bound_host as the config says it.
  PageAdmission(std::string_view bound_host, std::string token);
  /// Nothing if it may.
  std::optional<PageRefusal> refuse(const PageRequest& request) const;
  const std::string& token() const noexcept { return token_; }

 private:
  bool is_token(std::string_view given) const noexcept;

  std::string bound_host_;
  std::string token_;
};

/// 256 random bits in hexadecimal. Throws core::Error(kInternal) without randomness.
std::string make_page_token();
/// What stands before '?'.
std::string_view path_of(std::string_view target) noexcept;

}  // namespace melstream::page
