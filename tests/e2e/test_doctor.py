"""melstream doctor on a real daemon, healthy and broken."""
import json
import os
import resource
import socket
import subprocess
import tempfile
import unittest

import harness


class Doctor(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="melstream-e2e-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def run_doctor(self, *arguments, limits=()):
        """Exit status, and the findings by check."""
        def limit():
            for which, value in limits:
                resource.setrlimit(which, (value, value))

        environment = {key: value for key, value in os.environ.items() if key not in ("MELSTREAM_SERVER", "XDG_RUNTIME_DIR")}
        result = subprocess.run([harness.program("melstream"), "doctor", *arguments, "--json"], stdin=subprocess.DEVNULL,
                                capture_output=True, text=True, timeout=harness.DEADLINE_S, check=False,
                                preexec_fn=limit, env=environment)
        self.assertIn(result.returncode, (0, 1), result.stderr)
        report = json.loads(result.stdout)
        self.assertEqual(report["failed"], result.returncode == 1)
        for finding in report["findings"]:
            self.assertTrue(finding["verdict"] == "ok" or finding["remedy"], finding)
        return report["findings"]

    def finding(self, findings, verdict, check, words):
        for one in findings:
            if one["verdict"] == verdict and one["check"] == check and words in one["what"]:
                return one
        raise AssertionError("no %s of %s with '%s' in:\n%s" % (verdict, check, words, json.dumps(findings, indent=1)))

    def fails(self, findings):
        return [one for one in findings if one["verdict"] == "fail"]

    def daemon(self, config="", **keywords):
        daemon = harness.Daemon(config=config, **keywords)
        self.addCleanup(daemon.close)
        return daemon


class Healthy(Doctor):
    def test_nothing_fails(self):
        daemon = self.daemon()
        findings = self.run_doctor("--config", daemon.config)
        self.assertEqual(self.fails(findings), [])
        self.finding(findings, "ok", "daemon", daemon.address + " answers")
        self.finding(findings, "ok", "socket", "0660")
        self.finding(findings, "ok", "config", "good")

    def test_for_people(self):
        daemon = self.daemon()
        result = daemon.client("doctor", "--config", daemon.config)
        self.assertEqual(result.returncode, 0, result.stdout)
        for line in result.stdout.splitlines():
            self.assertRegex(line, r"^(ok|warning|FAIL) +\w+ +\S")

    def test_limits_are_the_daemons(self):
        daemon = self.daemon(max_open_files=600)
        findings = self.run_doctor("--config", daemon.config)
        self.finding(findings, "warning", "files", "the daemon may open 600 files")


class Broken(Doctor):
    def test_no_daemon(self):
        findings = self.run_doctor("--server", "unix:" + self.path("none.sock"))
        self.finding(findings, "fail", "daemon", "no daemon answers")
        self.finding(findings, "fail", "socket", "No such file")

    def test_dead_socket(self):
        path = self.path("dead.sock")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen()
        listener.close()
        findings = self.run_doctor("--server", "unix:" + path)
        self.finding(findings, "fail", "socket", "is dead")
        self.finding(findings, "fail", "daemon", "Connection refused")

    def test_daemon_that_was_killed(self):
        daemon = self.daemon()
        daemon.process.kill()
        daemon.process.wait()
        findings = self.run_doctor("--config", daemon.config)
        self.finding(findings, "fail", "socket", "is dead")

    def test_file_in_the_way(self):
        with open(self.path("a.sock"), "w", encoding="utf-8"):
            pass
        findings = self.run_doctor("--server", "unix:" + self.path("a.sock"))
        self.finding(findings, "fail", "socket", "no socket")

    def test_modes_of_socket_and_folder(self):
        daemon = self.daemon()
        os.chmod(daemon.socket, 0o666)
        os.chmod(daemon.folder, 0o777)
        findings = self.run_doctor("--config", daemon.config)
        self.finding(findings, "warning", "socket", "everybody on this machine may use it")
        self.finding(findings, "fail", "socket", "replace the socket")
        os.chmod(daemon.folder, 0o1777)
        findings = self.run_doctor("--config", daemon.config)
        self.finding(findings, "warning", "socket", "take the socket's name first")
        self.assertEqual(self.fails(findings), [])

    def test_bad_config_has_all_its_errors(self):
        config = self.path("bad.toml")
        with open(config, "w", encoding="utf-8") as file:
            file.write('[server]\nsocket = "%s"\nlisten = []\nsokcet = 1\n[engine]\nthreads = -3\n' % self.path("s"))
        findings = self.run_doctor("--config", config)
        one = self.finding(findings, "fail", "config", "sokcet")
        self.assertIn("threads", one["what"])
        findings = self.run_doctor("--config", self.path("none.toml"))
        self.finding(findings, "fail", "config", "No such file")

    def test_plan_beyond_the_limit_of_locked_memory(self):
        config = self.path("big.toml")
        with open(config, "w", encoding="utf-8") as file:
            file.write('[server]\nsocket = "%s"\nlisten = []\n' % self.path("s"))
        findings = self.run_doctor("--config", config, limits=[(resource.RLIMIT_MEMLOCK, 1 << 20)])
        # Root has CAP_IPC_LOCK, which stands above the limit.
        verdict = "ok" if os.geteuid() == 0 else "warning"
        self.finding(findings, verdict, "memlock", "the plan wants 81.0 MiB")


class Certificates(Doctor):
    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True,
                       timeout=harness.DEADLINE_S)

    def make(self, name, days, san="subjectAltName=DNS:localhost"):
        names = ["-addext", san] if san else []
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
                     str(days), "-subj", "/CN=localhost", "-keyout", name + ".key", "-out", name + ".pem", *names)
        os.chmod(self.path(name + ".key"), 0o600)

    def days_more(self, findings, verdict, days):
        """Of a certificate made just now: by then a second may have passed, or not."""
        one = self.finding(findings, verdict, "certificate", "days more")
        self.assertIn(int(one["what"].split(" valid for ")[1].split()[0]), (days - 1, days))

    def look(self, certificate, key):
        return self.run_doctor("--server", "unix:" + self.path("none"), "--cert", self.path(certificate), "--key",
                               self.path(key))

    def test_good(self):
        self.make("good", 400)
        findings = self.look("good.pem", "good.key")
        self.days_more(findings, "ok", 400)
        self.finding(findings, "ok", "certificate", "is the certificate's key")

    def test_of_the_config(self):
        self.make("good", 400)
        config = self.path("tls.toml")
        with open(config, "w", encoding="utf-8") as file:
            file.write('[tls]\ncertificate = "%s"\nkey = "%s"\n' % (self.path("good.pem"), self.path("good.key")))
        findings = self.run_doctor("--config", config, "--server", "unix:" + self.path("none"))
        self.days_more(findings, "ok", 400)

    def test_ends_soon_or_has_ended(self):
        self.make("soon", 3)
        findings = self.look("soon.pem", "soon.key")
        self.days_more(findings, "warning", 3)
        # As `openssl x509 -days` takes no day in the past, the CA is told the dates.
        self.openssl("req", "-new", "-key", "soon.key", "-subj", "/CN=localhost", "-out", "old.csr")
        with open(self.path("index.txt"), "w", encoding="utf-8"):
            pass
        with open(self.path("ca.cnf"), "w", encoding="utf-8") as file:
            file.write("[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\n"
                       "policy=p\nrand_serial=yes\n[p]\ncommonName=supplied\n")
        self.openssl("ca", "-batch", "-config", "ca.cnf", "-selfsign", "-keyfile", "soon.key", "-in", "old.csr", "-out",
                     "old.pem", "-startdate", "20200101000000Z", "-enddate", "20210101000000Z")
        findings = self.look("old.pem", "soon.key")
        self.finding(findings, "fail", "certificate", "expired")
        self.finding(findings, "warning", "certificate", "subjectAltName")

    def test_key_of_another(self):
        self.make("one", 30)
        self.make("two", 30)
        findings = self.look("one.pem", "two.key")
        self.finding(findings, "fail", "certificate", "is not the key of the certificate")

    def test_key_for_all_to_read(self):
        self.make("one", 30)
        os.chmod(self.path("one.key"), 0o644)
        one = self.finding(self.look("one.pem", "one.key"), "fail", "certificate", "0644")
        self.assertIn("chmod 0600", one["remedy"])
        os.chmod(self.path("one.key"), 0o640)
        self.assertEqual([one for one in self.fails(self.look("one.pem", "one.key")) if one["check"] == "certificate"], [])

    def test_garbage(self):
        with open(self.path("bad.pem"), "wb") as file:
            file.write(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        self.make("one", 30)
        self.finding(self.look("bad.pem", "one.key"), "fail", "certificate", "no certificate in PEM")
        self.finding(self.look("one.pem", "bad.pem"), "fail", "certificate", "no private key")
        self.openssl("ec", "-in", "one.key", "-aes256", "-passout", "pass:x", "-out", "locked.key")
        os.chmod(self.path("locked.key"), 0o600)
        self.finding(self.look("one.pem", "locked.key"), "fail", "certificate", "without a passphrase")
