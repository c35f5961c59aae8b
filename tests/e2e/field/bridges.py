"""Bridges as docs/bridges.md tells people to make them: nftables (DNAT and masquerade), nginx's stream module, socat.

Namespace a has mpclient, r the bridges, b mpserver and its target. What reaches b has passed r: there is no route around it.
"""

import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import harness  # noqa: E402
import namespaces  # noqa: E402
from harness import check, say  # noqa: E402

# Where tests/run unpacks what would be started as a service if it were installed.
UNPACKED = pathlib.Path(__file__).resolve().parents[3] / "build/packages"
ROUTER, SERVER = "10.96.0.2", "10.96.1.3"
RATE, SECONDS = 100, 6  # what nginx and socat leave unread for half a second fits their small buffers
SIZES = "0-4000"  # small ones, and such as need several packets
NFT, NGINX, SOCAT = 4001, 4002, 4003


class Network:
    def __init__(self, test):
        namespaces.need("ip", "nft")
        self.a, self.r, self.b = (test.namespace(name) for name in "arb")
        namespaces.join(test, "ar", (self.a, "10.96.0.1/24"), (self.r, f"{ROUTER}/24"))
        namespaces.join(test, "rb", (self.r, "10.96.1.2/24"), (self.b, f"{SERVER}/24"))


def forward():
    pathlib.Path("/proc/sys/net/ipv4/ip_forward").write_text("1", encoding="ascii")


def start_nftables(test, network, server_port):
    namespaces.inside(network.r, forward)
    namespaces.nft(network.r, "table ip mptunnel {",
                   "chain prerouting {", "type nat hook prerouting priority dstnat;",
                   f"udp dport {NFT} dnat to {SERVER}:{server_port}", "}",
                   "chain postrouting {", "type nat hook postrouting priority srcnat;",
                   f"ip daddr {SERVER} udp dport {server_port} masquerade", "}", "}")


def start_nginx(test, network, server_port):
    program = shutil.which("nginx") or UNPACKED / "usr/sbin/nginx"
    modules = [folder / "ngx_stream_module.so" for folder in
               (pathlib.Path("/usr/lib/nginx/modules"), UNPACKED / "usr/lib/nginx/modules")]
    module = next((path for path in modules if path.exists()), None)
    if not pathlib.Path(program).exists() or module is None:
        raise harness.Skip("nginx and its stream module are neither installed nor in build/packages")
    configuration = test.file("nginx.conf", f"""
        load_module {module};
        user root;
        pid {test.folder}/nginx.pid;
        error_log stderr;
        events {{}}
        stream {{
            server {{
                listen {NGINX} udp reuseport;
                proxy_pass {SERVER}:{server_port};
                proxy_timeout 60s;
            }}
        }}
        """)
    test.start([program, "-p", test.folder, "-c", configuration, "-g", "daemon off; master_process off;"], "nginx",
               netns=network.r)


def start_socat(test, network, server_port):
    namespaces.need("socat")
    test.start(["socat", "-T60", f"udp-listen:{SOCAT},fork,reuseaddr", f"udp4:{SERVER}:{server_port}"], "socat",
               netns=network.r)


BRIDGES = {"nftables": (NFT, start_nftables), "nginx": (NGINX, start_nginx), "socat": (SOCAT, start_socat)}


def tunnel_over(test, *names):
    """A tunnel from a to b over these bridges, and what it needs."""
    network = Network(test)
    echo = test.echo(netns=network.b)
    server_port, port = harness.PORTS.take(), harness.PORTS.take()
    for name in names:
        BRIDGES[name][1](test, network, server_port)
    lines = [f"{ROUTER} {BRIDGES[name][0]} name={name}" for name in names]
    config = test.file("mpclient.conf", "\n".join([f"listen 127.0.0.1:{port}", *lines]))

    def start_server():
        server = test.start(["mpserver", *test.common_options, server_port, "127.0.0.1", echo.port], netns=network.b)
        server.wait_for("listening on", 20)
        return server

    server = start_server()
    client = test.start(["mpclient", *test.common_options, config], netns=network.a)
    for name in names:
        # A bridge that is not there yet refuses, and is asked again a second later.
        client.wait_for(f"bridge {name} is up", 20)
    return network, port, server, start_server, client, names


def send(test, network, port, what, lost=0):
    result = test.send(port, "--for", SECONDS, "--rate", RATE, "--size", SIZES, netns=network.a).json(30)
    say(f"{what}: {result['sent']} sent, {result['lost']} lost")
    harness.check_clean(result, what, lost)


def one_alone(name):
    def case(test):
        network, port, server, start_server, client, _ = tunnel_over(test, name)
        send(test, network, port, name)
        # The translations and children that it keeps are those of the mpserver that ended.
        server.kill()
        at = len(client.log())
        start_server()
        client.wait_for("session with mpserver started|session with mpserver goes on", 20, at)
        send(test, network, port, f"{name}, mpserver restarted")
    case.__name__ = f"{name}_alone"
    case.__doc__ = f"Datagrams of {SIZES} bytes over a bridge by {name} alone, also after a restart of mpserver; 0 lost"
    return case


def all_together(test):
    """Three kinds of bridges side by side; 0 lost"""
    network, port, _, _, client, names = tunnel_over(test, *BRIDGES)
    send(test, network, port, "all three")
    for name in names:
        check(client.find(f"bridge {name} is down") is None, f"the path over {name} went down")


if __name__ == "__main__":
    harness.run(*(one_alone(name) for name in BRIDGES), all_together, together=True)
