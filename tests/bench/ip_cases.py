"""What `run --only ip` compares: the TUN device beside the UDP port, WireGuard in user space, and links with nothing between."""

import dataclasses

LINKS, LINK_MTU = 3, 1500
BYTES = 1400
IP_UDP_BYTES = 28
COST_RATES = (20_000, 50_000)
DIRECTIONS = ("up", "down")
TCP = tuple(f"tcp_{direction}" for direction in DIRECTIONS)
# What glorytun, MLVPN and multi_tun move in such namespaces ends between these, as known: they are not measured here.
CLASS_GBIT_S = (0.3, 0.75)


@dataclasses.dataclass(frozen=True)
class Kind:
    """Something that carries packets over the first `paths` links."""

    name: str
    title: str
    paths: int
    first_guess: int  # datagrams a second, where the search for the highest rate begins
    has_tcp: bool = True
    has_cost: bool = True


PORT = Kind("port", "UDP port, 3 paths", 3, 600_000, has_tcp=False)
TUN = Kind("tun", "`tun`, 3 paths", 3, 300_000)
TUN_ONE = Kind("tun-1", "`tun`, 1 path", 1, 400_000)
WIREGUARD = Kind("wireguard", "wireguard-go, 1 path", 1, 60_000)
LINK = Kind("link", "1 link, nothing between", 1, 1_500_000, has_cost=False)
KINDS = (PORT, TUN, TUN_ONE, WIREGUARD, LINK)
IP_TITLES = {kind.name: kind.title for kind in KINDS}


@dataclasses.dataclass(frozen=True)
class IpCase:
    name: str
    title: str
    keeps_batches: bool
    guess: float  # where the search begins, as a share of the kinds' first guesses
    size: int = BYTES
    flows: int = 1
    offload: bool = True


IP = IpCase("ip", "links that pass batches on whole, as veth does", True, 1.0)
IP_PACKETS = IpCase("ip-packets", "links that carry packet by packet", False, 0.3)
IP_CASES = (IP, IP_PACKETS)
