#include "bench/gpu_check/report.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <fstream>
#include <ostream>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace melstream::bench {
namespace {

/// A JSON string.
void write_quoted(std::ostream& out, const std::string& words) {
  out << '"';
  for (const char c : words) {
    if (c == '"' || c == '\\') {
      out << '\\' << c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out << text("\\u%04x", static_cast<unsigned>(c));
    } else {
      out << c;
    }
  }
  out << '"';
}

/// JSON knows no NaN and no infinity.
std::string number(double value) { return std::isfinite(value) ? text("%.9g", value) : "null"; }

/// Items with a separator between them.
template <typename Items, typename Write>
void write_joined(std::ostream& out, const Items& items, const char* separator, Write write) {
  bool is_first = true;
  for (const auto& item : items) {
    if (!std::exchange(is_first, false)) out << separator;
    write(item);
  }
}

void write_array(std::ostream& out, const std::vector<std::string>& words) {
  out << '[';
  write_joined(out, words, ", ", [&](const std::string& word) { write_quoted(out, word); });
  out << ']';
}

/// A row of a Markdown table.
std::string cells_of(const std::vector<std::string>& cells) {
  std::ostringstream out;
  out << "| ";
  write_joined(out, cells, " | ", [&](const std::string& cell) { out << cell; });
  out << " |";
  return out.str();
}

}  // namespace

std::string text(const char* format, ...) {
  std::array<char, 1024> buffer{};
  std::va_list arguments;
  va_start(arguments, format);
  const int n = std::vsnprintf(buffer.data(), buffer.size(), format, arguments);
  va_end(arguments);
  return {buffer.data(), std::min(buffer.size() - 1, static_cast<std::size_t>(std::max(n, 0)))};
}

Report::Report(std::string stage) : stage_(std::move(stage)) {}

void Report::line(const std::string& words) {
  std::puts(words.c_str());
  std::fflush(stdout);
}

void Report::check(bool passed, const std::string& name, const std::string& detail) {
  ++(passed ? n_passed_ : n_failed_);
  checks_.push_back({name, passed ? "passed" : "failed", detail});
  line(text("  %s  %s%s%s", passed ? "ok  " : "FAIL", name.c_str(), detail.empty() ? "" : ": ", detail.c_str()));
}

void Report::not_run(const std::string& name, const std::string& why) {
  checks_.push_back({name, "not run", why});
  line(text("  --    %s: not run: %s", name.c_str(), why.c_str()));
}

void Report::fact(const std::string& name, const std::string& value) {
  facts_.emplace_back(name, value);
  line(text("  %s: %s", name.c_str(), value.c_str()));
}

void Report::figure(const std::string& name, double value) { figures_.emplace_back(name, value); }

void Report::begin_table(const std::string& title, const std::vector<std::string>& columns) {
  tables_.push_back({title, columns, {}});
  line(text("\n%s\n", title.c_str()));
  line(cells_of(columns));
  line(cells_of(std::vector<std::string>(columns.size(), "---")));
}

void Report::row(const std::vector<std::string>& cells) {
  tables_.back().rows.push_back(cells);
  line(cells_of(cells));
}

void Report::write_json(const std::filesystem::path& file) const {
  std::ofstream out(file);
  const auto write_member = [&](const std::string& name, const std::string& value) {
    write_quoted(out, name);
    out << ": ";
    write_quoted(out, value);
  };
  out << "{\n  ";
  write_member("stage", stage_);
  out << ",\n  \"passed\": " << n_passed_ << ",\n  \"failed\": " << n_failed_ << ",\n  \"facts\": {\n    ";
  write_joined(out, facts_, ",\n    ", [&](const auto& fact) { write_member(fact.first, fact.second); });
  out << "\n  },\n  \"figures\": {\n    ";
  write_joined(out, figures_, ",\n    ", [&](const auto& figure) {
    write_quoted(out, figure.first);
    out << ": " << number(figure.second);
  });
  out << "\n  },\n  \"checks\": [\n    ";
  write_joined(out, checks_, ",\n    ", [&](const Check& check) {
    out << '{';
    write_member("name", check.name);
    out << ", ";
    write_member("outcome", check.outcome);
    out << ", ";
    write_member("detail", check.detail);
    out << '}';
  });
  out << "\n  ],\n  \"tables\": [\n    ";
  write_joined(out, tables_, ",\n    ", [&](const Table& table) {
    out << '{';
    write_member("title", table.title);
    out << ", \"columns\": ";
    write_array(out, table.columns);
    out << ", \"rows\": [\n      ";
    write_joined(out, table.rows, ",\n      ", [&](const auto& cells) { write_array(out, cells); });
    out << "]}";
  });
  out << "\n  ]\n}\n";
  if (!out.flush()) throw std::runtime_error("cannot write " + file.string());
}

}  // namespace melstream::bench
