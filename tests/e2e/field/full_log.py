"""A reader of the log that has stopped does not stop the tunnel, and hears later how many lines it missed."""

import os
import pathlib
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import harness
import paths
from harness import check, say

HELD_BACK = 3


class Logged:
    """A program with a pipe for its log, of which the test has both ends."""

    def __init__(self, test, name, *arguments):
        self.name = name
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)
        env = {**os.environ, "STATE_DIRECTORY": str(test.folder / "state")}
        self.process = subprocess.Popen([str(test.build / name), "--control", "none", *map(str, arguments)], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=self.writer, env=env)
        harness.favour(self.process)

    def read(self):
        """What is there; the pipe is empty then."""
        text = b""
        try:
            while piece := os.read(self.reader, 65536):
                text += piece
        except BlockingIOError:
            pass
        return text.decode(errors="replace")

    def wait_for(self, pattern, seconds=10):
        text, deadline = "", time.monotonic() + seconds
        while not re.search(pattern, text):
            check(time.monotonic() < deadline, f"{self.name} did not say '{pattern}', but:\n{text}")
            time.sleep(0.02)
            text += self.read()
        return text

    def fill(self):
        """To the last byte. The program's flags stay as they are: this is a description of its own."""
        own = os.open(f"/proc/self/fd/{self.writer}", os.O_WRONLY | os.O_NONBLOCK)
        for size in (4096, 1):
            try:
                while True:
                    os.write(own, b"x" * size)
            except BlockingIOError:
                pass
        os.close(own)

    def hang_up(self, times):
        for _ in range(times):
            self.process.send_signal(signal.SIGHUP)
            paths.until(self._has_acted, f"{self.name} takes a signal", 10, 0.01)  # two that wait are one

    def _has_acted(self):
        """No signal waits, and the program sleeps."""
        state = pathlib.Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        waiting = int(re.search(r"^ShdPnd:\s+(\w+)", state, re.M)[1], 16)
        return re.search(r"^State:\s+S", state, re.M) and not waiting >> (signal.SIGHUP - 1) & 1

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.reader)
        os.close(self.writer)


def full_pipe(test):
    """Both programs log into full pipes, and lose nothing but lines."""
    echo, port, server_port = test.echo(), harness.PORTS.take(), harness.PORTS.take()
    server = Logged(test, "mpserver", "--listen", "127.0.0.1", server_port, "127.0.0.1", echo.port)
    client = Logged(test, "mpclient", test.file("c.conf", f"listen 127.0.0.1:{port}\n127.0.0.1 {server_port}\n"))
    try:
        client.wait_for(r"bridge \S+ is up")
        server.wait_for("path .* is up")
        for program in (client, server):
            program.fill()
            program.hang_up(HELD_BACK)
        harness.check_clean(test.send(port, "--count", 200, "--rate", 200).json(), "while nobody reads the log")
        for program in (client, server):
            check(set(program.read()) == {"x"}, f"{program.name}: the pipe was not full")
            program.hang_up(1)
            text = program.wait_for("there is nothing to read again|nothing is read again")
            say(text.splitlines()[0])
            count = re.search(r"(\d+) lines of this log were lost here", text)
            check(count and int(count[1]) >= HELD_BACK, f"{program.name} does not say how many lines are missing:\n{text}")
            program.process.terminate()
            check(program.process.wait(10) == 0, f"{program.name}: exit code {program.process.returncode}")
    finally:
        for program in (client, server):
            program.stop()


harness.run(full_pipe)
