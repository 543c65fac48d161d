// The live page: a small web server on loopback. It serves the files of web/, and two WebSockets: features to the page,
// audio from its microphone (page_protocol.hpp). Audio never goes to the page. Boost.Beast on a thread of its own,
// "ms-page".
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "melstream/core/clock.hpp"
#include "melstream/core/reasons.hpp"
#include "melstream/core/stream_opener.hpp"
#include "melstream/pipeline/registry.hpp"

#include "daemon/page/feature_channel.hpp"

namespace melstream::page {

struct LivePageOptions {
  std::string host;  ///< without brackets; a loopback address or name
  std::uint16_t port = 0;
  /// Waits so long for an address that another program still uses.
  std::chrono::milliseconds take_over_patience{0};
  bool may_publish = true;  ///< pages may send a microphone's audio
  std::string version;
};

/// All references outlive the page.
struct LivePageParts {
  pipeline::Registry& registry;
  const core::Clock& clock;
  core::StreamOpener open_stream;
  /// Something was refused ("page_refused") or cut off ("page_cut_off"). Thread: ms-page; must be cheap.
  std::function<void(std::string_view event, const std::string& why)> tell;
};

/// At most 32 connections, 16 of them WebSockets; headers up to 8 KiB, messages up to 64 KiB, 5 s for a request and for
/// a message that is being sent.
class LivePage {
 public:
  /// Listens and serves from here on. Throws rpc::BindError that names page.listen.
  LivePage(LivePageOptions options, LivePageParts parts);
  LivePage(const LivePage&) = delete;
  LivePage& operator=(const LivePage&) = delete;
  ~LivePage();

  /// "http://127.0.0.1:50072/", with the real port.
  const std::string& url() const noexcept;
  /// For microphones from now on.
  void set_may_publish(bool may_publish) noexcept;
  /// Who reads what now. Waits for ms-page.
  std::vector<PageReader> readers() const;
  /// Gives the address free, ends the streams of microphones, and says goodbye to pages. Returns once that has begun.
  /// Idempotent.
  void end(core::EndReason reason);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace melstream::page
