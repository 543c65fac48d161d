// Files of a model, which may be anything: sizes are limited, and only regular files are opened (a pipe would hang).
#pragma once

#include <string>
#include <string_view>

namespace melstream::client::doctor {

/// Text in UTF-8 of at most 4 MiB. Throws ClientError(kInput) where it is missing, no file, unreadable, too large or no
/// UTF-8.
std::string read_model_text(const std::string& path);
/// Throws ClientError(kInput) unless the path leads to a regular file.
void check_regular_file(const std::string& path);
bool is_regular_file(const std::string& path) noexcept;
bool is_utf8(std::string_view text) noexcept;

/// A finite number, all of the text. Python writes "1e-05" and "1.0".
double parse_model_number(std::string_view text, const std::string& what, const std::string& path);

/// Cut to 100 characters, control characters replaced: a file's words may be anything.
std::string quoted_word(std::string_view text);

}  // namespace melstream::client::doctor
