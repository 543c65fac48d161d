// Whether a request may become a WebSocket. A page of any site can make the browser of somebody on this machine connect
// to a local port; the browser tells the truth about the page in Origin, and about the name it looked up in Host. So a
// page must come from an origin that is listed, and a name that was made to point here (DNS rebinding) is refused.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "melstream/audio/source_uri.hpp"

namespace melstream::audio {

struct WsRequest {
  std::string_view target;               ///< "/mic?x=1"
  std::optional<std::string_view> host;  ///< nothing unless it is there once
  std::optional<std::string_view> origin;
  std::string_view local_host;  ///< the address that the peer reached, without brackets
  std::uint16_t local_port = 0;
};

/// What is answered instead.
struct WsRefusal {
  int status = 403;  ///< of HTTP
  std::string reason;
};

/// A value.
class WsAdmission {
 public:
  /// Takes origins and hosts from the parameters; host and path of the URI count too.
  /// Throws core::Error(kInvalidArgument, "uri").
  WsAdmission(const SourceUri& uri, UriParams& params);
  /// Nothing if it may.
  std::optional<WsRefusal> refuse(const WsRequest& request) const;

 private:
  bool is_host_known(std::string_view host, const WsRequest& request) const;

  std::string path_;  ///< empty: any
  std::string bound_host_;
  std::vector<std::string> origins_;  ///< lower case
  std::vector<std::string> hosts_;    ///< lower case; NAME for any port, or NAME:PORT
};

}  // namespace melstream::audio
