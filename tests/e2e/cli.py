"""The command lines: exit codes, what is said, and how the programs end."""

import os
import pathlib
import signal
import time

import harness
from harness import PORTS, check

BOTH = ("mpclient", "mpserver")


def expect(test, code, patterns, *arguments, env=None):
    """Runs a program that ends by itself, and holds its exit code and its output against what is expected."""
    got, text = test.run(*arguments, env=env, codes=(code,))
    what = " ".join(map(str, arguments))
    check(got == code, f"{what}: exit code {got} instead of {code}:\n{text}")
    for pattern in patterns:
        check(harness.re.search(pattern, text, harness.re.MULTILINE), f"{what}: '{pattern}' is not in:\n{text}")
    return text


def client_config(test, *lines, name="client.conf"):
    return test.file(name, "\n".join(lines) + "\n")


def what_prints_and_ends(test):
    """--help, --version, --genkey, --check and no arguments"""
    good = client_config(test, "listen 127.0.0.1:3000", "nonexistent.invalid 4000", "::1 4000 name=six")
    for program in BOTH:
        expect(test, 0, [f"^usage: {program} ", "^Examples:", "MPTUNNEL_ENCRYPT"], program, "--help")
        expect(test, 0, [rf"^{program} \d+\.\d+\.\d+$"], program, "--version")
        expect(test, 2, [f"usage: {program} "], program)
        expect(test, 2, ["--check", "did you mean"], program, "--chekc", "x")
        keys = {expect(test, 0, ["^[A-Za-z0-9+/]{43}=$"], program, "--genkey") for _ in range(2)}
        check(len(keys) == 2, f"{program} --genkey gave the same key twice")
    expect(test, 0, ["no mistakes", "nonexistent.invalid:4000", "called six", "^encryption +yes"], "mpclient", "--check", good)
    expect(test, 0, ["^encryption +no .*MPTUNNEL_ENCRYPT"], "mpclient", "--check", good, env={"MPTUNNEL_ENCRYPT": "0"})
    expect(test, 0, ["target +nonexistent.invalid:1194"], "mpserver", "--check", 2000, "nonexistent.invalid", 1194)


def mistakes(test):
    """Every mistake is named, all at once, with file and line, and the exit code is 2"""
    test.file("open.key", "A" * 43 + "=\n", 0o644)
    test.file("short.key", "c2hvcnQ=\n")
    bad = client_config(test, "lisen 127.0.0.1:3000", "127.0.0.1 70000", "127.0.0.1 4000", "127.0.0.1 4000",
                        "key-file open.key", "encrypt perhaps", name="bad.conf")
    for options in ([], ["--check"]):
        expect(test, 2, [f"{bad}:1: .*listen", f"{bad}:2: .*65535", f"{bad}:4: ", f"{bad}:5: .*", f"{bad}:6: .*yes"],
               "mpclient", *options, bad)
    expect(test, 2, ["32 bytes"], "mpclient", "--key-file", test.folder / "short.key", "--check", bad)
    expect(test, 2, ["bridge"], "mpclient", client_config(test, "# nothing", name="none.conf"))
    expect(test, 2, ["cannot be read"], "mpclient", test.folder / "missing.conf")
    expect(test, 2, ["65535"], "mpserver", 70000, "127.0.0.1", 1194)
    good = client_config(test, "listen 127.0.0.1:3000", "127.0.0.1 4000")
    for value in ("2", "no", "00", ""):
        expect(test, 2, ["MPTUNNEL_ENCRYPT", "0", "1"], "mpclient", good, env={"MPTUNNEL_ENCRYPT": value})
        expect(test, 2, ["MPTUNNEL_ENCRYPT", "0", "1"], "mpserver", 2000, "127.0.0.1", 1194, env={"MPTUNNEL_ENCRYPT": value})
    expect(test, 2, ["MPTUNNEL_KEY", "32 bytes"], "mpserver", 2000, "127.0.0.1", 1194, env={"MPTUNNEL_KEY": "abc"})


def port_in_use(test):
    """A port that is taken: one clear line, exit code 1, with --daemon as well"""
    echo = test.echo()
    port = echo.port
    config = client_config(test, f"listen 127.0.0.1:{port}", "127.0.0.1 4000")
    for options in ([], ["--daemon"]):
        expect(test, 1, [f"{port}.*in use"], "mpserver", *options, "--listen", "127.0.0.1", port, "127.0.0.1", 1194)
        expect(test, 1, [f"{port}.*in use"], "mpclient", *options, config)


def signals_end_it(test):
    """SIGTERM and SIGINT end either end with exit code 0, and the other end is notified"""
    for number in (signal.SIGTERM, signal.SIGINT):
        tunnel = harness.standing_tunnel(test, 2)
        tunnel.client.signal(number)
        check(tunnel.client.wait() == 0, "mpclient's exit code")
        tunnel.server.wait_for("session ended: the program ended", 2)
        before = len(tunnel.server.log())
        tunnel.start_client()
        tunnel.wait_up()
        # Of this client, whose address mpserver knows then: so that it can tell it.
        tunnel.server.wait_for(r"path \S+ from \S+ is up", 20, before)
        tunnel.server.signal(number)
        check(tunnel.server.wait() == 0, "mpserver's exit code")
        tunnel.client.wait_for("mpserver ended the session: the program ended", 2)
        tunnel.start_server()
        send = test.send(tunnel.port, "--for", 2, "--rate", 100)
        tunnel.server.wait_for("session started", 10)
        check(send.json()["received"] > 0, "nothing passes after a restart of mpserver")


def wait_gone(pid, what):
    deadline = time.monotonic() + 10
    while pathlib.Path(f"/proc/{pid}").exists():
        state = pathlib.Path(f"/proc/{pid}/stat")
        try:
            if state.read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] == "Z":
                return
        except OSError:
            return
        check(time.monotonic() < deadline, f"{what} (pid {pid}) does not end")
        time.sleep(0.02)


def in_the_background(test):
    """--daemon returns once it works, --pid-file says which process it is and is removed at the end"""
    echo = test.echo()
    server_port, port = PORTS.take(), PORTS.take()
    config = client_config(test, f"listen 127.0.0.1:{port}", f"127.0.0.1 {server_port}")
    commands = {"mpserver": ["--listen", "127.0.0.1", server_port, "127.0.0.1", echo.port], "mpclient": [config]}
    pids = {}
    try:
        for program, arguments in commands.items():
            pid_file = test.folder / f"{program}.pid"
            expect(test, 0, [], program, "--daemon", "--pid-file", pid_file, *arguments)
            pids[program] = int(pid_file.read_text(encoding="ascii"))
            check(os.getsid(pids[program]) not in (os.getsid(0), pids[program]), f"{program} is not a daemon")
        harness.check_clean(test.send(port, "--for", 1, "--rate", 200).json(), "daemons")
        expect(test, 1, ["mpclient.pid"], "mpclient", "--pid-file", test.folder / "mpclient.pid", config)
    finally:
        for pid in pids.values():
            os.kill(pid, signal.SIGTERM)
    for program, pid in pids.items():
        wait_gone(pid, program)
        check(not (test.folder / f"{program}.pid").exists(), f"{program} leaves its pid file behind")


def refusing_target(test):
    """A target that refuses is logged once and still sent to; so one that appears later is found"""
    echo = test.echo()
    port = echo.port
    echo.stop()
    tunnel = harness.Tunnel(test, target=port)
    tunnel.add_bridges(2).start().wait_up()
    result = test.send(tunnel.port, "--for", 1, "--rate", 200, "--drain", 0).json()
    check(result["received"] == 0, "something answers where nothing is")
    check(tunnel.server.count("nothing listens on") == 1, "the target's refusal is not logged once")
    test.echo(listen=f"127.0.0.1:{port}", name="late echo")
    harness.check_clean(test.send(tunnel.port, "--for", 1, "--rate", 200).json(), "late target", 1)
    check(tunnel.server.find("target .* answers"), "mpserver does not say that the target answers")


if __name__ == "__main__":
    harness.run(what_prints_and_ends, mistakes, port_in_use, signals_end_it, in_the_background, refusing_target)
