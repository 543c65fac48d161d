#include "client/doctor/finding.hpp"

#include <algorithm>
#include <cstdint>

#include "client/json_object.hpp"

namespace melstream::client::doctor {
namespace {

std::string padded(std::string text, std::size_t width) {
  text.resize(std::max(width, text.size() + 1), ' ');
  return text;
}

}  // namespace

const char* to_string(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::kWarning:
      return "warning";
    case Verdict::kFail:
      return "fail";
    default:
      return "ok";
  }
}

std::string to_line(const Finding& finding) {
  constexpr std::size_t kVerdictWidth = 8;
  constexpr std::size_t kCheckWidth = 13;
  const std::string verdict = finding.verdict == Verdict::kFail ? "FAIL" : to_string(finding.verdict);
  const std::string line = padded(verdict, kVerdictWidth) + padded(finding.check, kCheckWidth) + finding.what;
  return finding.remedy.empty() ? line : line + "  -> " + finding.remedy;
}

std::string to_json(const Findings& findings) {
  std::vector<std::string> elements;
  std::int64_t n_warnings = 0;
  for (const Finding& finding : findings) {
    n_warnings += finding.verdict == Verdict::kWarning ? 1 : 0;
    JsonObject json;
    json.add("verdict", to_string(finding.verdict)).add("check", finding.check).add("what", finding.what);
    json.add("remedy", finding.remedy);
    elements.push_back(json.text());
  }
  JsonObject json;
  json.add("failed", any_failed(findings)).add("warnings", n_warnings).add_json("findings", json_array(elements));
  return json.text();
}

bool any_failed(const Findings& findings) noexcept {
  return std::any_of(findings.begin(), findings.end(),
                     [](const Finding& finding) { return finding.verdict == Verdict::kFail; });
}

}  // namespace melstream::client::doctor
