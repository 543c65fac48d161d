#include "client/load/verdict.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "client/number_text.hpp"

namespace melstream::client {
namespace {

/// Above it a thread, the tick or the processors count as full: waiting times grow without bound beyond.
constexpr double kFull = 0.85;
/// What an operator should plan with at most.
constexpr double kPlanned = 0.8;
/// The generator is late when its 99th of 100 chunks is by more than half of a chunk.
constexpr double kLateChunks = 0.5;

/// A resource that can run out.
struct Use {
  std::string name;
  double share = 0;
  std::string remedy;
};

std::string percent(double share) { return fixed_number(100 * share, 0) + " %"; }

std::int64_t count_of(const std::map<std::string, std::int64_t>& counts, const std::string& key) {
  const auto found = counts.find(key);
  return found == counts.end() ? 0 : found->second;
}

std::string engine_remedy(const DaemonUse& daemon) {
  if (daemon.backend != "cpu") return "spread the streams over a second daemon";
  if (daemon.engine_threads < daemon.processors)
    return "add engine.threads (now " + std::to_string(daemon.engine_threads) + ") or a GPU";
  return "add a GPU, or spread the streams over a second daemon";
}

std::string thread_remedy(const std::string& name, const LoadFacts& facts) {
  if (name != "ms-subscribe") return "spread the streams over a second daemon";
  return facts.readers == "one" ? "let readers follow many streams by one call, or take larger blocks"
                                : "let readers take larger blocks, or spread the streams over a second daemon";
}

/// Of the daemon, the fullest first.
std::vector<Use> uses_of(const LoadFacts& facts) {
  const DaemonUse& daemon = facts.daemon;
  std::vector<Use> uses;
  if (!daemon.known || daemon.wall_s <= 0) return uses;
  uses.push_back({"the tick", daemon.tick_share,
                  "the tick takes " + percent(daemon.tick_share) + " of its period: " + engine_remedy(daemon)});
  for (const auto& [name, share] : daemon.thread_shares) {
    // By the clock the tick says more than by its thread's processor time.
    if (name == "ms-tick") continue;
    uses.push_back({"thread " + name, share,
                    "thread " + name + " needs " + percent(share) + " of a processor: " + thread_remedy(name, facts)});
  }
  if (daemon.processors > 0) {
    const double share = daemon.cpu_s / daemon.wall_s / daemon.processors;
    const std::string remedy = "the daemon takes " + percent(share) + " of its " + std::to_string(daemon.processors) +
                               " processors: give it more, or send many streams by one call (StreamAudioBatch)";
    uses.push_back({"all its processors", share, remedy});
  }
  std::stable_sort(uses.begin(), uses.end(), [](const Use& a, const Use& b) { return a.share > b.share; });
  return uses;
}

bool generator_is_late(const LoadFacts& facts) {
  return facts.lateness.quantile_ms(0.99) > kLateChunks * facts.chunk_ms;
}

/// What the load generator lacked, if it lacked anything.
std::string generator_limit(const LoadFacts& facts) {
  const GeneratorUse& generator = facts.generator;
  const bool full = generator.busiest_share > kFull;
  if (!full && !generator_is_late(facts)) return "";
  std::string text = "the load generator, not the daemon, was the limit: ";
  if (full) {
    text += "its busiest thread needs " + percent(generator.busiest_share) +
            " of a processor; use --batch and "
            "--subscribe many, more --threads, or several machines";
  } else {
    text += "its chunks were late by " + fixed_number(facts.lateness.quantile_ms(0.99), 1) +
            " ms (p99), since this machine is " + percent(generator.machine_share) + " busy; run it on another machine";
  }
  return text;
}

std::string gap_limit(const LoadFacts& facts) {
  if (count_of(facts.gapped_by, "ENGINE_OVERLOAD") > 0 || facts.daemon.most_streams_shed > 0) {
    return "the engine could not carry all streams and shed up to " + std::to_string(facts.daemon.most_streams_shed) +
           " of them: " + engine_remedy(facts.daemon);
  }
  if (count_of(facts.dropped_by, "CAPTURE_OVERFLOW") > 0) {
    const bool busy = facts.daemon.is_local && facts.generator.machine_share > kFull;
    return "the daemon stood still, or got no processor, for longer than its buffers hold: " +
           (busy ? "this machine is " + percent(facts.generator.machine_share) +
                       " busy, load generator included; run the generator on another one"
                 : std::string("look for what else runs on its machine, or raise stream.ring_ms"));
  }
  if (count_of(facts.gapped_by, "SUBSCRIBER_SLOW") > 0 || count_of(facts.gapped_by, "HISTORY_EVICTED") > 0) {
    return "readers fell behind: the network, or the load generator, took features too slowly";
  }
  return "";
}

void add_reasons(const LoadFacts& facts, double max_p99_ms, std::vector<std::string>& reasons) {
  const auto add = [&reasons](std::int64_t n, const std::string& what) {
    if (n > 0) reasons.push_back(std::to_string(n) + " " + what);
  };
  for (const auto& [said, n] : facts.failures) add(n, "streams failed: " + said);
  add(facts.n_streams - facts.n_completed, "streams were not carried to their end");
  add(facts.dropped_samples, "samples were lost on the way in");
  add(facts.chunks_lost, "chunks could not be sent");
  add(facts.holes, "responses did not follow the one before: please report this");
  if (facts.readers != "none") {
    add(facts.frames_gapped, "frames are missing, in " + std::to_string(facts.losses) + " gaps");
    if (facts.frames_gapped == 0) add(facts.losses, "discontinuities");
    add(facts.frames_expected - facts.frames_delivered, "frames fewer than expected were delivered");
    add(facts.n_streams - facts.n_ended, "streams were not read to their end");
  }
  const double p99_ms = facts.latency.quantile_ms(0.99);
  if (max_p99_ms > 0 && p99_ms > max_p99_ms) {
    reasons.push_back("the p99 latency of " + fixed_number(p99_ms, 1) + " ms is above " + fixed_number(max_p99_ms, 1) +
                      " ms");
  }
}

std::string limit_of(const LoadFacts& facts, const Verdict& verdict, const std::vector<Use>& uses) {
  std::string generator = generator_limit(facts);
  const bool daemon_is_full = !uses.empty() && uses.front().share > kFull;
  if (!verdict.sustained) {
    if (daemon_is_full) return uses.front().remedy;
    if (facts.daemon.unanswered > 0) {
      return "the daemon did not answer " + std::to_string(facts.daemon.unanswered) +
             " time(s) within a second: it stood still or got no processor; look at its log, and at what else runs on "
             "its machine";
    }
    // A generator that is starved falls behind as a reader, too.
    if (!generator.empty()) return generator;
    if (std::string gaps = gap_limit(facts); !gaps.empty()) return gaps;
    return facts.failures.empty() ? "not clear from these figures; see the daemon's log" : "what was refused, above";
  }
  if (!generator.empty()) return generator;
  if (uses.empty()) return "not known: the daemon does not tell its load";
  if (daemon_is_full) return uses.front().remedy;
  if (facts.daemon.is_local && facts.generator.machine_share > kFull) {
    return "this machine is " + percent(facts.generator.machine_share) +
           " busy, load generator included; run the generator on another one";
  }
  return "nothing yet; next would be: " + uses.front().remedy;
}

}  // namespace

Verdict judge(const LoadFacts& facts, double max_p99_ms) {
  Verdict verdict;
  add_reasons(facts, max_p99_ms, verdict.reasons);
  verdict.sustained = verdict.reasons.empty();
  const std::vector<Use> uses = uses_of(facts);
  if (!uses.empty() && uses.front().share > 0) {
    verdict.busiest = uses.front().name;
    verdict.busiest_share = uses.front().share;
    const double room = facts.n_streams * kPlanned / uses.front().share;
    verdict.room_for = static_cast<int>(std::min(room, 1e9));
  }
  verdict.limit = limit_of(facts, verdict, uses);
  return verdict;
}

}  // namespace melstream::client
