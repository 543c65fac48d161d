// What is wrong with a config file, in the form that editors and people know from compilers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "melstream/core/error.hpp"

#include "daemon/exit_codes.hpp"
#include "daemon/toml_tree.hpp"

namespace melstream::daemon {

struct Diagnostic {
  Position at;
  std::string message;
  /// What the daemon would exit with if this were all.
  ExitCode exit_code = ExitCode::kConfig;
};

/// `FILE:LINE:COLUMN: error: MESSAGE`, then the source line and a caret under the column; without a position
/// `FILE: error: MESSAGE`. Lines end with a newline.
std::string render(const Diagnostic& diagnostic, std::string_view file, std::string_view text);

/// All that is wrong with a config; what() is the rendered text, in the order of the file.
class ConfigError : public core::Error {
 public:
  ConfigError(std::vector<Diagnostic> diagnostics, std::string_view file, std::string_view text);
  /// A single fault of the file as a whole.
  ConfigError(ExitCode exit_code, std::string_view file, const std::string& message);

  /// That of the diagnostics if they agree, else kConfig.
  ExitCode exit_code() const noexcept { return exit_code_; }

 private:
  ExitCode exit_code_;
};

}  // namespace melstream::daemon
