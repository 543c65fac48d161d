#include "client/cmvn.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <system_error>

#include "client/exit_codes.hpp"
#include "client/text_file.hpp"

namespace melstream::client {
namespace {

std::vector<float> section(std::string_view text, std::string_view tag, const std::string& name) {
  const auto refuse = [&](const std::string& why) {
    return ClientError(ExitCode::kInput,
                       name + ": " + why + "; Kaldi-nnet text with <AddShift> and <Rescale> is needed");
  };
  const auto start = text.find(tag);
  if (start == std::string_view::npos) throw refuse("has no " + std::string(tag));
  // The brackets must come before the next section: one without numbers must not borrow them.
  std::size_t limit = text.size();
  for (const std::string_view next : {"<AddShift>", "<Rescale>", "</Nnet>"}) {
    limit = std::min(limit, text.find(next, start + tag.size()));
  }
  const std::string_view body = text.substr(start, limit - start);
  const auto bracket = body.find('[');
  const auto close = bracket == std::string_view::npos ? bracket : body.find(']', bracket);
  if (close == std::string_view::npos) throw refuse("has no [ numbers ] after " + std::string(tag));
  std::vector<float> values;
  const char* at = body.data() + bracket + 1;
  const char* end = body.data() + close;
  while (true) {
    while (at != end && std::strchr(" \t\r\n", *at) != nullptr) ++at;
    if (at == end) break;
    float value = 0;
    const auto [next, error] = std::from_chars(at, end, value);
    if (error != std::errc() || !std::isfinite(value))
      throw refuse("has something other than numbers after " + std::string(tag));
    values.push_back(value);
    at = next;
  }
  if (values.empty()) throw refuse("has no numbers after " + std::string(tag));
  return values;
}

}  // namespace

CmvnVectors parse_cmvn(std::string_view text, const std::string& name) {
  CmvnVectors vectors{section(text, "<AddShift>", name), section(text, "<Rescale>", name)};
  if (vectors.shift.size() != vectors.scale.size()) {
    throw ClientError(ExitCode::kInput, name + ": " + std::to_string(vectors.shift.size()) + " shifts, but " +
                                            std::to_string(vectors.scale.size()) + " scales");
  }
  return vectors;
}

CmvnVectors read_cmvn(const std::string& path) { return parse_cmvn(read_text_file(path), path); }

}  // namespace melstream::client
