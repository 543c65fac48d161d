// All sources of the daemon by id: opened from the config and at run time, closed, listed, ended.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "melstream/audio/net_loop.hpp"
#include "melstream/audio/source.hpp"

namespace melstream::audio {

/// Throws core::Error(kInvalidArgument) for a spec that no kind takes: id, uri, and the parameters of its kind.
void check_source(const std::vector<SourceKind>& kinds, const core::SourceSpec& spec);

struct SourcesOptions {
  std::vector<SourceKind> kinds;
  core::StreamOpener open_stream;
  /// To the log. Any thread; may block for an instant.
  std::function<void(const core::SourceSpec& spec, const SourceEvent& event)> tell;
  std::function<std::vector<core::AudioDevice>()> devices;
  Microphones* microphones = nullptr;  ///< outlives the sources; null: `mic:` cannot be opened
  bool allow_insecure_bind = false;
};

/// Thread-safe. Brings the thread of all sockets with it. The destructor ends what is left as kShutdown.
class Sources final : public core::SourceControl {
 public:
  /// @param clock outlives it.
  Sources(SourcesOptions options, const core::Clock& clock);
  Sources(const Sources&) = delete;
  Sources& operator=(const Sources&) = delete;
  ~Sources() override;

  void open(const core::SourceSpec& spec) override;
  void close(std::string_view id) override;
  std::vector<std::string> stream_ids(const core::SourceSpec& spec) const override;
  std::vector<core::SourceStatus> list() override;
  std::vector<core::AudioDevice> devices() override;
  /// The same of one scheme, e.g. "mic".
  std::vector<core::SourceStatus> list(std::string_view scheme);
  /// Runs `answer` on the thread of all sockets, later. Any thread; waits for nothing.
  void provoke(std::function<void()> answer) { net_.post(std::move(answer)); }
  /// Ends all streams of all sources; open() throws kUnavailable from then on.
  void end_all(core::EndReason reason);

 private:
  struct Entry {
    core::SourceSpec spec;
    std::shared_ptr<Source> source;  ///< null while it is being made
    bool is_ending = false;          ///< somebody has called its end()
  };
  SourceParts parts_for(const core::SourceSpec& spec);
  void reserve(const core::SourceSpec& spec);
  void forget(std::string_view id);
  std::vector<Entry> running() const;

  const SourcesOptions options_;
  const core::Clock& clock_;
  NetLoop net_;
  mutable std::mutex mutex_;  // protects all below; not held while a source is made, asked or ended
  std::vector<Entry> entries_;
  bool closed_ = false;
};

}  // namespace melstream::audio
