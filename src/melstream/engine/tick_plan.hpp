// How a tick is divided into units of work: lanes that share spectra become strands, strands with the same front ends
// are laid end to end, and units of at most n_unit_frames base frames are cut from that. Every unit can be computed by
// itself. Memory is reserved at construction; planning allocates nothing. Shared by all backends. Thread: the caller of
// submit().
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "melstream/engine/planned_prepared.hpp"

namespace melstream::engine {

inline constexpr int kMaxSharing = 4;  ///< lanes that share one FFT

/// Adjacent lanes with the same samples and equal transforms: each base frame's spectrum serves all of them.
struct Strand {
  std::int32_t first_lane = 0;
  std::int32_t n_lanes = 0;
  IndexRange centres;     ///< from the first row's centre to behind the last row's, of all lanes
  int halo = 0;           ///< base frames that a row needs besides its centre, the most of all lanes
  bool is_sparse = true;  ///< between the base frames of one row and those of the next lie some that nobody needs
};

/// Base frames of one strand that are computed together, for the rows whose centres are given.
struct Piece {
  std::int32_t strand = 0;
  IndexRange centres;
  IndexRange frames;
};

/// Adjacent pieces with the same front ends; together at most n_unit_frames frames.
struct Unit {
  std::int32_t first_piece = 0;
  std::int32_t n_pieces = 0;
};

/// Where the rows of a lane go.
struct LaneOutput {
  RowsPlace rows;
  float* maxima = nullptr;  ///< one after another
};

class TickPlan {
 public:
  explicit TickPlan(const Limits& limits);
  /// The plan refers to the tick's lanes and output. Throws EngineError if the tick exceeds the limits or its spans are
  /// too small.
  void build(const Tick& tick);

  std::span<const Unit> units() const noexcept { return units_; }
  const Piece& piece(std::int32_t index) const noexcept { return pieces_[static_cast<std::size_t>(index)]; }
  const Strand& strand_of(const Piece& piece) const noexcept {
    return strands_[static_cast<std::size_t>(piece.strand)];
  }
  const Lane& lane(std::int32_t index) const noexcept { return tick_.lanes[static_cast<std::size_t>(index)]; }
  const LaneOutput& output(std::int32_t lane) const noexcept { return outputs_[static_cast<std::size_t>(lane)]; }

 private:
  void check_and_place();
  void find_strands();
  void order_strands();
  void cut_units();
  Piece next_piece(std::int32_t strand, std::int64_t first_centre, std::int64_t room) const noexcept;
  std::int64_t n_unit_frames(const Strand& strand) const noexcept;
  std::int64_t centre_from(const Strand& strand, std::int64_t frame) const noexcept;
  int compare_recipes(const Strand& a, const Strand& b) const noexcept;

  const Limits limits_;
  Tick tick_;
  std::vector<LaneOutput> outputs_;  // [n_lanes]
  std::vector<Strand> strands_;
  std::vector<std::int32_t> order_;  // of strands_, those with the same front ends together
  std::vector<Piece> pieces_;
  std::vector<Unit> units_;
};

/// Rows of a lane whose centres lie in `centres`.
IndexRange rows_around(const Lane& lane, const IndexRange& centres) noexcept;

}  // namespace melstream::engine
