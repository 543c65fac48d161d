#include "melstream/engine/cuda/cuda_clip_engine.hpp"

#include <algorithm>
#include <mutex>
#include <string>
#include <utility>

#include "melstream/engine/cuda/clip_geometry-inl.hpp"
#include "melstream/engine/cuda/clip_plan.hpp"
#include "melstream/engine/cuda/fft_plans.hpp"
#include "melstream/engine/cuda/growing_memory.hpp"
#include "melstream/engine/cuda/prepared.hpp"

namespace melstream::engine::cuda {
namespace {

/// Where the last call ends on the device, on whatever stream it was made.
constexpr int kCallMark = 0;
/// Front ends whose tables are kept for calls to come.
constexpr std::size_t kMostKept = 64;

const core::SystemClock kSystemClock;

/// Device memory that one call after another uses.
class Workspace {
 public:
  Workspace(Device& device, const Sizes& sizes)
      : sizes_(sizes),
        input_(device, sizes.tile_floats * sizeof(float)),
        spectra_(device, sizes.tile_bins * sizeof(Complex)),
        energy_(device, kFirstBytes),
        base_rows_(device, kFirstBytes),
        records_(device, kFirstBytes),
        maxima_(device, kFirstBytes),
        scales_(device, kFirstBytes) {}

  /// Room for a batch. Throws UnusableDevice.
  void fit(const ClipBatch& batch, const ClipPlan& plan, const CudaPrepared& prepared) {
    const auto n_slots = static_cast<std::size_t>(plan.most_slots());
    input = input_.take<float>(sizes_.tile_floats);
    spectra = spectra_.take<Complex>(sizes_.tile_bins);
    energy = energy_.take<float>(n_slots);
    const auto n_values = static_cast<std::size_t>(prepared.rows().n_values());
    base_rows = prepared.is_assembled() ? base_rows_.take<float>(n_slots * n_values) : nullptr;
    records = records_.take<ClipRecord>(plan.records().size());
    maxima = nullptr;
    scales = nullptr;
    if (batch.normalization == Normalization::kWhisperWindow || batch.normalization == Normalization::kRunningMax) {
      maxima = maxima_.take<float>(static_cast<std::size_t>(plan.n_rows()));
    }
    if (batch.normalization == Normalization::kPerFeatureWindow) {
      scales = scales_.take<FeatureScale>(plan.records().size() * static_cast<std::size_t>(prepared.n_bins()));
    }
  }

  float* input = nullptr;          ///< [padded slots of a tile][n_fft]
  Complex* spectra = nullptr;      ///< [padded slots of a tile][n_fft / 2 + 1]
  float* energy = nullptr;         ///< [slots of a tile]
  float* base_rows = nullptr;      ///< [slots of a tile][n_values], where rows are assembled
  ClipRecord* records = nullptr;   ///< [n_clips]
  float* maxima = nullptr;         ///< [n_rows], where the batch is normalised by maxima
  FeatureScale* scales = nullptr;  ///< [n_clips][n_bins], where it is by bin

 private:
  static constexpr std::size_t kFirstBytes = std::size_t{64} << 10;
  const Sizes sizes_;
  GrowingMemory input_, spectra_, energy_, base_rows_, records_, maxima_, scales_;
};

/// The caller's stream is the queue's while this lives.
class BorrowedStream {
 public:
  BorrowedStream(ClipQueue& queue, void* cuda_stream) : queue_(queue) { queue_.use_stream(cuda_stream); }
  ~BorrowedStream() { queue_.use_own_stream(); }
  BorrowedStream(const BorrowedStream&) = delete;
  BorrowedStream& operator=(const BorrowedStream&) = delete;

 private:
  ClipQueue& queue_;
};

class ClipEngineOnDevice final : public CudaClipEngine {
 public:
  ClipEngineOnDevice(std::unique_ptr<ClipDevice> device, const ClipOptions& options)
      : device_(std::move(device)),
        pool_(*device_),
        plans_({*device_, queue_mutex_, options.clock != nullptr ? *options.clock : kSystemClock},
               Sizes(options.unit_frames)),
        cache_(PreparedMaker(pool_, plans_, Sizes(options.unit_frames))),
        workspace_(*device_, Sizes(options.unit_frames)),
        stop_device_{*device_} {
    for (const auto& front_end : options.front_ends) plans_.find_or_make(front_end->spec().transform.n_fft);
  }

  void prepare(const std::shared_ptr<const FrontEnd>& front_end, Smoothing smoothing) override {
    use([&] { find_or_make(front_end, smoothing); });
  }
  void extract_async(const ClipBatch& batch, void* cuda_stream) override {
    use([&] { extract(batch, cuda_stream); });
  }
  const ClipCounters& counters() const noexcept override { return counters_; }
  bool is_done() override {
    bool is_reached = false;
    use([&] { is_reached = device_->clip_queue().has_reached(kCallMark); });
    return is_reached;
  }

 private:
  template <typename Use>
  void use(const Use& use);
  std::shared_ptr<const CudaPrepared> find_or_make(const std::shared_ptr<const FrontEnd>& front_end,
                                                   Smoothing smoothing);
  void extract(const ClipBatch& batch, void* cuda_stream);
  void describe(ClipQueue& queue);
  void run_tile(ClipQueue& queue, const ClipTile& tile, const CudaPrepared& prepared, const ClipBatch& batch);
  void run_rows(ClipQueue& queue, const ClipTile& tile, const CudaPrepared& prepared, const ClipBatch& batch);
  void finish(ClipQueue& queue, const CudaPrepared& prepared, const ClipBatch& batch);
  ClipTable table() const noexcept { return {workspace_.records, static_cast<std::int32_t>(plan_.records().size())}; }
  void count_launches(int n) noexcept { counters_.n_launches += static_cast<std::uint64_t>(n); }

  const std::unique_ptr<ClipDevice> device_;  // before all that is made of it
  std::mutex mutex_;                          // of all below: calls take turns
  std::mutex queue_mutex_;                    // a probe's, which is made under mutex_
  TablePool pool_;
  FftPlanStore plans_;
  PreparedCache<PreparedMaker> cache_;
  std::vector<std::shared_ptr<const CudaPrepared>> kept_;  ///< the last used is the last
  ClipPlan plan_;
  Workspace workspace_;
  ClipCounters counters_;
  bool is_lost_ = false;
  /// Last, so first to go: nothing is freed while the device may still use it.
  struct StopDevice {
    Device& device;
    ~StopDevice() { device.stop(); }
  } stop_device_;
};

/// In turn. A device that fails is lost; one that has too little memory is not.
template <typename Use>
void ClipEngineOnDevice::use(const Use& use) {
  const std::lock_guard lock(mutex_);
  if (is_lost_) throw core::EngineError("the device is lost");
  try {
    use();
  } catch (const core::EngineError&) {
    is_lost_ = true;
    throw;
  } catch (const UnusableDevice& unusable) {
    if (unusable.why() != PluginError::kOutOfMemory) throw;
    throw core::Error(core::ErrorCode::kResourceExhausted, unusable.what());
  }
}

/// What is kept is given up only once the device has left it, since its memory is written to again at once.
std::shared_ptr<const CudaPrepared> ClipEngineOnDevice::find_or_make(const std::shared_ptr<const FrontEnd>& front_end,
                                                                     Smoothing smoothing) {
  if (front_end == nullptr) {
    throw core::Error(core::ErrorCode::kInvalidArgument, "front_end is null", "front_end");
  }
  const auto found = std::find_if(kept_.rbegin(), kept_.rend(), [&](const auto& prepared) {
    return prepared->smoothing() == smoothing && prepared->front_end().sha256() == front_end->sha256();
  });
  if (found != kept_.rend()) {
    std::rotate(found.base() - 1, found.base(), kept_.end());
    return kept_.back();
  }
  if (kept_.size() >= kMostKept && device_->clip_queue().has_reached(kCallMark)) kept_.erase(kept_.begin());
  kept_.push_back(cache_.find_or_make(front_end, smoothing));
  return kept_.back();
}

void ClipEngineOnDevice::extract(const ClipBatch& batch, void* cuda_stream) {
  // Before anything else: memory cannot be taken either while the stream is captured.
  if (const std::string why = device_->why_unusable_stream(cuda_stream); !why.empty()) {
    throw core::Error(core::ErrorCode::kFailedPrecondition, "cuda_stream " + why, "cuda_stream");
  }
  const std::shared_ptr<const CudaPrepared> prepared = find_or_make(batch.front_end, batch.smoothing);
  plan_.build(batch, *prepared, *device_);
  ++counters_.n_calls;
  if (plan_.n_rows() == 0 && plan_.n_tasks() == 0) return;
  workspace_.fit(batch, plan_, *prepared);
  ClipQueue& queue = device_->clip_queue();
  const BorrowedStream borrowed(queue, cuda_stream);
  queue.follow_async(kCallMark);
  describe(queue);
  for (const ClipTile& tile : plan_.tiles()) run_tile(queue, tile, *prepared, batch);
  finish(queue, *prepared, batch);
  queue.mark_async(kCallMark);
  counters_.n_clips += plan_.records().size();
  counters_.n_rows += static_cast<std::uint64_t>(plan_.n_rows());
  counters_.n_tiles += plan_.tiles().size();
}

void ClipEngineOnDevice::describe(ClipQueue& queue) {
  DescribeParams params;
  params.to = workspace_.records;
  for (std::span<const ClipRecord> left = plan_.records(); !left.empty();) {
    const std::size_t n = std::min<std::size_t>(left.size(), DescribeParams::kRecords);
    std::copy_n(left.begin(), n, params.records);
    params.n_records = static_cast<std::int32_t>(n);
    queue.describe_async(params);
    count_launches(1);
    params.to += n;
    left = left.subspan(n);
  }
}

void ClipEngineOnDevice::run_tile(ClipQueue& queue, const ClipTile& tile, const CudaPrepared& prepared,
                                  const ClipBatch& batch) {
  const TransformTables& transform = prepared.transform();
  GatherClipsParams gather;
  gather.gather = transform.gather;
  gather.gather.input = workspace_.input;
  gather.gather.energy = prepared.rows().energy_first ? workspace_.energy : nullptr;
  gather.gather.n_frames = tile.n_slots;
  gather.clips = table();
  gather.slots = plan_.slots();
  gather.sample_type = batch.sample_type;
  gather.first_slot = tile.first_slot;
  queue.gather_clips_async(gather);
  transform.plans->run_async(workspace_.input, workspace_.spectra, tile.n_slots);
  count_launches(2);
  run_rows(queue, tile, prepared, batch);
  counters_.n_frames += static_cast<std::uint64_t>(tile.n_slots);
}

void ClipEngineOnDevice::run_rows(ClipQueue& queue, const ClipTile& tile, const CudaPrepared& prepared,
                                  const ClipBatch& batch) {
  ClipTarget target;
  target.clips = table();
  target.first_row = tile.first_row;
  target.maxima = workspace_.maxima;
  target.is_fixed = batch.normalization == Normalization::kFixedMax;
  target.floor = whisper_floor(batch.fixed_max);
  RowsParams rows = prepared.rows();
  rows.spectra = workspace_.spectra;
  rows.energy = workspace_.energy;
  rows.n_frames = tile.n_slots;
  if (!prepared.is_assembled()) {
    queue.rows_of_clips_async({rows, target});
    count_launches(1);
    return;
  }
  rows.rows = workspace_.base_rows;
  queue.rows_async(rows);
  AssembleClipsParams assemble;
  assemble.assemble = prepared.assemble();
  assemble.assemble.base_rows = workspace_.base_rows;
  assemble.assemble.n_rows = tile.n_rows;
  assemble.target = target;
  assemble.slots = plan_.slots();
  assemble.first_slot = tile.first_slot;
  queue.assemble_clips_async(assemble);
  count_launches(2);
}

void ClipEngineOnDevice::finish(ClipQueue& queue, const CudaPrepared& prepared, const ClipBatch& batch) {
  if (plan_.n_tasks() == 0) return;
  FinishParams params;
  params.clips = table();
  params.n_tasks = plan_.n_tasks();
  params.n_bins = prepared.n_bins();
  params.fill = batch.fill;
  if (workspace_.maxima != nullptr) {
    queue.maxima_async({table(), workspace_.maxima, batch.normalization == Normalization::kRunningMax});
    params.normalization = batch.normalization;
    params.maxima = workspace_.maxima;
    count_launches(1);
  } else if (workspace_.scales != nullptr) {
    queue.feature_scales_async({table(), workspace_.scales, prepared.n_bins()});
    params.normalization = batch.normalization;
    params.scales = workspace_.scales;
    count_launches(1);
  }
  queue.finish_async(params);
  count_launches(1);
}

}  // namespace

std::unique_ptr<CudaClipEngine> make_clip_engine(std::unique_ptr<ClipDevice> device, const ClipOptions& options) {
  return std::make_unique<ClipEngineOnDevice>(std::move(device), options);
}

}  // namespace melstream::engine::cuda
