"""The installed package under a real systemd, which runs in a root folder and namespaces of its own: sandbox, users, restarts."""
import unittest

from clean_root import CleanRoot
from surroundings import need, need_root
from test_package import PackageTest

# Tries until a command succeeds, for at most a minute.
UNTIL = r"""
until_so() {
  local tries=0
  until "$@" > /dev/null 2>&1; do
    tries=$((tries + 1))
    [ $tries -lt 600 ] || { echo "never: $*"; systemctl --no-pager -l status melstreamd.service; exit 9; }
    sleep 0.1
  done
}
property() { systemctl show -p "$1" --value melstreamd.service; }
"""


class Service(PackageTest):
    def setUp(self):
        need_root()
        need("unshare")

    def boot(self, script):
        said = CleanRoot([self.package]).boot(self.install, UNTIL + script)
        self.assertIn("\nscript: 0\n", said)
        return said

    def test_starts_in_its_sandbox_and_stops(self):
        said = self.boot(r"""
mkdir /home/someone
systemctl start melstreamd.service
echo "state: $(property ActiveState) $(property StatusText)"
pid=$(property MainPID)
sed -n 's/^\(CapEff\|NoNewPrivs\|Seccomp\):\t/\1: /p' /proc/$pid/status
echo "user: $(property User) $(stat -c %G /proc/$pid)"
melstream info > /dev/null && echo answers
for folder in etc usr var; do
  touch /proc/$pid/root/$folder/x 2>&1 | grep -o 'Read-only.*' || echo "writes to $folder"
done
ls -A /proc/$pid/root/home | wc -l
touch /proc/$pid/root/run/melstream/x && rm /run/melstream/x && echo "its folder is writable"
systemctl stop melstreamd.service
echo "result: $(property Result) $(property ExecMainStatus)"
ls /run/melstream | wc -l
""")
        self.assertIn("state: active listening on unix:/run/melstream/melstream.sock", said)
        self.assertIn("CapEff: 0000000000000000\nNoNewPrivs: 1\nSeccomp: 2\n", said)
        self.assertIn("user: melstreamd melstream-daemon\nanswers\n", said)
        self.assertIn("Read-only file system\n" * 3 + "0\nits folder is writable\nresult: success 0\n0\n", said)

    def test_a_crash_is_started_again_and_a_wrong_config_is_not(self):
        said = self.boot(r"""
systemctl start melstreamd.service
first=$(property MainPID)
kill -KILL $first
restarted() { [ "$(property ActiveState) $(property NRestarts)" = "active 1" ]; }
until_so restarted
echo "restarts: $(property NRestarts)"
systemctl stop melstreamd.service
echo 'nonsense = 1' > /etc/melstream/melstream.toml
systemctl start melstreamd.service || true
ended() { [ "$(property ActiveState)" = failed ]; }
until_so ended
echo "wrong: $(property ExecMainStatus) $(property NRestarts)"
""")
        self.assertIn("restarts: 1\n", said)
        self.assertIn("wrong: 78 0\n", said)


