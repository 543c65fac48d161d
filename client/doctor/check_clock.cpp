// Capture times are wall-clock times: they are worth what the clock is.
#include <fstream>

#include "client/doctor/checks.hpp"
#include "client/doctor/model_file.hpp"

namespace melstream::client::doctor {
namespace {

constexpr char kCheck[] = "clock";
// 2024-01-01: before it, this program did not exist.
constexpr std::int64_t kEarliest = 1'704'067'200;

}  // namespace

void check_clock(const Machine& machine, Findings& findings) {
  if (machine.now_s < kEarliest) {
    findings.push_back({Verdict::kFail, kCheck,
                        "the clock says a time before 2024: certificates and capture times are wrong",
                        "set it: 'timedatectl set-ntp true'; is the battery of the clock empty?"});
    return;
  }
  if (machine.clock_is_synchronized && !*machine.clock_is_synchronized) {
    findings.push_back({Verdict::kWarning, kCheck,
                        "nobody keeps the clock: capture times drift against those of other machines",
                        "'timedatectl set-ntp true', or chrony (a virtual machine's host may keep it unseen)"});
  } else if (machine.clock_is_synchronized) {
    findings.push_back(
        {Verdict::kOk, kCheck,
         "synchronized, within " + std::to_string(machine.clock_error_us) + " us by the kernel's estimate", ""});
  }
  std::ifstream file(machine.path("/sys/devices/system/clocksource/clocksource0/current_clocksource"));
  std::string source;
  if (file >> source && (source == "jiffies" || source == "refined-jiffies")) {
    findings.push_back({Verdict::kWarning, kCheck, "the monotonic clock counts ticks (" + quoted_word(source) + ")",
                        "ticks of 10 ms will be late; look for 'clocksource' in the kernel's log"});
  }
}

}  // namespace melstream::client::doctor
