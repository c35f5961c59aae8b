"""A program that was stopped for 3 s (SIGSTOP) drops what waited for it longer than 500 ms, counts it, and goes on with what is new."""

import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import harness  # noqa: E402
import status  # noqa: E402
from harness import check, check_range, say  # noqa: E402

RATE, STOPPED = 200, 3
# Of those that came within it some wait longer until they are read, and all go through two programs, on a machine that may be busy.
# Without the limit the oldest would be as late as the program was stopped for.
OLDEST_MS = 1500


def stopped(test, program):
    echo = test.echo()
    tunnel = harness.Tunnel(test, target=echo.port)
    tunnel.add_path(tunnel.server_port, "name=direct")
    control = {name: test.folder / name for name in ("mpclient", "mpserver")}
    tunnel.client_options += ["--control", str(control["mpclient"])]
    tunnel.server_options += ["--control", str(control["mpserver"])]
    tunnel.start().wait_up()
    send = test.send(tunnel.port, "--for", STOPPED + 3, "--rate", RATE, "--size", 200, "--progress")
    send.wait_for(r"^1 s: sent")
    process = tunnel.client if program == "mpclient" else tunnel.server
    process.signal(signal.SIGSTOP)
    since = time.monotonic()
    time.sleep(STOPPED)
    process.signal(signal.SIGCONT)
    lasted = time.monotonic() - since
    result = send.json()
    answer = status.ask_json(test, program, "--control", control[program])
    say(f"latency {result['latency_ms']}, {result['lost']} of {result['sent']} lost; drops {answer['drops']}")
    # What came in the first 2.5 s of 3, and answers, probes and handshakes beside.
    wanted = (lasted - 0.5) * RATE
    check_range(answer["drops"].get("old", 0), 0.9 * wanted, 1.3 * wanted, "datagrams dropped because they were old")
    check_range(result["latency_ms"]["max"], 0, OLDEST_MS, "longest round trip, ms")
    check_range(result["lost"], 0.9 * wanted, 1.1 * wanted, "datagrams that never came back")
    return answer


def client(test):
    """mpclient is stopped: what it lost of the applications' is in its residual loss"""
    answer = stopped(test, "mpclient")
    check_range(answer["session"]["residual_loss"]["out"], 0.2, 0.6, "residual loss out")


def server(test):
    """mpserver is stopped"""
    answer = stopped(test, "mpserver")
    check(len(answer["clients"]) == 1, "there is one client")


if __name__ == "__main__":
    harness.run(client, server, together=True)
