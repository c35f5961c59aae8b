"""Paths that lose 20 % each. In the clear the tunnel loses what probability says, each way, and nothing else; encrypted, repair
brings that back."""

import math

import harness
from harness import check, check_range

LOSS = 0.2
SIGMAS = 4
# Of what probability says is lost by all copies, repair leaves this at most: behind a program that had to wait for the processor.
REPAIR_LEAVES = 0.1


def bounds(count, probability):
    """The mean number of losses and 4 standard deviations around it."""
    mean = count * probability
    deviation = SIGMAS * math.sqrt(count * probability * (1 - probability))
    return math.floor(mean - deviation), math.ceil(mean + deviation)


def carry(test, encrypt, dead_paths, seed):
    count, rate = (20000, 2000) if test.is_sanitized else (100000, 5000)
    name = f"{'sealed' if encrypt else 'clear'}, {3 - dead_paths} paths"
    tunnel = harness.standing_tunnel(test, 3, encrypt, ["--loss", LOSS * 100], f"{name}: ", ["--drain", "1"])
    for bridge in tunnel.bridges[:dead_paths]:
        test.tell(bridge, "blackout on")
    if encrypt:  # the first moments, before the loss is known, are not what is measured
        test.send(tunnel.port, "--for", 3, "--rate", rate, "--size", 1000, name=f"{name}: before").json(30)
    back = test.send(tunnel.port, "--count", count, "--rate", rate, "--size", 1000, "--seed", seed, name=f"{name}: send").json(90)
    tunnel.echo.stop()
    forth = tunnel.echo.json()
    for result in (forth, back):
        harness.check_clean(result, name, count)
    check(back["sent"] == count, f"{name}: {back['sent']} of {count} sent")
    probability = LOSS ** (3 - dead_paths)
    arrived = sum(flow["unique"] for flow in forth["flows"] if flow["run"] == back["run"])
    for way, lost, sent in (("up", count - arrived, count), ("down", back["lost"] - (count - arrived), arrived)):
        least, most = bounds(sent, probability)
        if encrypt:
            least, most = 0, math.ceil(REPAIR_LEAVES * least)
        check_range(lost, least, most, f"{name}: lost on the way {way}")
    tunnel.client.stop()
    tunnel.server.stop()


def three_paths(test):
    """Three paths of 20 % loss, encrypted and so repaired, and in the clear"""
    harness.in_parallel(lambda: carry(test, True, 0, 11), lambda: carry(test, False, 0, 12))


def one_path_dead(test):
    """One of three paths is dead, the others lose 20 %"""
    harness.in_parallel(lambda: carry(test, True, 1, 13), lambda: carry(test, False, 1, 14))


if __name__ == "__main__":
    harness.run(three_paths, one_path_dead)
