#include "client/stream_choice.hpp"

namespace melstream::client {

v1::StreamSelection make_selection(const StreamChoiceOptions& options) {
  const int n_given = (options.ids.empty() ? 0 : 1) + (options.has_labels ? 1 : 0) + (options.all ? 1 : 0);
  if (n_given != 1) throw ClientError(ExitCode::kUsage, "say which streams: --stream ID ..., --labels EXPR or --all");
  v1::StreamSelection selection;
  if (options.all) {
    selection.mutable_all();
  } else if (options.has_labels) {
    selection.set_labels(options.labels);
  } else {
    selection.mutable_ids()->mutable_ids()->Add(options.ids.begin(), options.ids.end());
  }
  return selection;
}

}  // namespace melstream::client
