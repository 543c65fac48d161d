// Which of a stream's newest samples no source sent: made up for a loss, or silence that the sender left out. In fixed
// memory: where spans come too thick for it, the oldest ones are kept as one, so that no sample goes unmarked.
// Not thread-safe: Stream says who may.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "melstream/core/audio_feed.hpp"
#include "melstream/core/units.hpp"

namespace melstream::pipeline {

/// Of a range of samples.
struct Filled {
  std::int64_t n_concealed = 0;
  bool suppressed = false;  ///< some are silence that the sender left out
};

/// Positions are accepted indices. Allocates only in the constructor and in spans().
class FilledLog {
 public:
  /// @param capacity spans kept apart, at least 2.
  explicit FilledLog(std::size_t capacity);
  bool empty() const noexcept { return n_ == 0; }

  /// Spans come in order and do not overlap.
  void add(const core::FilledSpan& span) noexcept;
  /// Forgets spans that end at or before this index.
  void forget(core::SampleIndex before) noexcept;

  /// False: every sample of [begin, end) was sent. In constant time if nothing newer than `begin` is marked.
  bool touches(core::SampleIndex begin, core::SampleIndex end) const noexcept {
    return n_ > 0 && begin < at(n_ - 1).end && find(begin).begin < end;
  }
  /// Where spans are kept as one, an estimate, and never nothing for a range that touches one.
  Filled within(core::SampleIndex begin, core::SampleIndex end) const noexcept;
  /// The parts of spans that lie in [begin, end), oldest first; two, one of each kind, where spans are kept as one.
  std::vector<core::FilledSpan> spans(core::SampleIndex begin, core::SampleIndex end) const;

  /// Since the beginning.
  std::int64_t n_concealed() const noexcept { return n_concealed_; }
  std::int64_t n_suppressed() const noexcept { return n_suppressed_; }

 private:
  struct Entry {
    core::SampleIndex begin = 0;
    core::SampleIndex end = 0;
    std::int64_t n_concealed = 0;
    bool suppressed = false;
  };

  const Entry& at(std::size_t i) const noexcept { return entries_[(first_ + i) % entries_.size()]; }
  Entry& at(std::size_t i) noexcept { return entries_[(first_ + i) % entries_.size()]; }
  /// The oldest that ends after `begin`. There must be one.
  const Entry& find(core::SampleIndex begin) const noexcept { return at(index_of(begin)); }
  std::size_t index_of(core::SampleIndex begin) const noexcept;
  void join_oldest() noexcept;

  std::vector<Entry> entries_;  ///< ring
  std::size_t first_ = 0;
  std::size_t n_ = 0;
  std::int64_t n_concealed_ = 0;
  std::int64_t n_suppressed_ = 0;
};

}  // namespace melstream::pipeline
