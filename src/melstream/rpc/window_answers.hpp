// What a call of GetWindows has to tell, one response at a time: those of a list (window_list.hpp), or those of streams
// that are followed (window_follow.hpp). Nothing is computed before it can be sent.
#pragma once

#include "melstream/v1/feature_service.pb.h"

namespace melstream::rpc {

/// One thread at a time. All may throw Error: the call then ends with it.
class WindowAnswers {
 public:
  enum class Next {
    kResponse,
    kNotYet,
    kOver,  ///< all is told
  };

  virtual ~WindowAnswers() = default;
  /// Sees what has changed. In every turn, also while a response is under way; computes nothing.
  virtual void look() = 0;
  /// @param response empty; filled for kResponse.
  virtual Next next(v1::GetWindowsResponse& response) = 0;
};

}  // namespace melstream::rpc
