// What must be true of an ingest at any moment, and what its samples must be.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include "melstream/audio/resampler.hpp"

#include "tests/audio/ingest_fixture.hpp"

namespace melstream::test {

/// The 16 kHz position of source sample n, in double precision.
inline std::int64_t position(std::int64_t n_source, int rate_hz) {
  return static_cast<std::int64_t>(std::floor(static_cast<double>(n_source) * 16000 / rate_hz + 0.5));
}

/// Invariant I1, of which everything must be true at any moment.
inline void expect_accounted(const Publisher& publisher) {
  const core::IngestCounters counters = publisher.ingest->counters();
  ASSERT_EQ(counters.offered, counters.accepted + counters.dropped);
  std::int64_t dropped = 0;
  for (const std::int64_t n : counters.dropped_by) dropped += n;
  ASSERT_EQ(counters.dropped, dropped);
  ASSERT_LE(counters.concealed, counters.dropped);
  ASSERT_LE(counters.suppressed, counters.accepted);
  for (const auto& feed : publisher.feeds) {
    ASSERT_EQ(counters.timeline_samples, feed->ring().written() + counters.gap_samples);
  }
}

/// Source samples, resampled by themselves.
inline std::vector<float> resampled_alone(std::span<const float> source, int rate_hz) {
  if (rate_hz == 16000) return {source.begin(), source.end()};
  audio::Resampler resampler(rate_hz);
  std::vector<float> all;
  std::vector<float> out(4096);
  for (std::span<const float> rest = source; !rest.empty();) {
    const auto step = resampler.process(rest.first(std::min<std::size_t>(rest.size(), 500)), out);
    all.insert(all.end(), out.begin(), out.begin() + static_cast<std::ptrdiff_t>(step.produced));
    rest = rest.subspan(step.consumed);
  }
  for (std::size_t n = resampler.flush(out); n > 0; n = resampler.flush(out)) {
    all.insert(all.end(), out.begin(), out.begin() + static_cast<std::ptrdiff_t>(n));
  }
  return all;
}

}  // namespace melstream::test
