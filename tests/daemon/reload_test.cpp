// What of a new config a running daemon takes, and what it says needs a restart. The rest, over a real daemon, is in
// tests/e2e/test_access.py (class Reload).
#include "daemon/reload.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "daemon/config_keys.hpp"

namespace melstream::daemon {
namespace {

using Keys = std::vector<std::string>;

TEST(Reload, TellsWhatIsTakenFromWhatIsNot) {
  const Config now;
  Config next = now;
  next.log.level = "debug";
  next.limits.connections_per_second = 7;
  next.limits.calls_per_connection = 8;
  next.engine.tick_ms = 20;
  next.sources = {{.id = "a", .uri = "tcp://127.0.0.1:0"}};
  next.identities = {{.name = "b"}};
  next.front_ends = {{.name = "c", .base = "whisper-80", .fields = {}}};
  const ConfigDifference difference = compare_configs(now, next);
  EXPECT_EQ(difference.applied, (Keys{"limits.connections_per_second", "log.level", "[[source]]", "[[identity]]"}));
  EXPECT_EQ(difference.restart, (Keys{"limits.calls_per_connection", "engine.tick_ms", "[[front_end]]"}));
  const Config merged = merge_configs(now, next);
  // What was merged is what was told: nothing but the rest differs from the new one.
  EXPECT_TRUE(compare_configs(merged, next).applied.empty());
  EXPECT_EQ(compare_configs(merged, next).restart, difference.restart);
  EXPECT_EQ(compare_configs(now, merged).applied, difference.applied);
  EXPECT_TRUE(compare_configs(now, merged).restart.empty());
}

TEST(Reload, ClientCertificatesAreDecidedAtTheStart) {
  Config now;
  now.tls.client_ca = "/a";
  Config next = now;
  next.tls.client_ca = "/b";
  EXPECT_EQ(compare_configs(now, next).applied, Keys{"tls.client_ca"});
  next.tls.client_ca = "";
  EXPECT_EQ(compare_configs(now, next).restart, Keys{"tls.client_ca"});
  EXPECT_EQ(merge_configs(now, next).tls.client_ca, "/a");
}

TEST(Reload, TlsStaysAsItIsWhileItsListenersDo) {
  Config now;
  now.server.listen_tls = {"127.0.0.1:1"};
  now.tls = {.certificate = "/a.pem", .key = "/a.key", .client_ca = "/ca.pem"};
  now.auth.tokens = "/tokens";
  Config next = now;
  next.server.listen_tls.clear();
  next.tls = {};
  const ConfigDifference difference = compare_configs(now, next);
  EXPECT_TRUE(difference.applied.empty());
  EXPECT_EQ(difference.restart, (Keys{"server.listen_tls", "tls.certificate", "tls.key", "tls.client_ca"}));
  EXPECT_EQ(merge_configs(now, next).tls, now.tls);
  // Another address alone does not keep new files out.
  next = now;
  next.server.listen_tls.emplace_back("127.0.0.1:2");
  next.tls.certificate = "/b.pem";
  EXPECT_EQ(compare_configs(now, next).applied, Keys{"tls.certificate"});
  EXPECT_EQ(merge_configs(now, next).tls.certificate, "/b.pem");
}

}  // namespace
}  // namespace melstream::daemon
