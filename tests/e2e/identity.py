"""By what mpserver knows a client that has no key: a secret in a file, or one of each process."""

import os
import re
import stat

import harness
import paths
from harness import check

CLASH = "two running programs have this identity"


def keyless_tunnel(test, name, *statements, state_directory=None):
    echo = test.echo(name=f"{name}: echo")
    tunnel = harness.Tunnel(test, f"{name}: ", target=echo.port)
    tunnel.echo = echo
    tunnel.add_bridges(1)
    tunnel.statements = list(statements)
    if state_directory:
        tunnel.client_env = {"STATE_DIRECTORY": str(state_directory)}
    return tunnel


def came_back(send):
    """How many came back to a sender that tells its progress once a second."""
    told = [re.search(r"received (\d+),", line) for line in send.log()]
    return max((int(match.group(1)) for match in told if match), default=0)


def sources_after_restart(test, tunnel):
    """How many addresses the target sees while mpclient is killed and started again under traffic of one application."""
    tunnel.start().wait_up()
    send = test.send(tunnel.port, "--for", 60, "--rate", 100, "--progress", name=f"{tunnel.name}send")
    paths.until(lambda: came_back(send) >= 50, f"{tunnel.name}datagrams come back", 20)
    tunnel.client.kill()
    tunnel.start_client()
    tunnel.wait_up()
    # Up to a hundred more came before the end of the first mpclient, and were not told yet.
    before = came_back(send)
    paths.until(lambda: came_back(send) >= before + 150, f"{tunnel.name}datagrams come back again", 20)
    send.signal(harness.signal.SIGINT)
    send.json()
    tunnel.echo.stop()
    # Another program may have one of the derived ports; then mpserver says so.
    check(not tunnel.server.find("target: source port .* is taken"), f"{tunnel.name}another program has the port")
    return tunnel.echo.json()["sources"]


def mode_of(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def kept_by_the_file(test):
    """A client that is started again keeps its flows, by a file that only its user can read"""
    by_default = test.folder / "default"
    tunnels = {
        by_default / "client-secret": keyless_tunnel(test, "default", state_directory=by_default),
        test.folder / "named/secret": keyless_tunnel(test, "named", "state named/secret"),
        test.folder / "word/secret": keyless_tunnel(test, "word", "state word/secret", "client-id garage"),
    }
    counts = harness.in_parallel(*(lambda t=tunnel: sources_after_restart(test, t) for tunnel in tunnels.values()))
    for (path, tunnel), count in zip(tunnels.items(), counts):
        check(count == 1, f"{tunnel.name}the target saw {count} source addresses")
        check(mode_of(path) == 0o600, f"{path}: mode {mode_of(path):o}")
        check(mode_of(path.parent) == 0o700, f"{path.parent}: mode {mode_of(path.parent):o}")
        check([file.name for file in path.parent.iterdir()] == [path.name], f"{path.parent} has other files, too")


def dies_with_the_process(test):
    """`state none`: a client that is started again is another one; nothing is written"""
    folder = test.folder / "unused"
    tunnel = keyless_tunnel(test, "none", "state none", "client-id garage", state_directory=folder)
    count = sources_after_restart(test, tunnel)
    check(count == 2, f"the target saw {count} source addresses")
    check(not folder.exists(), f"{folder} was made")


def add_client(test, tunnel, state):
    """Another client of the tunnel's server, with the tunnel's client-id. Returns its port."""
    port = harness.PORTS.take()
    config = test.file(f"other-{port}.conf", "\n".join([f"listen 127.0.0.1:{port}", *tunnel.bridge_lines, "client-id garage",
                                                         f"state {state}"]))
    test.start(["mpclient", config], f"{tunnel.name}other").wait_for("session with mpserver started", 20)
    return port


def clash_with(test, name, state):
    """Whether mpserver takes a second client with this state file, and the client-id of a first, for the first."""
    tunnel = keyless_tunnel(test, name, "state first", "client-id garage")
    tunnel.start().wait_up()
    sends = [test.send(tunnel.port, "--for", 6, "--rate", 100, name=f"{name}: send first")]
    other = add_client(test, tunnel, state)
    sends.append(test.send(other, "--for", 5, "--rate", 100, name=f"{name}: send other"))
    results = [send.json() for send in sends]
    clash = tunnel.server.find(CLASH) is not None
    if not clash:
        for result in results:
            harness.check_clean(result, name)
        tunnel.echo.stop()
        check(tunnel.echo.json()["sources"] == 2, f"{name}: the two do not have a flow each")
    return clash


def a_word_that_is_known(test):
    """Who knows a client's client-id, but not its secret, is another client"""
    clashes = harness.in_parallel(*(lambda s=state: clash_with(test, s, s) for state in ("first", "second", "none")))
    check(clashes == [True, False, False], f"equal secrets, other secrets, no file: taken for the same client: {clashes}")


def with_a_key(test):
    """With a key no state file is made or read"""
    code, key = test.run("mpclient", "--genkey")
    check(code == 0, "--genkey failed")
    folder = test.folder / "unused"
    tunnel = keyless_tunnel(test, "key", "state damaged", state_directory=folder)
    damaged = test.file("damaged", "rubbish")
    tunnel.env["MPTUNNEL_KEY"] = key
    check(sources_after_restart(test, tunnel) == 1, "the client was not known again")
    check(not folder.exists() and damaged.read_text(encoding="ascii") == "rubbish", "a state file was made or changed")


def what_cannot_be_used(test):
    """A file that was asked for is an error at the start, also in the background; the default is left out with a line"""
    test.file("damaged", "rubbish")
    for state, why in (("damaged", "is not right"), ("damaged/x", "can't be made")):
        config = test.file("named.conf", f"listen 127.0.0.1:{harness.PORTS.take()}\n127.0.0.1 4000\nstate {state}\n")
        for options in ([], ["--daemon"]):
            code, text = test.run("mpclient", *options, config, codes=(1,))
            check(code == 1 and f"state file {test.folder}/{state} {why}" in text, f"{state} {options}: {code} {text}")
        code, text = test.run("mpclient", "--check", config)
        check(code == 0 and f"{test.folder}/{state}\n" in text, f"--check: {code} {text}")
    # Nobody can make a file there.
    tunnel = keyless_tunnel(test, "default", state_directory="/proc/mptunnel")
    tunnel.start().wait_up()
    check(tunnel.client.count("can't be made.*after a restart mpserver sees a new client.*'state FILE'") == 1,
          "the log does not say what follows, and what helps")
    harness.check_clean(test.send(tunnel.port, "--for", 1, "--rate", 100).json(), "without a file")


if __name__ == "__main__":
    harness.run(kept_by_the_file, dies_with_the_process, a_word_that_is_known, with_a_key, what_cannot_be_used, together=True)
