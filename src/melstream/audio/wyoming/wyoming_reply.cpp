#include "melstream/audio/wyoming/wyoming_reply.hpp"

#include <utility>

#include <nlohmann/json.hpp>

namespace melstream::audio {
namespace {

using Json = nlohmann::json;

std::string event(const char* type, Json data) {
  const Json line = {{"type", type}, {"data", std::move(data)}};
  return line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string wyoming_info() {
  Json data = Json::object();
  for (const char* const kind : {"asr", "tts", "handle", "intent", "wake", "mic", "snd"}) data[kind] = Json::array();
  return event("info", std::move(data));
}

std::string wyoming_pong(std::string_view text) { return event("pong", {{"text", text}}); }

std::string wyoming_error(std::string_view text, std::string_view code) {
  return event("error", {{"text", text}, {"code", code}});
}

}  // namespace melstream::audio
