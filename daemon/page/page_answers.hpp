// What is answered over HTTP: the files, with the headers that keep a page from anything but this daemon; or a refusal.
// Pure.
#pragma once

#include <string>
#include <string_view>

#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

#include "daemon/page/page_admission.hpp"

namespace melstream::page {

using PageHttpResponse = boost::beast::http::response<boost::beast::http::string_body>;

/// @param host as the request says it, once it was found to be ours. @param token goes into the page.
PageHttpResponse answer_file(std::string_view path, std::string_view host, const std::string& token);
PageHttpResponse answer_refusal(const PageRefusal& refusal);

}  // namespace melstream::page
