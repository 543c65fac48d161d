// Finished rows on their way to places whose bins do not lie side by side. Pure function; any thread.
#pragma once

#include <cstdint>

#include "melstream/engine/engine.hpp"

namespace melstream::engine::cpu {

/// Copies rows to a place. @param rows [n_rows][n_bins].
void scatter_rows(const float* rows, std::int64_t n_rows, std::int64_t n_bins, const RowsPlace& place) noexcept;

}  // namespace melstream::engine::cpu
