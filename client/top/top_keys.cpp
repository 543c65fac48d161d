#include "client/top/top_keys.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace melstream::client {
namespace {

std::optional<TopOrder> order_of(char c) {
  switch (c) {
    case 'n':
      return TopOrder::kName;
    case 'v':
      return TopOrder::kLevel;
    case 's':
      return TopOrder::kSubscribers;
    case 'a':
      return TopOrder::kLag;
    case 'g':
      return TopOrder::kGaps;
    case 't':
      return TopOrder::kGapRate;
    case 'b':
      return TopOrder::kBehind;
    default:
      return std::nullopt;
  }
}

/// Rows down of an arrow or a page key; 0 of anything else.
std::ptrdiff_t rows_of(const std::string& typed, std::size_t page) {
  const auto rows = static_cast<std::ptrdiff_t>(std::max<std::size_t>(page, 1));
  if (typed == "\x1b[A" || typed == "\x1bOA") return -1;
  if (typed == "\x1b[B" || typed == "\x1bOB") return 1;
  if (typed == "\x1b[5~") return -rows;
  if (typed == "\x1b[6~") return rows;
  return 0;
}

}  // namespace

bool TopKeys::press(const std::string& typed, std::size_t page, std::size_t n_rows, TopChoice& choice) {
  if (!typed.empty() && typed[0] == '\x1b') {
    if (typing_) {
      typing_ = false;
      choice.note.clear();
    }
    const auto last = static_cast<std::ptrdiff_t>(n_rows > page ? n_rows - page : 0);
    const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(choice.skip) + rows_of(typed, page);
    choice.skip = static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(at, 0, last));
    return true;
  }
  for (const char c : typed) {
    if (typing_) {
      type(c, choice);
    } else if (c == '/') {
      typing_ = true;
      typed_ = choice.labels;
      choice.note = "labels: " + typed_ + "_  (Enter takes it, nothing means all, Esc leaves it)";
    } else if (!press_letter(c, choice)) {
      return false;
    }
  }
  return true;
}

bool TopKeys::press_letter(char c, TopChoice& choice) {
  choice.note.clear();
  if (c == 'q') return false;
  if (c == '\t') {
    choice.subscribers = !choice.subscribers;
    choice.skip = 0;
  } else if (c == 'r') {
    choice.reversed = !choice.reversed;
  } else if (const auto order = order_of(c)) {
    choice.order = *order;
    choice.reversed = false;
    choice.skip = 0;
  }
  return true;
}

void TopKeys::type(char c, TopChoice& choice) {
  if (c == '\r' || c == '\n') {
    typing_ = false;
    choice.labels = typed_;
    choice.skip = 0;
    choice.note.clear();
    return;
  }
  if (c == '\x7f' || c == '\b') {
    if (!typed_.empty()) typed_.pop_back();
  } else if (c >= ' ' && c <= '~') {
    typed_.push_back(c);
  }
  choice.note = "labels: " + typed_ + "_  (Enter takes it, nothing means all, Esc leaves it)";
}

}  // namespace melstream::client
