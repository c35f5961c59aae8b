"""A network drops what is marked EF and passes the rest: a call goes on within 2 s, unmarked, and both log and status say why."""

import json
import pathlib
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import harness  # noqa: E402
import namespaces  # noqa: E402
from harness import check, check_range, say  # noqa: E402

EXPEDITED = 46
RATE = 50
LINKS = ("l1", "l2")


def marked_socket(namespace):
    sock = namespaces.udp_socket(namespace)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, EXPEDITED << 2)
    sock.bind(("127.0.0.1", 0))
    sock.settimeout(0.2)
    return sock


class Worker(threading.Thread):
    """Runs `step` until it is stopped."""

    def __init__(self):
        super().__init__(daemon=True)
        self._ended = threading.Event()

    def run(self):
        while not self._ended.is_set():
            self.step()

    def stop(self):
        self._ended.set()
        self.join()


class Target(Worker):
    """Answers each datagram, marked EF."""

    def __init__(self, namespace):
        super().__init__()
        self.socket = marked_socket(namespace)
        self.port = self.socket.getsockname()[1]

    def step(self):
        try:
            datagram, sender = self.socket.recvfrom(2048)
        except TimeoutError:
            return
        self.socket.sendto(datagram, sender)


class Call(Worker):
    """Datagrams marked EF, when they left and their answers came, and how many in a row had none."""

    def __init__(self, namespace, port):
        super().__init__()
        self.socket = marked_socket(namespace)
        self.socket.connect(("127.0.0.1", port))
        self.socket.settimeout(1 / RATE)
        self.asked, self.answers = [], []
        self.unanswered = self.longest = 0

    def step(self):
        begun = time.monotonic()
        self.asked.append(begun)
        self.socket.send(b"voice")
        try:
            self.socket.recv(2048)
            self.answers.append(time.monotonic())
            self.unanswered = 0
        except TimeoutError:
            self.unanswered += 1
            self.longest = max(self.longest, self.unanswered)
        time.sleep(max(0, begun + 1 / RATE - time.monotonic()))


class Network:
    """c and s with two links between them, and a call over a tunnel."""

    def __init__(self, test):
        namespaces.need("ip", "nft")
        self.test = test
        self.c, self.s = test.namespace("c"), test.namespace("s")
        for number, link in enumerate(LINKS):
            namespaces.join(test, link, (self.c, f"10.98.{number}.1/24"), (self.s, f"10.98.{number}.2/24"))
        self.target = Target(self.s)
        self.target.start()
        self.server = test.start(["mpserver", "--control", test.folder / "server", 2000, "127.0.0.1", self.target.port], netns=self.s)
        self.server.wait_for("listening on", 20)
        bridges = [f"10.98.{number}.2 2000 name={link}" for number, link in enumerate(LINKS)]
        config = test.file("client.conf", "\n".join(["listen 127.0.0.1:3000", "client-id phone", *bridges]))
        self.client = test.start(["mpclient", "--control", test.folder / "client", config], netns=self.c)
        self.server.wait_for_count(r"client phone: path l\d from \S+ is up", len(LINKS))
        self.call = Call(self.c, 3000)
        self.call.start()
        time.sleep(2)

    def drop_expedited(self, namespace):
        namespaces.nft(namespace, "add table inet marks", "add chain inet marks pre { type filter hook prerouting priority raw; }",
                       f"add rule inet marks pre iifname {{ {', '.join(LINKS)} }} ip dscp ef counter drop")

    def problems(self, program):
        asked = subprocess.run([self.test.build / f"mp{program}", "--control", self.test.folder / program, "--status", "--json"],
                               check=True, stdout=subprocess.PIPE, timeout=20)
        status = json.loads(asked.stdout)
        paths = status["paths"] if program == "client" else status["clients"][0]["paths"]
        return [path["problem"] for path in paths]

    def stop(self):
        self.call.stop()
        self.target.stop()


def goes_on(test, end, who, program):
    """`end`: whose link drops; `who`: the program that sends there, and its name."""
    net = Network(test)
    check(len(net.call.answers) > RATE, f"only {len(net.call.answers)} answers before anything was dropped")
    net.call.unanswered = net.call.longest = 0
    net.drop_expedited(getattr(net, end))
    time.sleep(5)
    until = time.monotonic()
    # Counted in questions: when the script does not run, it asks nothing.
    check_range(round(net.call.longest / RATE, 2), 0.1, 2.2, "seconds of questions without an answer")
    asked = sum(1 for at in net.call.asked if until - 2 < at <= until)
    recent = sum(1 for at in net.call.answers if until - 2 < at <= until)
    check(asked >= RATE // 2, f"only {asked} questions in 2 s")
    check_range(round(recent / asked, 2), 0.8, 1.2, "answers to a question in the last 2 s")
    process = getattr(net, who)
    for link in LINKS:
        pattern = rf"{program} {link}( from \S+)? loses all packets marked EF \(DSCP 46\) and passes others"
        say(process.wait_for(pattern)[24:])
        check(process.count(pattern) == 1, f"it was said {process.count(pattern)} times of {link}")
    problems = net.problems(who)
    check(all("EF (DSCP 46)" in problem for problem in problems), f"the status says {problems}")
    other = net.problems("server" if who == "client" else "client")
    check(not any("EF" in problem for problem in other), f"the other end says {other}")
    net.stop()


def on_the_way_out(test):
    """What mpclient sends is dropped: it finds that out"""
    goes_on(test, "s", "client", "bridge")


def on_the_way_back(test):
    """What mpserver sends is dropped: that finds it out"""
    goes_on(test, "c", "server", "client phone: path")


if __name__ == "__main__":
    harness.run(on_the_way_out, on_the_way_back)
