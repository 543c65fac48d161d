#include "melstream/engine/failover_engine.hpp"

#include <algorithm>
#include <cstddef>
#include <exception>
#include <mutex>
#include <utility>

#include "melstream/core/error.hpp"

namespace melstream::engine {
namespace {

/// submit() finishes the oldest before it takes one more.
constexpr std::size_t kTicksUnderWay = 4;

/// Keeps for ever what must not be destroyed, where leak checkers see that it is meant.
void keep_for_ever(std::shared_ptr<const void> object) {
  static std::mutex mutex;
  static auto* const kept = new std::vector<std::shared_ptr<const void>>;
  const std::lock_guard lock(mutex);
  kept->push_back(std::move(object));
}

/// Of the exception that is being handled.
std::string reason_of_exception() {
  try {
    throw;
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "unknown exception";
  }
}

}  // namespace

/// That the primary is lost, and why. Thread-safe.
class FailoverEngine::Loss {
 public:
  /// True for the first.
  bool set(const std::string& reason) {
    const std::lock_guard lock(mutex_);
    if (reason_) return false;
    reason_ = reason;
    return true;
  }
  bool is_set() const noexcept {
    const std::lock_guard lock(mutex_);
    return reason_.has_value();
  }
  std::optional<std::string> reason() const {
    const std::lock_guard lock(mutex_);
    return reason_;
  }

 private:
  mutable std::mutex mutex_;
  std::optional<std::string> reason_;
};

/// What both engines made of one front end. The primary's is null if it was lost before.
class FailoverEngine::PreparedPair final : public Prepared {
 public:
  PreparedPair(std::shared_ptr<const Prepared> primary, std::shared_ptr<const Prepared> standby,
               const std::shared_ptr<const FrontEnd>& front_end, std::shared_ptr<const Loss> loss)
      : Prepared(front_end, standby->smoothing()),
        primary_(std::move(primary)),
        standby_(std::move(standby)),
        loss_(std::move(loss)) {}
  PreparedPair(const PreparedPair&) = delete;
  PreparedPair& operator=(const PreparedPair&) = delete;
  ~PreparedPair() override {
    if (primary_ && loss_->is_set()) keep_for_ever(std::move(primary_));
  }

  const Prepared* primary() const noexcept { return primary_.get(); }
  const Prepared* standby() const noexcept { return standby_.get(); }

 private:
  std::shared_ptr<const Prepared> primary_;
  std::shared_ptr<const Prepared> standby_;
  std::shared_ptr<const Loss> loss_;
};

/// A tick whose poll() has not said done yet.
struct FailoverEngine::TickUnderWay {
  explicit TickUnderWay(const Limits& limits) { lanes.reserve(static_cast<std::size_t>(limits.max_lanes)); }

  /// The caller's lanes as one of the engines knows them.
  template <typename Choose>
  Tick translated(Choose choose) {
    lanes.assign(tick.lanes.begin(), tick.lanes.end());
    for (Lane& lane : lanes) lane.prepared = choose(*static_cast<const PreparedPair*>(lane.prepared));
    return {.lanes = lanes, .rows = tick.rows, .maxima = tick.maxima, .places = tick.places};
  }

  Tick tick;                ///< the caller's
  std::vector<Lane> lanes;  ///< stays until the engine has done it
  Ticket ticket = 0;
  Ticket engines_ticket = 0;
  bool is_under_way = false;
  bool is_on_primary = false;
};

FailoverEngine::FailoverEngine(EngineInstance primary, EngineInstance standby, const Limits& limits, OnLoss on_loss)
    : primary_(std::move(primary)),
      standby_(std::move(standby)),
      on_loss_(std::move(on_loss)),
      loss_(std::make_shared<Loss>()) {
  ticks_.reserve(kTicksUnderWay);
  for (std::size_t i = 0; i < kTicksUnderWay; ++i) ticks_.emplace_back(limits);
}

FailoverEngine::~FailoverEngine() {
  if (loss_->is_set()) keep_for_ever(std::shared_ptr<const Engine>(std::move(primary_.engine)));
}

std::shared_ptr<const Prepared> FailoverEngine::prepare(const std::shared_ptr<const FrontEnd>& front_end,
                                                        Smoothing smoothing) {
  std::shared_ptr<const Prepared> standby = standby_.engine->prepare(front_end, smoothing);
  std::shared_ptr<const Prepared> primary;
  if (!loss_->is_set()) {
    try {
      primary = primary_.engine->prepare(front_end, smoothing);
    } catch (const core::Error& error) {
      if (error.code() == core::ErrorCode::kInvalidArgument) throw;
      lose_primary(error.what());
    } catch (...) {
      lose_primary(reason_of_exception());
    }
  }
  return std::make_shared<const PreparedPair>(std::move(primary), std::move(standby), front_end, loss_);
}

Ticket FailoverEngine::submit(const Tick& tick) {
  const Ticket ticket = last_ticket_ + 1;
  TickUnderWay& slot = ticks_[ticket % kTicksUnderWay];
  while (!poll(slot.ticket, std::chrono::seconds(1))) {
  }
  last_ticket_ = ticket;
  slot.tick = tick;
  slot.ticket = ticket;
  slot.is_under_way = true;
  if (loss_->is_set()) {
    start_on_standby(slot);
  } else {
    start_on_primary(slot);
  }
  return ticket;
}

bool FailoverEngine::poll(Ticket ticket, std::chrono::nanoseconds wait) {
  TickUnderWay& slot = ticks_[ticket % kTicksUnderWay];
  // A slot that was given to a later ticket had been done.
  if (slot.ticket != ticket || !slot.is_under_way) return true;
  if (slot.is_on_primary) {
    try {
      slot.is_under_way = !primary_.engine->poll(slot.engines_ticket, wait);
      return !slot.is_under_way;
    } catch (...) {
      fail_over(reason_of_exception());
    }
    wait = std::chrono::nanoseconds(0);  // the primary has had it
  }
  slot.is_under_way = !standby_.engine->poll(slot.engines_ticket, wait);
  return !slot.is_under_way;
}

void FailoverEngine::register_host(std::span<std::byte> slab) {
  standby_.engine->register_host(slab);
  if (loss_->is_set()) return;
  try {
    primary_.engine->register_host(slab);
  } catch (...) {
    lose_primary(reason_of_exception());
  }
}

EngineInfo FailoverEngine::info() const { return loss_->is_set() ? standby_.info : primary_.info; }

std::optional<std::string> FailoverEngine::loss() const { return loss_->reason(); }

void FailoverEngine::start_on_primary(TickUnderWay& tick) {
  tick.is_on_primary = true;
  try {
    tick.engines_ticket =
        primary_.engine->submit(tick.translated([](const PreparedPair& pair) { return pair.primary(); }));
  } catch (...) {
    fail_over(reason_of_exception());
  }
}

void FailoverEngine::start_on_standby(TickUnderWay& tick) {
  tick.is_on_primary = false;
  tick.engines_ticket =
      standby_.engine->submit(tick.translated([](const PreparedPair& pair) { return pair.standby(); }));
}

void FailoverEngine::lose_primary(const std::string& reason) {
  if (loss_->set(reason) && on_loss_) on_loss_(reason);
}

/// All that the primary has under way goes to the standby, oldest first.
void FailoverEngine::fail_over(const std::string& reason) {
  lose_primary(reason);
  for (std::size_t i = 1; i <= kTicksUnderWay; ++i) {
    TickUnderWay& tick = ticks_[(last_ticket_ + i) % kTicksUnderWay];
    if (tick.is_under_way && tick.is_on_primary) start_on_standby(tick);
  }
}

}  // namespace melstream::engine
