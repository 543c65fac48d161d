#include "client/channel.hpp"

#include <string>
#include <utility>
#include <vector>

#include <grpcpp/grpcpp.h>
#include <grpcpp/support/client_interceptor.h>

#include "client/exit_codes.hpp"
#include "client/text_file.hpp"

namespace melstream::client {
namespace {

// GetWindow answers up to 4 MiB.
constexpr int kMaxReceiveBytes = 5 << 20;

/// Adds the token to every call; call credentials would do so over TLS only, and a unix socket is as good.
class TokenInterceptor final : public grpc::experimental::Interceptor {
 public:
  explicit TokenInterceptor(const std::string& value) : value_(value) {}
  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(grpc::experimental::InterceptionHookPoints::PRE_SEND_INITIAL_METADATA)) {
      methods->GetSendInitialMetadata()->emplace("authorization", value_);
    }
    methods->Proceed();
  }

 private:
  const std::string& value_;
};

class TokenInterceptors final : public grpc::experimental::ClientInterceptorFactoryInterface {
 public:
  explicit TokenInterceptors(std::string token) : value_("Bearer " + std::move(token)) {}
  grpc::experimental::Interceptor* CreateClientInterceptor(grpc::experimental::ClientRpcInfo*) override {
    return new TokenInterceptor(value_);  // gRPC owns it
  }

 private:
  const std::string value_;
};

std::string read_token(const std::string& path) {
  const std::string text = read_text_file(path);
  std::string token = text.substr(0, text.find_first_of("\r\n"));
  if (token.empty() || token.find_first_of(" \t") != std::string::npos) {
    throw ClientError(ExitCode::kUsage, path + ": its first line must be a token and nothing else");
  }
  return token;
}

/// gRPC tells of a file that is none in its log alone.
std::string read_pem(const std::string& path, const char* kind) {
  std::string text = read_text_file(path);
  const std::size_t begin = text.find("-----BEGIN ");
  if (begin == std::string::npos || text.find(std::string(kind) + "-----", begin) == std::string::npos) {
    throw ClientError(ExitCode::kInput, path + ": has no PEM block -----BEGIN " + kind + "-----");
  }
  return text;
}

std::shared_ptr<grpc::ChannelCredentials> make_credentials(const ServerAddress& server, const ServerOption& option) {
  const bool has_certificate = !option.certificate.empty() || !option.key.empty();
  if (!server.is_tls) {
    if (has_certificate || !option.ca.empty()) {
      throw ClientError(ExitCode::kUsage, "certificates are for TLS: write --server tls:HOST:PORT");
    }
    return grpc::InsecureChannelCredentials();
  }
  if (option.certificate.empty() != option.key.empty()) {
    throw ClientError(ExitCode::kUsage, "--tls-certificate and --tls-key belong together");
  }
  grpc::SslCredentialsOptions ssl;
  if (!option.ca.empty()) ssl.pem_root_certs = read_pem(option.ca, "CERTIFICATE");
  if (has_certificate) {
    ssl.pem_cert_chain = read_pem(option.certificate, "CERTIFICATE");
    ssl.pem_private_key = read_pem(option.key, "PRIVATE KEY");
  }
  return grpc::SslCredentials(ssl);
}

}  // namespace

std::shared_ptr<grpc::Channel> make_channel(const ServerAddress& server, const ServerOption& option) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxReceiveBytes);
  // Features do not compress, and a compressed message is inflated before its size is known.
  arguments.SetCompressionAlgorithm(GRPC_COMPRESS_NONE);
  arguments.SetInt(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, 1 << GRPC_COMPRESS_NONE);
  // A second Connection is a second connection: the first may lead to a daemon that is gone.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // http_proxy is for web pages; the daemon is near.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  const auto credentials = make_credentials(server, option);
  std::vector<std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>> interceptors;
  if (!option.token_file.empty()) {
    if (!server.is_tls && !server.is_local()) {
      throw ClientError(ExitCode::kUsage, "the token would travel in the clear to " + server.text() +
                                              ": use a listener with TLS, --server tls:HOST:PORT");
    }
    interceptors.push_back(std::make_unique<TokenInterceptors>(read_token(option.token_file)));
  }
  return grpc::experimental::CreateCustomChannelWithInterceptors(server.grpc_target(), credentials, arguments,
                                                                 std::move(interceptors));
}

}  // namespace melstream::client
