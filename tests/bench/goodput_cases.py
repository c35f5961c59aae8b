"""What tests/bench/goodput varies: what the paths lose, what they carry whole, and what the tunnel does about it. What they carry and
how long they take is the same for all here; goodput_profiles.py has others."""

import dataclasses

RATE_KBIT_S, DELAY_MS, JITTER_MS, QUEUE_BYTES = 100_000, 20, 1, 256 * 1024  # of each path, each way
IP_UDP_BYTES = 28


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    title: str
    paths: int
    repair: bool
    order: str = "auto"

    def paths_that_lose(self, loss):
        return (Path(loss=loss),) * self.paths


ONE = Case("one", "one path", 1, False)
COPIES = Case("copies", "copies", 3, False)
REPAIR = Case("repair", "copies with repair", 3, True)
ONE_REPAIR = Case("one-repair", "one path with repair", 1, True)
UNORDERED = Case("unordered", "copies with repair, order no", 3, True, "no")
ORDERED = Case("ordered", "copies with repair, order yes", 3, True, "yes")
CASES = (ONE, COPIES, REPAIR, ONE_REPAIR, UNORDERED, ORDERED)
DEFAULT_CASES = (ONE, COPIES, REPAIR)


@dataclasses.dataclass(frozen=True)
class Loss:
    """What each path loses, each way, as commands to its lossy_bridge."""

    name: str
    title: str
    commands: tuple
    percent: float | None = None  # of a path; None unless each loses at random, by itself


def random_loss(percent):
    return Loss(f"{percent:g}", f"{percent:g} %", (f"loss {percent:g}",), percent)


# 1 % of what a path loses at 10 % the other paths lose, too; the rest it loses by itself, 10 % in all.
_COMMON, _ALL = 0.1, 10.0
_OWN = 100 * (_ALL - _COMMON) / (100 - _COMMON)
BURSTS = Loss("bursts", "5 % in bursts of 5", ("burst-length 5", "burst-loss 5"))
SHARED = Loss("shared", "10 %, 1 % of it on all paths", (f"shared-loss {_COMMON}", f"loss {_OWN:.4f}"))
CLEAN = random_loss(0)


@dataclasses.dataclass(frozen=True)
class Path:
    """What a path carries, how long it takes and what becomes of it, each way."""

    rate_kbit_s: float = RATE_KBIT_S
    delay_ms: float = DELAY_MS
    jitter_ms: float = JITTER_MS
    queue_bytes: int = QUEUE_BYTES
    loss: Loss = CLEAN
    lives_s: float = 0  # then it is dead for as long as that, and so on; 0: it lives


def loss_of(word):
    """A Loss from the command line: a percentage, "bursts" or "shared"; ValueError if it is neither."""
    named = {loss.name: loss for loss in (BURSTS, SHARED)}
    if word in named:
        return named[word]
    percent = float(word)
    if not 0 <= percent <= 100:
        raise ValueError(word)
    return random_loss(percent)


def all_losses(trials):
    """The losses that trials name, random ones first, each once."""
    losses = {loss_of(trial["loss"]) for trial in trials}
    return sorted(losses, key=lambda loss: (loss.percent is None, loss.percent, loss.name))


@dataclasses.dataclass(frozen=True)
class Setup:
    """What the paths carry, and what OpenVPN sends."""

    name: str
    title: str
    mtu: int
    tuning: tuple = ()  # for OpenVPN, beyond its defaults
    losses: tuple = ()  # unless the command line says others


SETUPS = (
    Setup("whole", "OpenVPN's defaults (datagrams of up to 1464 bytes) over paths that carry them whole (MTU 1600)", 1600,
          losses=tuple(map(random_loss, (0, 1, 2, 5, 10, 20))) + (BURSTS, SHARED)),
    Setup("fragments", "the same over paths with an MTU of 1500, where each large datagram takes two packets", 1500,
          losses=tuple(map(random_loss, (0, 2, 10, 20)))),
    Setup("small", "tun-mtu 1400 over paths with an MTU of 1500, which carry all whole", 1500, ("--tun-mtu", 1400),
          losses=tuple(map(random_loss, (0, 10)))),
)
