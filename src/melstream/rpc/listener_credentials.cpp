#include "melstream/rpc/listener_credentials.hpp"

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/grpc_security_constants.h>
#include <grpc/slice.h>

#include "melstream/rpc/bearer_token.hpp"
#include "melstream/rpc/unproven_calls.hpp"

namespace melstream::rpc {
namespace {

using SteadyClock = std::chrono::steady_clock;

std::string_view text_of(const grpc_slice& slice) {
  return {reinterpret_cast<const char*>(GRPC_SLICE_START_PTR(slice)), GRPC_SLICE_LENGTH(slice)};
}

std::optional<std::string_view> value_of(const grpc_metadata* metadata, size_t n_metadata, std::string_view key) {
  for (size_t i = 0; i < n_metadata; ++i) {
    if (text_of(metadata[i].key) == key) return text_of(metadata[i].value);
  }
  return std::nullopt;
}

/// Marks connections, and refuses reflection where it is not wanted. gRPC calls it before every call, for one
/// connection one call at a time: the mark is there before the first call's handler runs, and never changes.
class Marker {
 public:
  explicit Marker(const ListenerTraits& listener) : listener_(listener) {}

  /// Owns itself until gRPC has no use for it.
  static grpc_auth_metadata_processor processor(const ListenerTraits& listener) {
    return {.process = process, .destroy = destroy, .state = new Marker(listener)};
  }

 private:
  static void destroy(void* state) { delete static_cast<Marker*>(state); }

  static void process(void* state, grpc_auth_context* context, const grpc_metadata* metadata, size_t n_metadata,
                      grpc_process_auth_metadata_done_cb done, void* user_data) {
    auto& self = *static_cast<Marker*>(state);
    const std::string mark = self.mark(context);
    const std::string_view path = value_of(metadata, n_metadata, ":path").value_or("");
    const auto refuse = [&](grpc_status_code code, const char* why) {
      done(user_data, nullptr, 0, nullptr, 0, code, why);
    };
    if (!self.listener_.reflection && path.rfind("/grpc.reflection.", 0) == 0) {
      return refuse(GRPC_STATUS_PERMISSION_DENIED, "reflection is for the daemon's own machine");
    }
    if (self.is_unproven(context, metadata, n_metadata, path) && !self.unproven_.take(mark, SteadyClock::now())) {
      return refuse(GRPC_STATUS_RESOURCE_EXHAUSTED, "too many calls without a role on this connection; wait a second");
    }
    done(user_data, nullptr, 0, nullptr, 0, GRPC_STATUS_OK, nullptr);
  }

  /// "LISTENER.CONNECTION".
  std::string mark(grpc_auth_context* context) const {
    grpc_auth_property_iterator found = grpc_auth_context_find_properties_by_name(context, kListenerProperty);
    if (const grpc_auth_property* const property = grpc_auth_property_iterator_next(&found)) {
      return {property->value, property->value_length};
    }
    const std::uint64_t connection = n_connections().fetch_add(1, std::memory_order_relaxed) + 1;
    std::string mark = std::to_string(listener_.number) + "." + std::to_string(connection);
    grpc_auth_context_add_property(context, kListenerProperty, mark.data(), mark.size());
    return mark;
  }

  /// A call that nobody will judge (health), or whose caller has no role, as its headers say.
  bool is_unproven(const grpc_auth_context* context, const grpc_metadata* metadata, size_t n_metadata,
                   std::string_view path) const {
    if (listener_.access == nullptr) return false;
    if (path.rfind("/melstream.", 0) != 0) return true;
    access::Caller caller;
    caller.entrance = listener_.number;
    if (const auto header = value_of(metadata, n_metadata, "authorization")) caller.token = bearer_token(*header);
    if (grpc_auth_context_peer_is_authenticated(context) != 0) {
      for (std::string_view uri : values_of(context, GRPC_PEER_URI_PROPERTY_NAME)) caller.uris.emplace_back(uri);
      for (std::string_view name : values_of(context, GRPC_X509_CN_PROPERTY_NAME)) caller.common_name = name;
    }
    return !listener_.access->knows(caller);
  }

  static std::vector<std::string_view> values_of(const grpc_auth_context* context, const char* name) {
    std::vector<std::string_view> values;
    grpc_auth_property_iterator found = grpc_auth_context_find_properties_by_name(context, name);
    while (const grpc_auth_property* const property = grpc_auth_property_iterator_next(&found)) {
      values.emplace_back(property->value, property->value_length);
    }
    return values;
  }

  /// One for all listeners, so that a connection's number is its own.
  static std::atomic<std::uint64_t>& n_connections() {
    static std::atomic<std::uint64_t> n{0};
    return n;
  }

  const ListenerTraits listener_;
  UnprovenCalls unproven_;
};

/// What the fetcher of one TLS listener needs; lives as long as its credentials.
struct Fetcher {
  std::shared_ptr<CertificateSource> certificates;
  std::uint64_t seen = 0;  ///< gRPC asks under a lock of its own

  /// gRPC's callback, before each handshake.
  static grpc_ssl_certificate_config_reload_status fetch(void* state, grpc_ssl_server_certificate_config** config) {
    auto& self = *static_cast<Fetcher*>(state);
    access::Certificates newest;
    if (!self.certificates->fetch(self.seen, newest)) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    const grpc_ssl_pem_key_cert_pair pair{newest.key.c_str(), newest.certificate.c_str()};
    // Without roots gRPC aborts, even where no client's certificate is asked for and so nobody is verified by them.
    const std::string& roots = newest.client_ca.empty() ? newest.certificate : newest.client_ca;
    *config = grpc_ssl_server_certificate_config_create(roots.c_str(), &pair, 1);
    return *config != nullptr ? GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW : GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_FAIL;
  }
};

class ListenerCredentials final : public grpc::ServerCredentials {
 public:
  /// @param credentials taken over.
  ListenerCredentials(grpc_server_credentials* credentials, const ListenerTraits& listener,
                      std::unique_ptr<Fetcher> fetcher)
      : fetcher_(std::move(fetcher)), credentials_(credentials) {
    grpc_server_credentials_set_auth_metadata_processor(credentials_, Marker::processor(listener));
  }
  ~ListenerCredentials() override { grpc_server_credentials_release(credentials_); }

  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>& /*processor*/) override {}

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  const std::unique_ptr<Fetcher> fetcher_;  ///< null: plain
  grpc_server_credentials* const credentials_;
};

}  // namespace

void CertificateSource::replace(access::Certificates certificates) {
  const std::lock_guard lock(mutex_);
  certificates_ = std::move(certificates);
  ++number_;
}

bool CertificateSource::fetch(std::uint64_t& seen, access::Certificates& out) const {
  const std::lock_guard lock(mutex_);
  if (std::exchange(seen, number_) == number_) return false;
  out = certificates_;
  return true;
}

bool CertificateSource::has_client_ca() const {
  const std::lock_guard lock(mutex_);
  return !certificates_.client_ca.empty();
}

std::shared_ptr<grpc::ServerCredentials> plain_credentials(const ListenerTraits& listener) {
  return std::make_shared<ListenerCredentials>(grpc_insecure_server_credentials_create(), listener, nullptr);
}

std::shared_ptr<grpc::ServerCredentials> tls_credentials(const ListenerTraits& listener,
                                                         std::shared_ptr<CertificateSource> certificates,
                                                         bool require_client_certificate) {
  const grpc_ssl_client_certificate_request_type request =
      !certificates->has_client_ca() ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
      : require_client_certificate   ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                                     : GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY;
  auto fetcher = std::make_unique<Fetcher>(Fetcher{std::move(certificates)});
  grpc_ssl_server_credentials_options* const options =
      grpc_ssl_server_credentials_create_options_using_config_fetcher(request, Fetcher::fetch, fetcher.get());
  return std::make_shared<ListenerCredentials>(grpc_ssl_server_credentials_create_with_options(options), listener,
                                               std::move(fetcher));
}

}  // namespace melstream::rpc
