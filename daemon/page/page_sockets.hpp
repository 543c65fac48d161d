// One WebSocket of a page, whatever it carries: one message under way at most, and a peer that does not take it is cut
// off. Runs on ms-page.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>

#include "melstream/core/clock.hpp"

#include "daemon/page/page_channel.hpp"

namespace melstream::page {

using PageHttpRequest = boost::beast::http::request<boost::beast::http::empty_body>;

class PageSocket {
 public:
  virtual ~PageSocket() = default;
  /// Sends what there is, if nothing is being sent. Call every few milliseconds.
  virtual void poll(std::int64_t now_ns) = 0;
  /// The daemon goes: close code 1001.
  virtual void leave() = 0;
};

struct PageSocketParts {
  const core::Clock& clock;
  std::function<void(std::string_view event, const std::string& why)> tell;
};

/// Answers the handshake, and lives until the connection ends. @param parts outlive it.
std::shared_ptr<PageSocket> start_page_socket(boost::asio::ip::tcp::socket socket, const PageHttpRequest& request,
                                              std::unique_ptr<PageChannel> channel, const PageSocketParts& parts);

}  // namespace melstream::page
