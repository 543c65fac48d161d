#include "tests/engine/scripted_engine.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include <gtest/gtest.h>

namespace melstream::test {
namespace {

class ScriptedPrepared final : public engine::Prepared {
 public:
  ScriptedPrepared(std::shared_ptr<const engine::FrontEnd> front_end, engine::Smoothing smoothing, Script& script)
      : Prepared(std::move(front_end), smoothing), script_(script) {
    ++script_.n_prepared;
  }
  ScriptedPrepared(const ScriptedPrepared&) = delete;
  ScriptedPrepared& operator=(const ScriptedPrepared&) = delete;
  ~ScriptedPrepared() override { --script_.n_prepared; }
  const Script& script() const noexcept { return script_; }

 private:
  Script& script_;
};

class ScriptedEngine final : public engine::Engine {
 public:
  explicit ScriptedEngine(Script& script) : script_(script) {}
  ScriptedEngine(const ScriptedEngine&) = delete;
  ScriptedEngine& operator=(const ScriptedEngine&) = delete;
  ~ScriptedEngine() override { script_.is_destroyed = true; }

  std::shared_ptr<const engine::Prepared> prepare(const std::shared_ptr<const engine::FrontEnd>& front_end,
                                                  engine::Smoothing smoothing) override {
    if (script_.on_prepare) script_.on_prepare();
    return std::make_shared<const ScriptedPrepared>(front_end, smoothing, script_);
  }

  engine::Ticket submit(const engine::Tick& tick) override {
    const int n_before = script_.n_submits++;
    if (script_.on_submit) script_.on_submit(n_before);
    for (const engine::Lane& lane : tick.lanes) {
      const auto* const prepared = dynamic_cast<const ScriptedPrepared*>(lane.prepared);
      EXPECT_TRUE(prepared != nullptr && &prepared->script() == &script_) << "tables of another engine";
    }
    script_.ticks.push_back(tick.rows.data());
    under_way_[++last_ticket_] = {tick, script_.polls_until_done};
    return last_ticket_;
  }

  bool poll(engine::Ticket ticket, std::chrono::nanoseconds /*wait*/) override {
    const int n_before = script_.n_polls++;
    if (script_.on_poll) script_.on_poll(n_before);
    const auto found = under_way_.find(ticket);
    if (found == under_way_.end()) return true;
    auto& [tick, polls_left] = found->second;
    if (--polls_left > 0) return false;
    std::fill(tick.rows.begin(), tick.rows.end(), script_.value);
    std::fill(tick.maxima.begin(), tick.maxima.end(), script_.value);
    under_way_.erase(found);
    return true;
  }

  void register_host(std::span<std::byte> slab) override {
    if (script_.on_register) script_.on_register();
    script_.slabs.push_back(slab.data());
  }

 private:
  Script& script_;
  std::map<engine::Ticket, std::pair<engine::Tick, int>> under_way_;
  engine::Ticket last_ticket_ = 0;
};

}  // namespace

engine::EngineInstance make_scripted_engine(Script& script, const engine::EngineInfo& info) {
  return {std::make_unique<ScriptedEngine>(script), info};
}

}  // namespace melstream::test
