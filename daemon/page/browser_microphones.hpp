// Streams that browsers feed. A stream outlives the connection of its page by ten seconds: who comes again with the
// same key goes on with it, and what was captured between is a gap. Runs on ms-page.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "melstream/audio/pcm_byte_stream.hpp"
#include "melstream/core/stream_opener.hpp"

#include "daemon/page/page_channel.hpp"
#include "daemon/page/page_protocol.hpp"

namespace melstream::page {

class BrowserMicrophones {
 public:
  /// @param open gives the streams; called on ms-page.
  explicit BrowserMicrophones(core::StreamOpener open) : open_(std::move(open)) {}
  BrowserMicrophones(const BrowserMicrophones&) = delete;
  BrowserMicrophones& operator=(const BrowserMicrophones&) = delete;

  struct Microphone {
    std::string key;
    int rate_hz = 0;
    std::string id;  ///< of its stream
    audio::PcmByteStream bytes;
    std::uint64_t holder = 0;               ///< the connection that feeds it; 0: none
    std::optional<std::int64_t> left_ns{};  ///< since when there is none
    // Writer: any thread, once; reader: ms-page. Lives as long as its stream's publisher may be told.
    std::shared_ptr<std::atomic<bool>> taken_over;
  };

  /// The stream of this key, or a new one "browser", "browser-2" ... Whoever held it before does no longer. Throws
  /// core::Error as the opener; kResourceExhausted beyond four.
  Microphone& attach(const MicrophoneStart& start, std::uint64_t holder);
  /// Null once another connection has it, or it has ended.
  Microphone* find(std::string_view key, std::uint64_t holder);
  /// It is done, or its connection is lost.
  void detach(std::string_view key, std::uint64_t holder, bool completed, std::int64_t now_ns);
  /// Ends those that were taken over, or have been without a connection for too long.
  void tick(std::int64_t now_ns);
  void end_all(core::EndReason reason);
  bool empty() const noexcept { return microphones_.empty(); }
  std::uint64_t new_holder() noexcept { return ++n_holders_; }

 private:
  Microphone& open_new(const MicrophoneStart& start);

  const core::StreamOpener open_;
  std::list<Microphone> microphones_;
  std::uint64_t n_holders_ = 0;
};

/// One connection that sends audio.
class MicrophoneChannel final : public PageChannel {
 public:
  /// @param microphones outlive it.
  MicrophoneChannel(BrowserMicrophones& microphones, std::int64_t now_ns)
      : microphones_(microphones), holder_(microphones.new_holder()), heard_ns_(now_ns) {}

  void on_text(std::string_view text, std::int64_t now_ns) override;
  void on_binary(std::span<const std::byte> bytes, std::int64_t now_ns) override;
  bool next(PageMessage& message, std::int64_t now_ns) override;
  void on_closed(bool completed, std::int64_t now_ns) override;

 private:
  BrowserMicrophones& microphones_;
  const std::uint64_t holder_;
  std::int64_t heard_ns_;
  std::string key_;      ///< once it has begun
  std::string started_;  ///< the answer that is still to be sent
};

}  // namespace melstream::page
