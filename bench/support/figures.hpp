// The few figures that repeats of a measurement come down to, and how they are printed.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <sstream>
#include <string>
#include <vector>

namespace melstream::bench {

/// 0 of none.
inline double min_of(const std::vector<double>& values) {
  return values.empty() ? 0 : *std::min_element(values.begin(), values.end());
}

/// The lower of the two in the middle; 0 of none.
inline double median_of(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[(values.size() - 1) / 2];
}

/// One line of JSON.
class JsonLine {
 public:
  JsonLine& add(const std::string& name, const std::string& value) { return put(name, '"' + value + '"'); }
  JsonLine& add(const std::string& name, double value) {
    std::ostringstream text;
    text.precision(6);
    text << value;
    return put(name, text.str());
  }
  JsonLine& add(const std::string& name, std::int64_t value) { return put(name, std::to_string(value)); }
  JsonLine& add(const std::string& name, int value) { return put(name, std::to_string(value)); }
  std::string text() const { return "{" + fields_ + "}"; }

 private:
  JsonLine& put(const std::string& name, const std::string& value) {
    fields_ += (fields_.empty() ? "\"" : ", \"") + name + "\": " + value;
    return *this;
  }
  std::string fields_;
};

}  // namespace melstream::bench
