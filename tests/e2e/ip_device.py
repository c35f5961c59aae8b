"""The device for IP packets: made beforehand for a program without rights, taken away under way, and the second of two that want all."""

import os
import pathlib
import re
import signal
import socket
import subprocess
import time

import harness
import namespaces
from harness import check, say
from sites import CLIENT4, CLIENT6, SERVER4, SERVER6, Site, Stream, Uncut, leads_in, transfer, udp_echo, wait_until

NOBODY = 65534
WITHOUT_RIGHTS = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all", "--")
BACK, SANITIZED_BACK = 8, 30  # seconds
REFUSED = "all is sent by tun0 already, by another mpclient: only one can do that"


class Nobody:
    """Runs mpclient and mpserver as a user without any capability."""

    def __init__(self, test, site):
        namespaces.need("setpriv")
        if os.stat("/dev/net/tun").st_mode & 0o006 != 0o006:
            raise harness.Skip("/dev/net/tun is not for all users")
        self.test, self.site = test, site
        self.state = test.folder / "nobody"
        self.state.mkdir(mode=0o700)
        os.chown(self.state, NOBODY, NOBODY)
        test.folder.chmod(0o755)
        self.count = 0

    def start(self, program, *arguments, netns):
        self.count += 1
        command = [*WITHOUT_RIGHTS, self.test.build / program, "--control", self.state / f"s{self.count}", *arguments]
        return self.test.start(command, f"{program} without rights", {"STATE_DIRECTORY": str(self.state)}, netns)

    def start_client(self, *statements):
        client = self.start("mpclient", self.site.client_config(0, statements, mode=0o644), netns=self.site.client_ns[0])
        up = client.wait_for_count(r"bridge .* is up", self.site.links, 20)
        check(up == self.site.links, f"{up} bridges are up")
        return client

    @staticmethod
    def stop(process):
        # Of a program by way of setpriv the harness does not know what its end should be.
        check(process.stop() == 0, f"{process.name}: it ended otherwise than with 0")
        dropped = process.find("dropped by the device")
        # What the kernel says to its neighbours on a link goes nowhere.
        reasons = re.findall(r"([a-z_]+) \d+", dropped.split("device:")[1])
        check(set(reasons) <= {"inner_multicast"}, f"{process.name}: {dropped}")


def told_mtu(namespace, family, address, size):
    """Sends packets of that size that must not be cut until something says that they are too large: what fits."""
    uncut = Uncut(namespace, family, address)

    def is_told():
        uncut.send(size)
        return uncut.mtu() < size

    wait_until(is_told, f"{size} bytes to {address} are too large")
    told = uncut.mtu()
    uncut.socket.close()
    return told


def made_beforehand(test):
    """A device that the administrator made is all that mpclient needs, and outlives it, with its addresses."""
    site = Site(test)
    s, c = site.server_ns, site.client_ns[0]
    nobody = Nobody(test, site)
    site.ip(c, "tuntap", "add", "dev", "mpt0", "mode", "tun", "user", NOBODY)
    for address in (f"{CLIENT4}/24", f"{CLIENT6}/64"):
        site.ip(c, "address", "add", address, "dev", "mpt0", *(["nodad"] if ":" in address else []))
    site.ip(c, "link", "set", "mpt0", "up", "mtu", 1500)
    site.start_server("--tun", f"{SERVER4}/24", "--tun", f"{SERVER6}/64")
    statements = [f"tun {CLIENT4}/24 {CLIENT6}/64", "tun-name mpt0"]
    for end in (Nobody.stop, lambda process: process.kill(), Nobody.stop):
        client = nobody.start_client(*statements)
        status = pathlib.Path(f"/proc/{client.pid}/status").read_text(encoding="ascii")
        check(re.search(r"^CapEff:\s0+$", status, re.MULTILINE) and re.search(rf"^Uid:\s{NOBODY}\s", status, re.MULTILINE), "it has rights")
        for address in (SERVER4, SERVER6):
            site.ping(c, address)
        for address in (CLIENT4, CLIENT6):
            site.ping(s, address)
        transfer(c, s, SERVER4, socket.AF_INET)
        transfer(s, c, CLIENT6, socket.AF_INET6)
        udp_echo(c, s, SERVER6, socket.AF_INET6)
        # It can't lower the device's MTU, so it says itself what fits.
        for family, address in ((socket.AF_INET, SERVER4), (socket.AF_INET6, SERVER6)):
            told = told_mtu(c, family, address, 1500)
            fits = site.status(client)["device"]["mtu"]
            check(1380 <= told <= 1470 and told <= fits, f"MTU {told} is told for {address}, and {fits} fit")
        problems = site.status(client)["problems"]
        check(len(problems) == 1 and "MTU of mpt0 can't be" in problems[0], f"problems: {problems}")
        end(client)
        said = [line for line in client.log() if re.search(r"\b(warning|error)\b|gone|lost", line) and "without a key" not in line]
        check(1 <= len(said) <= 2 and all("MTU of mpt0 can't be" in line for line in said), f"it says {said}")
        addresses = site.ip(c, "address", "show", "dev", "mpt0")
        for address in (f"{CLIENT4}/24", f"{CLIENT6}/64"):
            check(address in addresses, f"the device has lost {address}")
        check("mtu 1500" in addresses, f"the device's MTU is another: {addresses}")


def without_rights(test):
    """Without rights and without a device both programs end at once, and what they advise helps."""
    site = Site(test)
    s, c = site.server_ns, site.client_ns[0]
    nobody = Nobody(test, site)
    server = nobody.start("mpserver", "--tun", f"{SERVER4}/24", site.port, netns=s)
    client = nobody.start("mpclient", site.client_config(0, [f"tun {CLIENT4}/24"], mode=0o644), netns=c)
    for process, program in ((server, "mpserver"), (client, "mpclient")):
        code = process.wait(20)
        check(code == 1, f"{program} ended with {code}")
        check(process.find("CAP_NET_ADMIN") and process.find("ip tuntap add"), f"{program} does not say what it needs: {process.log()}")
    for process, namespace, address in ((server, s, SERVER4), (client, c, CLIENT4)):
        advice = process.find("CAP_NET_ADMIN")
        command = re.search(r"'ip (tuntap add [^']*)'", advice).group(1).replace("USER", str(NOBODY))
        say(f"ip {command}")
        site.ip(namespace, *command.split())
        site.ip(namespace, "address", "add", f"{address}/24", "dev", "tun0")
        site.ip(namespace, "link", "set", "tun0", "up")
    named = re.search(r"'(tun-name tun0)'", client.find("CAP_NET_ADMIN"))
    check(named, f"a name is needed besides, and nobody says so: {client.find('CAP_NET_ADMIN')}")
    conf = test.file("server.conf", f"listen {site.port}\ntun {SERVER4}/24\n{named.group(1)}\n", 0o644)
    server = nobody.start("mpserver", conf, netns=s)
    server.wait_for("listening on", 20)
    client = nobody.start_client(f"tun {CLIENT4}/24", named.group(1))
    site.ping(c, SERVER4)
    for process in (client, server):
        Nobody.stop(process)
    # All of the host's packets are another matter: those need a mark.
    client = nobody.start("mpclient", site.client_config(0, [f"tun {CLIENT4}/24", "tun-name tun0", "route default"], mode=0o644), netns=c)
    check(client.wait(20) == 1 and client.find("fwmark.*CAP_NET_ADMIN"), f"'route default' without rights: {client.log()}")


def taken_away(test):
    """The device is removed, its addresses are taken, it is set down and up: all comes back, and a connection goes on."""
    site = Site(test)
    s, c = site.server_ns, site.client_ns[0]
    back = SANITIZED_BACK if test.is_sanitized else BACK
    site.ip(s, "address", "add", "192.168.77.1/32", "dev", "lo")
    site.ip(s, "address", "add", "203.0.113.7/32", "dev", "lo")
    site.ip(c, "route", "add", "default", "via", "10.90.0.2")
    server = site.start_server("--tun", f"{SERVER4}/24", "--tun", f"{SERVER6}/64")
    client = site.start_client(statements=[f"tun {CLIENT4}/24 {CLIENT6}/64", "route 192.168.77.0/24", "route default"])
    inner = ("192.168.77.1", "203.0.113.7", SERVER6)

    def is_whole():
        addresses = site.ip(c, "address", "show", "dev", "tun0") if "tun0:" in site.ip(c, "link") else ""
        return (f"{CLIENT4}/24" in addresses and f"{CLIENT6}/64" in addresses and
                "192.168.77.0/24" in site.ip(c, "route", "show", "dev", "tun0") and
                "tun0" in site.ip(c, "route", "get", "203.0.113.7") and all(site.answers(c, address) for address in inner))

    wait_until(is_whole, "the device", back)
    stream = Stream(c, s, SERVER4, socket.AF_INET)
    time.sleep(0.3)
    removed, flushed, down = ("link", "delete", "tun0"), ("address", "flush", "dev", "tun0"), ("link", "set", "tun0", "down")
    for what, namespace, words in (("removed", c, removed), ("without addresses", c, flushed), ("down and up", c, down),
                                   ("removed at mpserver", s, removed), ("without addresses at mpserver", s, flushed),
                                   ("down and up at mpserver", s, down)):
        # Addresses may be back before all of them are gone, which `ip` takes for a mistake.
        subprocess.run(["ip", "-n", namespace, *words], check="flush" not in words, capture_output=True)
        if "down" in words:
            # Whoever takes it down means that.
            time.sleep(1.5)
            check("state DOWN" in site.ip(namespace, "link", "show", "tun0"), "it is set up again by itself")
            site.ip(namespace, "link", "set", "tun0", "up")
        began = time.monotonic()
        came = stream.at_end.bytes
        wait_until(is_whole, what, back)
        wait_until(lambda before=came: stream.at_end.bytes > before + (1 << 16), f"the stream, {what}", back)
        say(f"{what}: all is well after {time.monotonic() - began:.1f} s")
    stream.finish()
    for process in (client, server):
        check(process.count("is gone") == 1 and process.count("device tun0 is back") == 1, f"{process.name} says otherwise")
    for status in (site.status(client), site.status(server)):
        check(not status["problems"], f"problems: {status['problems']}")


def there_and_back(test):
    """What changes and is as before while mpclient looks elsewhere has taken routes with it all the same: they come back."""
    site = Site(test)
    s, c = site.server_ns, site.client_ns[0]
    for address in ("192.168.77.1/32", "203.0.113.7/32"):
        site.ip(s, "address", "add", address, "dev", "lo")
    site.ip(c, "route", "add", "default", "via", "10.90.0.2")
    site.start_server("--tun", f"{SERVER4}/24")
    client = site.start_client(statements=[f"tun {CLIENT4}/24", "route 192.168.77.0/24", "route default"])

    def leads_there():
        return all("tun0" in site.ip(c, "route", "get", address) for address in ("192.168.77.1", "203.0.113.7"))

    wait_until(leads_there, "the routes")
    back = SANITIZED_BACK if test.is_sanitized else BACK
    own = (f"{CLIENT4}/24", "dev", "tun0")
    for what, words in (("down and up", (("link", "set", "tun0", "down"), ("link", "set", "tun0", "up"))),
                        ("an address less and more", (("address", "delete", *own), ("address", "add", *own)))):
        # What it saw last is settled.
        time.sleep(0.3)
        client.signal(signal.SIGSTOP)
        for command in words:
            site.ip(c, *command)
        check(not leads_there(), f"{what}: no route went")
        client.signal(signal.SIGCONT)
        wait_until(leads_there, what, back)
        for address in ("192.168.77.1", "203.0.113.7"):
            site.ping(c, address, lost=2)


def second_default_route(test):
    """Of two with `route default` the second is refused, the first keeps all, and when it ends the second has its turn."""
    site = Site(test)
    s, c = site.server_ns, site.client_ns[0]
    site.ip(s, "address", "add", "203.0.113.7/32", "dev", "lo")
    site.ip(c, "route", "add", "default", "via", "10.90.0.2")
    before = [site.ip(c, *words) for words in (("rule",), ("route",), ("-6", "rule"))]
    site.start_server("--tun", f"{SERVER4}/24")
    first = site.start_client(statements=["route default", f"tun {CLIENT4}/24"])
    leads_in(site, c)

    def start_second():
        second = site.start_client(statements=["route default", "tun 10.42.42.3/24"], name="second")
        second.wait_for(REFUSED, 20)
        check(REFUSED in site.status(second)["problems"], "the status does not say so")
        return second

    second = start_second()
    # The rest of it works.
    site.ping(c, SERVER4, "-I", "tun1")
    time.sleep(2.5)
    check(second.count(REFUSED) == 1, "it says so again and again")
    for end in ("stop", "kill"):
        getattr(second, end)()
        leads_in(site, c)
        site.ping(c, "203.0.113.7")
        second = start_second()
    first.signal(signal.SIGTERM)
    first.wait()
    leads_in(site, c, "tun1")
    site.ping(c, "203.0.113.7")
    wait_until(lambda: not site.status(second)["problems"], "the problem is over, and the status has it")
    second.signal(signal.SIGTERM)
    second.wait()
    check([site.ip(c, *words) for words in (("rule",), ("route",), ("-6", "rule"))] == before, "something is left")


harness.run(made_beforehand, without_rights, taken_away, there_and_back, second_default_route, together=True)
