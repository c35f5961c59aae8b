"""What is measured: the systems, and cases that vary one factor each around the base case."""

import dataclasses

RELAY, AES, CHACHA, NONE = "relay", "aes", "chacha", "none"
TITLES = {RELAY: "relay", AES: "AES-256-GCM", CHACHA: "ChaCha20-Poly1305", NONE: "no encryption"}
CIPHERS = {AES: "AES-256-GCM", CHACHA: "ChaCha20-Poly1305", NONE: "none"}
# Where the search for the highest rate begins, as a share of the case's first guess.
GUESSES = {RELAY: 1.0, AES: 0.7, CHACHA: 0.45, NONE: 0.9}
ALL, MOST, MAIN = (RELAY, AES, CHACHA, NONE), (RELAY, AES, NONE), (RELAY, AES)


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    title: str
    systems: tuple = MOST
    paths: int = 3
    size: int = 1400
    flows: int = 1
    clients: int = 1
    socat: bool = False
    offload: bool = True
    cost_rates: tuple = (50_000,)
    first_guess: int = 1_000_000
    has_rtt: bool = False
    statements: tuple = ()  # of the tunnel, at both ends


BASE = Case("base", "base", ALL, cost_rates=(5_000, 20_000, 50_000, 200_000), first_guess=1_100_000, has_rtt=True)
CASES = (
    BASE,
    Case("single", "sent one by one", ALL, offload=False, cost_rates=(), first_guess=300_000),
    Case("repair", "repair at 5 %", MAIN, statements=("repair 5%",)),
    Case("size-64", "64 bytes", size=64, first_guess=2_500_000),
    Case("size-512", "512 bytes", size=512, first_guess=1_600_000),
    Case("paths-1", "1 path", paths=1, first_guess=1_500_000),
    Case("paths-8", "8 paths", paths=8, first_guess=500_000),
    Case("socat", "through socat", MAIN, socat=True, cost_rates=(5_000,), first_guess=55_000),
    Case("flows-1000", "1,000 flows", MAIN, flows=1000, first_guess=500_000),
    Case("clients-100", "100 clients", MAIN, flows=100, clients=100, first_guess=400_000),
)
