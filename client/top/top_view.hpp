// The lines of `melstream top`: plain characters, none longer than the terminal is wide. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "client/top/top_model.hpp"

namespace melstream::client {

/// What the user has chosen to see.
struct TopChoice {
  bool subscribers = false;  ///< instead of streams
  TopOrder order = TopOrder::kName;
  bool reversed = false;
  std::size_t skip = 0;  ///< rows above the first that is shown
  std::string labels;    ///< a label expression; empty: all
  std::string note;      ///< a mistake, or what is being typed; instead of the keys
  bool keys = true;      ///< a last line says what keys do
};

struct TopPage {
  std::vector<std::string> lines;
  std::size_t heading = 0;  ///< index of the line with the names of the columns
  std::size_t n_rows = 0;   ///< of the list, shown or not
};

/// @param height lines at most; 0: as many as there are rows.
TopPage draw_top(const TopModel& model, const TopChoice& choice, const std::string& server, int width, int height);

/// One JSON object of everything.
std::string top_json(const TopModel& model, const TopChoice& choice, const std::string& server);

}  // namespace melstream::client
