// The daemon's config: readable, by whom writable, and what the daemon itself says of it.
#include <cerrno>
#include <cstring>
#include <locale>
#include <sstream>

#include <sys/stat.h>
#include <unistd.h>

#include "client/doctor/checks.hpp"
#include "client/doctor/model_file.hpp"
#include "client/exit_codes.hpp"

namespace melstream::client::doctor {
namespace {

constexpr char kCheck[] = "config";
constexpr char kStandardPath[] = "/etc/melstream/melstream.toml";

/// "total: 81.00 MiB, ..." of the memory plan, in bytes.
std::optional<std::int64_t> planned_bytes(const std::string& line) {
  constexpr std::string_view kTotal = "total: ";
  if (line.rfind(kTotal, 0) != 0) return std::nullopt;
  constexpr double kMebibyte = 1 << 20;
  std::istringstream words(line.substr(kTotal.size()));
  words.imbue(std::locale::classic());
  double mebibytes = 0;
  if (!(words >> mebibytes)) return std::nullopt;
  return static_cast<std::int64_t>(mebibytes * kMebibyte);
}

/// @param shown names what is checked in messages
void let_daemon_check(const Machine& machine, const std::string& path, const std::string& shown, DaemonState& daemon,
                      Findings& findings) {
  const std::string program = find_program(machine, "melstreamd");
  if (program.empty()) {
    findings.push_back({Verdict::kWarning, kCheck,
                        shown + ": not checked, there is no melstreamd beside this program or in PATH",
                        "install the daemon, or check there: melstreamd --check-config"});
    return;
  }
  std::vector<std::string> command{program, "--check-config"};
  if (!path.empty()) command.insert(command.end(), {"--config", path});
  const ProgramResult result = run_program(command);
  std::string errors;
  std::istringstream lines(result.output);
  for (std::string line; std::getline(lines, line);) {
    if (const auto bytes = planned_bytes(line)) daemon.planned_bytes = bytes;
    if (line.find(": error: ") != std::string::npos || line.rfind("melstreamd: ", 0) == 0) {
      errors += (errors.empty() ? "" : "; ") + quoted_word(line);
    }
    // Limits of this shell are no warning of the daemon's: check_limits() looks at its own.
    constexpr std::string_view kLowered = "lowered: ";
    if (line.rfind(kLowered, 0) == 0 && line.find("RLIMIT_MEMLOCK") == std::string::npos) {
      findings.push_back(
          {Verdict::kWarning, kCheck, line.substr(kLowered.size()), "'melstreamd --check-config' has the plan"});
    }
  }
  if (result.exit_status == 0) {
    findings.push_back({Verdict::kOk, kCheck, shown + ": good", ""});
  } else {
    findings.push_back({Verdict::kFail, kCheck, errors.empty() ? shown + ": melstreamd --check-config failed" : errors,
                        "mend it; 'melstreamd --config FILE --check-config' shows each place"});
  }
}

}  // namespace

DaemonConfig check_config(const Machine& machine, const std::string& given, DaemonState& daemon, Findings& findings) {
  std::string path = given;
  if (path.empty()) {
    const std::string standard = machine.path(kStandardPath).string();
    // Nobody named it: without the file, the defaults hold.
    if (access(standard.c_str(), F_OK) != 0 && errno == ENOENT) {
      let_daemon_check(machine, "", "no " + std::string(kStandardPath) + ", the defaults", daemon, findings);
      return {};
    }
    path = standard;
  }
  std::string text;
  try {
    text = read_model_text(path);
  } catch (const ClientError& error) {
    const bool forbidden = access(path.c_str(), R_OK) != 0 && errno == EACCES;
    // A packaged config may be for the daemon's eyes only; a user who named it wants it read.
    findings.push_back({forbidden && given.empty() ? Verdict::kWarning : Verdict::kFail, kCheck, error.what(),
                        forbidden ? "run 'melstream doctor' as root, or as a member of its group"
                                  : "name the file that melstreamd gets with --config"});
    return {};
  }
  struct stat info {};
  if (stat(path.c_str(), &info) == 0 && (info.st_mode & S_IWOTH) != 0) {
    findings.push_back({Verdict::kFail, kCheck, path + ": everybody may change it (" + mode_text(info.st_mode) + ")",
                        "chmod o-w " + path});
  }
  let_daemon_check(machine, path, path, daemon, findings);
  return parse_daemon_config(text).value_or(DaemonConfig{});
}

}  // namespace melstream::client::doctor
