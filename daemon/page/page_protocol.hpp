// What the live page and the daemon say to each other. Pure.
//
// /features. The page sends text messages, JSON objects with one member:
//
//   {"subscribe": {"slot": 0..3, "generation": 1..65535, "stream": ID, "front_end": NAME,
//                  "smoothing": "none" | "box3x3" | "box3x3-valid", "seconds_back": S}}
//   {"unsubscribe": {"slot": 0..3}}
//
// A subscription is what the slot shows from now on. With "epoch": "N" and "frame": N besides it goes on where the page
// was, if that life of the stream is still there.
//
// The daemon sends text messages, JSON objects too: "hello" once (front ends with their axes, names of reasons);
// "streams" four times a second (all of them, with level, lag and gaps); "refused" (slot, generation, message: a
// subscription that cannot be); "error", before it closes the WebSocket. And binary messages: records, one after
// another, all numbers little-endian:
//
//   offset  bytes
//        0      1  kind: 1 rows, 2 gap, 3 started, 4 ended
//        1      1  slot
//        2      1  reason: of a gap (core::GapReason), of the end (core::EndReason)
//        3      1  flags: RecordFlag
//        4      2  generation of the subscription that it belongs to
//        6      2  values of a row
//        8      4  rows behind this header
//       12      4  0
//       16      8  first frame; of the end: the frame that would come next
//       24      8  its sample on the stream's 16 kHz timeline; of a gap: the first sample behind it
//       32      8  rows: capture time of that sample, Unix ns
//                  gap: frames that are missing, 0 for a mere break
//                  started: epoch
//       40         rows x values float32, not normalised
//
// Frames and gaps of a subscription tile its frames without overlap or hole, as for every subscriber.
//
// /microphone. The page sends first {"start": {"rate": HZ, "key": 32 hexadecimal digits}}, then binary messages: 8
// bytes with the index of the first sample, counted from the beginning of the capture, and mono float32 samples.
// Indices that are left out are a gap. Whoever comes again with the same key within ten seconds goes on with the same
// stream. The daemon answers {"started": {"stream": ID, "next_sample": N}} or {"error": ...}. Closing with 1000 ends
// the stream.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "melstream/engine/framing.hpp"

namespace melstream::page {

inline constexpr std::size_t kSlots = 4;
inline constexpr std::size_t kRecordBytes = 40;
inline constexpr std::size_t kMaxTextBytes = 4096;
inline constexpr std::size_t kMaxMessageBytes = std::size_t{64} << 10;
inline constexpr std::size_t kAudioHeaderBytes = 8;

enum class RecordKind : std::uint8_t { kRows = 1, kGap = 2, kStarted = 3, kEnded = 4 };
enum class RecordFlag : std::uint8_t {
  kSegmentStart = 1,  ///< the first row begins a segment
  kConcealed = 2,     ///< samples of these rows were lost and made up
  kNotLost = 4,       ///< the gap is this page's own: it was too slow, or came too late
};

struct Record {
  RecordKind kind = RecordKind::kRows;
  std::uint8_t slot = 0;
  std::uint8_t reason = 0;
  std::uint8_t flags = 0;
  std::uint16_t generation = 0;
  std::uint16_t n_values = 0;
  std::uint32_t n_rows = 0;
  std::int64_t first_frame = 0;
  std::int64_t first_sample = 0;
  std::int64_t extra = 0;
};

/// Appends the header.
void append_record(const Record& record, std::string& out);

struct GoOn {
  std::uint64_t epoch = 0;
  std::int64_t frame = 0;
};

struct SubscribeCommand {
  std::uint8_t slot = 0;
  std::uint16_t generation = 0;
  std::string stream;
  std::string front_end;
  engine::Smoothing smoothing = engine::Smoothing::kNone;
  double seconds_back = 0;
  std::optional<GoOn> go_on;
};

struct UnsubscribeCommand {
  std::uint8_t slot = 0;
};

/// Both throw core::Error(kInvalidArgument) that says what is wrong.
std::variant<SubscribeCommand, UnsubscribeCommand> parse_feature_command(std::string_view json);

struct MicrophoneStart {
  int rate_hz = 0;
  std::string key;
};
MicrophoneStart parse_microphone_start(std::string_view json);

struct AudioPiece {
  std::int64_t first_sample = 0;
  std::span<const std::byte> samples;  ///< float32, a whole number of them
};
/// Throws core::Error(kInvalidArgument).
AudioPiece parse_audio(std::span<const std::byte> message);

}  // namespace melstream::page
