#include "client/npy.hpp"

#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>

#include "tests/client/expect_error.hpp"
#include "tests/client/temp_folder.hpp"

namespace melstream::client {
namespace {

TEST(Npy, HeaderIsWhatNumpyWrites) {
  const std::string header = npy_header(3, 80);
  ASSERT_EQ(header.size(), 128u);
  EXPECT_EQ(header.substr(0, 10), std::string("\x93NUMPY\x01\x00\x76\x00", 10));
  EXPECT_EQ(header.substr(10, 61), "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 80), } ");
  EXPECT_EQ(header.back(), '\n');
}

TEST(Npy, ReadsBackTheBitsThatWereWritten) {
  const TempFolder folder;
  const FeatureMatrix matrix{2, {1.5f, -0.0f, std::numeric_limits<float>::denorm_min(), 3.4e38f}};
  write_npy(folder.path("x.npy"), matrix);
  const FeatureMatrix read = read_npy(folder.path("x.npy"));
  EXPECT_EQ(read.bins, 2);
  ASSERT_EQ(read.values.size(), matrix.values.size());
  for (std::size_t i = 0; i < matrix.values.size(); ++i) {
    EXPECT_EQ(std::bit_cast<std::uint32_t>(read.values[i]), std::bit_cast<std::uint32_t>(matrix.values[i])) << i;
  }
}

TEST(Npy, HoldsNoFrames) {
  const TempFolder folder;
  write_npy(folder.path("x.npy"), {80, {}});
  const FeatureMatrix read = read_npy(folder.path("x.npy"));
  EXPECT_EQ(read.bins, 80);
  EXPECT_EQ(read.frames(), 0);
}

TEST(Npy, WithoutCommitThereIsNoFile) {
  const TempFolder folder;
  {
    NpyWriter writer(folder.path("x.npy"), 2);
    const float row[] = {1, 2};
    writer.append(row);
  }
  EXPECT_TRUE(folder.names().empty());
}

TEST(Npy, AppendsRowsInOrder) {
  const TempFolder folder;
  NpyWriter writer(folder.path("x.npy"), 2);
  const float first[] = {1, 2};
  const float rest[] = {3, 4, 5, 6};
  writer.append(first);
  writer.append(rest);
  EXPECT_EQ(writer.frames(), 3);
  writer.commit();
  EXPECT_EQ(read_npy(folder.path("x.npy")).values, (std::vector<float>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(folder.names(), std::vector<std::string>{"x.npy"});
}

std::string npy_text(const std::string& dictionary, const std::string& values) {
  const std::string text = dictionary + "\n";
  return std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(text.size()) + '\0' + text + values;
}

TEST(Npy, ReadsHalfAndDouble) {
  const TempFolder folder;
  const std::string halves("\x00\x3c\x00\xc0", 4);  // 1, -2
  folder.write("h.npy", npy_text("{'descr': '<f2', 'fortran_order': False, 'shape': (1, 2), }", halves));
  EXPECT_EQ(read_npy(folder.path("h.npy")).values, (std::vector<float>{1, -2}));
  const double value = 0.5;
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &value, 8);
  folder.write("d.npy", npy_text("{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1, 1), }", bytes));
  EXPECT_EQ(read_npy(folder.path("d.npy")).values, std::vector<float>{0.5f});
}

TEST(Npy, RefusesGarbage) {
  const TempFolder folder;
  const auto refuse = [&](const std::string& content, std::initializer_list<const char*> words) {
    const std::string path = folder.write("g.npy", content);
    expect_error(ExitCode::kInput, words, [&] { read_npy(path); });
  };
  refuse("", {"g.npy", "not a .npy"});
  refuse("RIFF this is sound, not features", {"not a .npy"});
  refuse(std::string("\x93NUMPY\x09\x00\x04\x00", 10), {"version 9"});
  refuse(std::string("\x93NUMPY\x01\x00\x76\x00{'descr'", 18), {"ends inside"});
  const std::string four(4, '\0');
  refuse(npy_text("{'descr': '<i4', 'fortran_order': False, 'shape': (1, 1), }", four), {"<i4", "float32"});
  refuse(npy_text("{'descr': '<f4', 'fortran_order': True, 'shape': (1, 1), }", four), {"C order"});
  refuse(npy_text("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", four), {"1 dimensions"});
  refuse(npy_text("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }", four), {"4 bytes", "needs 8"});
  refuse(npy_text("{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999999, 80), }", four), {"shape"});
  refuse(npy_text("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999999, 80), }", four),
         {"shape"});
  refuse(npy_text("{'descr': '<f4', 'fortran_order': False, }", four), {"no shape"});
}

TEST(Npy, RefusesPlacesThatAreNoFiles) {
  const TempFolder folder;
  expect_error(ExitCode::kInput, {"none.npy"}, [&] { read_npy(folder.path("none.npy")); });
  expect_error(ExitCode::kInput, {"directory"}, [&] { read_npy(folder.path(".")); });
  expect_error(ExitCode::kInput, {"directory"}, [&] { write_npy(folder.path("."), {1, {}}); });
  expect_error(ExitCode::kInput, {"none/x.npy"}, [&] { write_npy(folder.path("none/x.npy"), {1, {}}); });
}

}  // namespace
}  // namespace melstream::client
