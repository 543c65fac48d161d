// The counters of an ingest only grow, so what each call adds is their difference. On the publisher's thread; allocates
// nothing.
#include "daemon/ingest_meter.hpp"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "melstream/core/units.hpp"

namespace melstream::daemon {
namespace {

class MeteredIngest final : public core::PcmIngest {
 public:
  MeteredIngest(std::unique_ptr<core::PcmIngest> ingest, const core::PcmFormat& format, IngestTotals& totals,
                std::size_t source_kind)
      : ingest_(std::move(ingest)),
        sample_bytes_(core::bytes_per_sample(format.encoding) * static_cast<std::size_t>(format.n_channels)),
        sample_rate_hz_(format.sample_rate_hz),
        n_feeds_(format.n_feeds()),
        totals_(totals),
        kind_(totals.kinds[source_kind]) {
    kind_.streams.fetch_add(n_feeds_, std::memory_order_relaxed);
  }
  MeteredIngest(const MeteredIngest&) = delete;
  MeteredIngest& operator=(const MeteredIngest&) = delete;
  ~MeteredIngest() override { close(); }

  bool has_room(std::size_t n_bytes) noexcept override { return ingest_->has_room(n_bytes); }
  void push(std::span<const std::byte> bytes, const core::AudioTime& time) override {
    ingest_->push(bytes, time);
    kind_.n_bytes.fetch_add(static_cast<std::int64_t>(bytes.size()), std::memory_order_relaxed);
    if (time.received_mono_ns != 0) totals_.capture.observe(age_ns(bytes.size(), time));
    count();
  }
  void lose(std::int64_t n_source, core::GapReason reason) noexcept override {
    ingest_->lose(n_source, reason);
    count();
  }
  void push_suppressed(std::int64_t n_source, const core::AudioTime& time) noexcept override {
    ingest_->push_suppressed(n_source, time);
    count();
  }
  void finish(core::EndReason reason) noexcept override {
    ingest_->finish(reason);
    count();
    close();
  }
  core::IngestCounters counters() const noexcept override { return ingest_->counters(); }

 private:
  std::int64_t age_ns(std::size_t n_bytes, const core::AudioTime& time) const noexcept {
    if (time.capture_mono_ns != 0) return std::max<std::int64_t>(0, time.received_mono_ns - time.capture_mono_ns);
    return static_cast<std::int64_t>(n_bytes / sample_bytes_) * core::kNsPerSecond / sample_rate_hz_;
  }
  void count() noexcept {
    const core::IngestCounters now = ingest_->counters();
    kind_.accepted.fetch_add(now.accepted - told_.accepted, std::memory_order_relaxed);
    if (now.dropped != told_.dropped) {
      for (std::size_t i = 0; i < core::kNGapReasons; ++i) {
        kind_.dropped[i].fetch_add(now.dropped_by[i] - told_.dropped_by[i], std::memory_order_relaxed);
      }
    }
    told_ = now;
  }
  void close() noexcept { kind_.streams.fetch_sub(std::exchange(n_feeds_, 0), std::memory_order_relaxed); }

  const std::unique_ptr<core::PcmIngest> ingest_;
  const std::size_t sample_bytes_;
  const int sample_rate_hz_;
  int n_feeds_;  ///< that are open
  IngestTotals& totals_;
  IngestTotals::Kind& kind_;
  core::IngestCounters told_;  ///< that are in the totals
};

}  // namespace

std::size_t source_kind_of(std::string_view scheme) noexcept {
  const auto* const found = std::find(kSourceKinds.begin(), kSourceKinds.end(), scheme);
  return static_cast<std::size_t>(std::min(found, kSourceKinds.end() - 1) - kSourceKinds.begin());
}

core::PcmIngestFactory metered(core::PcmIngestFactory make, IngestTotals& totals, std::size_t source_kind) {
  return [make = std::move(make), &totals, source_kind](const core::PcmFormat& format,
                                                        std::vector<core::AudioFeed*> feeds, core::Conceal conceal) {
    auto ingest = make(format, std::move(feeds), conceal);
    return std::make_unique<MeteredIngest>(std::move(ingest), format, totals, source_kind);
  };
}

}  // namespace melstream::daemon
