"""What ends beside a program does not end it: its terminal, and whoever reads its log. And where a daemon says what."""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import harness
from harness import check, say

NOTHING = "nothing is read again while this program runs"


def sighup(test):
    """SIGHUP ends neither program, also without a key, and each says what it did about it."""
    tunnel = harness.standing_tunnel(test, paths=1)
    for program, words in ((tunnel.client, NOTHING), (tunnel.server, "mpserver runs without keys: there is nothing to read again")):
        program.signal(signal.SIGHUP)
        say(program.wait_for(words))
    result = test.send(tunnel.port, "--count", 20, "--rate", 100).json()
    harness.check_clean(result, "after SIGHUP")


def flood(test):
    """SIGHUP without end is said a few times, and later how often it was not."""
    tunnel = harness.standing_tunnel(test, paths=1)
    for program, words in ((tunnel.client, NOTHING), (tunnel.server, "there is nothing to read again")):
        for _ in range(200):
            program.signal(signal.SIGHUP)
            time.sleep(0.005)
        program.wait_for(words)
        count = program.count(words)
        check(count < 10, f"{program.name} said it {count} times")
        say(f"{program.name} said it {count} times")
    harness.check_clean(test.send(tunnel.port, "--count", 20, "--rate", 100).json(), "after many SIGHUPs")


def closed_pipe(test):
    """The reader of the log ends: the programs go on when they write a line into nothing."""
    config = test.file("c.conf", f"listen 127.0.0.1:{harness.PORTS.take()}\n127.0.0.1 {harness.PORTS.take()}\n")
    env = {**os.environ, "STATE_DIRECTORY": str(test.folder / "state")}
    port = harness.PORTS.take()
    for arguments in (["mpclient", "--control", "none", config], ["mpserver", "--control", "none", port, "127.0.0.1", 9]):
        process = subprocess.Popen([str(test.build / arguments[0]), *map(str, arguments[1:])], stderr=subprocess.PIPE, env=env)
        try:
            while b"listening on" not in (line := process.stderr.readline()):
                check(line, f"{arguments[0]} ended at its start")
            process.stderr.close()
            for _ in range(20):
                process.send_signal(signal.SIGHUP)
                time.sleep(0.02)
            check(process.poll() is None, f"{arguments[0]} ended with {process.poll()} when its log's reader was gone")
            process.terminate()
            check(process.wait(10) == 0, f"{arguments[0]}: exit code {process.returncode}")
            say(f"{arguments[0]} went on")
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def syslog_of(test, name, *arguments):
    """Runs the program with a /dev/log of its own; the exit code, and what came to it."""
    folder = test.folder / name
    folder.mkdir()
    script = ('for f in null urandom random zero; do : >"$1/$f"; mount --bind "/dev/$f" "$1/$f" || exit 77; done; '
              'mount --bind "$1" /dev || exit 77; shift; exec "$@"')
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(str(folder / "log"))
        log.settimeout(0.5)
        done = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", str(folder), *map(str, arguments)], check=False,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
        if done.returncode == 77:
            raise harness.Skip("no mount namespace of its own")
        lines = []
        try:
            while True:
                lines.append(log.recv(65536).decode(errors="replace"))
        except socket.timeout:
            pass
    for line in lines:
        say(line)
    return done, "\n".join(lines)


def daemon(test):
    """All that a daemon says goes to syslog, what it says before it listens and why it does not start too."""
    if os.geteuid() != 0:
        raise harness.Skip("a mount namespace needs root")
    port, pid_file = harness.PORTS.take(), test.folder / "pid"
    done, text = syslog_of(test, "works", test.build / "mpserver", "--daemon", "--control", "none", "--pid-file", pid_file, port,
                           "127.0.0.1", 9)
    check(done.returncode == 0, f"exit code {done.returncode}: {done.stderr}")
    pid = int(pid_file.read_text(encoding="ascii"))
    try:
        check("no key is set" in text or "without a key" in text, "syslog lacks the warning of the start")
        check("listening on" in text, "syslog lacks what it listens on")
        check("listening on" in done.stderr, "the caller does not see what it listens on")
        # The port is taken now: that is an error for whoever looks into syslog, too.
        done, text = syslog_of(test, "fails", test.build / "mpserver", "--daemon", "--control", "none", port, "127.0.0.1", 9)
        check(done.returncode == 1 and "is in use by another program" in text, f"exit code {done.returncode}, syslog lacks the reason")
        done, text = syslog_of(test, "mistake", test.build / "mpclient", "--daemon", test.file("bad.conf", "h 0\n"))
        check(done.returncode == 2 and "port '0' is out of range" in text, f"exit code {done.returncode}, syslog lacks the mistake")
    finally:
        os.kill(pid, signal.SIGTERM)


harness.run(sighup, flood, closed_pipe, daemon, together=True)
