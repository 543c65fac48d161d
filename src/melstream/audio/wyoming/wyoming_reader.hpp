// The events of the Wyoming protocol, taken out of the bytes of a connection, however they are cut. An event is a line
// of JSON, data_length bytes of more JSON, payload_length bytes of payload: https://github.com/rhasspy/wyoming.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>

namespace melstream::audio {

inline constexpr std::size_t kMaxWyomingLineBytes = std::size_t{8} << 10;
inline constexpr std::size_t kMaxWyomingDataBytes = std::size_t{64} << 10;
inline constexpr std::size_t kMaxWyomingPayloadBytes = std::size_t{256} << 10;

struct WyomingEvent {
  std::string type;
  // What is read of the data of audio-start, audio-chunk and ping; nothing where it is absent or null.
  std::optional<std::int64_t> rate;
  std::optional<std::int64_t> width;  ///< bytes a sample
  std::optional<std::int64_t> channels;
  std::optional<std::string> text;
};

/// One thread at a time. Holds the line or the data that came so far, never more: payloads pass through.
class WyomingReader {
 public:
  /// A piece of the payload of the event before it.
  using Payload = std::span<const std::byte>;
  using Item = std::variant<WyomingEvent, Payload>;

  /// Takes the next item off the front of `bytes`; nothing once all are taken. Throws core::Error(kInvalidArgument) for
  /// what is no event: nothing can be read from then on.
  std::optional<Item> next(std::span<const std::byte>& bytes);
  /// The bytes so far end inside an event.
  bool is_inside_event() const noexcept { return !text_.empty() || n_data_ > 0 || n_payload_ > 0; }

 private:
  std::optional<Item> take_head(std::span<const std::byte>& bytes);
  std::optional<Item> take_data(std::span<const std::byte>& bytes);
  void parse_line();

  std::string text_;  ///< of the line or of the data, as far as it has come
  WyomingEvent event_;
  std::size_t n_data_ = 0;     ///< bytes of data that the line tells of; more than 0: they are being taken
  std::size_t n_payload_ = 0;  ///< bytes of payload to come
};

}  // namespace melstream::audio
