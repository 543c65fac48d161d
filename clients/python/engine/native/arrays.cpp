#include "arrays.hpp"

#include <algorithm>
#include <cstddef>
#include <string>

#include "errors.hpp"

namespace nb = nanobind;

namespace melstream::python {
namespace {

std::string name_of_type(nb::handle object) { return nb::type_name(object.type()).c_str(); }

std::string dtype_name(nb::dlpack::dtype dtype) {
  const char* kind = "unknown";
  switch (static_cast<nb::dlpack::dtype_code>(dtype.code)) {
    case nb::dlpack::dtype_code::Int:
      kind = "int";
      break;
    case nb::dlpack::dtype_code::UInt:
      kind = "uint";
      break;
    case nb::dlpack::dtype_code::Float:
      kind = "float";
      break;
    case nb::dlpack::dtype_code::Bfloat:
      kind = "bfloat";
      break;
    case nb::dlpack::dtype_code::Complex:
      kind = "complex";
      break;
    case nb::dlpack::dtype_code::Bool:
      kind = "bool";
      break;
    default:
      break;
  }
  return kind + std::to_string(dtype.bits);
}

template <typename Array>
std::string shape_of(const Array& array) {
  std::string text = "(";
  for (std::size_t i = 0; i < array.ndim(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(array.shape(i));
  return text + (array.ndim() == 1 ? ",)" : ")");
}

/// Whether the object is such an array; other objects fail in several ways.
template <typename Array>
bool is_array(nb::handle object, Array& array) noexcept {
  try {
    return nb::try_cast(object, array);
  } catch (...) {
    PyErr_Clear();
    return false;
  }
}

/// " of dtype >f4" of what has one.
std::string dtype_of(nb::handle object) {
  if (!nb::hasattr(object, "dtype")) return {};
  const nb::object dtype = object.attr("dtype");
  return std::string(" of dtype ") + nb::str(nb::hasattr(dtype, "str") ? nb::object(dtype.attr("str")) : dtype).c_str();
}

AnyArray array_of(nb::handle object, const char* name) {
  AnyArray array;
  if (!is_array(object, array)) {
    raise_type_error(
        std::string(name) + ": a " + name_of_type(object) + dtype_of(object) +
        " is no array that can be read; pass a NumPy array or a tensor of float32 or int16, of this machine's "
        "byte order, without a gradient");
  }
  return array;
}

melstream_memory memory_of(const AnyArray& array, const char* name) {
  switch (array.device_type()) {
    case nb::device::cpu::value:
    case nb::device::cuda_host::value:
      return MELSTREAM_HOST;
    case nb::device::cuda::value:
    case nb::device::cuda_managed::value:
      return MELSTREAM_CUDA;
    default:
      raise_value_error(std::string(name) + ": is on a device of DLPack type " + std::to_string(array.device_type()) +
                        "; taken are the CPU and CUDA");
  }
}

/// Samples lie one after another along the last dimension.
void check_samples(const AnyArray& array, const char* name) {
  const std::size_t last = array.ndim() - 1;
  if (array.size() > 1 && array.shape(last) > 1 && array.stride(last) != 1) {
    raise_value_error(std::string(name) + ": stride " + std::to_string(array.stride(last)) +
                      " along the samples; they must lie one after another (numpy.ascontiguousarray, .contiguous())");
  }
}

std::vector<std::int64_t> lengths_of(nb::handle lengths, std::size_t n_clips, std::int64_t longest) {
  std::vector<std::int64_t> all;
  if (lengths.is_none()) {
    all.assign(n_clips, longest);
    return all;
  }
  for (nb::handle length : nb::iter(lengths)) {
    std::int64_t n = 0;
    if (PyBool_Check(length.ptr()) != 0 || PyIndex_Check(length.ptr()) == 0 ||
        !nb::try_cast(nb::int_(nb::borrow(length)), n)) {
      raise_type_error("lengths: has a " + name_of_type(length) + "; taken are whole numbers");
    }
    all.push_back(n);
  }
  if (all.size() != n_clips) {
    raise_value_error("lengths: " + std::to_string(all.size()) + " for " + std::to_string(n_clips) + " clips");
  }
  for (std::size_t i = 0; i < n_clips; ++i) {
    if (all[i] >= 0 && all[i] <= longest) continue;
    raise_value_error("lengths: " + std::to_string(all[i]) + " for clip " + std::to_string(i) + " is not in 0.." +
                      std::to_string(longest) + ", the samples of audio");
  }
  return all;
}

void add_list(nb::handle audio, nb::handle lengths, Clips& clips) {
  if (!lengths.is_none())
    raise_value_error("lengths: a list of clips has them already; pass lengths with a [batch, n] array");
  for (nb::handle one : nb::iter(audio)) {
    const std::string name = "audio[" + std::to_string(clips.arrays.size()) + "]";
    clips.arrays.push_back(samples_of(one, name.c_str()));
    const AnyArray& array = clips.arrays.back();
    const melstream_sample_type type = sample_type_of(array, name.c_str());
    const melstream_memory memory = memory_of(array, name.c_str());
    const bool is_elsewhere = array.device_id() != clips.arrays.front().device_id();
    if (clips.arrays.size() == 1) {
      clips.sample_type = type;
      clips.memory = memory;
    }
    if (type != clips.sample_type || memory != clips.memory || is_elsewhere) {
      raise_value_error(name + ": is of another dtype or device than audio[0]; all clips of a call are of one");
    }
    clips.clips.push_back({array.data(), static_cast<std::int64_t>(array.shape(0))});
  }
}

}  // namespace

melstream_sample_type sample_type_of(const AnyArray& array, const char* name) {
  if (array.dtype() == nb::dtype<float>()) return MELSTREAM_FLOAT32;
  if (array.dtype() == nb::dtype<std::int16_t>()) return MELSTREAM_INT16;
  raise_type_error(std::string(name) + ": is " + dtype_name(array.dtype()) +
                   "; taken are float32 (full scale -1 to 1) and int16");
}

AnyArray samples_of(nb::handle audio, const char* name) {
  AnyArray array = array_of(audio, name);
  if (array.ndim() != 1) {
    raise_value_error(std::string(name) + ": has the shape " + shape_of(array) +
                      "; taken is (samples,), mono at 16 kHz");
  }
  check_samples(array, name);
  return array;
}

Clips clips_of(nb::handle audio, nb::handle lengths) {
  Clips clips;
  if (PyList_Check(audio.ptr()) || PyTuple_Check(audio.ptr())) {
    add_list(audio, lengths, clips);
    return clips;
  }
  const AnyArray array = array_of(audio, "audio");
  clips.sample_type = sample_type_of(array, "audio");
  clips.memory = memory_of(array, "audio");
  if (array.ndim() != 1 && array.ndim() != 2) {
    raise_value_error("audio: has the shape " + shape_of(array) +
                      "; taken are (samples,), (clips, samples) and a list of (samples,), mono at 16 kHz");
  }
  check_samples(array, "audio");
  const bool is_batch = array.ndim() == 2;
  const std::size_t n_clips = is_batch ? array.shape(0) : 1;
  const auto longest = static_cast<std::int64_t>(array.shape(array.ndim() - 1));
  const std::int64_t stride = is_batch ? array.stride(0) : 0;
  const std::int64_t size = clips.sample_type == MELSTREAM_INT16 ? sizeof(std::int16_t) : sizeof(float);
  const std::vector<std::int64_t> n_samples = lengths_of(lengths, n_clips, longest);
  const auto* const bytes = static_cast<const std::byte*>(array.data());
  for (std::size_t i = 0; i < n_clips; ++i) {
    clips.clips.push_back({bytes + static_cast<std::int64_t>(i) * stride * size, n_samples[i]});
  }
  clips.arrays.push_back(array);
  return clips;
}

nb::ndarray<> writable(nb::handle out) {
  nb::ndarray<> array;
  if (!is_array(out, array)) {
    raise_type_error("out: a " + name_of_type(out) + " is no array that can be written to");
  }
  if (array.dtype() != nb::dtype<float>())
    raise_type_error("out: is " + dtype_name(array.dtype()) + "; taken is float32");
  return array;
}

namespace {

/// Whether all elements have places of their own: each dimension's stride is beyond what the smaller ones cover.
bool is_overlapping(const nb::ndarray<>& array) {
  std::vector<std::pair<std::int64_t, std::int64_t>> dimensions;  // stride, size
  for (std::size_t i = 0; i < array.ndim(); ++i) {
    if (array.shape(i) == 0) return false;
    if (array.shape(i) > 1) dimensions.emplace_back(array.stride(i), static_cast<std::int64_t>(array.shape(i)));
  }
  std::sort(dimensions.begin(), dimensions.end());
  std::int64_t covered = 0;
  for (const auto& [stride, size] : dimensions) {
    if (stride <= covered) return true;
    covered += (size - 1) * stride;
  }
  return false;
}

}  // namespace

std::vector<melstream_output> outputs_of(const nb::ndarray<>& out, std::size_t n_clips, std::int32_t n_bins,
                                         bool mel_major, melstream_memory memory) {
  const std::size_t first = out.ndim() == 3 ? 1 : 0;
  const std::size_t rows = first + (mel_major ? 1 : 0), bins = first + (mel_major ? 0 : 1);
  const bool fits = (out.ndim() == 3 && out.shape(0) == n_clips) || (out.ndim() == 2 && n_clips == 1);
  if (!fits || out.shape(bins) != static_cast<std::size_t>(n_bins)) {
    raise_value_error("out: has the shape " + shape_of(out) + "; taken is (" +
                      (n_clips == 1 ? std::string() : std::to_string(n_clips) + ", ") +
                      (mel_major ? std::to_string(n_bins) + ", rows)" : "rows, " + std::to_string(n_bins) + ")"));
  }
  if (is_overlapping(out))
    raise_value_error("out: its elements lie over each other, or backwards; each needs a place of its own");
  if (memory_of(AnyArray(out), "out") != memory) raise_value_error("out: is not on the device of audio");
  std::vector<melstream_output> outputs;
  const std::int64_t clip_stride = first == 1 ? out.stride(0) : 0;
  for (std::size_t i = 0; i < n_clips; ++i) {
    outputs.push_back({static_cast<float*>(out.data()) + static_cast<std::int64_t>(i) * clip_stride,
                       static_cast<std::int64_t>(out.shape(rows)), out.stride(rows), out.stride(bins)});
  }
  return outputs;
}

}  // namespace melstream::python
