// The files of a TLS server: read and proven before anything uses them. Control threads.
#pragma once

#include <cstdint>
#include <string>

namespace melstream::access {

struct CertificateFiles {
  std::string certificate;  ///< PEM, the server's first, then those up to its root
  std::string key;          ///< PEM, not encrypted
  std::string client_ca;    ///< PEM, roots of client certificates; empty: none are asked for
  bool operator==(const CertificateFiles&) const = default;
};

/// Contents as PEM.
struct Certificates {
  std::string certificate;
  std::string key;
  std::string client_ca;
  std::int64_t expiry_unix_s = 0;  ///< of the server's certificate
};

/// Throws core::Error with the file's name and what to do: kNotFound, kPermissionDenied (unreadable, or a key that
/// others can read), kInvalidArgument (no PEM, encrypted, key and certificate that do not match, not yet or no longer
/// valid at `now_unix_s`).
Certificates read_certificates(const CertificateFiles& files, std::int64_t now_unix_s);

/// Changes when a file is replaced or written to: inodes, sizes and times. Empty: a file is missing.
std::string stamp_of(const CertificateFiles& files);

}  // namespace melstream::access
