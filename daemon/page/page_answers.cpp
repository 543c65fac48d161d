#include "daemon/page/page_answers.hpp"

#include <boost/beast/http/field.hpp>

#include "daemon/page/page_assets.hpp"

namespace melstream::page {
namespace {

namespace http = boost::beast::http;

constexpr std::string_view kTokenPlace = "@TOKEN@";

/// Older browsers do not take 'self' for WebSockets, so that the address is named.
std::string content_security_policy(std::string_view host) {
  const std::string own_sockets = host.empty() ? "" : " ws://" + std::string(host);
  return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'" + own_sockets +
         "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
         "trusted-types 'none'";
}

PageHttpResponse answer(unsigned status, std::string_view type, std::string body, std::string_view host) {
  PageHttpResponse response;
  response.version(11);
  response.result(status);
  response.set(http::field::server, "melstream");
  response.set(http::field::content_type, boost::beast::string_view(type.data(), type.size()));
  response.set("Content-Security-Policy", content_security_policy(host));
  response.set("X-Content-Type-Options", "nosniff");
  response.set("X-Frame-Options", "DENY");
  response.set("Referrer-Policy", "no-referrer");
  response.set("Permissions-Policy", "microphone=(self)");
  response.set("Cross-Origin-Opener-Policy", "same-origin");
  response.set("Cross-Origin-Resource-Policy", "same-origin");
  response.set(http::field::cache_control, "no-store");
  response.keep_alive(false);
  response.body() = std::move(body);
  response.prepare_payload();
  return response;
}

}  // namespace

PageHttpResponse answer_file(std::string_view path, std::string_view host, const std::string& token) {
  const PageAsset* const asset = find_page_asset(path);
  if (asset == nullptr) return answer_refusal({404, "there is no such file; the live page is at /"});
  std::string body(asset->content);
  if (const std::size_t place = body.find(kTokenPlace); path == "/" && place != std::string::npos) {
    body.replace(place, kTokenPlace.size(), token);
  }
  return answer(200, asset->content_type, std::move(body), host);
}

PageHttpResponse answer_refusal(const PageRefusal& refusal) {
  PageHttpResponse response = answer(refusal.status, "text/plain; charset=utf-8", refusal.reason + "\n", {});
  if (refusal.status == 405) response.set(http::field::allow, "GET, HEAD");
  if (refusal.status == 426) response.set(http::field::upgrade, "websocket");
  return response;
}

}  // namespace melstream::page
