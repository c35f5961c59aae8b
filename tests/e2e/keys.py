"""The shared key: clients that have it are served, others hear nothing; and where it may come from."""

import base64
import os
import pathlib

import harness
from harness import check


def make_key(test):
    code, key = test.run("mpclient", "--genkey")
    check(code == 0 and len(key) == 44, f"--genkey: {code} {key}")
    return key


def make_tunnel(test, name, server_key, client_key, encrypt=True):
    echo = test.echo(name=f"{name}: echo")
    tunnel = harness.Tunnel(test, f"{name}: ", encrypt, echo.port)
    tunnel.add_bridges(1)
    tunnel.server_env = {"MPTUNNEL_KEY": server_key} if server_key else {}
    tunnel.client_env = {"MPTUNNEL_KEY": client_key} if client_key else {}
    return tunnel


def expect_service(test, tunnel, what):
    tunnel.start().wait_up()
    harness.check_clean(test.send(tunnel.port, "--for", 1, "--rate", 500, name=f"{what}: send").json(), what)
    for end in (tunnel.server, tunnel.client):
        check(end.find("a key is set"), f"{end.name}: its log does not say that a key is set")
        check(not end.find("without a key"), f"{end.name}: its log warns that there is no key")


def the_right_key(test):
    """The same key at both ends works, encrypted and in the clear"""
    key = make_key(test)
    harness.in_parallel(*(
        lambda e=encrypt, n=name: expect_service(test, make_tunnel(test, n, key, key, e), n)
        for encrypt, name in ((True, "sealed"), (False, "clear"))))


def expect_silence(test, name, server_key, client_key, encrypt):
    tunnel = make_tunnel(test, name, server_key, client_key, encrypt)
    tunnel.start()
    result = test.send(tunnel.port, "--for", 6, "--rate", 50, name=f"{name}: send").json()
    check(result["received"] == 0, f"{name}: {result['received']} datagrams came back")
    stats = test.tell(tunnel.bridges[0], "stats")
    check(stats["up"]["received"] > 5, f"{name}: mpclient tried {stats['up']['received']} times")
    check(stats["down"]["received"] == 0, f"{name}: mpserver sent {stats['down']['received']} packets")
    tunnel.client.wait_for("no answer from mpserver.*is the key the same at both ends", 15)
    tunnel.server.wait_for("has another key, or one end has none: it gets no answer", 15)
    check(not tunnel.server.find("session started"), f"{name}: a session started")


def a_wrong_key(test):
    """Another key, or none at one end: nothing passes, mpserver sends not one packet, both logs explain"""
    key, other = make_key(test), make_key(test)
    harness.in_parallel(*(
        lambda n=name, s=server, c=client, e=encrypt: expect_silence(test, f"{n}, {'sealed' if e else 'clear'}", s, c, e)
        for name, server, client in (("other key", key, other), ("client without", key, None), ("server without", None, key))
        for encrypt in (True, False)))


def cured(test):
    """mpclient is started again with the right key: the session starts by itself"""
    key = make_key(test)
    tunnel = make_tunnel(test, "cured", key, None)
    tunnel.start()
    tunnel.server.wait_for("has another key, or one end has none", 15)
    tunnel.client.stop()
    tunnel.client_env = {"MPTUNNEL_KEY": key}
    tunnel.start_client()
    tunnel.wait_up()
    harness.check_clean(test.send(tunnel.port, "--for", 1, "--rate", 500).json(), "cured")


def sources(test):
    """The key comes from --key-file, MPTUNNEL_KEY_FILE, MPTUNNEL_KEY or a key-file statement, in this order"""
    key, other = make_key(test), make_key(test)
    right = test.file("right.key", key + "\n")
    wrong = test.file("wrong.key", other + "\n")

    def with_client(name, options=(), env=None, statements=()):
        tunnel = make_tunnel(test, name, key, None)
        tunnel.client_options += options
        tunnel.client_env = env or {}
        tunnel.statements = list(statements)
        expect_service(test, tunnel, name)

    wrong_statement = ["key-file wrong.key"]
    harness.in_parallel(
        lambda: with_client("--key-file", ["--key-file", right], {"MPTUNNEL_KEY": other}, wrong_statement),
        lambda: with_client("MPTUNNEL_KEY_FILE", env={"MPTUNNEL_KEY_FILE": str(right)}, statements=wrong_statement),
        lambda: with_client("MPTUNNEL_KEY", env={"MPTUNNEL_KEY": key}, statements=wrong_statement),
        lambda: with_client("key-file", statements=["key-file right.key"]))
    check(wrong.exists(), "the wrong key is gone")


def memory_of(pid):
    """What a process has written to, without mappings so large that only sanitizers make them"""
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            addresses, rights, *_ = line.split()
            first, end = (int(address, 16) for address in addresses.split("-"))
            if not rights.startswith("rw") or end - first > 1 << 28:
                continue
            memory.seek(first)
            try:
                yield memory.read(end - first)
            except OSError:  # pages of a device
                continue


def text_stays_nowhere(test):
    """The text of a key is gone once the program runs: from its environment and its memory; no core can be written"""
    if os.geteuid() != 0:
        raise harness.Skip("only root sees another process's memory")
    key = make_key(test)
    from_file = harness.Tunnel(test, "file: ", True, test.echo(name="file: echo").port)
    from_file.add_bridges(1)
    from_file.server_options += ["--key-file", test.file("memory.key", key + "\n")]
    from_file.client_env = {"MPTUNNEL_KEY": key}
    from_file.start().wait_up()
    for end in (from_file.server, from_file.client):
        proc = pathlib.Path(f"/proc/{end.pid}")
        check(key.encode() not in (proc / "environ").read_bytes(), f"{end.name}: the key is in its environment")
        # The runtime of sanitizers keeps a copy of the environment.
        if not test.is_sanitized or end is from_file.server:
            check(not any(key.encode() in part for part in memory_of(end.pid)), f"{end.name}: the key's text is in its memory")
        limits = next(line for line in (proc / "limits").read_text(encoding="ascii").splitlines() if line.startswith("Max core"))
        check(limits.split()[4:6] == ["0", "0"], f"{end.name}: {limits}")


def state_secret_stays_nowhere(test):
    """The secret of a client without a key is in its file alone, whether it was just made or read: not in the memory"""
    if os.geteuid() != 0:
        raise harness.Skip("only root sees another process's memory")
    tunnel = make_tunnel(test, "state", None, None)
    tunnel.start().wait_up()
    text = (test.folder / "state/client-secret").read_text(encoding="ascii").split()[-1].encode()
    for start in ("made", "read"):
        for form, secret in (("text", text), ("bytes", base64.b64decode(text))):
            check(not any(secret in part for part in memory_of(tunnel.client.pid)), f"{start}: the secret's {form} is in memory")
        tunnel.client.stop()
        tunnel.start_client()
        tunnel.wait_up()


if __name__ == "__main__":
    harness.run(the_right_key, a_wrong_key, cured, sources, text_stays_nowhere, state_secret_stays_nowhere, together=True)
