// Families of metrics in Prometheus' text format, filled at a scrape. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <prometheus/metric_family.h>

#include "melstream/core/histogram.hpp"

namespace melstream::daemon {

class MetricFamilies {
 public:
  struct Label {
    std::string_view name;
    std::string value;
  };
  using Labels = std::vector<Label>;

  /// The next values belong to this family. @param name without "melstream_". Once a name.
  MetricFamilies& counter(std::string_view name, std::string_view help);
  MetricFamilies& gauge(std::string_view name, std::string_view help);
  MetricFamilies& histogram(std::string_view name, std::string_view help);
  /// As above, but with a name that is not ours: "process_open_fds".
  MetricFamilies& foreign(std::string_view name, std::string_view help, bool is_counter);

  /// Of the family named last.
  MetricFamilies& value(double value, const Labels& labels = {});
  /// @param scale what a unit of the tally is in the metric: 1e-9 for nanoseconds in seconds.
  template <const auto& kBounds>
  MetricFamilies& tally(const core::Tally<kBounds>& tally, double scale, const Labels& labels = {}) {
    prometheus::ClientMetric metric = labelled(labels);
    std::uint64_t n = 0;
    for (std::size_t i = 0; i < tally.counts.size(); ++i) {
      n += static_cast<std::uint64_t>(tally.counts[i]);
      add_bucket(metric, n, i < kBounds.size() ? static_cast<double>(kBounds[i]) * scale : kInfinity);
    }
    metric.histogram.sample_count = n;
    metric.histogram.sample_sum = static_cast<double>(tally.sum) * scale;
    families_.back().metric.push_back(std::move(metric));
    return *this;
  }

  std::string text() const;

 private:
  static const double kInfinity;
  static prometheus::ClientMetric labelled(const Labels& labels);
  static void add_bucket(prometheus::ClientMetric& metric, std::uint64_t n, double bound);
  MetricFamilies& begin(std::string name, std::string_view help, prometheus::MetricType type);

  std::vector<prometheus::MetricFamily> families_;
};

}  // namespace melstream::daemon
