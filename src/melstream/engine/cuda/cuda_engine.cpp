#include "melstream/engine/cuda/cuda_engine.hpp"

#include <algorithm>
#include <mutex>
#include <thread>
#include <utility>

#include "melstream/engine/cuda/fft_plans.hpp"
#include "melstream/engine/cuda/limits.hpp"
#include "melstream/engine/cuda/pinned_regions.hpp"
#include "melstream/engine/cuda/prepared.hpp"
#include "melstream/engine/cuda/slice.hpp"
#include "melstream/engine/tick_plan.hpp"

namespace melstream::engine::cuda {
namespace {

/// Where a tick begins on the device, marked in turns: a tick has one slice at least, so no more are under way at once.
/// Behind the marks of the slices; the last of all marks is that of fft_probe.cpp.
constexpr int kFirstTickMark = kSlices * Slice::kMarksOfSlice;

static_assert(kFirstTickMark + kSlices < kMarks);

const core::SystemClock kSystemClock;

class EngineOnDevice final : public CudaEngine {
 public:
  EngineOnDevice(std::unique_ptr<Device> device, const Options& options);
  ~EngineOnDevice() override;

  std::shared_ptr<const Prepared> prepare(const std::shared_ptr<const FrontEnd>& front_end,
                                          Smoothing smoothing) override;
  Ticket submit(const Tick& tick) override;
  bool poll(Ticket ticket, std::chrono::nanoseconds wait) override;
  void register_host(std::span<std::byte> slab) override;
  const Counters& counters() const noexcept override { return counters_; }
  bool uses_fixed_plans() const override { return plans_.any_fixed(); }

 private:
  /// A slice, and the tick that it belongs to while it is on the device.
  struct Flight {
    std::unique_ptr<Slice> slice;
    Ticket ticket = 0;
    std::uint64_t number = 0;  ///< of all slices: the oldest has the least
    std::int64_t submitted_ns = 0;
    int tick_mark = 0;     ///< where its tick begins, if measured
    bool is_last = false;  ///< of its tick
    bool is_flying = false;
  };

  Flight& free_flight();
  void launch(Flight& flight, Ticket ticket, bool is_last);
  void measure(const Flight& flight);
  bool wait_for(const Flight& flight, std::int64_t until_ns);
  bool land_oldest(std::int64_t until_ns);
  Flight* oldest() noexcept;
  std::int64_t now_ns() const noexcept { return clock_.mono_ns(); }
  void check_usable() const;
  template <typename Use>
  auto use_device(const Use& use);

  const core::Clock& clock_;
  const bool spin_;
  const bool read_in_place_;
  const bool measure_;
  const std::unique_ptr<Device> device_;  // before all that is made of it
  /// One thread at a time uses the queue: the tick thread, and now and then one that probes a new FFT length.
  std::mutex queue_mutex_;
  TablePool pool_;
  FftPlanStore plans_;
  PreparedCache<PreparedMaker> prepared_;
  std::mutex regions_mutex_;
  PinnedRegions regions_;  // by regions_mutex_
  TickPlan plan_;
  Tile tile_;
  std::array<Flight, kSlices> flights_;
  Ticket last_ticket_ = 0;
  Ticket measured_ticket_ = 0;    ///< whose begin was marked last
  std::uint64_t n_measured_ = 0;  ///< ticks with a begin
  int tick_mark_ = 0;             ///< of measured_ticket_
  bool is_lost_ = false;          // by queue_mutex_
  Counters counters_;
  /// Last, so first to go: nothing is freed while the device may still write there.
  struct StopDevice {
    Device& device;
    ~StopDevice() { device.stop(); }
  } stop_device_;
};

EngineOnDevice::EngineOnDevice(std::unique_ptr<Device> device, const Options& options)
    : clock_(options.clock != nullptr ? *options.clock : kSystemClock),
      spin_(options.spin),
      read_in_place_(options.read_in_place),
      measure_(options.measure),
      device_(std::move(device)),
      pool_(*device_),
      plans_({*device_, queue_mutex_, clock_}, Sizes(options.unit_frames)),
      prepared_(PreparedMaker(pool_, plans_, Sizes(options.unit_frames))),
      plan_(options.limits),
      tile_(*device_, Sizes(options.unit_frames)),
      stop_device_{*device_} {
  int first_mark = 0;
  for (Flight& flight : flights_) {
    flight.slice = std::make_unique<Slice>(*device_, Sizes(options.unit_frames), first_mark);
    first_mark += Slice::kMarksOfSlice;
  }
  for (const auto& front_end : options.front_ends) plans_.find_or_make(front_end->spec().transform.n_fft);
}

/// Until the device has left the slices' memory. Nothing is delivered: whoever asks no more may have freed the rows.
EngineOnDevice::~EngineOnDevice() {
  try {
    const std::int64_t patience_ns = now_ns() + std::chrono::nanoseconds(kHangLimit).count();
    for (const Flight& flight : flights_) {
      if (flight.is_flying && !is_lost_) wait_for(flight, patience_ns);
    }
  } catch (...) {  // a device that fails now has nothing left to give
    is_lost_ = true;
  }
}

/// What is done beside the tick thread, while ticks go on.
template <typename Use>
auto EngineOnDevice::use_device(const Use& use) {
  {
    const std::lock_guard lock(queue_mutex_);
    check_usable();
  }
  try {
    return use();
  } catch (const core::EngineError&) {
    const std::lock_guard lock(queue_mutex_);
    is_lost_ = true;
    throw;
  }
}

std::shared_ptr<const Prepared> EngineOnDevice::prepare(const std::shared_ptr<const FrontEnd>& front_end,
                                                        Smoothing smoothing) {
  return use_device([&] { return prepared_.find_or_make(front_end, smoothing); });
}

void EngineOnDevice::register_host(std::span<std::byte> slab) {
  if (!read_in_place_) return;
  const std::byte* const on_device = use_device([&] { return device_->pin(slab); });
  if (on_device == nullptr) return;
  const std::lock_guard lock(regions_mutex_);
  regions_.add(slab, on_device);
}

void EngineOnDevice::check_usable() const {
  if (is_lost_) throw core::EngineError("the device is lost");
}

EngineOnDevice::Flight* EngineOnDevice::oldest() noexcept {
  Flight* oldest = nullptr;
  for (Flight& flight : flights_) {
    if (flight.is_flying && (oldest == nullptr || flight.number < oldest->number)) oldest = &flight;
  }
  return oldest;
}

/// Waits for a slice on the device until a time of the clock. False if it is not done by then. Throws EngineError past
/// the hang limit.
bool EngineOnDevice::wait_for(const Flight& flight, std::int64_t until_ns) {
  for (;;) {
    // Before the question: this thread may be kept waiting behind it, when the answer is old.
    const std::int64_t now = now_ns();
    if (flight.slice->is_done(device_->queue())) return true;
    if (now - flight.submitted_ns > std::chrono::nanoseconds(kHangLimit).count()) {
      throw core::EngineError("a tick took over " + std::to_string(kHangLimit.count()) + " ms on " +
                              device_->info().name);
    }
    if (now >= until_ns) return false;
    if (!spin_) std::this_thread::sleep_for(kNap);
  }
}

/// Waits as wait_for() does for the oldest slice, and delivers it. False if there is none, too.
bool EngineOnDevice::land_oldest(std::int64_t until_ns) {
  Flight* const flight = oldest();
  if (flight == nullptr || !wait_for(*flight, until_ns)) return false;
  const std::int64_t begin = now_ns();
  flight->slice->deliver();
  flight->is_flying = false;
  counters_.deliver_seconds += static_cast<double>(now_ns() - begin) * 1e-9;
  if (measure_) measure(*flight);
  return true;
}

/// Of a slice that is done, before its marks are used again.
void EngineOnDevice::measure(const Flight& flight) {
  const auto seconds = flight.slice->stage_seconds(device_->queue());
  for (std::size_t i = 0; i < seconds.size(); ++i) counters_.stage_seconds[i] += seconds[i];
  if (flight.is_last) {
    counters_.device_span_seconds += flight.slice->seconds_since(device_->queue(), flight.tick_mark);
  }
}

/// An empty slice; waits for one if both are on the device.
EngineOnDevice::Flight& EngineOnDevice::free_flight() {
  for (;;) {
    for (Flight& flight : flights_) {
      if (flight.is_flying) continue;
      flight.slice->clear();
      return flight;
    }
    land_oldest(now_ns() + 2 * std::chrono::nanoseconds(kHangLimit).count());
  }
}

void EngineOnDevice::launch(Flight& flight, Ticket ticket, bool is_last) {
  flight.ticket = ticket;
  flight.number = ++counters_.n_slices;
  flight.is_last = is_last;
  flight.is_flying = true;
  if (measure_) {
    if (std::exchange(measured_ticket_, ticket) != ticket) {
      tick_mark_ = kFirstTickMark + static_cast<int>(++n_measured_ % kSlices);
      device_->queue().mark_async(tick_mark_);
    }
    flight.tick_mark = tick_mark_;
  }
  flight.slice->run_async(device_->queue(), tile_, measure_);
  flight.submitted_ns = now_ns();
  counters_.n_copies += 2;
  counters_.n_launches += static_cast<std::uint64_t>(flight.slice->n_launches());
  counters_.n_frames += static_cast<std::uint64_t>(flight.slice->n_frames());
  counters_.uploaded_bytes += flight.slice->upload_bytes();
  counters_.in_place_bytes += flight.slice->in_place_bytes();
  counters_.downloaded_bytes += flight.slice->download_bytes();
}

Ticket EngineOnDevice::submit(const Tick& tick) {
  const std::lock_guard lock(queue_mutex_);
  check_usable();
  try {
    const std::lock_guard regions_lock(regions_mutex_);
    const PinnedRegions* const regions = read_in_place_ ? &regions_ : nullptr;
    std::int64_t begin = now_ns();
    const Ticket ticket = last_ticket_ + 1;
    plan_.build(tick);
    last_ticket_ = ticket;
    ++counters_.n_ticks;
    Flight* flight = nullptr;
    for (const Unit& unit : plan_.units()) {
      if (flight == nullptr) flight = &free_flight();
      if (flight->slice->add(plan_, unit, regions)) continue;
      counters_.gather_seconds += static_cast<double>(now_ns() - begin) * 1e-9;
      launch(*flight, ticket, false);
      flight = &free_flight();
      begin = now_ns();
      flight->slice->add(plan_, unit, regions);
    }
    counters_.gather_seconds += static_cast<double>(now_ns() - begin) * 1e-9;
    if (flight != nullptr) launch(*flight, ticket, true);
    return ticket;
  } catch (...) {
    is_lost_ = true;
    throw;
  }
}

bool EngineOnDevice::poll(Ticket ticket, std::chrono::nanoseconds wait) {
  const std::int64_t until_ns = now_ns() + std::min<std::chrono::nanoseconds>(wait, std::chrono::hours(1)).count();
  const std::lock_guard lock(queue_mutex_);
  check_usable();
  try {
    for (;;) {
      const Flight* const flight = oldest();
      if (flight == nullptr || flight->ticket > ticket) return true;
      if (!land_oldest(until_ns)) return false;
    }
  } catch (...) {
    is_lost_ = true;
    throw;
  }
}

}  // namespace

std::unique_ptr<CudaEngine> make_engine(std::unique_ptr<Device> device, const Options& options) {
  return std::make_unique<EngineOnDevice>(std::move(device), options);
}

}  // namespace melstream::engine::cuda
