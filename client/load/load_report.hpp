// The verdict of a load test as people and programs read it.
#pragma once

#include <string>

#include "client/load/load_facts.hpp"
#include "client/load/verdict.hpp"

namespace melstream::client {

/// Several lines, each ended. @param format of the audio, as text: "mulaw 8000 Hz".
std::string report_text(const LoadFacts& facts, const Verdict& verdict, const std::string& format);
/// One JSON object. Shares are 0 to 1.
std::string report_json(const LoadFacts& facts, const Verdict& verdict, const std::string& format);

}  // namespace melstream::client
