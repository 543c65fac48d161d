// The credentials of one listener for gRPC: plain or TLS with certificates that can be replaced, and a mark on each
// connection that tells calls which listener, and which connection of it, they came by. gRPC's C API, since the C++ one
// has neither (1.51): its own insecure credentials take no processor, its certificate providers no callback.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

#include <grpcpp/security/server_credentials.h>

#include "melstream/access/access.hpp"
#include "melstream/access/certificates.hpp"

namespace melstream::rpc {

/// Property of a connection's auth context: "LISTENER.CONNECTION", two numbers.
inline constexpr const char* kListenerProperty = "melstream-listener";

/// The certificates that new connections see. Thread-safe.
class CertificateSource {
 public:
  explicit CertificateSource(access::Certificates certificates) : certificates_(std::move(certificates)) {}
  void replace(access::Certificates certificates);
  /// The newest, unless `seen` is its number; updates `seen`.
  bool fetch(std::uint64_t& seen, access::Certificates& out) const;
  bool has_client_ca() const;

 private:
  mutable std::mutex mutex_;  // protects all below
  access::Certificates certificates_;
  std::uint64_t number_ = 1;
};

struct ListenerTraits {
  std::size_t number = 0;
  bool reflection = true;  ///< may be asked what services there are
  /// Who has no role may begin few calls: gRPC keeps some 12 kB of each whose message does not come, and would for
  /// long. Outlives the listener; null: nobody is asked.
  const access::Access* access = nullptr;
};

std::shared_ptr<grpc::ServerCredentials> plain_credentials(const ListenerTraits& listener);
/// @param require_client_certificate if the certificates have a client_ca; else one is asked for, and a token will do.
std::shared_ptr<grpc::ServerCredentials> tls_credentials(const ListenerTraits& listener,
                                                         std::shared_ptr<CertificateSource> certificates,
                                                         bool require_client_certificate);

}  // namespace melstream::rpc
