// Certificates made on the spot: a root, servers and clients signed by it. Keys are P-256, so that they cost nothing.
#pragma once

#include <memory>
#include <string>

namespace melstream::test {

struct CertificateRequest {
  std::string common_name = "localhost";
  std::string uri;            ///< subject alternative name; empty: none
  long valid_from_s = -3600;  ///< seconds from now
  long valid_to_s = 3600;     ///< seconds from now
};

struct PemPair {
  std::string certificate;
  std::string key;
};

/// A root that signs.
class TestRoot {
 public:
  TestRoot();
  ~TestRoot();
  TestRoot(const TestRoot&) = delete;
  TestRoot& operator=(const TestRoot&) = delete;

  const std::string& certificate() const noexcept { return pem_; }
  /// Also good for DNS name localhost and 127.0.0.1.
  PemPair sign(const CertificateRequest& request) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
  std::string pem_;
};

/// Writes a file of this mode. Throws std::runtime_error.
void write_file(const std::string& path, const std::string& content, unsigned mode = 0600);

}  // namespace melstream::test
