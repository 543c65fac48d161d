// Where `subscribe` puts what it receives: lines for people, JSON lines, or a .npy.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "melstream/v1/feature_service.pb.h"

namespace melstream::client {

class ResponseWriter {
 public:
  virtual ~ResponseWriter() = default;
  /// @param values of a block, decoded, [n_frames][bins]; else empty. @param now_ns Unix time of its arrival.
  virtual void write(const v1::SubscribeResponse& response, std::span<const float> values, std::int64_t now_ns) = 0;
  /// At the end of the subscription, whatever ended it.
  virtual void finish() = 0;
};

/// One line a response on stdout.
std::unique_ptr<ResponseWriter> make_text_writer();
/// A JSON object a line. @param path "-": stdout. Throws ClientError(kInput) where it cannot be written.
std::unique_ptr<ResponseWriter> make_json_writer(const std::string& path);
/// Rows one after another. A gap throws ClientError(kFailure) and leaves no file, or becomes rows of NaN.
std::unique_ptr<ResponseWriter> make_npy_writer(const std::string& path, bool fill_gaps);

}  // namespace melstream::client
