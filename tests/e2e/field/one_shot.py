"""A new source port for every datagram, as resolvers have: a thousand new sources a second are all answered.

A steady flow beside them loses nothing, and what the two programs use of the processors does not grow. By hand: ONE_SHOT_SECONDS=60.
"""

import os
import pathlib
import select
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import harness  # noqa: E402
from harness import check, check_range, say  # noqa: E402

RATE = 1000
SECONDS = 15
STEADY_RATE = 100
PATIENCE = 3
# Of one processor, each of the two programs; a machine of CI is slow, and shared.
MOST_CPU = 0.8


def cpu_seconds(process):
    """What it used of the processors so far."""
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Resolver:
    """Asks each question from a source of its own, and leaves it once the answer is there."""

    def __init__(self, port):
        self.server = ("127.0.0.1", port)
        self.waiting = {}
        self.poll = select.epoll()
        self.asked = self.answered = self.wrong = 0
        self.latest = 0.0

    def ask(self):
        self.asked += 1
        # An address each: the ports of one would come again too soon to be new.
        source = f"127.{1 + (self.asked >> 16)}.{self.asked >> 8 & 255}.{self.asked & 255}"
        question = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        question.bind((source, 0))
        question.setblocking(False)
        question.connect(self.server)
        question.send(b"who is %d?" % self.asked)
        self.waiting[question.fileno()] = (question, b"who is %d?" % self.asked, time.monotonic())
        self.poll.register(question, select.EPOLLIN)

    def read(self, seconds):
        for descriptor, _ in self.poll.poll(seconds):
            question, text, since = self.waiting.pop(descriptor)
            self.wrong += question.recv(1000) != text
            self.answered += 1
            self.latest = max(self.latest, time.monotonic() - since)
            question.close()

    def run(self, seconds):
        started = time.monotonic()
        for number in range(seconds * RATE):
            while (left := started + number / RATE - time.monotonic()) > 0:
                self.read(left)
            self.ask()
        deadline = time.monotonic() + PATIENCE
        while self.waiting and time.monotonic() < deadline:
            self.read(0.1)


def one_shot(test):
    """A thousand new sources a second, all answered; a steady flow beside them loses nothing"""
    seconds = int(os.environ.get("ONE_SHOT_SECONDS", SECONDS))
    tunnel = harness.standing_tunnel(test, 2)
    steady = test.send(tunnel.port, "--for", seconds, "--rate", STEADY_RATE)
    programs = (tunnel.client, tunnel.server)
    before = [cpu_seconds(p) for p in programs]
    started = time.monotonic()
    resolver = Resolver(tunnel.port)
    resolver.run(seconds)
    took = time.monotonic() - started
    used = [(cpu_seconds(p) - b) / took for p, b in zip(programs, before)]
    say(f"{resolver.asked} asked in {took:.1f} s, {resolver.answered} answered, the last after {resolver.latest * 1000:.0f} ms at most; "
        f"processor: mpclient {used[0]:.2f}, mpserver {used[1]:.2f}")
    check(resolver.wrong == 0, f"{resolver.wrong} answers were another's")
    check_range(resolver.asked - resolver.answered, 0, 0, "unanswered")
    for process, share in zip(programs, used):
        check_range(round(share, 2), 0, MOST_CPU, f"{process.name}: share of a processor")
        check(process.find("table is full|opens flows faster") is None, f"{process.name} refused flows")
    harness.check_clean(steady.json(), "the steady flow")


if __name__ == "__main__":
    harness.run(one_shot)
