#include "melstream/pipeline/registry.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "melstream/core/error.hpp"
#include "melstream/core/labels.hpp"

namespace melstream::pipeline {
namespace {

constexpr std::size_t kMaxIdLength = 64;
/// Front ends of one stream at once: clients can make ever new ones by CMVN, and each keeps a history.
constexpr std::size_t kMaxHistories = 32;
constexpr engine::Smoothing kSmoothings[] = {engine::Smoothing::kNone, engine::Smoothing::kBox3x3,
                                             engine::Smoothing::kBox3x3Valid};

/// Every framing that the catalog's front ends can be asked for.
std::vector<engine::RowGeometry> geometries_of(const engine::FrontEndCatalog& catalog) {
  std::vector<engine::RowGeometry> geometries;
  for (const auto& front_end : catalog.all()) {
    for (const engine::Smoothing smoothing : kSmoothings) {
      if (smoothing == engine::Smoothing::kNone || front_end->allows_smoothing())
        geometries.push_back(front_end->rows(smoothing));
    }
  }
  return geometries;
}

bool is_id_character(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

/// The id for a message: what cannot be printed becomes \xNN, and it ends after a line's worth.
std::string printable(std::string_view id) {
  std::string out;
  for (const char c : id.substr(0, 80)) {
    if (c >= 0x20 && c < 0x7f) {
      out += c;
    } else {
      char hex[5];
      std::snprintf(hex, sizeof(hex), "\\x%02x", static_cast<unsigned char>(c));
      out += hex;
    }
  }
  if (id.size() > 80) out += "...";
  return out;
}

}  // namespace

void validate_stream_id(std::string_view id) {
  if (!id.empty() && id.size() <= kMaxIdLength && std::all_of(id.begin(), id.end(), is_id_character)) return;
  throw core::Error(core::ErrorCode::kInvalidArgument,
                    "stream id '" + printable(id) + "': take 1 to 64 of the characters A-Z a-z 0-9 . _ -", "stream");
}

Registry::Registry(RegistryOptions options, core::HostArena& arena, const core::Clock& clock, engine::Engine& engine,
                   const engine::FrontEndCatalog& catalog)
    : options_(std::move(options)),
      arena_(arena),
      clock_(clock),
      engine_(engine),
      catalog_(catalog),
      geometries_(geometries_of(catalog)),
      audio_pool_(arena, std::max(options_.audio_history_s, options_.local_audio_history_s) > 0
                             ? options_.audio_history_bytes
                             : 0),
      overload_(options_.memory_limit_bytes, arena, clock, counters_),
      epochs_(std::random_device{}()) {
  std::random_device entropy;
  std::seed_seq seed{entropy(), entropy(), entropy(), entropy()};
  epochs_.seed(seed);
  for (const std::string& name : options_.always) catalog_.find(name);
}

void Registry::check_openable(const std::vector<StreamOptions>& options, bool takeover) const {
  std::size_t n_new = options.size();
  for (const StreamOptions& one : options) {
    const auto live = live_.find(one.id);
    if (live == live_.end()) continue;
    // One whose publisher has ended it only waits for the tick thread to publish its last rows.
    if (!takeover && !live->second->feed().finished()) {
      throw core::Error(core::ErrorCode::kAlreadyExists,
                        "stream '" + one.id +
                            "' is live; choose another id, or end it first (a publisher by gRPC may "
                            "take it over: takeover)",
                        "stream");
    }
    --n_new;
  }
  const auto max_streams = static_cast<std::size_t>(options_.max_streams);
  if (live_.size() + n_new > max_streams) {
    throw core::Error(core::ErrorCode::kResourceExhausted,
                      "all " + std::to_string(options_.max_streams) + " streams are in use; raise stream.max_streams");
  }
  // Those taken over do not count, but their rings are there until the next tick.
  if (live_.size() + n_new + closing_.size() > max_streams + kSpareRings) {
    throw core::Error(core::ErrorCode::kResourceExhausted,
                      std::to_string(closing_.size()) + " streams are about to end; try again in a moment");
  }
}

std::size_t Registry::n_not_live(const std::vector<StreamOptions>& options) const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::count_if(
      options.begin(), options.end(), [this](const StreamOptions& one) { return live_.find(one.id) == live_.end(); }));
}

std::vector<std::shared_ptr<Stream>> Registry::open(std::vector<StreamOptions> options, bool takeover) {
  if (draining()) throw core::Error(core::ErrorCode::kUnavailable, "the daemon is shutting down; try again later");
  for (const StreamOptions& one : options) {
    validate_stream_id(one.id);
    core::validate_labels(one.labels);
  }
  if (const std::size_t n_new = takeover ? n_not_live(options) : options.size(); n_new > 0) {
    shed_for_newcomers();
    overload_.admit_streams(n_new);
  }
  std::vector<StreamOpening> openings;
  {
    const std::lock_guard lock(mutex_);
    check_openable(options, takeover);
    for (std::size_t i = 0; i < options.size(); ++i) {
      openings.push_back({.epoch = epochs_(), .order = n_openings_++, .wall_ns = clock_.wall_ns()});
    }
  }
  std::vector<std::shared_ptr<Stream>> opened;
  for (std::size_t i = 0; i < options.size(); ++i) {
    opened.push_back(make_stream(options[i], openings[i]));
    add_expected_histories(*opened.back());
  }
  std::vector<std::shared_ptr<Stream>> replaced;
  {
    const std::lock_guard lock(mutex_);
    check_openable(options, takeover);  // again: another publisher may have been quicker
    for (const auto& stream : opened) {
      auto& slot = live_[stream->id()];
      if (slot) {
        closing_.push_back(slot);
        if (!slot->feed().finished()) replaced.push_back(slot);
      }
      slot = stream;
    }
    generation_.fetch_add(1, std::memory_order_release);
  }
  counters_.streams_opened.fetch_add(static_cast<std::int64_t>(opened.size()), std::memory_order_relaxed);
  // Also of who has begun to wait meanwhile, and did not find the stream yet: its publisher sends nothing before this
  // is over.
  for (const auto& stream : opened) add_expected_histories(*stream);
  for (const auto& stream : replaced) stream->take_over();
  return opened;
}

std::shared_ptr<Stream> Registry::make_stream(StreamOptions options, const StreamOpening& opening) {
  std::unique_ptr<AudioHistory> audio_history;
  const double audio_s = options.local ? options_.local_audio_history_s : options_.audio_history_s;
  const auto audio_samples = static_cast<std::int64_t>(std::ceil(audio_s * core::kSampleRateHz));
  if (audio_samples > 0 && audio_pool_.budget_blocks() > 0) {
    audio_history = std::make_unique<AudioHistory>(audio_pool_, audio_samples);
    audio_history->reserve();
  }
  core::AudioMemory ring = arena_.take((options_.ring_samples + core::kBlockSamples - 1) / core::kBlockSamples);
  auto stream =
      std::make_shared<Stream>(std::move(options), opening, geometries_, std::move(ring), std::move(audio_history));
  for (const std::string& name : options_.always) add_history(*stream, catalog_.find(name), engine::Smoothing::kNone);
  return stream;
}

void Registry::add_expected_histories(Stream& stream) noexcept {
  try {
    for (const Expectation& wanted : expectations_.of(stream)) {
      const auto histories = stream.histories();
      const bool is_there = std::any_of(histories.begin(), histories.end(), [&](const auto& history) {
        return history->smoothing() == wanted.smoothing && history->front_end().sha256() == wanted.front_end->sha256();
      });
      if (is_there) continue;
      overload_.admit_front_end();
      add_history(stream, wanted.front_end, wanted.smoothing);
    }
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): too many front ends, or no memory for them
  }
}

std::int64_t Registry::history_rows(const engine::RowGeometry& geometry) const noexcept {
  return std::max<std::int64_t>(16,
                                std::llround(options_.history_s * core::kSampleRateHz / engine::row_stride(geometry)));
}

void Registry::make_room_for_history(Stream& stream) const {
  if (stream.histories().size() < kMaxHistories) return;
  stream.retire_histories([this](const FeatureHistory& history) { return !is_always(history); });
  if (stream.histories().size() < kMaxHistories) return;
  throw core::Error(core::ErrorCode::kResourceExhausted,
                    "stream '" + stream.id() + "' computes " + std::to_string(kMaxHistories) +
                        " front ends already; close a subscription, or share one of them");
}

void Registry::add_history(Stream& stream, const std::shared_ptr<const engine::FrontEnd>& front_end,
                           engine::Smoothing smoothing) {
  make_room_for_history(stream);
  auto prepared = engine_.prepare(front_end, smoothing);
  const engine::RowGeometry geometry = front_end->rows(smoothing);
  const std::int64_t n_rows = history_rows(geometry);
  MemoryShare memory = overload_.take(FeatureHistory::bytes_for(front_end->n_bins(smoothing), n_rows));
  auto made =
      std::make_shared<FeatureHistory>(std::move(prepared), geometries_.slot_of(geometry), n_rows, std::move(memory));
  made->idle_since_mono_ns.store(clock_.mono_ns(), std::memory_order_relaxed);
  stream.add_history(std::move(made));
}

std::shared_ptr<FeatureHistory> Registry::join_history(Stream& stream,
                                                       const std::shared_ptr<const engine::FrontEnd>& front_end,
                                                       engine::Smoothing smoothing) {
  for (;;) {  // once more only if it was retired between the two steps
    if (auto history = stream.join_history(*front_end, smoothing)) return history;
    shed_for_newcomers();
    overload_.admit_front_end();
    add_history(stream, front_end, smoothing);
  }
}

bool Registry::is_always(const FeatureHistory& history) const {
  return history.smoothing() == engine::Smoothing::kNone &&
         std::any_of(options_.always.begin(), options_.always.end(), [&](const std::string& name) {
           return catalog_.find(name)->sha256() == history.front_end().sha256();
         });
}

std::shared_ptr<Stream> Registry::find(std::string_view id) const {
  const std::lock_guard lock(mutex_);
  if (const auto found = live_.find(id); found != live_.end()) return found->second;
  for (auto stream = ended_.rbegin(); stream != ended_.rend(); ++stream) {
    if ((*stream)->id() == id) return *stream;
  }
  return nullptr;
}

std::shared_ptr<Stream> Registry::find(std::string_view id, std::uint64_t epoch) const {
  const auto is_it = [&](const auto& stream) { return stream->epoch() == epoch && stream->id() == id; };
  const std::lock_guard lock(mutex_);
  if (const auto found = live_.find(id); found != live_.end() && is_it(found->second)) return found->second;
  if (const auto found = std::find_if(closing_.begin(), closing_.end(), is_it); found != closing_.end()) return *found;
  if (const auto found = std::find_if(ended_.begin(), ended_.end(), is_it); found != ended_.end()) return *found;
  return nullptr;
}

std::vector<std::shared_ptr<Stream>> Registry::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Stream>> streams;
  for (const auto& [id, stream] : live_) streams.push_back(stream);
  streams.insert(streams.end(), closing_.begin(), closing_.end());
  streams.insert(streams.end(), ended_.begin(), ended_.end());
  return streams;
}

void Registry::collect() {
  const OverloadView overload = overload_.look();
  if (overload.by_memory >= OverloadState::kShedHistory) forget_unread_streams(overload);
  if (overload.by_memory == OverloadState::kDrop) shorten_newest(overload);
  const std::int64_t now = clock_.mono_ns();
  const auto kept_ns = static_cast<std::int64_t>(options_.history_s * static_cast<double>(core::kNsPerSecond));
  std::vector<std::shared_ptr<Stream>> forgotten;  // freed outside the mutex
  {
    const std::lock_guard lock(mutex_);
    const auto is_over = [&](const Stream& stream) {
      return ended_.size() > static_cast<std::size_t>(options_.max_streams) ||
             now - stream.ended_mono_ns().value_or(now) >= kept_ns;
    };
    while (!ended_.empty() && is_over(*ended_.front())) {
      forgotten.push_back(std::move(ended_.front()));
      ended_.pop_front();
    }
    if (!forgotten.empty()) generation_.fetch_add(1, std::memory_order_release);
  }
  std::int64_t n_early = 0;
  const auto is_idle = [&](const FeatureHistory& history) {
    if (is_always(history)) return false;
    if (now - history.idle_since_mono_ns.load(std::memory_order_relaxed) >= kept_ns) return true;
    if (overload.state() < OverloadState::kShedHistory) return false;
    ++n_early;
    return true;
  };
  for (const auto& stream : all()) {
    if (!stream->ended()) stream->retire_histories(is_idle);
  }
  counters_.front_ends_forgotten.fetch_add(n_early, std::memory_order_relaxed);
}

bool Registry::live_streams(std::uint64_t& generation, std::vector<std::shared_ptr<Stream>>& out) const {
  if (generation == generation_.load(std::memory_order_acquire)) return false;
  const std::lock_guard lock(mutex_);
  generation = generation_.load(std::memory_order_relaxed);
  out.clear();
  for (const auto& [id, stream] : live_) out.push_back(stream);
  out.insert(out.end(), closing_.begin(), closing_.end());
  return true;
}

bool Registry::may_linger(const Stream& stream) const {
  const std::lock_guard lock(mutex_);
  const auto live = live_.find(stream.id());
  return live != live_.end() && live->second.get() == &stream &&
         live_.size() < static_cast<std::size_t>(options_.max_streams);
}

void Registry::stream_ended(const Stream& stream) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Stream> ended;
  if (const auto found = live_.find(stream.id()); found != live_.end() && found->second.get() == &stream) {
    ended = std::move(found->second);
    live_.erase(found);
  } else {
    const auto closing =
        std::find_if(closing_.begin(), closing_.end(), [&](const auto& one) { return one.get() == &stream; });
    if (closing == closing_.end()) return;
    ended = std::move(*closing);
    closing_.erase(closing);
  }
  ended_.push_back(std::move(ended));
  generation_.fetch_add(1, std::memory_order_release);
}

std::int32_t Registry::n_live() const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::int32_t>(live_.size());
}

}  // namespace melstream::pipeline
