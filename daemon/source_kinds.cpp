#include "daemon/source_kinds.hpp"

#include "melstream/audio/file/file_source.hpp"
#include "melstream/audio/mic/mic_kind.hpp"
#include "melstream/audio/net/net_sources.hpp"
#include "melstream/audio/rtp/rtp_source.hpp"
#include "melstream/audio/ws/ws_kind.hpp"
#include "melstream/audio/wyoming/wyoming_kind.hpp"

namespace melstream::daemon {

const std::vector<audio::SourceKind>& source_kinds() {
  static const std::vector<audio::SourceKind> kKinds = {
      audio::mic_kind(), audio::file_kind(), audio::tcp_kind(), audio::udp_kind(),
      audio::rtp_kind(), audio::srtp_kind(), audio::ws_kind(),  audio::wyoming_kind(),
  };
  return kKinds;
}

}  // namespace melstream::daemon
