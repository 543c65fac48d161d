// What is said over one WebSocket of the live page. Knows no socket; runs on ms-page.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace melstream::page {

/// One message to the page.
struct PageMessage {
  std::string bytes;  ///< its capacity is used again
  bool is_text = true;
};

/// Two kinds: features to the page, audio from it. All but next() throw core::Error for what is not taken: the page is
/// told, and the WebSocket closed.
class PageChannel {
 public:
  virtual ~PageChannel() = default;
  virtual void on_text(std::string_view text, std::int64_t now_ns) = 0;
  virtual void on_binary(std::span<const std::byte> bytes, std::int64_t now_ns) = 0;
  /// The next message, if there is one. Called every kPollPeriod and after each message that was sent, so what is not
  /// taken stays where it is, and its own limits hold there.
  virtual bool next(PageMessage& message, std::int64_t now_ns) = 0;
  /// The WebSocket is gone. @param completed it was closed by the page as one that is done.
  virtual void on_closed(bool completed, std::int64_t now_ns) = 0;
};

}  // namespace melstream::page
