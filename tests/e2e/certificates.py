"""Certificates made with the openssl program: a root, and what it signs."""
import os
import subprocess


def _openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, stdin=subprocess.DEVNULL, capture_output=True)


class Root:
    """Files NAME.pem and NAME.key in a folder; the root's are ca.pem and ca.key."""

    def __init__(self, folder, name="ca"):
        self.folder = folder
        self.name = name
        self.path = self._path(name + ".pem")
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                 "-subj", "/CN=melstream test root", "-keyout", self._path(name + ".key"), "-out", self.path)

    def _path(self, name):
        return os.path.join(self.folder, name)

    def sign(self, name, common_name="localhost", uri=None, days=2):
        """Returns the paths of certificate and key. days below 0: it has expired."""
        certificate, key, request, extensions = (self._path(name + end) for end in (".pem", ".key", ".csr", ".ext"))
        _openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=" + common_name,
                 "-keyout", key, "-out", request)
        with open(extensions, "w", encoding="utf-8") as file:
            file.write("subjectAltName=DNS:localhost,IP:127.0.0.1%s\n" % (",URI:" + uri if uri else ""))
        _openssl("x509", "-req", "-in", request, "-CA", self.path, "-CAkey", self._path(self.name + ".key"),
                 "-CAcreateserial", "-days", str(days), "-extfile", extensions, "-out", certificate)
        os.chmod(key, 0o600)
        return certificate, key
