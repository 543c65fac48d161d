// What a source of audio is to the daemon: something that is made of a spec, opens streams by itself, and can say how
// it is doing. Each kind (mic:, tcp:, rtp: ...) lives in a folder of its own.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "melstream/audio/source_uri.hpp"
#include "melstream/core/clock.hpp"
#include "melstream/core/reasons.hpp"
#include "melstream/core/sources.hpp"
#include "melstream/core/stream_opener.hpp"

namespace melstream::audio {

class Microphones;
class NetLoop;

/// Something that an operator wants to read, once: "sender_refused peer=10.0.0.7:4000 reason=...". What can repeat at
/// the rate of packets is a counter, and one event at its beginning.
struct SourceEvent {
  enum class Level : std::uint8_t { kInfo, kWarning };
  using Fields = std::vector<std::pair<std::string_view, std::string>>;
  Level level = Level::kInfo;
  std::string_view name;  ///< snake_case; a literal
  Fields fields;          ///< keys are literals
};

/// What every source stands on. All references outlive it.
struct SourceParts {
  core::StreamOpener open_stream;
  const core::Clock& clock;
  /// To the log, with the source's id, at most a few a second of one name. Any thread; may block for an instant.
  std::function<void(const SourceEvent&)> tell;
  NetLoop& net;  ///< the thread of all sockets
  /// Sockets may be bound to addresses that other machines reach.
  bool allow_insecure_bind = false;
  Microphones* microphones = nullptr;  ///< for `mic:`; null: none can be opened
};

/// Constructed: it runs. The destructor ends its streams as kSourceLost unless end() came first; it waits for its own
/// threads, never for a peer.
class Source {
 public:
  virtual ~Source() = default;
  /// Without spec. Any thread.
  virtual core::SourceStatus status() const = 0;
  /// Ends its streams with this reason, and opens none from then on. Once. Any thread but its own.
  virtual void end(core::EndReason reason) = 0;
};

/// A kind of source, by the scheme of its URI.
struct SourceKind {
  std::string_view scheme;  ///< "tcp"
  std::string_view form;    ///< for messages: "tcp://HOST:PORT"; empty: not offered, it only refuses
  /// Throws core::Error(kInvalidArgument, "uri") for what make() would refuse without trying; opens nothing.
  void (*check)(const core::SourceSpec& spec, const SourceUri& uri);
  /// Throws as check(), and core::Error(kUnavailable) if it cannot run, e.g. since its port is taken.
  std::unique_ptr<Source> (*make)(const core::SourceSpec& spec, const SourceUri& uri, const SourceParts& parts);
};

}  // namespace melstream::audio
