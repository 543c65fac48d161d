// What a check found: one line for people, one object for programs.
#pragma once

#include <string>
#include <vector>

namespace melstream::client::doctor {

enum class Verdict { kOk, kWarning, kFail };

struct Finding {
  Verdict verdict = Verdict::kOk;
  std::string check;   ///< one word: "daemon", "socket", "config" ...
  std::string what;    ///< what is
  std::string remedy;  ///< what to do; empty where nothing is
};

using Findings = std::vector<Finding>;

/// "ok", "warning", "fail".
const char* to_string(Verdict verdict) noexcept;
/// "FAIL     socket   what  -> remedy", without a newline.
std::string to_line(const Finding& finding);
/// {"failed": bool, "warnings": n, "findings": [...]}
std::string to_json(const Findings& findings);
bool any_failed(const Findings& findings) noexcept;

}  // namespace melstream::client::doctor
