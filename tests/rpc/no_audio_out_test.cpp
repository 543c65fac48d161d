// No message that the daemon sends can carry audio: every field that is reachable from a response is looked at by its
// type. What can hold samples (bytes, repeated numbers, maps to numbers) must be on the list of what holds something
// else, with the reason. Who adds such a field must come here and say what is in it.
#include <filesystem>
#include <set>
#include <string>
#include <string_view>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include "melstream/v1/admin_service.pb.h"
#include "melstream/v1/audio_service.pb.h"
#include "melstream/v1/feature_service.pb.h"
#include "melstream/v1/recording.pb.h"

namespace melstream {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;

/// Full names without the package. Features are what the daemon is for; a token is sealed and of a fixed size.
const std::set<std::string> kNoAudio = {
    "FeatureBlock.values",                // features, after the front end: no samples
    "GetWindowResponse.values",           // the same of a window
    "SubscriptionStart.resume_token",     // a position, sealed
    "FeatureBlock.resume_token",          //
    "Gap.resume_token",                   //
    "Discontinuity.resume_token",         //
    "SubscribeFailure.resume_token",      //
    "SubscribeErrorDetail.resume_token",  //
    "FrontEndInfo.normalizations",        // an enumeration: which there are
    "SourceStatus.counters",              // totals by name
    "StreamProgress.losses",              // totals by reason
    "GetWindowResponse.filled",           // ranges: positions of samples
    "GetWindowResponse.concealed",        //
    "GetWindowResponse.suppressed",       //
    "WindowErrorDetail.gaps",             //
};

constexpr char kPackage[] = "melstream.v1.";

bool is_number(const FieldDescriptor& field) {
  return field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE && field.cpp_type() != FieldDescriptor::CPPTYPE_STRING;
}

/// A message of numbers alone: many of them are as good as repeated numbers.
bool is_of_numbers(const Descriptor& message) {
  for (int i = 0; i < message.field_count(); ++i) {
    if (!is_number(*message.field(i))) return false;
  }
  return message.field_count() > 0;
}

/// Whether many values of the field could be samples. Strings carry names, ids and sentences; protobuf refuses what is
/// no UTF-8 in them.
bool can_hold_samples(const FieldDescriptor& field) {
  if (field.type() == FieldDescriptor::TYPE_BYTES) return true;
  if (field.is_map()) {
    return field.message_type()->map_value()->cpp_type() != FieldDescriptor::CPPTYPE_STRING;
  }
  if (!field.is_repeated()) return false;
  return is_number(field) || (field.message_type() != nullptr && is_of_numbers(*field.message_type()));
}

class Walk {
 public:
  void look_at(const Descriptor& message) {
    if (!seen_.insert(message.full_name()).second) return;
    // Any, Struct and their like can hold anything; so can extensions.
    if (message.full_name().rfind(kPackage, 0) != 0 || message.extension_range_count() > 0) {
      suspects_.insert(message.full_name());
      return;
    }
    for (int i = 0; i < message.field_count(); ++i) look_at(*message.field(i));
  }

  const std::set<std::string>& suspects() const { return suspects_; }
  const std::set<std::string>& seen() const { return seen_; }

 private:
  void look_at(const FieldDescriptor& field) {
    if (can_hold_samples(field)) suspects_.insert(field.full_name());
    if (!field.is_map() && field.message_type() != nullptr) look_at(*field.message_type());
    if (field.is_map() && field.message_type()->map_value()->message_type() != nullptr) {
      look_at(*field.message_type()->map_value()->message_type());
    }
  }

  std::set<std::string> seen_;
  std::set<std::string> suspects_;
};

/// Of all responses, and of what statuses carry, in files of the contract.
void walk_file(const FileDescriptor& file, Walk& walk) {
  for (int i = 0; i < file.service_count(); ++i) {
    for (int k = 0; k < file.service(i)->method_count(); ++k) walk.look_at(*file.service(i)->method(k)->output_type());
  }
  for (int i = 0; i < file.message_type_count(); ++i) {
    const std::string& name = file.message_type(i)->name();
    constexpr std::string_view kDetail = "ErrorDetail";
    if (name.size() > kDetail.size() && name.compare(name.size() - kDetail.size(), kDetail.size(), kDetail) == 0) {
      walk.look_at(*file.message_type(i));
    }
  }
}

/// Every .proto file in the folder, so that a new one is not left out.
Walk walk_contract() {
  v1::RecordingHeader::descriptor();  // the linker takes only what somebody names
  Walk walk;
  int n_files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(MELSTREAM_PROTO_FOLDER)) {
    if (entry.path().extension() != ".proto") continue;
    ++n_files;
    const std::string name = "melstream/v1/" + entry.path().filename().string();
    const FileDescriptor* const file = DescriptorPool::generated_pool()->FindFileByName(name);
    if (file == nullptr) {
      ADD_FAILURE() << name << " is not compiled in: include its header here";
      continue;
    }
    walk_file(*file, walk);
  }
  EXPECT_GE(n_files, 4);
  return walk;
}

std::set<std::string> without_package(const std::set<std::string>& names) {
  std::set<std::string> short_names;
  for (const std::string& name : names) {
    short_names.insert(name.rfind(kPackage, 0) == 0 ? name.substr(sizeof kPackage - 1) : name);
  }
  return short_names;
}

TEST(NoAudioOut, EveryFieldThatCouldHoldSamplesIsKnownToHoldSomethingElse) {
  // Referenced, so that the linker keeps all files of the contract.
  v1::AudioMemory::descriptor();
  v1::StreamStarted::descriptor();
  v1::FeatureBlock::descriptor();
  const Walk walk = walk_contract();
  EXPECT_GT(walk.seen().size(), 20U);
  for (const std::string& name : without_package(walk.suspects())) {
    EXPECT_EQ(kNoAudio.count(name), 1U) << name << " could carry audio out of the daemon. If it does not, say so here";
  }
}

TEST(NoAudioOut, TheListHasNothingThatIsNotThere) {
  const std::set<std::string> found = without_package(walk_contract().suspects());
  for (const std::string& name : kNoAudio) EXPECT_EQ(found.count(name), 1U) << name << " is gone: take it off the list";
}

using google::protobuf::FieldDescriptorProto;

FieldDescriptorProto& add_field(google::protobuf::DescriptorProto& message, const char* name,
                                FieldDescriptorProto::Type type, bool is_repeated) {
  FieldDescriptorProto& field = *message.add_field();
  field.set_name(name);
  field.set_number(message.field_size());
  field.set_type(type);
  field.set_label(is_repeated ? FieldDescriptorProto::LABEL_REPEATED : FieldDescriptorProto::LABEL_OPTIONAL);
  return field;
}

/// Of a contract whose response has a message (or many) with one field of this type.
std::set<std::string> suspects_of(FieldDescriptorProto::Type type, bool is_repeated, bool many_messages) {
  google::protobuf::FileDescriptorProto file;
  file.set_name("planted.proto");
  file.set_package("melstream.v1");
  file.set_syntax("proto3");
  auto& inner = *file.add_message_type();
  inner.set_name("Inner");
  add_field(inner, "planted", type, is_repeated);
  auto& outer = *file.add_message_type();
  outer.set_name("Outer");
  add_field(outer, "inner", FieldDescriptorProto::TYPE_MESSAGE, many_messages).set_type_name(".melstream.v1.Inner");
  auto& service = *file.add_service();
  service.set_name("PlantedService");
  auto& method = *service.add_method();
  method.set_name("Get");
  method.set_input_type(".melstream.v1.Inner");
  method.set_output_type(".melstream.v1.Outer");
  DescriptorPool pool;
  const FileDescriptor* const built = pool.BuildFile(file);
  EXPECT_NE(built, nullptr);
  Walk walk;
  if (built != nullptr) walk_file(*built, walk);
  return without_package(walk.suspects());
}

// The test can fail: audio in any of these forms, however deep, is found.
TEST(NoAudioOut, FindsWhatIsPlanted) {
  using Names = std::set<std::string>;
  EXPECT_EQ(suspects_of(FieldDescriptorProto::TYPE_BYTES, false, false), Names{"Inner.planted"});
  EXPECT_EQ(suspects_of(FieldDescriptorProto::TYPE_BYTES, true, true), Names{"Inner.planted"});
  EXPECT_EQ(suspects_of(FieldDescriptorProto::TYPE_FLOAT, true, false), Names{"Inner.planted"});
  EXPECT_EQ(suspects_of(FieldDescriptorProto::TYPE_SINT32, true, false), Names{"Inner.planted"});
  EXPECT_EQ(suspects_of(FieldDescriptorProto::TYPE_FLOAT, false, true), Names{"Outer.inner"});
  EXPECT_EQ(suspects_of(FieldDescriptorProto::TYPE_FLOAT, false, false), Names{});
  EXPECT_EQ(suspects_of(FieldDescriptorProto::TYPE_STRING, true, true), Names{});
}

}  // namespace
}  // namespace melstream
