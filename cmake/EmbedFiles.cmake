# cmake -DFOLDER=web -DNAMES=a.js,b.css -DOUT=page_assets.cpp -P EmbedFiles.cmake: the files as the source of
# daemon/page/page_assets.hpp.
# The compiler takes literals of up to 64 kB; a file has less.
set(type_html "text/html; charset=utf-8")
set(type_js "text/javascript; charset=utf-8")
set(type_css "text/css; charset=utf-8")
set(type_svg "image/svg+xml")

set(entries "")
string(REPLACE "," ";" names ${NAMES})
list(LENGTH names n_files)
foreach(name IN LISTS names)
  string(REGEX MATCH "[a-z]+$" ending ${name})
  if(NOT DEFINED type_${ending})
    message(FATAL_ERROR "${name}: EmbedFiles.cmake knows no content type for .${ending}")
  endif()
  set(path "/${name}")
  if(name STREQUAL "index.html")
    set(path "/")
  endif()
  file(READ ${FOLDER}/${name} content)
  string(APPEND entries "    {\"${path}\", \"${type_${ending}}\", R\"embedded(${content})embedded\"},\n")
endforeach()

file(WRITE ${OUT} "// Made by cmake/EmbedFiles.cmake.
#include \"daemon/page/page_assets.hpp\"

#include <algorithm>
#include <array>

namespace melstream::page {
namespace {

constexpr std::array<PageAsset, ${n_files}> kAssets{{
${entries}}};

}  // namespace

std::span<const PageAsset> page_assets() noexcept { return kAssets; }

const PageAsset* find_page_asset(std::string_view path) noexcept {
  const auto found = std::find_if(kAssets.begin(), kAssets.end(), [path](const PageAsset& asset) { return asset.path == path; });
  return found == kAssets.end() ? nullptr : &*found;
}

}  // namespace melstream::page
")
