#include "daemon/metric_families.hpp"

#include <cassert>
#include <limits>
#include <utility>

#include <prometheus/text_serializer.h>

namespace melstream::daemon {

const double MetricFamilies::kInfinity = std::numeric_limits<double>::infinity();

MetricFamilies& MetricFamilies::begin(std::string name, std::string_view help, prometheus::MetricType type) {
  families_.push_back({.name = std::move(name), .help = std::string(help), .type = type, .metric = {}});
  return *this;
}

MetricFamilies& MetricFamilies::counter(std::string_view name, std::string_view help) {
  return begin("melstream_" + std::string(name), help, prometheus::MetricType::Counter);
}

MetricFamilies& MetricFamilies::gauge(std::string_view name, std::string_view help) {
  return begin("melstream_" + std::string(name), help, prometheus::MetricType::Gauge);
}

MetricFamilies& MetricFamilies::histogram(std::string_view name, std::string_view help) {
  return begin("melstream_" + std::string(name), help, prometheus::MetricType::Histogram);
}

MetricFamilies& MetricFamilies::foreign(std::string_view name, std::string_view help, bool is_counter) {
  return begin(std::string(name), help, is_counter ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge);
}

MetricFamilies& MetricFamilies::value(double value, const Labels& labels) {
  assert(!families_.empty());
  prometheus::ClientMetric metric = labelled(labels);
  if (families_.back().type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  families_.back().metric.push_back(std::move(metric));
  return *this;
}

prometheus::ClientMetric MetricFamilies::labelled(const Labels& labels) {
  prometheus::ClientMetric metric;
  for (const Label& label : labels) metric.label.push_back({std::string(label.name), label.value});
  return metric;
}

void MetricFamilies::add_bucket(prometheus::ClientMetric& metric, std::uint64_t n, double bound) {
  prometheus::ClientMetric::Bucket bucket;
  bucket.cumulative_count = n;
  bucket.upper_bound = bound;
  metric.histogram.bucket.push_back(bucket);
}

std::string MetricFamilies::text() const { return prometheus::TextSerializer().Serialize(families_); }

}  // namespace melstream::daemon
