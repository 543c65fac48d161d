// Thread "ms-file", one a source: reads, waits for its time or for room, writes to the stream.
#include "melstream/audio/file/file_source.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include <pthread.h>

#include "melstream/audio/file/pcm_file.hpp"
#include "melstream/core/error.hpp"

namespace melstream::audio {
namespace {

using std::chrono::milliseconds;

/// How soon it sees that there is room, a reader, or an end.
constexpr milliseconds kLook{5};
/// The first reader's subscription stands then, so that one who asks for what comes next gets the file's beginning.
constexpr milliseconds kSettle{100};
constexpr std::int64_t kChunkNs = 20'000'000;

struct FileOptions {
  std::string path;
  bool fast = false;
  bool loop = false;
  bool on_demand = false;
  core::PcmFormat channel;  ///< channel_mode and channel_index
  core::Conceal conceal = core::Conceal::kNone;
};

FileOptions parse_options(SourceUri uri) {
  FileOptions options;
  options.path = uri.path;
  if (uri.has_authority || uri.path.empty()) {
    throw core::Error(core::ErrorCode::kInvalidArgument,
                      "'" + uri.text + "': write file:PATH, such as file:/var/lib/speech.wav", "uri");
  }
  options.fast = uri.params.choice("pacing", {"live", "fast"}, 0) == 1;
  options.loop = uri.params.boolean("loop", false);
  options.on_demand = uri.params.choice("capture", {"always", "on-demand"}, 0) == 1;
  options.channel.n_channels = core::kMaxChannels;
  take_channel(uri.params, options.channel);
  options.conceal = take_conceal(uri.params);
  uri.params.require_valid();
  return options;
}

/// That a source shall end, and why. Outlives it where its stream still knows how to ask. Thread-safe.
class EndWish {
 public:
  /// The first reason counts.
  void end(core::EndReason reason) {
    const std::lock_guard lock(mutex_);
    if (!reason_) reason_ = reason;
    changed_.notify_all();
  }
  std::optional<core::EndReason> reason() const {
    const std::lock_guard lock(mutex_);
    return reason_;
  }
  bool is_wanted_within(milliseconds time) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, time, [this] { return reason_.has_value(); });
  }

 private:
  mutable std::mutex mutex_;  // protects reason_
  std::condition_variable changed_;
  std::optional<core::EndReason> reason_;
};

class FileSource final : public Source {
 public:
  FileSource(const core::SourceSpec& spec, const SourceUri& uri, const SourceParts& parts);
  ~FileSource() override { end(core::EndReason::kSourceLost); }

  core::SourceStatus status() const override;
  void end(core::EndReason reason) override;

 private:
  void run();
  /// Whether it shall go on after the wait.
  bool wait_for(milliseconds time);
  bool wait_for_reader();
  bool wait_for_turn(std::int64_t n_bytes, std::int64_t n_played);
  bool play_once(std::int64_t& n_played);
  void note(core::SourceState state, const std::string& detail);
  std::vector<std::string> stream_ids() const;

  const core::SourceSpec spec_;
  const FileOptions options_;
  const SourceParts parts_;
  PcmFile file_;
  core::PcmFormat format_;
  std::unique_ptr<core::OpenStream> stream_;  ///< its own thread's, once that runs
  std::int64_t begin_mono_ns_;                ///< its own thread's

  const std::shared_ptr<EndWish> wish_ = std::make_shared<EndWish>();

  mutable std::mutex mutex_;  // protects all below
  core::SourceState state_;
  std::string detail_;
  core::IngestCounters counters_;

  std::thread thread_;
};

FileSource::FileSource(const core::SourceSpec& spec, const SourceUri& uri, const SourceParts& parts)
    : spec_(spec),
      options_(parse_options(uri)),
      parts_(parts),
      file_(options_.path),
      format_(file_.format()),
      begin_mono_ns_(parts.clock.mono_ns()),
      state_(options_.on_demand ? core::SourceState::kIdle : core::SourceState::kLive),
      detail_(options_.on_demand ? "begins with its first subscriber" : "reading " + options_.path) {
  format_.channel_mode = options_.channel.channel_mode;
  format_.channel_index = options_.channel.channel_index;
  if (format_.channel_mode == core::ChannelMode::kIndex && format_.channel_index >= format_.n_channels) {
    throw core::Error(core::ErrorCode::kInvalidArgument,
                      "channel=" + std::to_string(format_.channel_index) + ": " + options_.path + " has " +
                          std::to_string(format_.n_channels) + ", counted from 0",
                      "uri");
  }
  stream_ = parts_.open_stream({.id = spec_.id,
                                .labels = spec_.labels,
                                .format = format_,
                                .conceal = options_.conceal,
                                .fast = options_.fast,
                                .local = true,
                                .on_takeover = [wish = wish_] { wish->end(core::EndReason::kTakenOver); }});
  thread_ = std::thread([this] { run(); });
}

void FileSource::end(core::EndReason reason) {
  wish_->end(reason);
  if (thread_.joinable()) thread_.join();
}

core::SourceStatus FileSource::status() const {
  const std::lock_guard lock(mutex_);
  core::SourceStatus status;
  status.state = state_;
  status.detail = detail_;
  if (state_ != core::SourceState::kEnded) status.streams = stream_ids();
  status.counters = {{"samples_offered", counters_.offered},
                     {"samples_accepted", counters_.accepted},
                     {"samples_dropped", counters_.dropped},
                     {"samples_concealed", counters_.concealed}};
  return status;
}

std::vector<std::string> FileSource::stream_ids() const {
  if (format_.channel_mode != core::ChannelMode::kSplit) return {spec_.id};
  std::vector<std::string> ids;
  ids.reserve(static_cast<std::size_t>(format_.n_channels));
  for (int channel = 0; channel < format_.n_channels; ++channel)
    ids.push_back(spec_.id + "." + std::to_string(channel));
  return ids;
}

void FileSource::note(core::SourceState state, const std::string& detail) {
  const std::lock_guard lock(mutex_);
  state_ = state;
  detail_ = detail;
  counters_ = stream_->ingest().counters();
}

bool FileSource::wait_for(milliseconds time) { return !wish_->is_wanted_within(time); }

bool FileSource::wait_for_reader() {
  while (stream_->n_readers() == 0) {
    if (!wait_for(kLook)) return false;
  }
  return wait_for(kSettle);
}

bool FileSource::wait_for_turn(std::int64_t n_bytes, std::int64_t n_played) {
  const std::int64_t due_ns = begin_mono_ns_ + n_played * core::kNsPerSecond / format_.sample_rate_hz;
  for (;;) {
    const std::int64_t early_ns = due_ns - parts_.clock.mono_ns();
    const bool ready = options_.fast ? stream_->ingest().has_room(static_cast<std::size_t>(n_bytes)) : early_ns <= 0;
    if (ready) break;
    const auto early = std::chrono::ceil<milliseconds>(std::chrono::nanoseconds(early_ns));
    if (!wait_for(options_.fast ? kLook : std::min(early, 4 * kLook))) return false;
  }
  return wait_for(milliseconds(0));
}

/// False when it shall end. @param n_played samples since the beginning.
bool FileSource::play_once(std::int64_t& n_played) {
  const auto n_chunk = static_cast<std::size_t>(format_.sample_rate_hz * kChunkNs / core::kNsPerSecond);
  const std::size_t sample_bytes =
      core::bytes_per_sample(format_.encoding) * static_cast<std::size_t>(format_.n_channels);
  for (;;) {
    const std::span<const std::byte> bytes = file_.read(n_chunk);
    if (bytes.empty()) return true;
    // In real time a chunk is due when its last sample would have been spoken.
    const auto n = static_cast<std::int64_t>(bytes.size() / sample_bytes);
    if (!wait_for_turn(static_cast<std::int64_t>(bytes.size()), n_played + n)) return false;
    stream_->ingest().push(bytes, {.received_mono_ns = parts_.clock.mono_ns()});
    if (options_.fast) stream_->poke();
    n_played += n;
    note(core::SourceState::kLive, "reading " + options_.path);
  }
}

void FileSource::run() {
  pthread_setname_np(pthread_self(), "ms-file");
  bool goes_on = true;
  if (options_.on_demand) {
    goes_on = wait_for_reader();
    begin_mono_ns_ = parts_.clock.mono_ns();
  }
  std::int64_t n_played = 0;
  bool again = true;
  while (goes_on && again) {
    const std::int64_t before = n_played;
    goes_on = play_once(n_played);
    // An empty file in a loop would spin.
    again = goes_on && options_.loop && n_played > before && file_.rewind();
  }
  // A fast stream loses nothing, the flush of its resampler included.
  while (goes_on && options_.fast && !stream_->ingest().has_room(0)) goes_on = wait_for(kLook);
  stream_->ingest().finish(wish_->reason().value_or(core::EndReason::kCompleted));
  stream_->poke();
  const std::string read = std::to_string(n_played) + " samples of " + options_.path;
  note(core::SourceState::kEnded, goes_on ? "read to its end: " + read : "stopped after " + read);
  if (goes_on) parts_.tell({.level = SourceEvent::Level::kInfo, .name = "file_ended", .fields = {{"read", read}}});
}

}  // namespace

SourceKind file_kind() {
  return {.scheme = "file",
          .form = "file:PATH",
          .check = [](const core::SourceSpec&, const SourceUri& uri) { parse_options(uri); },
          .make = [](const core::SourceSpec& spec, const SourceUri& uri, const SourceParts& parts)
              -> std::unique_ptr<Source> { return std::make_unique<FileSource>(spec, uri, parts); }};
}

}  // namespace melstream::audio
