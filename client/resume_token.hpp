// Resume tokens as text: hexadecimal, two digits a byte. What is in them is the daemon's business.
#pragma once

#include <string>
#include <string_view>

namespace melstream::client {

std::string token_text(std::string_view token);
/// Throws ClientError(kUsage) for what is empty or no such text.
/// @param where it stands, for the message: "--resume".
std::string parse_token(std::string_view text, std::string_view where);

}  // namespace melstream::client
