// What keys do to what `melstream top` shows. Pure.
#pragma once

#include <cstddef>
#include <string>

#include "client/top/top_view.hpp"

namespace melstream::client {

class TopKeys {
 public:
  /// @param typed as the terminal gave it: letters, or the sequence of an arrow. @param page rows that fit.
  /// @return false: the user wants to leave.
  bool press(const std::string& typed, std::size_t page, std::size_t n_rows, TopChoice& choice);

 private:
  void type(char c, TopChoice& choice);
  static bool press_letter(char c, TopChoice& choice);

  bool typing_ = false;  ///< a label expression
  std::string typed_;
};

}  // namespace melstream::client
