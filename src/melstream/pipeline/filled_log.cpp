#include "melstream/pipeline/filled_log.hpp"

#include <algorithm>
#include <cassert>

namespace melstream::pipeline {

FilledLog::FilledLog(std::size_t capacity) : entries_(std::max<std::size_t>(2, capacity)) {}

void FilledLog::add(const core::FilledSpan& span) noexcept {
  const std::int64_t length = span.end - span.begin;
  if (length <= 0) return;
  assert(n_ == 0 || span.begin >= at(n_ - 1).end);
  const bool is_concealed = span.kind == core::FilledSpan::Kind::kConcealed;
  (is_concealed ? n_concealed_ : n_suppressed_) += length;
  if (n_ > 0) {
    // Silence comes in packets: they are one span. The newest is never one that was joined.
    Entry& newest = at(n_ - 1);
    if (newest.end == span.begin && newest.suppressed != is_concealed) {
      newest.end = span.end;
      newest.n_concealed += is_concealed ? length : 0;
      return;
    }
  }
  if (n_ == entries_.size()) join_oldest();
  at(n_++) = {
      .begin = span.begin, .end = span.end, .n_concealed = is_concealed ? length : 0, .suppressed = !is_concealed};
}

void FilledLog::join_oldest() noexcept {
  const Entry& oldest = at(0);
  Entry& second = at(1);
  second.begin = oldest.begin;
  second.n_concealed += oldest.n_concealed;
  second.suppressed = second.suppressed || oldest.suppressed;
  first_ = (first_ + 1) % entries_.size();
  --n_;
}

void FilledLog::forget(core::SampleIndex before) noexcept {
  for (; n_ > 0 && at(0).end <= before; --n_) first_ = (first_ + 1) % entries_.size();
}

std::size_t FilledLog::index_of(core::SampleIndex begin) const noexcept {
  std::size_t low = 0;
  std::size_t high = n_ - 1;
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    if (at(middle).end > begin) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

Filled FilledLog::within(core::SampleIndex begin, core::SampleIndex end) const noexcept {
  Filled filled;
  if (!touches(begin, end)) return filled;
  for (std::size_t i = index_of(begin); i < n_ && at(i).begin < end; ++i) {
    const Entry& entry = at(i);
    const std::int64_t length = entry.end - entry.begin;
    const std::int64_t overlap = std::min(end, entry.end) - std::max(begin, entry.begin);
    filled.n_concealed += (entry.n_concealed * overlap + length - 1) / length;  // rounded up
    filled.suppressed = filled.suppressed || entry.suppressed;
  }
  return filled;
}

std::vector<core::FilledSpan> FilledLog::spans(core::SampleIndex begin, core::SampleIndex end) const {
  std::vector<core::FilledSpan> spans;
  if (!touches(begin, end)) return spans;
  for (std::size_t i = index_of(begin); i < n_ && at(i).begin < end; ++i) {
    const Entry& entry = at(i);
    const core::FilledSpan part{.begin = std::max(begin, entry.begin), .end = std::min(end, entry.end)};
    if (entry.n_concealed > 0) spans.push_back({part.begin, part.end, core::FilledSpan::Kind::kConcealed});
    if (entry.suppressed) spans.push_back({part.begin, part.end, core::FilledSpan::Kind::kSuppressed});
  }
  return spans;
}

}  // namespace melstream::pipeline
