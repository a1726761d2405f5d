"""Reads and writes CBOR, as much of it as the Smithy RPC-v2 protocol uses.

Recent SDKs talk to CloudWatch in this protocol only, and moto does not know it.
"""

import datetime
import struct

BREAK = 0xFF
NULL = b"\xf6"
FLOATS = {25: ">e", 26: ">f", 27: ">d"}
SIMPLE = {20: False, 21: True}


def decode(data):
    """Returns the value that `data` holds; empty data is an empty map."""
    return Decoder(data).value() if data else {}


class Decoder:
    """Reads one value after another from a byte string."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, count):
        """Returns the next `count` bytes."""
        piece = self.data[self.at : self.at + count]
        if len(piece) != count:
            raise ValueError("the CBOR data ends too early")
        self.at += count
        return piece

    def value(self):
        """Returns the next value."""
        first = self.take(1)[0]
        major, info = first >> 5, first & 31
        if major == 7:
            return self.simple(info)
        size = self.size(info)
        if major == 0:
            return size
        if major == 1:
            return -1 - size
        if major in (2, 3):
            raw = b"".join(self.chunks()) if size is None else self.take(size)
            return raw if major == 2 else raw.decode()
        if major == 4:
            return list(self.items(size))
        if major == 5:
            return {key: self.value() for key in self.items(size)}
        return self.value()  # A tag; the one in use marks a timestamp.

    def size(self, info):
        """Returns the number behind the first byte; None means "until a break"."""
        if info < 24:
            return info
        if info < 28:
            return int.from_bytes(self.take(1 << (info - 24)), "big")
        return None

    def simple(self, info):
        """Returns a float, a boolean or nothing."""
        if info in FLOATS:
            return struct.unpack(FLOATS[info], self.take(1 << (info - 24)))[0]
        return SIMPLE.get(info)

    def at_break(self):
        """Steps over a break, if one comes next."""
        if self.data[self.at] != BREAK:
            return False
        self.at += 1
        return True

    def items(self, count):
        """Yields `count` values, or values until a break."""
        if count is None:
            while not self.at_break():
                yield self.value()
        else:
            for _ in range(count):
                yield self.value()

    def chunks(self):
        """Yields the pieces of a string whose length was not known."""
        for piece in self.items(None):
            yield piece if isinstance(piece, bytes) else piece.encode()


def header(major, number):
    """Returns the first bytes of a value: its type and its number."""
    if number < 24:
        return bytes([major << 5 | number])
    for info, width in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << (8 * width):
            return bytes([major << 5 | info]) + number.to_bytes(width, "big")
    raise ValueError(f"{number} is too large for CBOR")


def encode(value, shape=None):
    """Returns `value` as CBOR; `shape` is botocore's description of it, if known."""
    kind = shape.type_name if shape is not None else None
    if value is None:
        return NULL
    if kind == "timestamp":
        return b"\xc1\xfb" + struct.pack(">d", seconds_since_epoch(value))
    if kind in ("double", "float"):
        return b"\xfb" + struct.pack(">d", float(value))
    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return header(0, value) if value >= 0 else header(1, -1 - value)
    if isinstance(value, float):
        return b"\xfb" + struct.pack(">d", value)
    if isinstance(value, str):
        raw = value.encode()
        return header(3, len(raw)) + raw
    if isinstance(value, list):
        member = shape.member if kind == "list" else None
        return header(4, len(value)) + b"".join(encode(item, member) for item in value)
    return header(5, len(value)) + b"".join(
        encode(key) + encode(item, member_shape(shape, key)) for key, item in value.items()
    )


def member_shape(shape, key):
    """Returns the shape of one member of a structure or map."""
    if shape is None:
        return None
    if shape.type_name == "structure":
        return shape.members.get(key)
    return shape.value if shape.type_name == "map" else None


def seconds_since_epoch(value):
    """Returns a timestamp that came as text or as a number."""
    if isinstance(value, str):
        value = datetime.datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp()
    return float(value)
