"""A key for each client: names, keys that come and go while mpserver runs, and who can take over what."""

import os
import pathlib
import re
import signal
import subprocess
import time

import harness
from harness import PORTS, check, now_ns
from rings import Ring, finish, is_in, make_key, passes, stream

WITHDRAWN = "its key is not accepted any more"
CLASH = "two running programs have this identity"
SECOND = 10**9


def names(test):
    """Clients with keys of their own and one with the shared key side by side; log and status say who is who"""
    shared = make_key()
    test.file("shared.key", shared + "\n")
    ring = Ring(test, "names", ["alice", "bob max-flows=100 max-rate=100Mbit", "carol disabled"], ["key-file shared.key"]).start()
    check(ring.server.find(r"a key is set, and 3 clients have keys of their own \(1 disabled\)"), "the log does not count the keys")
    clients = [ring.client("alice"), ring.client("bob"), ring.client("shared", key=shared)]
    for tunnel in clients:
        is_in(tunnel)
    harness.in_parallel(*(lambda t=tunnel: passes(test, t) for tunnel in clients))
    status = ring.status()
    check(status["keyring"] == {"clients": 3, "disabled": 1}, f"keyring: {status['keyring']}")
    check(ring.names() == [None, "alice", "bob"], f"key_name: {ring.names()}")
    table = ring.ask("--status")
    check(re.search(r"^keyring   3 clients, 1 disabled$", table, re.MULTILINE), f"no keyring in:\n{table}")
    for client in status["clients"]:
        name = f"{client['key_name']}/{client['name']}" if client["key_name"] else client["name"]
        check(f"\nclient    {name} ({client['client']})\n" in table, f"no client {name} in:\n{table}")
        ring.server.wait_for(f"client {re.escape(name)}( from 127.0.0.1:.*)?: session started")
    carol = ring.client("carol")
    ring.server.wait_for(r"client carol from 127\.0\.0\.1:\d+ is disabled in the keyring: it gets no answer", 10)
    check(not carol.client.find("session with mpserver started"), "a disabled client is in")
    log = "\n".join(ring.server.log())
    check(not any(key in log for key in (shared, *ring.keys.values())), "a key is in the log")


def ended_at_once(ring, tunnel, start, since, what):
    """Both ends say within a second why the session of alice ended; `start` has the lines of mpclient's and mpserver's log before."""
    line = tunnel.client.wait_for(f"mpserver ended the session: {WITHDRAWN}", 10, start[0])
    late = (harness.log_time_ns(line) - since) / SECOND
    harness.check_range(round(late, 3), -0.01, 5 if ring.test.is_sanitized else 1, f"{what}: the session ended after so many seconds")
    # mpclient may be the first to log.
    ring.server.wait_for(f"client alice/[^ ]+: session ended: {WITHDRAWN}", 10, start[1])


def keys_come_and_go(test):
    """A client's session ends within 1 s of its key, and comes back with it, by the control socket and by SIGHUP; others lose nothing"""
    ring = Ring(test, "go", ["alice", "bob"]).start()
    alice, bob = ring.client("alice"), ring.client("bob")
    is_in(alice)
    is_in(bob)
    beside = stream(test, bob)
    passes(test, alice)
    right = ring.key("alice")
    for reload, what, lines, key in ((ring.reload_by_socket, "taken out", ["bob"], right),
                                     (ring.hang_up, "disabled", ["alice disabled", "bob"], right),
                                     (ring.reload_by_socket, "another key", ["bob", "alice"], make_key())):
        start = len(alice.client.log()), len(ring.server.log())
        ring.keys["alice"] = key
        ring.write(lines)
        since = now_ns()
        check("read again: " in reload(), f"{what}: nothing was read")
        ended_at_once(ring, alice, start, since, what)
        check(ring.names() == ["bob"], f"{what}: {ring.names()} are there")
        send = test.send(alice.port, "--for", 1, "--rate", 100, "--drain", 0.2, name=f"{what}: send").json()
        check(send["received"] == 0, f"{what}: {send['received']} datagrams came back")
        # It waits for its key without a hand, also while no application sends.
        time.sleep(2.5)
        ring.keys["alice"] = right
        ring.write(["alice", "bob"])
        since = now_ns()
        check("read again: 2 clients have keys of their own" in reload(), f"{what}: nothing was read")
        back = is_in(alice, start[0], 15)
        harness.check_range(round((back - since) / SECOND, 2), -0.01, 15 if test.is_sanitized else 10, f"{what}: it is back after so many seconds")
        passes(test, alice)
    finish(beside)
    check(bob.client.count("session with mpserver started") == 1, "bob's session was disturbed")


def changes_are_told(test):
    """--reload prints and logs who came, went, or was disabled, and how many sessions ended"""
    ring = Ring(test, "told", ["alice", "bob", "dave disabled"]).start()
    for name in ("alice", "bob"):
        is_in(ring.client(name))
    ring.write(["alice disabled", "carol", "dave"])
    wanted = ("read again: 3 clients have keys of their own (1 disabled); withdrawn: bob; disabled: alice; enabled: dave; added: carol; "
              "2 sessions ended")
    text = ring.reload()
    check(text.strip() == wanted, f"--reload prints {text}")
    ring.server.wait_for(re.escape(wanted))
    text = ring.hang_up()
    check(text.endswith("read again: 3 clients have keys of their own (1 disabled)"), f"nothing changed, and the log says: {text}")


def mistakes_change_nothing(test):
    """A ring with a mistake is not taken, wholly: --reload says FILE:LINE and exits with 1, and all sessions go on"""
    shared = make_key()
    key_file = test.file("shared.key", shared + "\n")
    ring = Ring(test, "mistakes", ["alice"], ["key-file shared.key"]).start()
    alice, other = ring.client("alice"), ring.client("shared", key=shared)
    is_in(alice)
    is_in(other)
    beside = [stream(test, tunnel) for tunnel in (alice, other)]
    good = ring.file.read_text(encoding="ascii")

    def expect_refusal(what, *patterns):
        text = ring.reload(code=1)
        log = ring.hang_up()
        check("the keys stay as they were" in text and "the keys stay as they were" in log, f"{what}: {text} {log}")
        for pattern in patterns:
            check(re.search(pattern, text), f"{what}: '{pattern}' is not in:\n{text}")
            check(ring.server.wait_for_count(pattern, 2) == 2, f"{what}: '{pattern}' is not twice in the log")
        check(ring.status()["keyring"] == {"clients": 1, "disabled": 0}, f"{what}: {ring.status()['keyring']}")

    # All without alice, who must stay in. Its name would be in a mistake, but never its key.
    for what, line, pattern in (("two names", f"x {make_key()}\nx {make_key()}", ":2: .*stands on line 1 already"),
                                ("a wrong key", f"bob {make_key()}\ncarol c2hvcnQ=", ":2: .*32 bytes"),
                                ("no key", "bob", ":1: .*there is only one word"),
                                ("an option", f"bob {make_key()} max-flow=3", ":1: .*did you mean 'max-flows='"),
                                ("the shared key", f"bob {shared}", ":1: .*the key that all clients share")):
        ring.file.write_text(line + "\n", encoding="ascii")
        expect_refusal(what, re.escape(str(ring.file)) + pattern)
    # A file that is empty, or was cut before its last word.
    for what, text, pattern in (("emptied", "", ":1: there is no client and no comment: is the file whole"),
                                ("cut", good.removesuffix("\n"), ":2: the last line has no end: is the file whole")):
        ring.file.write_text(text, encoding="ascii")
        expect_refusal(what, re.escape(str(ring.file)) + pattern)
    ring.file.write_text(f"bob {make_key()}\n", encoding="ascii")
    ring.file.chmod(0o644)
    expect_refusal("open to others", f"keyring {ring.file} is open to others than its owner: chmod 600")
    ring.file.chmod(0o600)
    ring.file.unlink()
    expect_refusal("missing", f"keyring {ring.file} can't be opened")
    # One good file does not go without the other.
    ring.file = test.file(ring.file.name, f"bob {make_key()}\n")
    key_file.write_text("short\n", encoding="ascii")
    expect_refusal("the key file", f"key file {key_file} is not right")
    key_file.write_text(shared + "\n", encoding="ascii")
    ring.file.write_text(good, encoding="ascii")
    check("read again: a key is set, and 1 client has a key of its own" in ring.reload(), "the good ring is not taken")
    for send in beside:
        finish(send)
    check(not ring.server.find("session ended"), "a session ended")


def refused_at_the_start(test):
    """A ring that is open to others, or has a mistake, keeps mpserver from starting: exit code 2, with --check as well"""
    for what, mode, line, pattern in (("open", 0o644, f"bob {make_key()}", "is open to others than its owner: chmod 600"),
                                      ("wrong", 0o600, f"bob {make_key()} max-rate=fast", ":1: .*is not a rate"),
                                      ("key-alone", 0o600, make_key(), ":1: the name stands before the key")):
        file = test.file(f"{what}.keys", line + "\n", mode)
        config = test.file("server.conf", f"listen 127.0.0.1:{PORTS.take()}\ntarget 127.0.0.1:9\nkeys {file.name}\n")
        for arguments in ([config], ["--check", config], ["--daemon", config], ["--keys", file, PORTS.take(), "127.0.0.1", 9]):
            code, text = test.run("mpserver", *arguments, codes=(2,))
            check(code == 2 and re.search(re.escape(str(file)) + ".*" + pattern, text), f"{what}: {arguments}: {code} {text}")


def lines_as_printed(test):
    """What --genkey NAME prints is a line of the keyring and the client's key file as it is"""
    ring = test.file("printed.keys")
    files = []
    for program, name in (("mpserver", "alice"), ("mpclient", "bob")):
        made = subprocess.run([test.build / program, "--genkey", name], capture_output=True, text=True, timeout=20, check=True)
        line, err = made.stdout, made.stderr
        check(re.fullmatch(f"{name} [A-Za-z0-9+/]{{43}}=\n", line), f"{program} --genkey {name}: {line}")
        check(all(part.startswith("# ") for part in err.splitlines()) and line.split()[1] not in err, f"{program} --genkey {name}: {err}")
        with ring.open("a", encoding="ascii") as file:
            file.write(line)
        files.append(test.file(f"{name}.key", line))
        code, text = test.run(program, "--genkey", name, "second", codes=(2,))
        check(code == 2, f"{program} --genkey with two names: {code} {text}")
    for name, file in zip(("alice", "bob"), files):
        tunnel = harness.Tunnel(test, f"{name}: ", target=test.echo(name=f"{name}: echo").port)
        tunnel.server_options += ["--keys", ring]
        tunnel.client_options += ["--key-file", file]
        tunnel.add_bridges(1).start().wait_up()
        tunnel.server.wait_for(f"client {name}/.*: session started")
        passes(test, tunnel)


def identity_of_another_key(test):
    """The same client-id under another key is another client: it takes nothing over, as a copy with the same key does"""
    ring = Ring(test, "identity", ["alice", "bob"]).start()
    alice = ring.client("alice", "client-id garage")
    is_in(alice)
    beside = stream(test, alice)
    bob = ring.client("bob", "client-id garage")
    is_in(bob)
    passes(test, bob, 3)
    finish(beside)
    check(not ring.server.find(f"{CLASH}|its flows continue"), "bob was taken for alice")
    check(ring.names() == ["alice", "bob"], f"{ring.names()} are there")
    # What would have been seen.
    beside = stream(test, alice)
    copy = ring.client("alice", "client-id garage", name="copy of alice")
    is_in(copy)
    ring.server.wait_for(f"{CLASH}|its flows continue", 10)
    beside.signal(signal.SIGINT)
    beside.json()


def of_a_daemon(test):
    """A daemon, which has left its folder, reads again what was named from there"""
    folder = test.folder / "d"
    folder.mkdir()
    shared, alice_key = make_key(), make_key()
    keys = test.file("d/clients.keys", f"alice {alice_key}\n")
    key_file = test.file("d/shared.key", shared + "\n")
    echo, port = test.echo(), PORTS.take()
    test.file("d/server.conf", f"listen 127.0.0.1:{port}\ntarget 127.0.0.1:{echo.port}\nkeys clients.keys\nkey-file shared.key\n")
    started = test.start(["mpserver", "--daemon", "--pid-file", "pid", "--control", "s", *test.common_options, "server.conf"],
                         "daemon's parent", cwd=folder)
    check(started.wait() == 0, "--daemon does not start")
    pid = int((folder / "pid").read_text(encoding="ascii"))
    try:
        check(os.readlink(f"/proc/{pid}/cwd") == "/", "the daemon has not left its folder")
        clients = []
        for name, key in (("alice", alice_key), ("shared", shared)):
            tunnel = harness.Tunnel(test, f"{name} ")
            tunnel.add_path(port)
            tunnel.client_env = {"MPTUNNEL_KEY": key}
            tunnel.start_client()
            is_in(tunnel)
            clients.append(tunnel)
        keys.write_text("# nobody\n", encoding="ascii")
        code, text = test.run("mpserver", "--reload", "--control", folder / "s")
        check(code == 0 and "read again: a key is set, and 0 clients have keys of their own" in text, f"--reload: {code} {text}")
        clients[0].client.wait_for(WITHDRAWN, 5)
        check(not clients[1].client.find(WITHDRAWN), "the shared key went, too")
        key_file.write_text(make_key() + "\n", encoding="ascii")
        os.kill(pid, signal.SIGHUP)
        clients[1].client.wait_for(WITHDRAWN, 5)
        # With a mistake: what --reload says names the file.
        keys.write_text("alice\n", encoding="ascii")
        code, text = test.run("mpserver", "--reload", "--control", folder / "s", codes=(1,))
        check(code == 1 and f"{keys}:1: " in text, f"--reload: {code} {text}")
    finally:
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 10
    while pathlib.Path(f"/proc/{pid}").exists() and (folder / "pid").exists():
        check(time.monotonic() < deadline, "the daemon does not end")
        time.sleep(0.02)


def nothing_to_read_again(test):
    """--reload of an mpserver without keys is an error, as it is where nothing runs, and does not disturb it; nor does SIGHUP"""
    tunnel = harness.standing_tunnel(test, 1)
    send = stream(test, tunnel)
    control = tunnel.server.arguments[tunnel.server.arguments.index("--control") + 1]
    why = "mpserver runs without keys: there is nothing to read again"
    code, text = test.run("mpserver", "--reload", "--control", control, codes=(1,))
    check(code == 1 and text == f"error: {why}", f"--reload: {code} {text}")
    check(tunnel.server.wait_for_count(f"warning.*{why}", 1) == 1, "it is not logged")
    # As when the terminal goes that it was started from.
    tunnel.server.signal(signal.SIGHUP)
    check(tunnel.server.wait_for_count(f"warning.*{why}", 2) == 2, "SIGHUP is not said")
    finish(send)
    code, text = test.run("mpserver", "--reload", "--control", test.folder / "missing", codes=(1,))
    check(code == 1 and "nothing runs there" in text, f"nothing runs: {code} {text}")
    for program, options in (("mpclient", ["--reload"]), ("mpserver", ["--reload", "--status"])):
        code, text = test.run(program, *options, codes=(2,))
        check(code == 2 and "--reload" in text, f"{program} {options}: {code} {text}")


def a_thousand_keys(test):
    """With 1,000 keys in the ring a client is in within 1 s, and reading them again takes no more"""
    others = [f"client-{i}" for i in range(999)]
    ring = Ring(test, "thousand", [*others[:500], "alice", *others[500:]]).start()
    check(ring.server.find("1000 clients have keys of their own"), "the log does not count the keys")
    for who in ("alice", others[0], others[-1]):
        tunnel = ring.client(who)
        took = (is_in(tunnel) - harness.log_time_ns(tunnel.client_listening)) / SECOND
        harness.check_range(round(took, 3), 0, 3 if test.is_sanitized else 1, f"{who} is in after so many seconds")
        passes(test, tunnel)
    beside = stream(test, tunnel)
    ring.write([name for name in others if name != others[0]] + ["alice"])
    since = time.monotonic()
    check("999 clients have keys of their own" in ring.reload_by_socket(), "nothing was read")
    harness.check_range(round(time.monotonic() - since, 3), 0, 5 if test.is_sanitized else 1, "seconds until they were read again")
    finish(beside)
    check(ring.names() == ["alice", others[-1]], f"{ring.names()} are there")


if __name__ == "__main__":
    harness.run(names, keys_come_and_go, changes_are_told, mistakes_change_nothing, refused_at_the_start, lines_as_printed, identity_of_another_key,
                of_a_daemon, nothing_to_read_again, a_thousand_keys, together=True)
