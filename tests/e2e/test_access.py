"""Who may do what, as an operator sets it up and a user meets it: sockets of roles, tokens, TLS, reloading."""
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

import certificates
import harness

TOKEN = "a-token-of-the-recogniser"
OTHER = "a-token-of-the-desk-there"


class AccessTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="melstream-e2e-access-")
        self.addCleanup(shutil.rmtree, self.folder, True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text, mode=0o600):
        """Replaces the file as careful programs do."""
        path = self.path(name)
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path + ".new", mode)
        os.rename(path + ".new", path)
        return path

    def start(self, config, listen=()):
        daemon = harness.Daemon(config, listen=listen)
        self.addCleanup(daemon.close)
        return daemon

    def rewrite(self, daemon, old, new):
        """Changes the config, and has the daemon read it."""
        with open(daemon.config, encoding="utf-8") as file:
            text = file.read()
        self.assertIn(old, text)
        with open(daemon.config, "w", encoding="utf-8") as file:
            file.write(text.replace(old, new))
        daemon.process.send_signal(signal.SIGHUP)

    def logged(self, daemon, pattern):
        return harness.wait_until(lambda: re.search(pattern, daemon.log_text()), "'%s' in the log" % pattern)

    def client(self, *arguments, server):
        return harness.run_client(*arguments, server=server)


class RoleSockets(AccessTest):
    def test_each_socket_has_its_role_and_its_mode(self):
        paths = {role: self.path(role + ".sock") for role in ("publisher", "subscriber", "admin")}
        daemon = self.start("".join('%s_socket = "%s"\n' % item for item in paths.items()))
        clip = harness.audio("espeak")
        for role, path in paths.items():
            self.assertEqual(os.stat(path).st_mode & 0o777, 0o660)
            server = "unix:" + path
            codes = {
                "publisher": self.client("push", clip, "--stream", "a", "--pace", "fast", server=server).returncode,
                "subscriber": self.client("streams", server=server).returncode,
                "admin": self.client("subscribers", server=server).returncode,
            }
            self.assertEqual(codes, {one: 0 if one == role else 77 for one in paths}, role)
        self.assertEqual(daemon.client("subscribers").returncode, 0)

    def test_a_folder_that_everybody_can_write_to_is_refused(self):
        os.chmod(self.folder, 0o777)
        config = self.write("m.toml", '[server]\nsocket = "%s"\nlisten = []\n[metrics]\nlisten = ""\n' % self.path("s"))
        result = subprocess.run([harness.program("melstreamd"), "--config", config], capture_output=True, text=True,
                                timeout=harness.DEADLINE_S, check=False)
        self.assertEqual(result.returncode, 77, result.stderr)
        self.assertIn("chmod o-w", result.stderr)


class Tokens(AccessTest):
    def setUp(self):
        super().setUp()
        self.tokens = self.write("tokens", "asr %s\ndesk %s\n" % (TOKEN, OTHER))
        self.token = self.write("asr.token", TOKEN + "\n")
        self.config = ('[auth]\ntokens = "%s"\nanonymous_roles = []\n' % self.tokens
                       + '[[identity]]\nname = "asr"\nroles = ["subscriber"]\nstreams = ["desk-*"]\n'
                       + '[[identity]]\nname = "desk"\nroles = ["publisher"]\n')

    def test_a_token_opens_what_its_identity_may(self):
        daemon = self.start(self.config, listen=["127.0.0.1:0"])
        tcp = re.search(r"addresses=\S*?(127\.0\.0\.1:\d+)", daemon.log_text()).group(1)
        without = self.client("streams", server=tcp)
        self.assertEqual(without.returncode, 77, without.stderr)
        self.assertIn("authorization: Bearer", without.stderr)
        self.assertEqual(self.client("streams", "--token-file", self.token, server=tcp).returncode, 0)
        forbidden = self.client("subscribe", "hall", "--wait", "--front-end", "whisper-80", "--token-file", self.token,
                                server=tcp)
        self.assertEqual(forbidden.returncode, 77, forbidden.stderr)
        self.assertIn("'asr' has no access to stream 'hall'", forbidden.stderr)
        self.assertNotIn(TOKEN, daemon.log_text())

    def test_revoking_ends_what_runs(self):
        daemon = self.start(self.config)
        reader = daemon.start_client("subscribe", "desk-1", "--wait", "--front-end", "whisper-80", "--token-file", self.token)
        harness.wait_until(lambda: "desk-1" in daemon.client("subscribers").stdout, "the subscription")
        self.write("tokens", "desk %s\n" % OTHER)
        daemon.process.send_signal(signal.SIGHUP)
        self.logged(daemon, r"reloaded ")
        _, errors = reader.communicate(timeout=harness.DEADLINE_S)
        self.assertEqual(reader.returncode, 77, errors)
        self.assertIn(b"UNAUTHENTICATED", errors)
        self.assertEqual(daemon.client("streams", "--token-file", self.token).returncode, 77)

    def test_a_bad_token_file_changes_nothing(self):
        daemon = self.start(self.config)
        self.write("tokens", "asr short\n")
        daemon.process.send_signal(signal.SIGHUP)
        self.logged(daemon, r"reload_failed .*tokens:1: a token has 16")
        self.assertEqual(daemon.client("streams", "--token-file", self.token).returncode, 0)
        self.write("tokens", "asr %s\n" % TOKEN, mode=0o644)
        daemon.process.send_signal(signal.SIGHUP)
        self.logged(daemon, r"reload_failed .*its mode is 0644")
        self.assertEqual(daemon.client("streams", "--token-file", self.token).returncode, 0)

    def test_a_token_file_of_wrong_mode_stops_the_start(self):
        os.chmod(self.tokens, 0o644)
        config = self.write("m.toml", '[server]\nsocket = "%s"\nlisten = []\n' % self.path("s") + self.config)
        for arguments in ([], ["--check-config"]):
            result = subprocess.run([harness.program("melstreamd"), "--config", config, *arguments], capture_output=True,
                                    text=True, timeout=harness.DEADLINE_S, check=False)
            self.assertEqual(result.returncode, 77, result.stderr)
            self.assertIn("chmod 0600 " + self.tokens, result.stderr)

    def test_a_token_is_not_sent_in_the_clear(self):
        result = harness.run_client("streams", "--token-file", self.token, server="192.0.2.1:50071")
        self.assertIn(result.returncode, (64, 69), result.stderr)  # nothing answers there, or it is told before

    def test_made_tokens_are_good(self):
        made = subprocess.run([harness.program("melstreamd"), "--make-token"], capture_output=True, text=True, check=True)
        self.write("tokens", "asr " + made.stdout)
        daemon = self.start(self.config)
        token = self.write("new.token", made.stdout)
        self.assertEqual(daemon.client("streams", "--token-file", token).returncode, 0)


class Tls(AccessTest):
    def setUp(self):
        super().setUp()
        self.root = certificates.Root(self.folder)
        self.certificate, self.key = self.root.sign("server")
        self.tokens = self.write("tokens", "asr %s\n" % TOKEN)
        self.token = self.write("asr.token", TOKEN + "\n")
        self.config = ('listen_tls = ["127.0.0.1:0"]\n[tls]\ncertificate = "%s"\nkey = "%s"\n' % (self.certificate, self.key)
                       + 'client_ca = "%s"\nrequire_client_certificate = false\n[auth]\ntokens = "%s"\n'
                       % (self.root.path, self.tokens)
                       + '[[identity]]\nname = "asr"\nroles = ["subscriber"]\nuris = ["spiffe://example.org/asr"]\n')

    def server(self, daemon):
        return "tls:" + re.search(r"(127\.0\.0\.1:\d+)", daemon.log_text().split("listening", 1)[1]).group(1)

    def ask(self, server, *arguments, ca=None):
        return self.client("streams", "--tls-ca", ca or self.root.path, *arguments, server=server)

    def test_tokens_and_certificates_open_it(self):
        daemon = self.start(self.config)
        server = self.server(daemon)
        self.assertEqual(self.ask(server).returncode, 77)
        self.assertEqual(self.ask(server, "--token-file", self.token).returncode, 0)
        certificate, key = self.root.sign("client", "x", uri="spiffe://example.org/asr")
        self.assertEqual(self.ask(server, "--tls-certificate", certificate, "--tls-key", key).returncode, 0)
        stranger, its_key = self.root.sign("stranger", "x")
        self.assertEqual(self.ask(server, "--tls-certificate", stranger, "--tls-key", its_key).returncode, 77)
        alone = self.client("streams", server=server)
        self.assertEqual(alone.returncode, 69, alone.stderr)  # the system does not know this root

    def test_certificates_rotate_and_bad_ones_are_kept_out(self):
        daemon = self.start(self.config)
        server = self.server(daemon)
        self.assertEqual(self.ask(server, "--token-file", self.token).returncode, 0)
        self.write("server.pem", "garbage", 0o644)
        self.logged(daemon, r"certificates_kept .*no certificate in PEM form")
        self.assertEqual(self.ask(server, "--token-file", self.token).returncode, 0)
        other = certificates.Root(self.folder, "other")
        certificate, key = other.sign("next")
        os.rename(key, self.key)
        os.rename(certificate, self.certificate)
        self.logged(daemon, r"certificates_taken ")
        self.assertEqual(self.ask(server, "--token-file", self.token, ca=other.path).returncode, 0)
        self.assertEqual(self.ask(server, "--token-file", self.token).returncode, 69)

    def test_a_file_without_tls_is_good_and_its_listener_stays(self):
        daemon = self.start(self.config)
        server = self.server(daemon)
        os.unlink(self.certificate)
        os.unlink(self.key)
        begin = self.config.index("listen_tls")
        end = self.config.index("[auth]")
        self.rewrite(daemon, self.config[begin:end], "")
        self.logged(daemon, r"reloaded ")
        self.logged(daemon, r"needs_restart .*server\.listen_tls,tls\.certificate,tls\.key,tls\.client_ca")
        self.assertEqual(self.ask(server, "--token-file", self.token).returncode, 0)

    def test_certificates_replaced_while_the_daemon_starts_are_taken(self):
        holder = socket.socket(socket.AF_UNIX)
        self.addCleanup(holder.close)
        holder.settimeout(harness.DEADLINE_S)
        path = self.path("s")
        holder.bind(path)
        holder.listen()
        config = self.write("m.toml", '[server]\nsocket = "%s"\nlisten = []\n' % path + self.config
                            + '[metrics]\nlisten = ""\n')
        with open(self.path("log"), "wb") as log:
            process = subprocess.Popen([harness.program("melstreamd"), "--config", config, "--take-over", "60"],
                                       stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        # It asks whether somebody listens there: the certificates are read by then.
        holder.accept()[0].close()
        other = certificates.Root(self.folder, "other")
        certificate, key = other.sign("next")
        os.rename(key, self.key)
        os.rename(certificate, self.certificate)
        holder.close()

        def log_text():
            with open(self.path("log"), encoding="utf-8") as file:
                return file.read()
        harness.wait_until(lambda: "certificates_taken" in log_text(), "the new certificates", deadline_s=20)
        server = "tls:" + re.search(r"(127\.0\.0\.1:\d+)", log_text().split("listening", 1)[1]).group(1)
        self.assertEqual(self.ask(server, "--token-file", self.token, ca=other.path).returncode, 0)

    def test_an_expired_certificate_stops_the_start(self):
        certificate, key = self.root.sign("old", days=-1)
        config = self.config.replace(self.certificate, certificate).replace(self.key, key)
        path = self.write("m.toml", '[server]\nsocket = "%s"\nlisten = []\n' % self.path("s") + config)
        result = subprocess.run([harness.program("melstreamd"), "--config", path], capture_output=True, text=True,
                                timeout=harness.DEADLINE_S, check=False)
        self.assertEqual(result.returncode, 78, result.stderr)
        self.assertIn("expired at", result.stderr)


class Reload(AccessTest):
    def test_takes_what_it_can_and_names_the_rest(self):
        daemon = self.start('[log]\nlevel = "info"\n[engine]\ntick_ms = 10\n'
                            '[[source]]\nid = "a"\nuri = "tcp://127.0.0.1:0"\n')
        self.rewrite(daemon, '[log]\nlevel = "info"\n[engine]\ntick_ms = 10\n[[source]]\nid = "a"',
                     '[log]\nlevel = "warning"\n[engine]\ntick_ms = 20\n[[source]]\nid = "b"')
        self.logged(daemon, r"needs_restart .*engine\.tick_ms")
        sources = harness.wait_until(lambda: daemon.client("sources").stdout, "the sources")
        self.assertRegex(sources, r"(?m)^b\b")
        self.assertNotRegex(sources, r"(?m)^a\b")

    def test_a_bad_file_changes_nothing(self):
        daemon = self.start('[log]\nlevel = "info"\n')
        self.rewrite(daemon, 'level = "info"', 'level = "loud"\nlebel = 1')
        self.logged(daemon, r"reload_failed .*melstream\.toml:5:9: error: log\.level")
        self.logged(daemon, r"reload_failed .*melstream\.toml:6:1: error: unknown key 'lebel'")
        self.assertTrue(daemon.answers())
        self.rewrite(daemon, 'level = "loud"\nlebel = 1', 'level = "debug"')
        self.logged(daemon, r"reloaded changed=log\.level")


class ReloadOfSources(AccessTest):
    SOURCE = '[[source]]\nid = "a"\nuri = "tcp://127.0.0.1:%d"\n'

    def free_port(self):
        with socket.create_server(("127.0.0.1", 0)) as one:
            return one.getsockname()[1]

    def listens(self, port):
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", port)) == 0

    def n_logged(self, daemon, pattern, n):
        harness.wait_until(lambda: len(re.findall(pattern, daemon.log_text())) >= n, "'%s' %d times" % (pattern, n))

    def test_a_source_that_cannot_move_stays_and_is_tried_again(self):
        busy = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(busy.close)
        old, new = self.free_port(), busy.getsockname()[1]
        daemon = self.start(self.SOURCE % old)
        self.rewrite(daemon, self.SOURCE % old, self.SOURCE % new)
        self.n_logged(daemon, "reloaded ", 1)
        self.assertRegex(daemon.log_text(), r"source_not_opened source=a .*SIGHUP")
        self.assertTrue(self.listens(old), "the old one is gone, and there is no new one")
        daemon.process.send_signal(signal.SIGHUP)
        self.n_logged(daemon, r"reloaded changed=\[\[source\]\]", 2)
        self.assertTrue(self.listens(old))
        busy.close()
        daemon.process.send_signal(signal.SIGHUP)
        self.n_logged(daemon, r"reloaded changed=\[\[source\]\]", 3)
        self.assertTrue(self.listens(new))
        self.assertFalse(self.listens(old))
        daemon.process.send_signal(signal.SIGHUP)
        self.n_logged(daemon, r"reloaded changed=none", 1)

    def test_a_new_source_that_cannot_open_is_tried_again(self):
        busy = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(busy.close)
        port = busy.getsockname()[1]
        daemon = self.start('[log]\nlevel = "info"\n')
        self.rewrite(daemon, '[log]', self.SOURCE % port + '[log]')
        self.n_logged(daemon, "source_not_opened source=a ", 1)
        busy.close()
        daemon.process.send_signal(signal.SIGHUP)
        self.n_logged(daemon, "reloaded ", 2)
        self.assertTrue(self.listens(port))

    def test_one_that_was_closed_by_hand_can_go(self):
        old = self.free_port()
        daemon = self.start(self.SOURCE % old)
        self.assertEqual(daemon.client("close", "a").returncode, 0)
        self.rewrite(daemon, self.SOURCE % old, "")
        self.n_logged(daemon, "reloaded ", 1)
        self.assertNotRegex(daemon.log_text(), "source_not_")


class Activation(AccessTest):
    # As a service manager passes one listening socket: NAME ADDRESS COMMAND...
    PASS_SOCKET = """
import os, socket, sys
name, address = sys.argv[1:3]
if address.startswith("/"):
    one = socket.socket(socket.AF_UNIX)
    one.bind(address)
else:
    one = socket.socket(socket.AF_INET6)
    one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    one.bind((address, 0))
one.listen()
os.dup2(one.fileno(), 3)
os.set_inheritable(3, True)  # the number may have been its own
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES=name)
os.execv(sys.argv[3], sys.argv[3:])
"""

    def passing(self, name, address):
        return [sys.executable, "-c", self.PASS_SOCKET, name, address]

    def test_sockets_that_the_config_would_not_open_are_refused(self):
        config = self.write("m.toml", '[server]\nsocket = "%s"\nlisten = []\n[metrics]\nlisten = ""\n' % self.path("own.sock"))
        for name, address, what in (("tcp", "::", "server.allow_insecure_bind"), ("admin", "::1", "of a unix socket"),
                                    ("tcp", self.path("p.sock"), "of a TCP socket"), ("tls", "::1", "server.listen_tls"),
                                    ("grpc", "::1", "'grpc'")):
            process = subprocess.Popen([*self.passing(name, address), harness.program("melstreamd"), "--config", config],
                                       stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            self.addCleanup(process.kill)
            _, errors = process.communicate(timeout=harness.DEADLINE_S)
            self.assertEqual(process.returncode, 78, errors)
            self.assertIn(what, errors)

    def test_a_daemon_with_passed_sockets_does_not_retire(self):
        path = self.path("passed.sock")
        daemon = harness.Daemon(wrapper=self.passing("subscriber", path))
        self.addCleanup(daemon.close)
        daemon.process.send_signal(signal.SIGUSR2)
        self.logged(daemon, r"retire_refused .*systemctl restart")
        self.assertEqual(self.client("streams", server="unix:" + path).returncode, 0)
        self.assertIsNone(daemon.process.poll())

    def test_sockets_of_a_service_manager_are_taken(self):
        if not shutil.which("systemd-socket-activate"):
            self.skipTest("systemd-socket-activate is not there")
        path = self.path("passed.sock")
        config = self.write("m.toml", '[server]\nsocket = "%s"\nlisten = []\n' % self.path("own.sock"))
        with open(self.path("log"), "wb") as log:
            process = subprocess.Popen(["systemd-socket-activate", "--listen", path, "--fdname=subscriber", "--setenv=PATH",
                                        harness.program("melstreamd"), "--config", config], stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=log)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        harness.wait_until(lambda: os.path.exists(path), "the socket")
        # It connects before the daemon runs: that is what starts it.
        self.assertEqual(self.client("streams", server="unix:" + path).returncode, 0)
        self.assertEqual(self.client("subscribers", server="unix:" + path).returncode, 77)
        self.assertTrue(os.path.exists(self.path("own.sock")))  # the name of this one was not passed


if __name__ == "__main__":
    unittest.main()
