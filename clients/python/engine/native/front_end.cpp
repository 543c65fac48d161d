// melstream.engine.FrontEnd.
#include <string>

#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include "errors.hpp"
#include "handles.hpp"
#include "words.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace melstream::python {
namespace {

constexpr std::int64_t kMostSamples = std::int64_t{1} << 40;

FrontEnd by_name(const std::string& name) {
  refuse_zeros("name", name);
  melstream_front_end* handle = nullptr;
  check(melstream_front_end_by_name(name.c_str(), &handle));
  return {decltype(FrontEnd::handle)(handle)};
}

FrontEnd by_spec(const std::string& spec, const std::string& name) {
  refuse_zeros("spec", spec);
  refuse_zeros("name", name);
  melstream_front_end* handle = nullptr;
  check(melstream_front_end_by_spec(name.c_str(), spec.c_str(), &handle));
  return {decltype(FrontEnd::handle)(handle)};
}

std::int32_t bins(const FrontEnd& self, std::string_view smoothing) {
  const std::int32_t n = melstream_front_end_bins(self.handle.get(), smoothing_of(smoothing));
  if (n == 0) {
    raise_value_error(std::string("smoothing: front end '") + melstream_front_end_name(self.handle.get()) +
                      "' takes none");
  }
  return n;
}

/// Of the same numbers and name.
bool are_equal(const FrontEnd& self, nb::handle other) {
  if (!nb::isinstance<FrontEnd>(other)) return false;
  const auto& that = nb::cast<const FrontEnd&>(other);
  return std::string_view(melstream_front_end_spec(self.handle.get())) == melstream_front_end_spec(that.handle.get()) &&
         std::string_view(melstream_front_end_name(self.handle.get())) == melstream_front_end_name(that.handle.get());
}

std::int64_t rows(const FrontEnd& self, std::int64_t n_samples, std::string_view smoothing) {
  if (n_samples < 0 || n_samples > kMostSamples) {
    raise_value_error("n_samples: " + std::to_string(n_samples) + " is not in 0.." + std::to_string(kMostSamples));
  }
  bins(self, smoothing);
  return melstream_front_end_rows(self.handle.get(), smoothing_of(smoothing), n_samples);
}

std::vector<std::string> names() {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < melstream_front_end_count(); ++i) all.emplace_back(melstream_front_end_name_at(i));
  return all;
}

}  // namespace

void add_front_end(nb::module_& module) {
  nb::class_<FrontEnd>(
      module, "FrontEnd",
      "All that decides the numbers of features: a built-in front end by its name, or one by its spec.")
      .def(
          "__init__", [](FrontEnd* self, const std::string& name) { new (self) FrontEnd(by_name(name)); }, "name"_a,
          "A built-in front end (front_ends()). ValueError lists the known names.")
      .def_static("from_spec", &by_spec, "spec"_a, "name"_a = "custom",
                  "By canonical text: lines of key=value, as `melstream front-ends --spec NAME` and .spec print them; "
                  "keys that "
                  "are left out are those of whisper-80.")
      .def_prop_ro("name", [](const FrontEnd& self) { return melstream_front_end_name(self.handle.get()); })
      .def_prop_ro(
          "spec", [](const FrontEnd& self) { return melstream_front_end_spec(self.handle.get()); },
          "Canonical text: lines of key=value.")
      .def_prop_ro(
          "sha256", [](const FrontEnd& self) { return melstream_front_end_sha256(self.handle.get()); },
          "Hash of the spec: what a subscriber of the daemon can pin.")
      .def_prop_ro(
          "hop", [](const FrontEnd& self) { return melstream_front_end_hop(self.handle.get()); },
          "Samples from one row to the next.")
      .def("bins", &bins, "smoothing"_a = "none", "Values of one row.")
      .def("rows", &rows, "n_samples"_a, "smoothing"_a = "none", "Rows of a clip of that many samples.")
      .def("__eq__", &are_equal, "other"_a.none())
      .def("__hash__",
           [](const FrontEnd& self) { return nb::hash(nb::str(melstream_front_end_spec(self.handle.get()))); })
      .def("__repr__", [](const FrontEnd& self) {
        return std::string("<FrontEnd ") + melstream_front_end_name(self.handle.get()) + " " +
               std::string(melstream_front_end_sha256(self.handle.get())).substr(0, 12) + ">";
      });
  module.def("front_ends", &names, "Names of the built-in front ends.");
}

}  // namespace melstream::python
