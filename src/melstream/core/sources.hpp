// Sources of audio as values: what one shall be, what it is doing. `audio` runs them; `rpc` and the daemon ask.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace melstream::core {

/// A [[source]] of the config, or what OpenSource asks for.
struct SourceSpec {
  std::string id;                             ///< [A-Za-z0-9._-]{1,64}, of all sources once
  std::string uri;                            ///< docs/sources.md
  std::map<std::string, std::string> labels;  ///< of every stream that it opens
  bool operator==(const SourceSpec&) const = default;
};

enum class SourceState : std::uint8_t {
  kIdle,     ///< on demand, and nobody subscribes
  kWaiting,  ///< for its device, or for somebody who sends
  kLive,     ///< audio comes in
  kEnded,    ///< a file that was read to its end, or that failed: `detail` says which
};

/// "idle", "waiting", "live", "ended".
constexpr std::string_view name_of(SourceState state) noexcept {
  switch (state) {
    case SourceState::kIdle:
      return "idle";
    case SourceState::kWaiting:
      return "waiting";
    case SourceState::kLive:
      return "live";
    case SourceState::kEnded:
      return "ended";
  }
  return "";
}

/// A total since the source was opened, e.g. {"packets_late", 3}. Names are those of docs/sources.md.
struct SourceCounter {
  std::string name;
  std::int64_t value = 0;
  bool operator==(const SourceCounter&) const = default;
};

struct SourceStatus {
  SourceSpec spec;
  SourceState state = SourceState::kWaiting;
  std::string detail;                ///< one line: the device in use, the address, what is wrong and the remedy
  std::vector<std::string> streams;  ///< ids of those that are open
  std::vector<SourceCounter> counters;
  std::optional<double> drift_ppm;  ///< the source's sample clock against this machine's; positive: it is fast
};

/// A device that can capture.
struct AudioDevice {
  std::string name;
  std::string host_api;  ///< "ALSA", "JACK Audio Connection Kit"
  std::int32_t n_channels = 0;
  double sample_rate_hz = 0;  ///< its own
  bool is_default = false;
};

/// Thread-safe.
class SourceControl {
 public:
  virtual ~SourceControl() = default;
  /// Throws Error: kInvalidArgument (id, uri, labels), kAlreadyExists, kUnavailable (cannot listen there, draining).
  virtual void open(const SourceSpec& spec) = 0;
  /// Ends its streams as kCompleted. Throws Error(kNotFound).
  virtual void close(std::string_view id) = 0;
  /// Ids of the streams that this one would open, as far as its spec tells; in braces what it does not: "call-{port}".
  /// Throws Error(kInvalidArgument).
  virtual std::vector<std::string> stream_ids(const SourceSpec& spec) const = 0;
  /// In the order of opening.
  virtual std::vector<SourceStatus> list() = 0;
  /// Devices that `mic:` can name now. May take a second.
  virtual std::vector<AudioDevice> devices() = 0;
};

}  // namespace melstream::core
