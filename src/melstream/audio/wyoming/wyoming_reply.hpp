// What is answered in the Wyoming protocol, as bytes.
#pragma once

#include <string>
#include <string_view>

namespace melstream::audio {

/// To describe: no program of any kind is offered, since features are read elsewhere.
std::string wyoming_info();
/// To ping, with its text.
std::string wyoming_pong(std::string_view text);
/// Before the connection is closed.
std::string wyoming_error(std::string_view text, std::string_view code);

}  // namespace melstream::audio
