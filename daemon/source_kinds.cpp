#include "daemon/source_kinds.hpp"

#include "melstream/audio/file/file_source.hpp"

namespace melstream::daemon {

const std::vector<audio::SourceKind>& source_kinds() {
  static const std::vector<audio::SourceKind> kKinds = {audio::file_kind()};
  return kKinds;
}

}  // namespace melstream::daemon
