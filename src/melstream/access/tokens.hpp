// Bearer tokens: the file that lists them, their hashes, new ones. Control threads, but for sha256_of() and
// find_token().
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "melstream/access/access_rules.hpp"

namespace melstream::access {

Sha256 sha256_of(std::string_view text) noexcept;
std::string to_hex(const Sha256& hash);

/// Which of the tokens this is; the time does not depend on where it is, nor on whether.
std::optional<std::size_t> find_token(std::span<const TokenHash> tokens, std::string_view token) noexcept;

/// Lines `IDENTITY TOKEN` or `IDENTITY sha256:HEX`; blank lines and those that begin with '#' are skipped. Throws
/// Error(kInvalidArgument) naming every faulty line, none of its tokens: an identity that `names` does not have, a
/// token of less than 16 or more than 512 characters or with others than those of RFC 6750, one that is there twice.
std::vector<TokenHash> parse_tokens(std::string_view text, std::string_view file, std::span<const std::string> names);

/// Reads the file. Throws Error: kNotFound, kPermissionDenied (unreadable, or as check_secret_file()), kInvalidArgument
/// as above.
std::vector<TokenHash> read_tokens(const std::string& path, std::span<const std::string> names);

/// 256 random bits in 43 characters. Throws Error(kInternal) without randomness.
std::string make_token();

/// Throws Error(kPermissionDenied) unless the file belongs to root or to us, and nobody else may read or write it, but
/// for reading by root's group or one of ours: so systemd hands over credentials. kNotFound if it is missing.
void check_secret_file(const std::string& path);

}  // namespace melstream::access
