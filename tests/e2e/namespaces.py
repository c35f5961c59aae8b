"""Network namespaces: links between them, nftables in them, sockets of theirs. Needs root, ip and nft."""

import concurrent.futures
import ctypes
import json
import os
import shutil
import socket
import subprocess

import harness

CLONE_NEWNET = 0x40000000  # <sched.h>


def need(*programs):
    """Skips the test if one of these is missing."""
    for program in programs:
        if shutil.which(program) is None:
            raise harness.Skip(f"{program} is not installed")


def nft(namespace, *lines):
    """Carries out commands of nft, one a line, all or none."""
    done = subprocess.run(["ip", "netns", "exec", namespace, "nft", "-f", "-"], check=False, input="\n".join([*lines, ""]),
                          capture_output=True, text=True)
    harness.check(done.returncode == 0, f"nft: {done.stderr.strip()}")


def counters(namespace):
    """Name and packets of the namespace's nftables counters."""
    listed = subprocess.run(["ip", "netns", "exec", namespace, "nft", "-j", "list", "counters"], check=True,
                            stdout=subprocess.PIPE).stdout
    found = [entry["counter"] for entry in json.loads(listed)["nftables"] if "counter" in entry]
    return {counter["name"]: counter["packets"] for counter in found}


def join(test, name, here, there, mtu=1500, keeps_batches=False):
    """A veth link of that name at both ends; `here` and `there` are (namespace, address, ...), the addresses with their prefix."""
    test.ip("link", "add", name, "netns", here[0], "type", "veth", "peer", "name", name, "netns", there[0])
    for namespace, *addresses in (here, there):
        # A batch sent with UDP_SEGMENT would cross the link, be counted and be dropped as one packet.
        test.ip("-n", namespace, "link", "set", name, *([] if keeps_batches else ["gso_max_segs", 1]), "mtu", mtu)
        for address in addresses:
            # IPv6: without detection of duplicates, which takes a second.
            test.ip("-n", namespace, "address", "add", address, "dev", name, *(["nodad"] if ":" in address else []))
        test.ip("-n", namespace, "link", "set", name, "up")


class LossyPair:
    """Namespaces a and b with so many veth links between them; of what arrives, both ends drop `loss_percent`.

    Link i is the interface p<i> of both; its addresses are 10.90.<i>.1 in a and 10.90.<i>.2 in b.
    """

    def __init__(self, test, links, loss_percent):
        need("ip", "nft")
        self.links = links
        self.loss_percent = loss_percent
        self.a = test.namespace("a")
        self.b = test.namespace("b")
        for link in range(links):
            self._add_link(test, link)
        for namespace in (self.a, self.b):
            self._add_loss(namespace)

    def address(self, namespace, link):
        """The address of a link's end in self.a or self.b."""
        return f"10.90.{link}.{1 if namespace == self.a else 2}"

    def losses(self, namespace):
        """For each link (packets that came to this end, packets of these that were dropped)."""
        packets = counters(namespace)
        return [(packets[f"came{link}"], packets[f"lost{link}"]) for link in range(self.links)]

    def _add_link(self, test, link):
        join(test, f"p{link}", (self.a, f"{self.address(self.a, link)}/24"), (self.b, f"{self.address(self.b, link)}/24"))

    def _add_loss(self, namespace):
        rules = ["table inet loss {"]
        for link in range(self.links):
            rules += [f"counter came{link} {{}}", f"counter lost{link} {{}}"]
        rules += ["chain input {", "type filter hook input priority 0; policy accept;"]
        for link in range(self.links):
            rules += [f'iifname "p{link}" counter name came{link}',
                      f'iifname "p{link}" numgen random mod 100 < {self.loss_percent} counter name lost{link} drop']
        done = subprocess.run(["ip", "netns", "exec", namespace, "nft", "\n".join([*rules, "}", "}", ""])], check=False,
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise harness.Skip(f"nftables can't drop at random here: {done.stderr.strip()}")


def inside(namespace, function):
    """What the function returns when called in the namespace. A socket that it makes stays there."""

    def enter_and_call():
        libc = ctypes.CDLL(None, use_errno=True)
        with open(f"/run/netns/{namespace}", "rb") as file:
            if libc.setns(file.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), f"setns {namespace}: {os.strerror(ctypes.get_errno())}")
        return function()

    # The namespace is that of a thread: of one that does nothing else.
    with concurrent.futures.ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(enter_and_call).result()


def tcp_socket(namespace):
    return inside(namespace, lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))


def udp_socket(namespace, family=socket.AF_INET):
    return inside(namespace, lambda: socket.socket(family, socket.SOCK_DGRAM))
