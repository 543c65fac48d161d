// The files of daemon/page/web, as they were when the daemon was compiled (cmake/EmbedFiles.cmake makes the source).
#pragma once

#include <span>
#include <string_view>

namespace melstream::page {

struct PageAsset {
  std::string_view path;  ///< "/app.js"; the page itself is "/"
  std::string_view content_type;
  std::string_view content;
};

std::span<const PageAsset> page_assets() noexcept;
/// Null if there is none.
const PageAsset* find_page_asset(std::string_view path) noexcept;

}  // namespace melstream::page
