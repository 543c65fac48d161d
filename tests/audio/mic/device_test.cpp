// Names of devices, formats, options, and the list that a child process writes.
#include <vector>

#include <gtest/gtest.h>

#include "melstream/audio/mic/device_name.hpp"
#include "melstream/audio/mic/device_probe.hpp"
#include "melstream/audio/mic/mic_options.hpp"

namespace melstream::audio {
namespace {

std::vector<core::AudioDevice> devices() {
  return {{.name = "HDA Intel PCH: ALC257 Analog (hw:0,0)", .host_api = "ALSA", .n_channels = 2},
          {.name = "USB Audio: Front (hw:1,0)", .host_api = "ALSA", .n_channels = 1},
          {.name = "USB Audio: Rear (hw:2,0)", .host_api = "ALSA", .n_channels = 1},
          {.name = "USB", .host_api = "ALSA", .n_channels = 1},
          {.name = "pulse", .host_api = "ALSA", .n_channels = 32, .sample_rate_hz = 44100, .is_default = true},
          {.name = "pulse", .host_api = "OSS", .n_channels = 2}};
}

std::string message_of(const std::string& name, const std::vector<core::AudioDevice>& all) {
  try {
    device_named(name, all);
  } catch (const DeviceError& error) {
    EXPECT_EQ(error.problem(), DeviceProblem::kNotFound);
    return error.what();
  }
  ADD_FAILURE() << name << " was found";
  return {};
}

TEST(DeviceName, IsExactOrElsePartOfOneNameOnly) {
  const auto all = devices();
  EXPECT_EQ(device_named("USB", all).name, "USB");
  EXPECT_EQ(device_named("alc257", all).n_channels, 2);
  EXPECT_EQ(device_named("REAR", all).name, "USB Audio: Rear (hw:2,0)");
  EXPECT_EQ(device_named("default", all).name, "pulse");
  EXPECT_EQ(device_named("puls", all).host_api, "ALSA") << "one name in two host APIs: the first";
}

TEST(DeviceName, ListsTheCandidates) {
  const std::string several = message_of("usb audio", devices());
  EXPECT_NE(several.find("Front"), std::string::npos) << several;
  EXPECT_NE(several.find("Rear"), std::string::npos);
  EXPECT_EQ(several.find("pulse"), std::string::npos);
  EXPECT_NE(message_of("nothing", devices()).find("'pulse'"), std::string::npos);
  EXPECT_NE(message_of("default", {{.name = "a"}}).find("'a'"), std::string::npos);
  EXPECT_NE(message_of("default", {}).find("no device that captures"), std::string::npos);
}

TEST(DeviceLines, ComeBackAsTheyWere) {
  const auto all = devices();
  const auto again = parse_device_lines(device_lines(all));
  ASSERT_EQ(again.size(), all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(again[i].name, all[i].name);
    EXPECT_EQ(again[i].host_api, all[i].host_api);
    EXPECT_EQ(again[i].n_channels, all[i].n_channels);
    EXPECT_EQ(again[i].sample_rate_hz, all[i].sample_rate_hz);
    EXPECT_EQ(again[i].is_default, all[i].is_default);
  }
  EXPECT_TRUE(parse_device_lines("").empty());
}

TEST(DeviceLines, RefuseAnythingElse) {
  EXPECT_EQ(device_lines({{.name = "a\tb\nc"}}).substr(0, 6), "a b c\t");
  for (const char* const text : {"a", "a\n", "a\tb\tx\t1\t-\n", "a\tb\t1\t1\t-", "a\tb\t1\t-\n", "a\tb\t1\t\t-\n"}) {
    EXPECT_THROW(parse_device_lines(text), DeviceError) << text;
  }
}

TEST(DeviceProbe, ReadsWhatAProgramWrites) {
  const auto probe =
      make_device_probe({"/bin/sh", "-c", "printf 'pulse\\tALSA\\t32\\t44100\\tdefault\\n'; echo noise >&2"});
  const auto found = probe();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].name, "pulse");
  EXPECT_EQ(found[0].sample_rate_hz, 44100);
  EXPECT_TRUE(found[0].is_default);
}

TEST(DeviceProbe, TellsWhenTheProgramFails) {
  EXPECT_THROW(make_device_probe({"/nonexistent/program"})(), DeviceError);
  EXPECT_THROW(make_device_probe({"/bin/sh", "-c", "kill -SEGV $$"})(), DeviceError);
  EXPECT_THROW(make_device_probe({"/bin/sh", "-c", "echo what"})(), DeviceError);
}

MicOptions options_of(const std::string& uri) { return parse_mic_options(parse_source_uri(uri)); }

TEST(MicOptions, AreTakenFromTheUri) {
  const MicOptions plain = options_of("mic:default");
  EXPECT_EQ(plain.name, "default");
  EXPECT_FALSE(plain.always);
  EXPECT_EQ(plain.linger_ns, 5 * core::kNsPerSecond);
  const MicOptions all = options_of(
      "mic:USB%20Audio?rate=48000&channels=2&channel=1&conceal=hold&capture=always&latency_ms=50&linger_s=0.5");
  EXPECT_EQ(all.name, "USB Audio");
  EXPECT_EQ(all.sample_rate_hz, 48000);
  EXPECT_EQ(all.n_channels, 2);
  EXPECT_EQ(all.channel_index, 1);
  EXPECT_EQ(all.conceal, core::Conceal::kHold);
  EXPECT_TRUE(all.always);
  EXPECT_DOUBLE_EQ(all.latency_s, 0.05);
  EXPECT_EQ(all.linger_ns, core::kNsPerSecond / 2);
  for (const char* const uri : {"mic:", "mic://host:1", "mic:a?rate=1000", "mic:a?channels=9", "mic:a?capture=maybe",
                                "mic:a?channels=2&channel=2", "mic:a?volume=3", "mic:a?linger_s=-1"}) {
    EXPECT_THROW(options_of(uri), core::Error) << uri;
  }
}

TEST(MicFormat, TakesWhatIsNeededOfTheDevice) {
  const core::AudioDevice array{.name = "array", .host_api = "ALSA", .n_channels = 4, .sample_rate_hz = 44100};
  EXPECT_EQ(mic_format(options_of("mic:a"), array).n_channels, 4);
  EXPECT_EQ(mic_format(options_of("mic:a"), array).sample_rate_hz, 44100);
  EXPECT_EQ(mic_format(options_of("mic:a"), array).encoding, core::PcmEncoding::kFloat32);
  EXPECT_EQ(mic_format(options_of("mic:a?channel=1"), array).n_channels, 2);
  EXPECT_EQ(mic_format(options_of("mic:a?channels=2&rate=16000"), array).sample_rate_hz, 16000);
  EXPECT_EQ(mic_format(options_of("mic:a?channel=split"), array).n_feeds(), 4);
  EXPECT_THROW(mic_format(options_of("mic:a?channels=5"), array), DeviceError);
  EXPECT_THROW(mic_format(options_of("mic:a"), {.name = "x", .n_channels = 1, .sample_rate_hz = 1000}), DeviceError);
}

}  // namespace
}  // namespace melstream::audio
