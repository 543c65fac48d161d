// What a stage of gpu_check found: printed as it goes, counted, and kept for the JSON file.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace melstream::bench {

/// printf to a string.
[[gnu::format(printf, 1, 2)]] std::string text(const char* format, ...);

/// Prints to standard output, flushing each line. Not thread-safe.
class Report {
 public:
  explicit Report(std::string stage);

  void line(const std::string& words);
  /// One check: counted as passed or failed.
  void check(bool passed, const std::string& name, const std::string& detail = {});
  /// A check that could not be made; not counted.
  void not_run(const std::string& name, const std::string& why);
  void fact(const std::string& name, const std::string& value);
  /// One number for the JSON file; printed only if told so in words as well.
  void figure(const std::string& name, double value);

  /// Starts a Markdown table; rows that follow belong to it.
  void begin_table(const std::string& title, const std::vector<std::string>& columns);
  void row(const std::vector<std::string>& cells);

  int n_passed() const noexcept { return n_passed_; }
  int n_failed() const noexcept { return n_failed_; }
  /// Throws std::runtime_error.
  void write_json(const std::filesystem::path& file) const;

 private:
  struct Check {
    std::string name, outcome, detail;
  };
  struct Table {
    std::string title;
    std::vector<std::string> columns;
    std::vector<std::vector<std::string>> rows;
  };

  std::string stage_;
  std::vector<Check> checks_;
  std::vector<std::pair<std::string, std::string>> facts_;
  std::vector<std::pair<std::string, double>> figures_;
  std::vector<Table> tables_;
  int n_passed_ = 0;
  int n_failed_ = 0;
};

}  // namespace melstream::bench
