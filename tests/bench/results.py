"""The figures of all rounds, and what follows from them: medians, ratios, verdicts on the targets."""

import dataclasses
import statistics

from cases import AES, NONE, RELAY

MIB, KIB = 1024 * 1024, 1024


class Results:
    """Values by case, system and metric: one a round."""

    def __init__(self):
        self.values = {}

    def add(self, case, system, metric, value):
        self.values.setdefault(case, {}).setdefault(system, {}).setdefault(metric, []).append(value)

    def all(self, case, system, metric):
        return self.values.get(case, {}).get(system, {}).get(metric, [])

    def median(self, case, system, metric):
        """Of all rounds, or None."""
        values = self.all(case, system, metric)
        return statistics.median(values) if values else None

    def ratio(self, case, system, metric, reference=RELAY, to_metric=None):
        """The median of the ratios within each round: what disturbs a round disturbs both. To the same metric, unless one is named."""
        pairs = zip(self.all(case, system, metric), self.all(case, reference, to_metric or metric))
        ratios = [a / b for a, b in pairs if b > 0]
        return statistics.median(ratios) if ratios else None

    def added_rtt(self, system, quantile):
        """Over the RTT without anything between, in microseconds."""
        through, direct = (self.median("base", who, f"rtt_{quantile}") for who in (system, "direct"))
        return None if through is None or direct is None else through - direct

    def added_rtt_ratio(self, system, quantile):
        ours, reference = (self.added_rtt(who, quantile) for who in (system, RELAY))
        return ours / reference if ours is not None and reference is not None and reference > 0 else None

    def growth(self, start, end, system, metric):
        """How many times more a datagram costs in one case than in another."""
        pairs = zip(self.all(end, system, metric), self.all(start, system, metric))
        ratios = [a / b for a, b in pairs if b > 0]
        return statistics.median(ratios) if ratios else None


@dataclasses.dataclass
class Verdict:
    what: str
    limit: str
    value: float
    is_met: bool
    unit: str = ""


def at_least(what, value, limit, unit=""):
    return None if value is None else Verdict(what, f"at least {limit:.2f}{unit and ' ' + unit}", value, value >= limit, unit)


def at_most(what, value, limit, unit=""):
    return None if value is None else Verdict(what, f"at most {limit:g}{unit and ' ' + unit}", value, value <= limit, unit)


def _growth(results, what, start, end):
    ours, theirs = (results.growth(start, end, system, "cost_50000") for system in (AES, RELAY))
    return None if ours is None or theirs is None else at_most(f"cost from {what}, growth", ours / theirs, 1.10)


def _memory(results):
    for end in ("client", "server"):
        value = results.median("base", AES, f"memory_{end}")
        yield at_most(f"resident memory of mp{end}, one client", value and value / MIB, 16, "MiB")
    one, hundred = (results.median(case, AES, "memory_server") for case in ("base", "clients-100"))
    more = None if one is None or hundred is None else (hundred - one) / 99 / KIB
    yield at_most("resident memory of mpserver for each further client", more, 64, "KiB")


def verdicts(results):
    """A Verdict for each target of which there are figures."""
    ratio = results.ratio
    added = {name: results.added_rtt_ratio(AES, name) for name in ("p50", "p99")}
    found = [
        at_least("highest rate, AES-256-GCM", ratio("base", AES, "rate"), 0.70),
        at_least("highest rate, no encryption", ratio("base", NONE, "rate"), 0.90),
        at_least("highest rate, AES-256-GCM, datagrams sent one by one", ratio("single", AES, "rate"), 0.80),
        at_least("highest rate with repair at 5 %, to that without", results.growth("base", "repair", AES, "rate"), 0.80),
        at_most("CPU at 200,000 a second, AES-256-GCM", ratio("base", AES, "cost_200000"), 1.6),
        at_most("CPU at 20,000 a second, AES-256-GCM", ratio("base", AES, "cost_20000"), 1.15),
        at_most("the same where the scheduler places both ends", ratio("base", AES, "free_20000"), 1.15),
        at_most("CPU at 200,000 a second, AES-256-GCM to no encryption", ratio("base", AES, "cost_200000", NONE), 1.5),
        at_most("added RTT p50, AES-256-GCM", added["p50"], 1.15),
        at_most("added RTT p99, AES-256-GCM", added["p99"], 1.3),
        _growth(results, "1 to 1,000 flows", "base", "flows-1000"),
        _growth(results, "1 to 100 clients", "base", "clients-100"),
        _growth(results, "1 to 8 paths", "paths-1", "paths-8"),
        at_most("a client's p99 beside one that floods", results.median("flood", AES, "p99_ms"), 3, "ms"),
        at_most("what it loses", results.median("flood", AES, "lost"), 0, "datagrams"),
        *_memory(results),
    ]
    return [verdict for verdict in found if verdict is not None]
