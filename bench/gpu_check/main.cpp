// gpu_check: checks and times the CUDA engine on a GPU. scripts/gpu-check builds it, runs its stages and sums up.
//
//   gpu_check [--emulated] [--device=N] [--quick|--full] [--json=FILE] [--out=FOLDER] STAGE
//   gpu_check --version      the commit that it was built of, and whether the tree had other changes
//
// STAGE: facts, parity, invariance, clips, tiny, illegal-access, hang, benchmark. The last line is `N passed, N
// failed`. Exit status: 0 all passed, 1 one failed, 64 usage, 77 there is no GPU (with one line that says what is
// missing).
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>

#include "melstream/engine/build_id.hpp"

#include "bench/gpu_check/stages.hpp"

namespace {

namespace bench = melstream::bench;

constexpr int kUsage = 64;
constexpr int kNoGpu = 77;

struct CommandLine {
  bool is_emulated = false;
  int device = 0;
  bench::Settings settings;
  std::filesystem::path json;
  std::string stage;
};

/// False if it is no number, or too large.
bool read_number(std::string_view digits, int& number) {
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, number);
  return error == std::errc() && stop == end && number >= 0;
}

/// Both as of configuring.
std::string build() {
  const std::string commit = melstream::engine::commit();
  return (commit.empty() ? "unknown" : commit) +
         (MELSTREAM_TREE_IS_DIRTY ? " with changes that are not committed" : "") + " (" +
         melstream::engine::build_id() + ")";
}

/// False if it is not understood.
bool read(int n_arguments, char** arguments, CommandLine& line) {
  for (int i = 1; i < n_arguments; ++i) {
    const std::string argument = arguments[i];
    const auto value = [&](const char* name) -> const char* {
      const std::size_t n = std::strlen(name);
      return argument.compare(0, n, name) == 0 ? argument.c_str() + n : nullptr;
    };
    if (argument == "--emulated") {
      line.is_emulated = true;
    } else if (argument == "--quick") {
      line.settings.extent = bench::Extent::kQuick;
    } else if (argument == "--full") {
      line.settings.extent = bench::Extent::kFull;
    } else if (const char* device = value("--device=")) {
      if (!read_number(device, line.device)) return false;
    } else if (const char* json = value("--json=")) {
      line.json = json;
    } else if (const char* out = value("--out=")) {
      line.settings.out_folder = out;
    } else if (argument.empty() || argument.front() == '-' || !line.stage.empty()) {
      return false;
    } else {
      line.stage = argument;
    }
  }
  return !line.stage.empty();
}

bool is_drill(const std::string& stage) { return stage == "illegal-access" || stage == "hang"; }

/// False if there is no such stage.
bool run(const CommandLine& line, bench::Machine& machine, bench::Report& report) {
  const bench::Settings& settings = line.settings;
  if (line.stage == "facts") {
    bench::run_facts(machine, settings, report);
  } else if (line.stage == "parity") {
    bench::run_parity(machine, settings, report);
  } else if (line.stage == "invariance") {
    bench::run_invariance(machine, settings, report);
  } else if (line.stage == "clips") {
    bench::run_clips(machine, settings, report);
  } else if (line.stage == "tiny") {
    bench::run_tiny(machine, settings, report);
  } else if (line.stage == "illegal-access") {
    bench::run_drill(machine, settings, report, bench::Breakage::kIllegalAccess);
  } else if (line.stage == "hang") {
    bench::run_drill(machine, settings, report, bench::Breakage::kHang);
  } else if (line.stage == "benchmark") {
    bench::run_benchmark(machine, settings, report);
  } else {
    return false;
  }
  return true;
}

/// Null if there is no GPU, which has been told then.
std::unique_ptr<bench::Machine> find_machine(const CommandLine& line) {
  if (line.is_emulated) return bench::make_emulated_machine();
  try {
    return bench::make_gpu_machine(line.device);
  } catch (const melstream::engine::cuda::UnusableDevice& unusable) {
    std::cout << "gpu_check: no GPU to check: " << unusable.what() << std::endl;
    return nullptr;
  }
}

}  // namespace

int main(int n_arguments, char** arguments) {
  if (n_arguments == 2 && std::string_view(arguments[1]) == "--version") {
    std::cout << build() << std::endl;
    return 0;
  }
  CommandLine line;
  if (!read(n_arguments, arguments, line)) {
    std::cerr << "usage: gpu_check [--emulated] [--device=N] [--quick|--full] [--json=FILE] [--out=FOLDER] STAGE, or "
                 "gpu_check --version\n";
    return kUsage;
  }
  bench::Report report(line.stage);
  std::unique_ptr<bench::Machine> machine;
  try {
    machine = find_machine(line);
    if (!machine) return kNoGpu;
    if (!run(line, *machine, report)) {
      std::cerr << "gpu_check: no stage '" << line.stage << "'\n";
      return kUsage;
    }
  } catch (const std::exception& error) {
    report.check(false, "the stage came to its end", error.what());
  }
  try {
    if (!line.json.empty()) report.write_json(line.json);
  } catch (const std::exception& error) {
    report.check(false, "its figures were written", error.what());
  }
  report.line(bench::text("%d passed, %d failed", report.n_passed(), report.n_failed()));
  const int status = report.n_failed() == 0 ? 0 : 1;
  // The thread that calls the driver may still speak to a broken device, which must not go before it.
  if (is_drill(line.stage)) std::_Exit(status);
  return status;
}
