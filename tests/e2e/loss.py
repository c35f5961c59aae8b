"""Three paths that lose 20 % each: what the tunnel loses is what probability says, each way, and nothing else."""

import math

import harness
from harness import check, check_range

LOSS = 0.2
SIGMAS = 4


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
    back = test.send(tunnel.port, "--count", count, "--rate", rate, "--size", 1000, "--seed", seed, name=f"{name}: send").json(90)
    tunnel.echo.stop()
    forth = tunnel.echo.json()
    for result in (forth, back):
        harness.check_clean(result, name, count)
    check(back["sent"] == count, f"{name}: {back['sent']} of {count} sent")
    probability = LOSS ** (3 - dead_paths)
    arrived = forth["unique"]
    check_range(count - arrived, *bounds(count, probability), f"{name}: lost on the way up")
    check_range(back["lost"] - (count - arrived), *bounds(arrived, probability), f"{name}: lost on the way down")
    tunnel.client.stop()
    tunnel.server.stop()


def three_paths(test):
    """Three paths of 20 % loss, encrypted and in the clear"""
    harness.in_parallel(lambda: carry(test, True, 0, 11), lambda: carry(test, False, 0, 12))


def one_path_dead(test):
    """One of three paths is dead, the others lose 20 %"""
    harness.in_parallel(lambda: carry(test, True, 1, 13), lambda: carry(test, False, 1, 14))


if __name__ == "__main__":
    harness.run(three_paths, one_path_dead)
