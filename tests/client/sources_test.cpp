// melstream open, close, sources, devices, and what push tells the daemon of its stream, against a fake daemon.
#include "tests/client/command_fixture.hpp"

namespace melstream::client {
namespace {

v1::ListSourcesResponse two_sources() {
  v1::ListSourcesResponse response;
  v1::SourceStatus& desk = *response.add_sources();
  desk.mutable_spec()->set_id("desk");
  desk.mutable_spec()->set_uri("mic:default");
  (*desk.mutable_spec()->mutable_labels())["room"] = "4";
  desk.set_state(v1::SOURCE_STATE_LIVE);
  desk.set_detail("Built-in, 44100 Hz");
  desk.add_streams("desk");
  (*desk.mutable_counters())["samples"] = 44'100;
  (*desk.mutable_counters())["reopened"] = 2;
  (*desk.mutable_counters())["overflows"] = 0;
  desk.set_drift_ppm(12.5);
  v1::SourceStatus& calls = *response.add_sources();
  calls.mutable_spec()->set_id("calls");
  calls.mutable_spec()->set_uri("rtp://127.0.0.1:20000-22999");
  calls.set_state(v1::SOURCE_STATE_WAITING);
  return response;
}

class Sources : public CommandTest {
 protected:
  void expect_output(const std::string& text) const { EXPECT_NE(output_.find(text), std::string::npos) << output_; }
  void expect_errors(const std::string& text) const { EXPECT_NE(errors_.find(text), std::string::npos) << errors_; }
};

TEST_F(Sources, OpenSendsTheSpec) {
  start({.sources = two_sources()});
  EXPECT_EQ(run({"open", "mic:default", "--stream", "desk", "--label", "room=4", "--label", "site=a=b"}), 0) << errors_;
  EXPECT_EQ(output_, "source desk is live: Built-in, 44100 Hz\n");
  const v1::SourceSpec spec = daemon_->record().opened;
  EXPECT_EQ(spec.id(), "desk");
  EXPECT_EQ(spec.uri(), "mic:default");
  EXPECT_EQ(spec.labels_size(), 2);
  EXPECT_EQ(spec.labels().at("site"), "a=b");
}

TEST_F(Sources, OpenNeedsAnId) {
  start({});
  EXPECT_EQ(run({"open", "mic:default"}), 64);
  expect_errors("--stream");
  EXPECT_EQ(run({"open", "mic:default", "--stream", "desk", "--label", "room"}), 64);
  expect_errors("key=value");
}

TEST_F(Sources, ErrorsHaveTheirExitCodes) {
  start({.admin_status = {grpc::StatusCode::INVALID_ARGUMENT, "uri: no scheme 'mice'"}});
  EXPECT_EQ(run({"open", "mice:x", "--stream", "desk"}), 64);
  expect_errors("no scheme 'mice'");
  start({.admin_status = {grpc::StatusCode::UNAVAILABLE, "port 7000 is taken"}});
  EXPECT_EQ(run({"open", "tcp://127.0.0.1:7000", "--stream", "desk"}), 69);
  start({.admin_status = {grpc::StatusCode::NOT_FOUND, "no source 'desk'"}});
  EXPECT_EQ(run({"close", "desk"}), 1);
  expect_errors("'melstream sources' lists");
}

TEST_F(Sources, CloseNamesTheSource) {
  start({});
  EXPECT_EQ(run({"close", "desk"}), 0) << errors_;
  EXPECT_EQ(daemon_->record().closed, "desk");
  EXPECT_EQ(output_, "source desk is closed\n");
  EXPECT_EQ(run({"close", "desk", "--json"}), 0) << errors_;
  EXPECT_EQ(output_, "{\"closed\": \"desk\"}\n");
}

TEST_F(Sources, PeopleGetATableWithWhatIsNotZero) {
  start({.sources = two_sources()});
  EXPECT_EQ(run({"sources"}), 0) << errors_;
  expect_output("desk             live          1  mic:default                       Built-in, 44100 Hz\n");
  expect_output("  reopened 2, samples 44100, drift +12.5 ppm\n");
  expect_output("calls            waiting       0  rtp://127.0.0.1:20000-22999");
}

TEST_F(Sources, ProgramsGetEverything) {
  start({.sources = two_sources()});
  EXPECT_EQ(run({"sources", "--json"}), 0) << errors_;
  EXPECT_EQ(output_, R"([{"id": "desk", "uri": "mic:default", "labels": {"room": "4"}, "state": "live", )"
                     R"("detail": "Built-in, 44100 Hz", "streams": ["desk"], )"
                     R"("counters": {"overflows": 0, "reopened": 2, "samples": 44100}, "drift_ppm": 12.5}, )"
                     R"({"id": "calls", "uri": "rtp://127.0.0.1:20000-22999", "labels": {}, "state": "waiting", )"
                     R"("detail": "", "streams": [], "counters": {}, "drift_ppm": null}])"
                     "\n");
}

TEST_F(Sources, NoneIsSaid) {
  start({});
  EXPECT_EQ(run({"sources"}), 0) << errors_;
  expect_output("no sources");
  EXPECT_EQ(run({"sources", "--json"}), 0) << errors_;
  EXPECT_EQ(output_, "[]\n");
  EXPECT_EQ(run({"devices"}), 0) << errors_;
  expect_output("no devices");
}

TEST_F(Sources, DevicesMarkTheDefaultAndSayHowToCapture) {
  v1::ListDevicesResponse devices;
  v1::AudioDevice& desk = *devices.add_devices();
  desk.set_name("Desk");
  desk.set_host_api("ALSA");
  desk.set_channel_count(1);
  desk.set_sample_rate_hertz(48'000);
  v1::AudioDevice& built_in = *devices.add_devices();
  built_in.set_name("50% 'Built-in'");
  built_in.set_channel_count(2);
  built_in.set_sample_rate_hertz(44'100);
  built_in.set_is_default(true);
  start({.devices = devices});
  EXPECT_EQ(run({"devices"}), 0) << errors_;
  expect_output("  Desk                                            1  48000 Hz  ALSA\n");
  expect_output("* 50% 'Built-in'");
  expect_output("melstream open 'mic:50%25 %27Built-in%27' --stream desk\n");
  EXPECT_EQ(run({"devices", "--json"}), 0) << errors_;
  expect_output(R"([{"name": "Desk", "host_api": "ALSA", "channels": 1, "sample_rate_hz": 48000, "default": false}, )");
}

TEST_F(Sources, PushSaysHowChannelsAndLossesAreTaken) {
  v1::StreamEnded ended;
  ended.set_reason(v1::END_REASON_COMPLETED);
  ended.mutable_totals()->set_dropped_samples(7);
  ended.mutable_totals()->set_concealed_samples(5);
  v1::LossCount& loss = *ended.mutable_totals()->add_losses();
  loss.set_reason(v1::GAP_REASON_CAPTURE_OVERFLOW);
  loss.set_samples(7);
  start({.ended = ended});
  EXPECT_EQ(run({"push", clip(320), "--stream", "x", "--pace", "fast", "--channel", "split", "--conceal", "hold"}), 0)
      << errors_;
  EXPECT_EQ(daemon_->record().audio_config.channel_mode(), v1::CHANNEL_MODE_SPLIT);
  EXPECT_EQ(daemon_->record().audio_config.conceal(), v1::CONCEAL_HOLD);
  expect_output("7 samples dropped (5 made up)");
  EXPECT_EQ(run({"push", clip(320), "--stream", "x", "--pace", "fast", "--json"}), 0) << errors_;
  EXPECT_EQ(daemon_->record().audio_config.conceal(), v1::CONCEAL_NONE);
  expect_output(R"("streams": [{"stream": "x", "epoch": "7"}])");
  expect_output(R"("concealed_samples": 5)");
  expect_output(R"("losses": {"CAPTURE_OVERFLOW": 7})");
  EXPECT_EQ(run({"push", clip(320), "--conceal", "noise"}), 64);
  expect_errors("none, zero or hold");
}

}  // namespace
}  // namespace melstream::client
