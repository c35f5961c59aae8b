"""MPTUNNEL_ENCRYPT=0: at both ends it works in the clear, at one end both say what to do."""

import socket

import harness
from harness import check

PAYLOAD = b"a payload that is easy to find in a capture "
CURE = r"set MPTUNNEL_ENCRYPT \(or encrypt in the configuration\) to the same value at both ends"


def talk(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as application:
        application.settimeout(5)
        application.connect(("127.0.0.1", port))
        for number in range(20):
            application.send(PAYLOAD + bytes([number]))
            check(application.recv(1000) == PAYLOAD + bytes([number]), "another datagram came back")


def seen_at_bridge(test, encrypt):
    """In how many of the packets that passed a bridge the payload can be read, and whether the logs say so."""
    name = "sealed: " if encrypt else "clear: "
    capture = test.folder / f"captured-{encrypt}"
    tunnel = harness.standing_tunnel(test, 1, encrypt, ["--capture", capture], name)
    talk(tunnel.port)
    tunnel.bridges[0].stop()
    for end in (tunnel.server, tunnel.client):
        check((end.find("datagrams are NOT encrypted") is None) == encrypt, f"{end.name}: its log is wrong about encryption")
    return sum(PAYLOAD in packet for packet in harness.captured(capture))


def both_ends(test):
    """Payloads can be read on the way with MPTUNNEL_ENCRYPT=0 at both ends, and can't without"""
    check(seen_at_bridge(test, True) == 0, "a payload travelled in the clear")
    # The first ones travel sealed, until mpserver has acknowledged the flow.
    count = seen_at_bridge(test, False)
    check(20 <= count <= 40, f"{count} of 40 payloads could be read")


def in_configuration(test):
    """'encrypt no' in the configuration does the same, and the environment wins over it"""
    echo = test.echo()
    tunnel = harness.Tunnel(test, encrypt=False, target=echo.port)
    tunnel.env = {}
    tunnel.server_env = {"MPTUNNEL_ENCRYPT": "0"}
    tunnel.statements = ["encrypt no"]
    tunnel.add_bridges(1).start().wait_up()
    tunnel.client.wait_for("session with mpserver started, cipher none")
    talk(tunnel.port)
    tunnel.client.stop()
    tunnel.server.stop()
    tunnel.server_env = {}
    tunnel.client_env = {"MPTUNNEL_ENCRYPT": "1"}
    tunnel.start().wait_up()
    check(tunnel.client.find("session with mpserver started, cipher (AES|ChaCha)"), "the environment did not win")
    talk(tunnel.port)


def one_end_alone(test, clear_end, cured_end):
    """Both name the cure; once one end is started again with the other's value, all is well."""
    name = f"{clear_end} clear, {cured_end} cured: "
    echo = test.echo(name=f"{name}echo")
    tunnel = harness.Tunnel(test, name, target=echo.port)
    tunnel.add_bridges(1)
    (tunnel.server_env if clear_end == "mpserver" else tunnel.client_env)["MPTUNNEL_ENCRYPT"] = "0"
    tunnel.start()
    send = test.send(tunnel.port, "--for", 2, "--rate", 100, "--drain", 0, name=f"{name}send")
    for end in (tunnel.server, tunnel.client):
        end.wait_for(CURE)
    check(send.json()["received"] == 0, f"{name}datagrams pass")
    for end in (tunnel.server, tunnel.client):
        check(end.count(CURE) == 1, f"{end.name}: says the cure {end.count(CURE)} times")
    value = {"MPTUNNEL_ENCRYPT": "0"} if clear_end != cured_end else {}
    if cured_end == "mpserver":
        tunnel.server.stop()
        tunnel.server_env = value
        tunnel.start_server()
    else:
        tunnel.client.stop()
        tunnel.client_env = value
        tunnel.start_client()
    tunnel.client.wait_for("session with mpserver started", 20)
    harness.check_clean(test.send(tunnel.port, "--for", 1, "--rate", 500, name=f"{name}send again").json(), name)


def one_end(test):
    """MPTUNNEL_ENCRYPT=0 at one end only: both name the cure in one line, and either end can be the one to be cured"""
    ends = ("mpserver", "mpclient")
    harness.in_parallel(*(lambda a=a, b=b: one_end_alone(test, a, b) for a in ends for b in ends))


if __name__ == "__main__":
    harness.run(both_ends, in_configuration, one_end, together=True)
