// What the checks ask of the machine: a value, so that a test can be any machine. Paths of the system are looked up
// below `root`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace melstream::client::doctor {

inline constexpr std::int64_t kNoLimit = INT64_MAX;

/// Soft limits of a process.
struct Limits {
  std::int64_t locked_bytes = kNoLimit;
  std::int64_t open_files = kNoLimit;
  /// CAP_IPC_LOCK: the limit of locked memory does not count.
  bool may_lock_everything = false;
};

struct Machine {
  std::filesystem::path root = "/";
  uid_t user = 0;
  std::vector<gid_t> groups;
  std::string runtime_folder;            ///< XDG_RUNTIME_DIR; empty: none
  std::string cuda_plugin;               ///< MELSTREAM_CUDA_PLUGIN; empty: not set
  std::string search_path;               ///< PATH
  std::filesystem::path program_folder;  ///< where this program lies
  Limits own_limits;
  std::int64_t now_s = 0;  ///< Unix time
  /// Whether the kernel says that somebody (NTP, PTP) keeps its clock; nothing if it says neither.
  std::optional<bool> clock_is_synchronized;
  std::int64_t clock_error_us = 0;  ///< the kernel's estimate, of a clock that is kept

  /// "/dev/snd" below the root.
  std::filesystem::path path(const std::string& absolute) const {
    return root / std::filesystem::path(absolute).relative_path();
  }
};

/// This one. @param root "/", or where a test has put its files
Machine this_machine(const std::filesystem::path& root = "/");

/// Limits of a running process from /proc; nothing if they cannot be read.
std::optional<Limits> limits_of(const Machine& machine, pid_t pid);
/// /proc/meminfo's MemAvailable; nothing if there is none.
std::optional<std::int64_t> available_bytes(const Machine& machine);

/// The first of a few places that holds this program: beside our own, then in PATH; empty if none does.
std::string find_program(const Machine& machine, const std::string& name);

struct ProgramResult {
  int exit_status = -1;  ///< -1: it could not be started, was killed, or took too long
  std::string output;    ///< of stdout and stderr, the first 64 KiB
};
/// Runs it without input; gives up and kills it after 10 s.
ProgramResult run_program(const std::vector<std::string>& command);

std::string user_name(uid_t user);
std::string group_name(gid_t group);
/// "0660"
std::string mode_text(mode_t mode);
/// "81.0 MiB"
std::string mebibytes(std::int64_t n_bytes);

}  // namespace melstream::client::doctor
