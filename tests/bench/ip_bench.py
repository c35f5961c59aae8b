"""Rounds of `run --only ip`: all systems in one network, each measured in turn."""

import json
import time

import ip_network
import measure
from goodput_trial import Load
from ip_cases import BYTES, COST_RATES, DIRECTIONS, KINDS
from prepare import in_test
from systems import harness

START_UP_S, STREAM_S, ENDING_S = 1, 4, 20
IPERF_PORT = 5201
CONTROL = "cubic"


def gbit_s(datagrams_a_second):
    """Of payload."""
    return datagrams_a_second * BYTES * 8 / 1e9


class Stream:
    """One TCP stream of iperf3 through a carrier: `gbit_s` that came, `wire` bytes that all links carried for each byte that the
    carrier's device took, and the share of all processors that other programs took."""

    def __init__(self, carrier, direction):
        network = carrier.network
        lasting = [process for process in carrier.test.processes if process.is_running]
        load, before = Load(lasting), self._counts(carrier, direction)
        server = carrier.test.start(["iperf3", "-s", "-1", "--forceflush", "-p", IPERF_PORT], "iperf3 server", netns=network.b)
        server.wait_for("Server listening")
        client = carrier.test.start(
            ["iperf3", "-c", carrier.far, "-p", IPERF_PORT, "-t", STREAM_S, "-O", START_UP_S, "-C", CONTROL, "-J",
             *(["-R"] if direction == "down" else [])], "iperf3", netns=network.a)
        client.wait(START_UP_S + STREAM_S + ENDING_S)
        server.wait(ENDING_S)
        self.others = load.figures()["others"]
        report = json.loads("\n".join(client.log()))
        problem = report.get("error")
        harness.check(problem is None, f"iperf3 through {carrier.kind.title}, {direction}: {problem}")
        control = report["end"].get("sender_tcp_congestion")
        harness.check(control == CONTROL, f"iperf3 sent with {control}, not {CONTROL}")
        self.gbit_s = report["end"]["sum_received"]["bits_per_second"] / 1e9
        self.retransmits = report["end"]["sum_sent"].get("retransmits")
        on_links, by_device = (now - then for now, then in zip(self._counts(carrier, direction), before))
        self.wire = on_links / by_device if by_device else None

    @staticmethod
    def _counts(carrier, direction):
        """Bytes that went into the links and into the device in that direction."""
        end = DIRECTIONS.index(direction)
        network = carrier.network
        namespace = (network.a, network.b)[end]
        devices = carrier.devices[end:end + 1] if carrier.devices else ()
        return network.sent_bytes(namespace, [f"p{link}" for link in range(ip_network.LINKS)]), network.sent_bytes(namespace, devices)


class IpBench:
    """Runs the cases, round by round, and adds the figures to the results: "udp" and "tcp_up", "tcp_down" are Gbit/s of payload."""

    def __init__(self, options, cases, results):
        self._options, self._cases, self._results = options, cases, results
        self._guesses = {}

    def run(self):
        for number in range(self._options.rounds):
            for case in self._cases:
                started = time.monotonic()
                in_test(self._options.build, self._measure, case, number)
                print(f"round {number + 1}/{self._options.rounds}, {case.title}: {time.monotonic() - started:.0f} s", flush=True)

    def _measure(self, test, case, number):
        network = ip_network.Network(test, case)
        sinks = {kind: measure.Sink(test, kind.name, "0.0.0.0", network.b) for kind in KINDS}
        carriers = {kind: ip_network.CARRIERS[kind](network, kind, sinks[kind].port) for kind in KINDS}
        ip_network.wait_for_mtu(carriers.values())
        order = measure.in_turn(KINDS, number)
        for kind in order:
            measure.warm_up(carriers[kind], sinks[kind])
            harness.check(sinks[kind].settled_count() > 0, f"nothing passes: {kind.title}")
        for rate in COST_RATES:
            for kind in order:
                if kind.has_cost:
                    self._measure_cost(case, carriers[kind], sinks[kind], rate)
        for kind in order:
            self._measure_udp(case, carriers[kind], sinks[kind])
        for direction in DIRECTIONS:
            for kind in order:
                if kind.has_tcp:
                    self._measure_tcp(case, carriers[kind], direction)
        for carrier in carriers.values():
            carrier.stop()

    def _measure_cost(self, case, carrier, sink, rate):
        with measure.apart(carrier, sink):
            trial = measure.Trial(carrier, sink, rate, measure.COST_TRIAL_S)
        self._results.add(case.name, carrier.kind.name, f"cost_{rate}", trial.cost_us)
        self._results.add(case.name, carrier.kind.name, f"lost_{rate}", trial.lost)

    def _measure_udp(self, case, carrier, sink):
        kind = carrier.kind
        guess = self._guesses.get((case.name, kind.name), kind.first_guess * case.guess)
        rate = measure.Search(carrier, sink, guess).run()
        self._guesses[case.name, kind.name] = max(rate, 1000)
        self._results.add(case.name, kind.name, "udp", gbit_s(rate))
        print(f"    {kind.title}, UDP: {rate:,.0f} a second, {gbit_s(rate):.2f} Gbit/s", flush=True)

    def _measure_tcp(self, case, carrier, direction):
        stream = Stream(carrier, direction)
        name = carrier.kind.name
        self._results.add(case.name, name, f"tcp_{direction}", stream.gbit_s)
        self._results.add(case.name, name, "others", stream.others)
        if stream.wire is not None:
            self._results.add(case.name, name, f"wire_{direction}", stream.wire)
        print(f"    {carrier.kind.title}, TCP {direction}: {stream.gbit_s:.2f} Gbit/s, {stream.retransmits} retransmitted, "
              f"others {100 * stream.others:.0f} %", flush=True)
