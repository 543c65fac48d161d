// What an instruction target computes: from samples to power spectra, from power spectra to rows, for one frame in each
// lane of a vector. Lanes never mix: a frame's bits do not depend on its neighbours.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "melstream/engine/cpu/tables.hpp"
#include "melstream/engine/cpu/workspace.hpp"

namespace melstream::engine::cpu {

/// The frames of one group, one a lane.
struct FrameGroup {
  /// Sample 0 of each frame; `lead` samples before it can be read as well.
  std::array<const float*, kMaxLanes> frames{};
  /// First sample of each frame at or behind the segment's end, after pre-emphasis a zero; n_window if none.
  std::array<int, kMaxLanes> n_valid{};
  bool any_cut = false;  ///< some n_valid is less than the window
  bool wants_energy = false;
};

/// Where the rows of a group go; all lanes must be given, unwanted ones may share a place.
struct RowSinks {
  std::array<float*, kMaxLanes> rows{};    ///< [n_values] each
  std::array<float*, kMaxLanes> maxima{};  ///< largest value of the row
};

/// Where the rows of a group go if they are adjacent rows of one lane and bins lie apart: value m of frame i at
/// values[m * bin_stride + i].
struct ColumnSink {
  float* values = nullptr;
  std::int64_t bin_stride = 0;
  float* maxima = nullptr;  ///< [n_lanes]
};

/// One instruction target. Functions read tables made for `n_lanes`. Thread-safe; allocate nothing.
struct Kernels {
  std::string_view target;  ///< "avx512", "avx2", "sse4", "neon", "scalar"
  int n_lanes = 0;
  /// Fills workspace.power and, if wanted, workspace.energy.
  void (*power)(const TransformTables& tables, const FrameGroup& group, const Workspace& workspace) noexcept = nullptr;
  /// Mel, logarithm and cepstrum of workspace.power.
  void (*rows)(const RowTables& tables, const Workspace& workspace, const RowSinks& sinks) noexcept = nullptr;
  /// The same values, a column each.
  void (*columns)(const RowTables& tables, const Workspace& workspace, const ColumnSink& sink) noexcept = nullptr;
};

/// Those of this build that this machine can run, best first; "scalar" is always the last.
std::span<const Kernels* const> runnable_kernels();

}  // namespace melstream::engine::cpu
