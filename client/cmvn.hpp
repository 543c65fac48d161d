// CMVN files in Kaldi-nnet text, as FunASR ships them (am.mvn): y = (v + shift) * scale for each element of a row.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace melstream::client {

struct CmvnVectors {
  std::vector<float> shift;  ///< [bins], the brackets after <AddShift>
  std::vector<float> scale;  ///< [bins], the brackets after <Rescale>
};

/// Throws ClientError(kInput) where a section is missing, not numbers, or the two differ in length.
/// @param name stands in the message, usually the file's path.
CmvnVectors parse_cmvn(std::string_view text, const std::string& name);
CmvnVectors read_cmvn(const std::string& path);

}  // namespace melstream::client
