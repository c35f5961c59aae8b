#!/usr/bin/env python3
"""The repair code once more, written from docs/repair.md alone: what the encoder in C++ writes must be what
this one makes of the same symbols, and decode here; what this one makes, the decoder in C++ must decode, and
exactly as far as it determines anything.

    repair_code.py PROGRAM [ROUNDS]      PROGRAM is build/repair_exchange
"""
import random
import subprocess
import sys

WORD = (1 << 64) - 1


def product(left, right):
    """In GF(256) modulo x^8 + x^4 + x^3 + x^2 + 1."""
    result = 0
    while right:
        if right & 1:
            result ^= left
        left <<= 1
        if left & 0x100:
            left ^= 0x11D
        right >>= 1
    return result


PRODUCTS = [[product(left, right) for right in range(256)] for left in range(256)]
INVERSES = [0] + [row.index(1) for row in PRODUCTS[1:]]


def coefficient(seed, number):
    x = (number + (seed + 1) * 0x9E3779B97F4A7C15) & WORD
    x = ((x ^ x >> 30) * 0xBF58476D1CE4E5B9) & WORD
    x = ((x ^ x >> 27) * 0x94D049BB133111EB) & WORD
    return 1 + (x ^ x >> 31) % 255


def coded_form(symbol, size):
    return (len(symbol).to_bytes(2, "big") + symbol).ljust(size, b"\0")


def add(total, factor, row):
    """total += factor * row."""
    table = PRODUCTS[factor]
    return bytes(a ^ table[b] for a, b in zip(total, row))


def encode(symbols, first, count, seed):
    size = 2 + max(len(symbols[number]) for number in range(first, first + count))
    total = bytes(size)
    for number in range(first, first + count):
        total = add(total, coefficient(seed, number), coded_form(symbols[number], size))
    return total


def decode(known, repairs):
    """What the repair symbols determine of what is not in `known`, by elimination over all of them at once."""
    unknown = sorted({number for first, count, _, _ in repairs for number in range(first, first + count)} - set(known))
    size = max((len(coded) for _, _, _, coded in repairs), default=2)
    rows = []
    for first, count, seed, coded in repairs:
        total = coded.ljust(size, b"\0")
        row = dict.fromkeys(unknown, 0)
        for number in range(first, first + count):
            if number in known:
                total = add(total, coefficient(seed, number), coded_form(known[number], size))
            else:
                row[number] = coefficient(seed, number)
        rows.append((bytes(row[number] for number in unknown), total))
    done = 0
    for column in range(len(unknown)):
        pivot = next((i for i in range(done, len(rows)) if rows[i][0][column]), None)
        if pivot is None:
            continue
        rows[done], rows[pivot] = rows[pivot], rows[done]
        inverse = INVERSES[rows[done][0][column]]
        rows[done] = tuple(bytes(PRODUCTS[inverse][b] for b in part) for part in rows[done])
        for i, row in enumerate(rows):
            if i != done and row[0][column]:
                factor = row[0][column]
                rows[i] = tuple(add(part, factor, other) for part, other in zip(row, rows[done]))
        done += 1
    found = {}
    for left, total in rows:
        columns = [i for i, value in enumerate(left) if value]
        if len(columns) == 1:
            length = int.from_bytes(total[:2], "big")
            assert not any(total[2 + length:]), "bytes behind a symbol"
            found[unknown[columns[0]]] = total[2:2 + length]
    return found


def hex_of(symbol):
    return symbol.hex() or "-"


def read(text):
    symbols, repairs = {}, []
    for line in text.splitlines():
        kind, *numbers, digits = line.split()
        data = b"" if digits == "-" else bytes.fromhex(digits)
        if kind == "S":
            symbols[int(numbers[0])] = data
        else:
            repairs.append((*map(int, numbers), data))
    return symbols, repairs


def check_encoder(program, seed, dice):
    """Returns how many symbols came back here."""
    written = subprocess.run([program, "encode", str(seed)], check=True, capture_output=True, text=True).stdout
    symbols, repairs = read(written)
    assert len(symbols) == 60 and repairs
    for first, count, repair_seed, coded in repairs:
        assert encode(symbols, first, count, repair_seed) == coded, f"repair of {first} and {count - 1} more"
    known = {number: symbol for number, symbol in symbols.items() if dice.random() > 0.2}
    found = decode(known, [repair for repair in repairs if dice.random() > 0.1])
    for number, symbol in found.items():
        assert symbol == symbols[number], f"symbol {number}"
    return len(found)


def check_decoder(program, dice):
    """Returns how many symbols came back there."""
    start = dice.choice([0, 12345, 1 << 40])
    symbols = {start + i: dice.randbytes(dice.choice([0, 1, 20, dice.randrange(400)])) for i in range(50)}
    known = {number: symbol for number, symbol in symbols.items() if dice.random() > 0.25}
    repairs = []
    for last in symbols:
        if dice.random() < 0.4:
            first = max(start, last - dice.randrange(16))
            seed = dice.randrange(1 << 16)
            count = last - first + 1
            repairs.append((first, count, seed, encode(symbols, first, count, seed)))
    lines = [f"S {number} {hex_of(symbol)}" for number, symbol in known.items()]
    lines += [f"R {first} {count} {seed} {coded.hex()}" for first, count, seed, coded in repairs]
    dice.shuffle(lines)
    written = subprocess.run([program, "decode"], input="\n".join(lines) + "\n", check=True, capture_output=True,
                             text=True).stdout
    there, _ = read(written)
    for number, symbol in there.items():
        assert symbol == symbols[number], f"symbol {number}"
    # Some were recovered before they came.
    here = decode(known, repairs)
    missing = set(symbols) - set(known)
    assert set(there) & missing == set(here), "not what is determined"
    return len(here)


def main():
    program = sys.argv[1]
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 12
    dice = random.Random(1)
    came = [sum(check_encoder(program, seed, dice) for seed in range(rounds)),
            sum(check_decoder(program, dice) for _ in range(rounds))]
    print(f"recovered here {came[0]} symbols of the encoder in C++, and there {came[1]} of this one")
    assert min(came) > rounds, "too few to say anything"


if __name__ == "__main__":
    main()
