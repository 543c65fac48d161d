"""What went wrong is said, and what to do."""
import os
import tempfile
import unittest

import melstream
from case import DaemonTest, free_port, samples
from certificates import Root
from melstream import _address, testing


class Refused(DaemonTest):
    def test_subscriptions(self):
        def subscribe(*streams, front_end="whisper-80", **options):
            return self.client.subscribe(*streams, front_end=front_end, **options)

        cases = (
            (melstream.UnknownFrontEnd, "kaldi-80", lambda: subscribe("x", front_end="mel")),
            (melstream.WrongFrontEnd, "trained on whisper-128, not on whisper-80",
             lambda: subscribe("x", model="whisper-large-v3")),
            (melstream.StreamNotFound, "no stream 'x'", lambda: next(subscribe("x"))),
            (melstream.InvalidArgument, "one of", lambda: subscribe()),
            (melstream.InvalidArgument, "one of", lambda: subscribe("x", all_streams=True)),
            (melstream.InvalidArgument, "use one of none, box3x3", lambda: subscribe("x", smoothing="y")),
            (melstream.InvalidArgument, "one of", lambda: subscribe("x", frame=1, seconds_back=1)),
            (melstream.InvalidArgument, "no frame in common", lambda: subscribe(["x", "y"], frame=1)),
            (melstream.InvalidArgument, "dictionary", lambda: subscribe(["x", "y"], resume_token=b"1")),
            (melstream.InvalidArgument, "token", lambda: next(subscribe("x", resume_token=b"1"))),
            (melstream.InvalidArgument, "use one of objects, raise", lambda: subscribe("x", gaps="z")),
            (melstream.InvalidArgument, "GetWindow",
             lambda: next(subscribe("x", normalization="whisper_window", wait=True))),
        )
        for error, words, function in cases:
            with self.subTest(words), self.assertRaisesRegex(error, words):
                function()

    def test_another_definition_of_the_front_end(self):
        self.client.push("pinned", samples("espeak"))
        known = {one.name: one.spec_sha256 for one in self.client.front_ends()}
        right = known["whisper-80"]
        next(self.client.subscribe("pinned", front_end="whisper-80", expect_spec_sha256=right, start="first"))
        with self.assertRaisesRegex(melstream.WrongFrontEnd, "results would be wrong"):
            next(self.client.subscribe("pinned", front_end="whisper-80", expect_spec_sha256=known["whisper-128"]))

    def test_every_error_is_an_error_of_the_package(self):
        for name in dir(melstream):
            one = getattr(melstream, name)
            if isinstance(one, type) and issubclass(one, Exception):
                self.assertTrue(issubclass(one, melstream.Error), name)


class Addresses(unittest.TestCase):
    def test_forms(self):
        self.assertEqual(str(_address.parse("unix:///run/x")), "unix:/run/x")
        self.assertEqual(str(_address.parse("tls:[::1]:5")), "tls:[::1]:5")
        self.assertEqual(_address.parse("asr:1").target, "asr:1")
        for wrong in ("", "unix:", "asr", "asr:0", "asr:70000", ":1", "::1:1", "http://a:1"):
            with self.subTest(wrong), self.assertRaisesRegex(melstream.InvalidArgument, "unix:PATH"):
                _address.parse(wrong)

    def test_no_daemon(self):
        with self.assertRaisesRegex(melstream.DaemonUnavailable, "Start one with 'melstreamd'"):
            melstream.connect("unix:/nonexistent/melstream.sock")
        with self.assertRaises(melstream.DaemonUnavailable):
            melstream.connect("127.0.0.1:%d" % free_port())


class Access(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        cls.root = Root(cls.folder)
        certificate, key = cls.root.sign("server")
        cls.port = free_port()
        tokens = cls.write("tokens", "asr %s\n" % ("a" * 43))
        cls.good = cls.write("good", "a" * 43 + "\n")
        cls.bad = cls.write("bad", "b" * 43 + "\n")
        config = ('[auth]\ntokens = "%s"\n[tls]\ncertificate = "%s"\nkey = "%s"\nclient_ca = "%s"\n'
                  'require_client_certificate = false\n' % (tokens, certificate, key, cls.root.path))
        cls.daemon = testing.Daemon(
            config + '[[identity]]\nname = "asr"\nroles = ["subscriber"]\n', ["tls:127.0.0.1:%d" % cls.port])
        cls.addClassCleanup(cls.daemon.close)

    @classmethod
    def write(cls, name, text):
        path = os.path.join(cls.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o600)
        return path

    def test_tokens(self):
        with self.daemon.connect(token_file=self.good) as client:
            self.assertEqual(client.streams(), [])
            with self.assertRaises(melstream.PermissionDenied):
                client.push("x", samples("espeak"))
        with self.assertRaisesRegex(melstream.PermissionDenied, "token_file="):
            self.daemon.connect(token_file=self.bad)
        with self.assertRaisesRegex(melstream.InvalidArgument, "No such file"):
            self.daemon.connect(token_file="/nonexistent")

    def test_tls(self):
        server = "tls:localhost:%d" % self.port
        with melstream.connect(server, token_file=self.good, tls_ca=self.root.path) as client:
            self.assertEqual(client.streams(), [])
        with self.assertRaises(melstream.DaemonUnavailable):
            melstream.connect(server, token_file=self.good)
        with self.assertRaisesRegex(melstream.InvalidArgument, "belong together"):
            melstream.connect(server, tls_certificate=self.root.path)
        with self.assertRaisesRegex(melstream.InvalidArgument, "tls:HOST:PORT"):
            self.daemon.connect(tls_ca=self.root.path)


if __name__ == "__main__":
    unittest.main()
