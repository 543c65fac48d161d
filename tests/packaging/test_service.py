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



    def test_the_watchdog_is_fed_and_a_daemon_that_hangs_is_replaced(self):
        said = self.boot(r"""
mkdir -p /etc/systemd/system/melstreamd.service.d
printf '[Service]\nWatchdogSec=2\n' > /etc/systemd/system/melstreamd.service.d/quick.conf
systemctl daemon-reload
systemctl start melstreamd.service
first=$(property MainPID)
for i in 1 2 3 4 5; do
  fed=$(property WatchdogTimestampMonotonic)
  fed_again() { [ "$(property WatchdogTimestampMonotonic)" != $fed ]; }
  until_so fed_again
done
echo "fed: $(property NRestarts) $(property ActiveState)"
kill -STOP $first
restarted() { [ "$(property ActiveState) $(property NRestarts)" = "active 1" ]; }
until_so restarted
echo replaced
systemctl stop melstreamd.service
""")
        self.assertIn("fed: 0 active\nreplaced\n", said)

    def test_each_socket_is_for_its_group(self):
        """Sockets are there before the daemon, which the first connection starts."""
        said = self.boot(r"""
systemctl start melstreamd.socket melstreamd-publisher.socket melstreamd-subscriber.socket melstreamd-admin.socket
as() { group=$1; shift; setpriv --reuid=61555 --regid=$group --clear-groups -- "$@"; }
echo "before: $(property ActiveState)"
as melstream melstream info --server unix:/run/melstream/melstream.sock > /dev/null && echo "all: answers"
echo "then: $(property ActiveState)"
as melstream-publish melstream info --server unix:/run/melstream/melstream.sock 2>&1 | grep -o 'Permission denied'
as melstream-subscribe melstream streams --server unix:/run/melstream/subscriber.sock > /dev/null && echo "subscriber: may list"
as melstream-subscribe melstream sources --server unix:/run/melstream/subscriber.sock 2>&1 | grep -o PERMISSION_DENIED
as melstream-admin melstream sources --server unix:/run/melstream/admin.sock > /dev/null && echo "admin: may ask"
head -c 32000 /dev/zero | as melstream-publish melstream push - --stream p --pace fast --server unix:/run/melstream/publisher.sock \
  > /dev/null 2>&1 && echo "publisher: may push"
as melstream-publish melstream streams --server unix:/run/melstream/publisher.sock 2>&1 | grep -o PERMISSION_DENIED
systemctl stop melstreamd.service
stat -c '%n %a %U:%G' /run/melstream/*
""")
        self.assertIn("before: inactive\nall: answers\nthen: active\nPermission denied\nsubscriber: may list\nPERMISSION_DENIED\n"
                      "admin: may ask\npublisher: may push\nPERMISSION_DENIED\n", said)
        # They outlive the service.
        self.assertIn("/run/melstream/admin.sock 660 root:melstream-admin\n/run/melstream/melstream.sock 660 root:melstream\n"
                      "/run/melstream/publisher.sock 660 root:melstream-publish\n"
                      "/run/melstream/subscriber.sock 660 root:melstream-subscribe\n", said)

    def test_without_socket_units_the_daemon_gives_its_socket_to_the_group(self):
        said = self.boot(r"""
systemctl start melstreamd.service
stat -c '%n %a %U:%G' /run/melstream/*
setpriv --reuid=61555 --regid=melstream --clear-groups melstream info --server unix:/run/melstream/melstream.sock > /dev/null && echo answers
setpriv --reuid=61555 --regid=61555 --clear-groups melstream info --server unix:/run/melstream/melstream.sock 2>&1 | grep -o 'Permission denied'
""")
        self.assertIn("/run/melstream/melstream.sock 660 melstreamd:melstream\nanswers\nPermission denied\n", said)

    def test_a_reload_is_taken_and_keeps_the_process(self):
        said = self.boot(r"""
systemctl start melstreamd.service
first=$(property MainPID)
echo 'nonsense = 1' > /etc/melstream/melstream.toml
systemctl reload melstreamd.service
alive() { melstream info; }
until_so alive
echo "reloaded: $(property ActiveState) $([ "$(property MainPID)" = $first ] && echo same)"
systemctl stop melstreamd.service
echo "result: $(property Result)"
""")
        self.assertIn("reloaded: active same\nresult: success\n", said)
