// How a TCP connection begins: with a header line, or with PCM at once. Pure; bytes come cut anywhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "melstream/audio/pcm_header.hpp"

namespace melstream::audio {

enum class HeaderMode : std::uint8_t {
  kAuto,      ///< a header if the bytes begin as an object: '{', white space, '"' or '}'
  kNone,      ///< all is PCM (but HTTP requests)
  kRequired,  ///< a connection without a header is refused
};

class TcpPreface {
 public:
  enum class State : std::uint8_t {
    kOpen,    ///< more bytes must come
    kPcm,     ///< no header: text() and all that follows is PCM
    kHeader,  ///< text() is the header line; what follows is PCM
  };
  explicit TcpPreface(HeaderMode mode) : mode_(mode), state_(State::kOpen) {}

  TcpPreface(const TcpPreface&) = delete;
  TcpPreface& operator=(const TcpPreface&) = delete;
  /// Wipes what it held: it may be audio.
  ~TcpPreface();

  /// Takes from the front of `bytes` while kOpen, and returns how many it took. Throws
  /// core::Error(kInvalidArgument) for a header that is missing or too long, and for an HTTP request: any web page can
  /// send one to a local port.
  std::size_t take(std::span<const std::byte> bytes);
  /// The connection ends here: what looked like the beginning of a header, but for its '"', was PCM. Throws
  /// core::Error(kInvalidArgument) inside a header.
  void take_end();
  State state() const noexcept { return state_; }
  std::string_view text() const noexcept { return text_; }

 private:
  void decide(char next);
  void decide_without_header();

  HeaderMode mode_;
  State state_;
  bool is_object_ = false;  ///< '{"' was seen
  std::string text_;        ///< at most kMaxPcmHeaderBytes
};

}  // namespace melstream::audio
