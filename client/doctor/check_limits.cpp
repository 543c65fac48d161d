// Limits of the daemon's process against what its memory plan wants; of this shell where the daemon's are not to be
// seen.
#include "client/doctor/checks.hpp"

namespace melstream::client::doctor {
namespace {

void check_locked_memory(const Limits& limits, const std::string& whose, std::int64_t planned, Findings& findings) {
  if (limits.may_lock_everything || limits.locked_bytes >= planned) {
    const bool unlimited = limits.may_lock_everything || limits.locked_bytes == kNoLimit;
    findings.push_back({Verdict::kOk, "memlock",
                        whose + " may lock " + (unlimited ? "all memory" : mebibytes(limits.locked_bytes)) +
                            ", the plan wants " + mebibytes(planned),
                        ""});
    return;
  }
  findings.push_back({Verdict::kWarning, "memlock",
                      whose + " may lock " + mebibytes(limits.locked_bytes) + ", the plan wants " + mebibytes(planned) +
                          ": the rest of the audio could be swapped to disk",
                      "LimitMEMLOCK=" + mebibytes(planned).substr(0, mebibytes(planned).find('.')) +
                          "M or more in the unit, or 'ulimit -l'"});
}

void check_open_files(const Limits& limits, const std::string& whose, Findings& findings) {
  // A quarter of them is for connections.
  constexpr std::int64_t kEnough = 4096;
  if (limits.open_files >= kEnough) {
    findings.push_back({Verdict::kOk, "files",
                        whose + " may open " +
                            (limits.open_files == kNoLimit ? "any number of" : std::to_string(limits.open_files)) +
                            " files",
                        ""});
    return;
  }
  findings.push_back(
      {Verdict::kWarning, "files",
       whose + " may open " + std::to_string(limits.open_files) + " files: connections are refused early",
       "LimitNOFILE=65536 in the unit, or 'ulimit -n'"});
}

}  // namespace

void check_limits(const Machine& machine, const DaemonState& daemon, Findings& findings) {
  std::optional<Limits> limits;
  if (daemon.pid > 0) limits = limits_of(machine, daemon.pid);
  const std::string whose = limits ? "the daemon" : "a daemon started from this shell";
  if (daemon.planned_bytes) {
    check_locked_memory(limits.value_or(machine.own_limits), whose, *daemon.planned_bytes, findings);
  }
  check_open_files(limits.value_or(machine.own_limits), whose, findings);
  const auto available = available_bytes(machine);
  if (!available || !daemon.planned_bytes) return;
  // A daemon that runs has most of it already.
  const bool fits = daemon.info || *available >= *daemon.planned_bytes;
  findings.push_back({fits ? Verdict::kOk : Verdict::kWarning, "memory",
                      mebibytes(*available) + " are free, the plan wants " + mebibytes(*daemon.planned_bytes),
                      fits ? "" : "lower stream.max_streams, stream.history_s or memory.audio_history_bytes"});
}

}  // namespace melstream::client::doctor
