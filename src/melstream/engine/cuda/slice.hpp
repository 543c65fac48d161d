// A part of a tick on its way through the device: what is uploaded for it, what is downloaded, and where that goes.
// All memory is made at construction. Thread: that of Engine::submit and poll.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "melstream/engine/cuda/device.hpp"
#include "melstream/engine/cuda/limits.hpp"
#include "melstream/engine/cuda/pinned_regions.hpp"
#include "melstream/engine/cuda/prepared.hpp"
#include "melstream/engine/tick_plan.hpp"

namespace melstream::engine::cuda {

/// Device memory that units use one after another.
struct Tile {
  Tile(Device& device, const Sizes& sizes);
  float* input() const noexcept { return reinterpret_cast<float*>(input_memory.get()); }
  Complex* spectra() const noexcept { return reinterpret_cast<Complex*>(spectra_memory.get()); }
  float* energy() const noexcept { return reinterpret_cast<float*>(energy_memory.get()); }
  float* base_rows() const noexcept { return reinterpret_cast<float*>(base_memory.get()); }

  Memory input_memory;    ///< [tile_floats]
  Memory spectra_memory;  ///< [tile_bins]
  Memory energy_memory;   ///< [unit_frames]
  Memory base_memory;     ///< [row_floats]
};

class Slice {
 public:
  /// @param first_mark the slice's marks begin here; kMarksOfSlice of them.
  Slice(Device& device, const Sizes& sizes, int first_mark);

  static constexpr int kMarksOfSlice = 3 + 3 * kSliceUnits;

  void clear() noexcept;
  bool empty() const noexcept { return n_units_ == 0; }
  /// Gathers a unit: samples and tables to pinned memory. False, and nothing changed, if it does not fit any more.
  /// @param regions host memory whose samples the device reads in place; null: all are copied.
  /// Throws EngineError if it does not fit into an empty slice either.
  bool add(const TickPlan& plan, const Unit& unit, const PinnedRegions* regions);
  /// Enqueues everything: one upload, the kernels of each unit, one download.
  /// @param measure marks between the stages as well.
  void run_async(Queue& queue, const Tile& tile, bool measure);
  /// Has the device done all of it?
  bool is_done(Queue& queue) const { return queue.has_reached(first_mark_); }
  /// Copies rows and maxima to where the tick wants them. Once done.
  void deliver() const noexcept;

  std::size_t upload_bytes() const noexcept { return n_upload_; }
  /// Of the host's memory, that the kernels read over the link where it lies.
  std::size_t in_place_bytes() const noexcept { return n_in_place_; }
  std::size_t download_bytes() const noexcept { return n_out_ * sizeof(float); }
  int n_frames() const noexcept { return n_frames_; }
  int n_units() const noexcept { return n_units_; }
  int n_launches() const noexcept { return n_launches_; }
  /// Seconds of the device, once done and if measured: upload, gather, FFT, rows, download.
  std::array<double, 5> stage_seconds(Queue& queue) const;
  /// Seconds of the device from a mark of the caller's to the slice's end, likewise.
  double seconds_since(Queue& queue, int mark) const { return queue.seconds_between(mark, first_mark_); }

 private:
  /// What one lane of a recipe asks of a unit.
  struct LaneWork {
    const CudaPrepared* prepared = nullptr;
    std::size_t table = 0;  ///< offset in the upload: RowPlace [n_frames], or AssembleJob [n_rows]
    std::int32_t n_rows = 0;
  };
  struct UnitWork {
    std::size_t frames = 0;  ///< offset in the upload: FrameRef [n_frames]
    std::int32_t n_frames = 0;
    std::int32_t n_lanes = 0;
    std::array<LaneWork, kMaxSharing> lanes;
  };
  /// Floats that go from the download to the tick.
  struct Delivery {
    std::size_t from = 0;
    std::size_t n_floats = 0;
    float* to = nullptr;
    std::int64_t stride = 1;
  };
  struct Need {
    std::size_t upload = 0;
    std::size_t out = 0;
    std::int32_t n_frames = 0;
  };

  Need need_of(const TickPlan& plan, const Unit& unit) const noexcept;
  std::size_t take(std::size_t n_bytes) noexcept;
  void add_frames(const TickPlan& plan, const Unit& unit, UnitWork& work, const PinnedRegions* regions) noexcept;
  void add_lane(const TickPlan& plan, const Unit& unit, std::int32_t lane_of_strand, UnitWork& work) noexcept;
  void deliver_rows(const RowsPlace& place, std::size_t first, std::size_t from, std::size_t n,
                    std::size_t n_bins) noexcept;
  void deliver_to(float* to, std::size_t from, std::size_t n_floats) noexcept;
  void run_unit(Queue& queue, const Tile& tile, const UnitWork& work, int first_mark, bool measure);
  void run_lane(Queue& queue, const Tile& tile, const UnitWork& work, const LaneWork& lane, float* base_rows);

  template <typename Value>
  Value* host(std::size_t at) const noexcept {
    return reinterpret_cast<Value*>(upload_host_.get() + at);
  }
  template <typename Value>
  const Value* on_device(std::size_t at) const noexcept {
    return reinterpret_cast<const Value*>(upload_device_.get() + at);
  }

  const Sizes sizes_;
  const int first_mark_;
  Memory upload_host_;    ///< pinned, upload_bytes
  Memory upload_device_;  ///< upload_bytes
  Memory out_device_;     ///< row_floats
  Memory out_host_;       ///< pinned, row_floats
  std::array<UnitWork, kSliceUnits> units_;
  std::vector<Delivery> deliveries_;
  std::size_t n_upload_ = 0;
  std::size_t n_in_place_ = 0;
  std::size_t n_out_ = 0;
  int n_frames_ = 0;
  int n_units_ = 0;
  int n_launches_ = 0;
};

}  // namespace melstream::engine::cuda
