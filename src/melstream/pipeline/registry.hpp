// All streams by id, and the ways in: open a stream, subscribe to one. Thread-safe; one plain mutex.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "melstream/core/clock.hpp"
#include "melstream/core/host_arena.hpp"
#include "melstream/engine/engine.hpp"
#include "melstream/engine/front_end.hpp"
#include "melstream/pipeline/audio_history.hpp"
#include "melstream/pipeline/counters.hpp"
#include "melstream/pipeline/expectations.hpp"
#include "melstream/pipeline/overload_guard.hpp"
#include "melstream/pipeline/stream.hpp"

namespace melstream::pipeline {

/// Rings beyond max_streams: streams that were taken over keep theirs until their last rows are published.
inline constexpr std::size_t kSpareRings = 16;

struct RegistryOptions {
  std::int32_t max_streams = 256;
  std::size_t ring_samples = 16384;     ///< a power of two
  double history_s = 30.0;              ///< rows kept of each front end, and how long an ended stream stays readable
  double audio_history_s = 0.0;         ///< of streams from the network
  double local_audio_history_s = 40.0;  ///< of microphones and files: StreamOptions::local
  std::size_t audio_history_bytes = std::size_t{64} << 20;  ///< for all streams together
  std::vector<std::string> always;                          ///< front ends computed from a stream's opening on
  std::int64_t memory_limit_bytes = 0;                      ///< of all that OverloadGuard counts; 0: none
};

class Registry {
 public:
  /// All references outlive the registry. Throws Error(kNotFound) for an unknown front end in `always`.
  Registry(RegistryOptions options, core::HostArena& arena, const core::Clock& clock, engine::Engine& engine,
           const engine::FrontEndCatalog& catalog);

  /// Opens streams together, all or none (a split source opens several). Throws Error: kInvalidArgument (id, labels),
  /// kAlreadyExists, kResourceExhausted (max_streams, memory, overload), kUnavailable (draining).
  std::vector<std::shared_ptr<Stream>> open(std::vector<StreamOptions> options, bool takeover);
  /// The live stream of this id, else the one that ended last; null if there is none.
  std::shared_ptr<Stream> find(std::string_view id) const;
  /// That life of it, live, taken over or ended; null if it is forgotten.
  std::shared_ptr<Stream> find(std::string_view id, std::uint64_t epoch) const;
  /// Live ones, then ended ones that are still readable.
  std::vector<std::shared_ptr<Stream>> all() const;
  /// The stream's history of a front end, made if it is missing, with one reader more: the caller counts it down
  /// again. Throws Error(kInvalidArgument) for smoothing that the front end does not allow, kFailedPrecondition if the
  /// stream has ended without it, kResourceExhausted if there is no room for another.
  std::shared_ptr<FeatureHistory> join_history(Stream& stream, const std::shared_ptr<const engine::FrontEnd>& front_end,
                                               engine::Smoothing smoothing);
  /// Forgets ended streams and idle front ends whose time is over, and more in an overload (registry_overload.cpp).
  /// Call about once a second, not on the tick thread.
  void collect();
  /// What readers want of streams yet to come.
  Expectations& expectations() noexcept { return expectations_; }
  /// From now on open() throws kUnavailable.
  void drain() noexcept { draining_.store(true, std::memory_order_relaxed); }
  bool draining() const noexcept { return draining_.load(std::memory_order_relaxed); }
  /// Changes whenever a stream opens, ends or is forgotten.
  std::uint64_t generation() const noexcept { return generation_.load(std::memory_order_acquire); }
  /// Streams that the tick thread has to look at. Copies only if `generation` is not the current one, and updates it.
  bool live_streams(std::uint64_t& generation, std::vector<std::shared_ptr<Stream>>& out) const;
  /// Whether a stream that has ended may stay a moment longer: nobody else has its id, or waits for its place.
  bool may_linger(const Stream& stream) const;
  /// The tick thread has ended this stream: its id is free.
  void stream_ended(const Stream& stream);

  const RegistryOptions& options() const noexcept { return options_; }
  const engine::FrontEndCatalog& catalog() const noexcept { return catalog_; }
  const core::HostArena& arena() const noexcept { return arena_; }
  const core::Clock& clock() const noexcept { return clock_; }
  Counters& counters() noexcept { return counters_; }
  OverloadGuard& overload() noexcept { return overload_; }
  std::int32_t n_live() const;

 private:
  /// Throws Error if they cannot be opened now. Needs mutex_.
  void check_openable(const std::vector<StreamOptions>& options, bool takeover) const;
  std::size_t n_not_live(const std::vector<StreamOptions>& options) const;
  /// Allocates: not under mutex_, which the tick thread takes too.
  std::shared_ptr<Stream> make_stream(StreamOptions options, const StreamOpening& opening);
  void add_history(Stream& stream, const std::shared_ptr<const engine::FrontEnd>& front_end,
                   engine::Smoothing smoothing);
  bool is_always(const FeatureHistory& history) const;
  /// Whatever cannot be had now, its reader is told when it joins.
  void add_expected_histories(Stream& stream) noexcept;
  /// Forgets idle front ends at once if the stream has as many as it may. Throws Error(kResourceExhausted).
  void make_room_for_history(Stream& stream) const;
  std::int64_t history_rows(const engine::RowGeometry& geometry) const noexcept;
  /// What collect() would forget in a second, now: a newcomer is not refused for what nobody reads.
  void shed_for_newcomers();
  /// Forgets ended streams, oldest first, that nobody reads, until memory is no longer scarce.
  void forget_unread_streams(const OverloadView& overload);
  /// Makes the histories of the newest streams shorter, until the worst is over.
  void shorten_newest(const OverloadView& overload);

  const RegistryOptions options_;
  core::HostArena& arena_;
  const core::Clock& clock_;
  engine::Engine& engine_;
  const engine::FrontEndCatalog& catalog_;
  const GeometryTable geometries_;
  AudioHistoryPool audio_pool_;
  Counters counters_;
  OverloadGuard overload_;
  Expectations expectations_;
  // Writer: whoever holds mutex_ (release); readers: any (acquire).
  std::atomic<std::uint64_t> generation_{1};
  std::atomic<bool> draining_{false};

  mutable std::mutex mutex_;  // protects all below
  std::map<std::string, std::shared_ptr<Stream>, std::less<>> live_;
  std::vector<std::shared_ptr<Stream>> closing_;  ///< taken over; the tick thread still has rows to publish
  std::deque<std::shared_ptr<Stream>> ended_;     ///< oldest first
  std::mt19937_64 epochs_;
  std::uint64_t n_openings_ = 0;
};

/// Throws Error(kInvalidArgument, field stream) unless the id matches [A-Za-z0-9._-]{1,64}.
void validate_stream_id(std::string_view id);

}  // namespace melstream::pipeline
