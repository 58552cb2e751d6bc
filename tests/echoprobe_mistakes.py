"""Does the probe notice?  It runs against servers that each make one mistake,
and must name it; against some that only do what is unusual but right, it must
be content."""

import re
import socket
import threading
import time

from echoprobe_harness import probe, probe_text, unused_port
from echoprobe_servers import (
    CHUNK_SIZE, GOT, PREFIX, RAW, AcceptAndClose, Banner, Changed, CloseAfter,
    Crossed, CutPrefix, DatagramServer, Deaf, Doubled, Framing, HalfCloseCut,
    Hang, Lost, NoFin, Replaced, ResetAtEnd, Right, Server, Silent, Split,
    Surplus, Swapped)

MESSAGE = 2500
# Name, options, size of a message: the server waits for it, so that it is
# certain where its chunks begin.
MESSAGES = "message", ["-c2", "-n8", f"-s{MESSAGE}"], MESSAGE
BULK = "stream", ["--stream", "-c2", "-n10000", "-s100"], 0
SHORT = "half-close", ["--half-close", "-c2", "-n4", "-s9000"], 9000
RECONNECT = "reconnect", ["--reconnect", "-c2", "-n4", "-s9000"], 9000
WORK = [MESSAGES, BULK, SHORT, RECONNECT]

PLACES = ("first", "middle", "last")
# Name, mistake, what the message ends with.
BOTH = [(f"the {where} byte lost", lambda where=where:
         Lost(where), ["bytes_lost"]) for where in PLACES] + [
    (f"the {where} byte doubled", lambda where=where: Doubled(where),
     ["bytes_doubled"]) for where in PLACES] + [
    (f"the {where} byte changed", lambda where=where: Changed(where),
     ["corrupted"]) for where in PLACES] + [
    ("two bytes swapped", lambda: Swapped(), ["corrupted"]),
    ("another connection's data", lambda: Crossed(), ["bytes_foreign"]),
    ("a byte too many at the end", lambda: Surplus(b"x"),
     ["surplus", "wrong_prefix"]),
    ("FIN in the middle", lambda: Hang(300), ["early_fin"]),
    ("a reset in the middle", lambda: Hang(300, True), ["reset"]),
]
FRAMED = [
    ("no prefix", lambda: Replaced(b"")),
    ("a wrong prefix", lambda: Replaced(b"GOT;")),
    ("a prefix cut short", lambda: Replaced(PREFIX[:-1])),
    ("a prefix too long", lambda: Replaced(PREFIX + b":")),
    ("two prefixes", lambda: Replaced(PREFIX + PREFIX)),
    ("half a prefix within a chunk", lambda: CutPrefix()),
    ("a prefix at the end", lambda: Surplus(PREFIX)),
    ("half a prefix at the end", lambda: Surplus(PREFIX[:2])),
]
# The outcome of these depends on the byte that comes first.
FRAMED_OUTCOMES = {"wrong_prefix", "corrupted", "bytes_doubled", "surplus",
                   "bytes_lost"}
PLACE = re.compile(r"byte (\d+) of the (?:echo \(payload byte \d+\)|reply)"
                   r"(?:: expected 0x(..))?(?:,|:)? got 0x(..)")


def place_of(failure):
    """(offset, expected, got); -1: not told.  None: no place."""
    match = PLACE.search(failure["detail"])
    if not match:
        return None
    return int(match[1]), int(match[2] or "-1", 16), int(match[3], 16)


def misplaced(result, places):
    """Failures that are not at one of the places where the server was wrong."""
    wrong = []
    for failure in result.failures:
        told = place_of(failure)
        if not told:
            wrong.append(f"no place: {failure['detail']}")
        elif not any(told[0] == place.offset and told[2] == place.got and
                     told[1] == place.expected for place in places):
            wrong.append(f"{failure['detail']!r} instead of {places[:4]}")
    return "\n".join(wrong[:3])


def all_right(result, maybe=()):
    report = result.report
    if report["echoed"] != report["started"]:
        return f"{report['echoed']} of {report['started']} echoed"
    return result.differs(0, maybe=maybe)


def expect_right(work, served, mistake, framing):
    def test():
        _, options, message = work
        with Server(mistake, served, message) as server:
            return all_right(probe(*framing.options(), "-t5", *options,
                                   server.url))
    return test


def expect_wrong(work, served, mistake, framing, outcomes, with_place):
    """The outcome is one of these.  If the place in the connection is certain,
    so is the outcome: the first one."""
    timeout = "-t1" if "timeout" in outcomes else "-t10"

    def test():
        _, options, message = work
        with Server(mistake, served, message) as server:
            result = probe(*framing.options(), timeout, *options, server.url)
        failed = result.report["failed"]
        if result.status != 1:
            return result.explain([f"exit status {result.status}"])
        told = set(failed)
        if work is BULK:
            # The mistake can also be at the end of all that is sent.
            told.discard("timeout")
        if not told or not told <= set(outcomes):
            return result.explain([f"{failed} instead of {outcomes}"])
        return misplaced(result, server.places) if with_place else ""
    return test


def ported(tests):
    """Each mistake in each way of sending."""
    for work in WORK:
        name = work[0]
        for unusual, served, mistake, framing in (
                ("right", GOT, Right(), GOT),
                ("right, raw", RAW, Right(), RAW),
                ("cut elsewhere", GOT, Split(), GOT),
                ("smaller chunks", Framing(PREFIX, 1), Right(), GOT)):
            tests.run(f"{name}: {unusual}",
                      expect_right(work, served, mistake, framing))
        tests.run(f"{name}: chunks too large", expect_wrong(
            work, Framing(PREFIX, CHUNK_SIZE + 1), Right(), GOT,
            ["wrong_prefix"], False))
        certain = work is not BULK
        for mistake, make, outcomes in BOTH:
            # Nothing is awaited when the last byte comes again.
            if mistake == "the last byte doubled":
                outcomes = ["wrong_prefix"]
            tests.run(f"{name}: {mistake}", expect_wrong(
                work, GOT, make(), GOT,
                outcomes if certain else {*outcomes, *FRAMED_OUTCOMES},
                certain and "byte" in mistake and "end" not in mistake))
        for mistake, make in FRAMED:
            tests.run(f"{name}: {mistake}", expect_wrong(
                work, GOT, make(), GOT, FRAMED_OUTCOMES,
                certain and "end" not in mistake))


def raw(tests):
    """Without a prefix.  The seventh part of 500 bytes is in the middle of the
    second message, so what is lost there is followed by the rest."""
    small = Framing(b"", 500)
    for work in (MESSAGES, BULK):
        certain = work is not BULK
        for mistake, make, outcomes in BOTH:
            tests.run(f"{work[0]}, raw: {mistake}", expect_wrong(
                work, small, make(), RAW,
                outcomes if certain else {*outcomes, *FRAMED_OUTCOMES},
                certain and "byte" in mistake and "end" not in mistake))


def paused():
    """Each pause is at least half of --pause."""
    with Server(CloseAfter(1)) as server:
        result = probe("-p", "GOT:", "-n3", "--pause=0.6", server.url)
    if result.report["seconds"] < 2 * 0.3:
        return result.explain(["no pause"])
    return result.differs(0, "closed")


def outcome(mistake, options, status, *outcomes, maybe=(), detail=""):
    def test():
        with Server(mistake) as server:
            result = probe("-p", "GOT:", *options, server.url)
        if wrong := result.differs(status, *outcomes, maybe=maybe):
            return wrong
        if not re.search(detail, " ".join(
                failure["detail"] for failure in result.failures)):
            return result.explain([f"no {detail!r} in the details"])
        return ""
    return test


def refused(scheme, kind, options=()):
    def test():
        with unused_port(kind) as closed:
            url = f"{scheme}://127.0.0.1:{closed.getsockname()[1]}"
            return probe("-n2", "-t1", *options, url).differs(2, "refused")
    return test


def said_as_text():
    with Server(Changed("middle"), GOT, 1000) as server:
        result = probe_text("-p", "GOT:", "-n8", "-s1000", server.url)
    place = server.places[0]
    text = (f"byte {place.offset} of the echo (payload byte 6500): "
            f"expected 0x{place.expected:02x}, got 0x{place.got:02x}")
    for part in (f"wrong byte  GOT:  connection 0: {text}", "1 wrong byte"):
        if part not in result.output:
            return f"no {part!r} in:\n{result.output}"
    return "" if result.status == 1 else f"exit status {result.status}"


def no_fin():
    """The last message of the connection fails, although it was echoed."""
    over = threading.Event()
    with Server(NoFin(over)) as server:
        result = probe("-p", "GOT:", "-n5", "-t0.3", server.url)
        over.set()
    details = [failure["detail"] for failure in result.failures]
    if details != ["no FIN, 640 of 640 bytes came back"]:
        return result.explain([f"{details}"])
    wrong = result.differs(1, "timeout")
    if not wrong and result.report["started"] != 5:
        wrong = result.explain(["not 5 started"])
    return wrong


def connections(tests):
    """The end of a connection."""
    one = ["-n10", "-s1000", "-t0.5"]
    tests.run("one message is not answered: time-out", outcome(
        Silent(), one, 1, "timeout", detail="6000 of 7000 bytes came back"))
    tests.run("a reset in the middle: reset", outcome(
        Hang(300, True), one, 1, "reset", detail=r"of 7000 bytes came back"))
    tests.run("FIN in the middle: early FIN", outcome(
        Hang(300), one, 1, "early_fin", detail="6296 of 7000 bytes came back"))
    tests.run("FIN instead of an echo: sent again", outcome(
        Hang(0), one, 0, "retried"))
    tests.run("FIN between two messages: closed or sent again", outcome(
        CloseAfter(), ["-n10", "-s100", "-e0.05"], 0, "closed",
        maybe=["retried"]))
    tests.run("FIN between two messages, in a closed loop", outcome(
        CloseAfter(), ["-n10", "-s100"], 0, maybe=["closed", "retried"]))
    tests.run("FIN in a pause: the pause goes on", paused)
    tests.run("never answers: time-out, the target was reached", outcome(
        Deaf(), ["-n1", "-t0.3"], 1, "timeout",
        detail="^0 of 128 bytes came back"))
    tests.run("accepts and closes: failed, the target was reached", outcome(
        AcceptAndClose(), ["-n1"], 1, maybe=["early_fin", "reset"],
        detail="0 of 128 bytes"))
    tests.run("a reset instead of the last FIN: closed", outcome(
        ResetAtEnd(), ["-n6", "-c2"], 0, "closed"))
    tests.run("a reset instead of a FIN that is awaited: reset", outcome(
        ResetAtEnd(), ["-n6", "-c2", "--reconnect"], 1, "reset"))
    tests.run("no FIN at the end: time-out", no_fin)
    tests.run("stops at a FIN: early FIN after half of it", outcome(
        HalfCloseCut(), ["--half-close", "-n2", "-s90000"], 1, "early_fin",
        detail="45000 of 90000 bytes came back"))
    tests.run("a banner before anything: wrong prefix", outcome(
        Banner(b"220 hello\r\n"), ["-n1"], 1, "wrong_prefix",
        detail=r"^byte 0 of .*expected 0x47, got 0x32"))
    tests.run("a refused port", refused("tcp", socket.SOCK_STREAM))
    tests.run("the same as text", said_as_text)


# ---- datagrams

RATE = ["--rate=max", "-t0.4"]
# What a server sends for the seventh datagram, and what is reported.
DATAGRAMS = [
    ("right", lambda data: [PREFIX + data], 0, []),
    ("right, late", lambda data: time.sleep(0.1) or [PREFIX + data], 0, []),
    ("none", lambda data: [], 1, ["timeout"]),
    ("after the time-out", lambda data: time.sleep(0.9) or [PREFIX + data], 1,
     ["timeout", "late"]),
    ("two", lambda data: [PREFIX + data] * 2, 1, ["doubled"]),
    ("no prefix", lambda data: [data], 1, ["wrong_prefix"]),
    ("another prefix", lambda data: [b"got:" + data], 1, ["wrong_prefix"]),
    ("cut", lambda data: [PREFIX + data[:-1]], 1, ["wrong_length"]),
    ("longer", lambda data: [PREFIX + data + b"x"], 1, ["wrong_length"]),
    ("the last byte wrong",
     lambda data: [PREFIX + data[:-1] + bytes([data[-1] ^ 1])], 1,
     ["corrupted"]),
    # Its number is that of the first datagram, all other bytes are right.
    ("another's", lambda data: [PREFIX + b"\0\0\0\0" + data[4:]], 1,
     ["corrupted"]),
    ("in two parts", lambda data: [PREFIX, data], 1,
     ["foreign", "wrong_prefix"]),
    ("garbage", lambda data: [b"garbage, not an echo of anything"], 1,
     ["foreign", "timeout"]),
    ("empty", lambda data: [b""], 1, ["foreign", "timeout"]),
]
SENDERS = ([], ["-c3"], ["-c2", "--source=127.0.0.1,127.0.0.3"])


def datagram(replies, status, outcomes, sender):
    def test():
        with DatagramServer(replies) as server:
            result = probe("-p", "GOT:", "-n12", *RATE, *sender, server.url)
        # The server sleeps, so others are late as well.
        maybe = ["late", "timeout"] if "late" in outcomes else []
        return result.differs(status, *outcomes, maybe=maybe)
    return test


def datagram_place():
    with DatagramServer(lambda data: [
            PREFIX + data[:-1] + bytes([data[-1] ^ 1])]) as server:
        result = probe("-p", "GOT:", "-n12", *RATE, server.url)
    offset, expected, got = place_of(result.failures[0])
    return result.explain([] if offset == 131 and expected == got ^ 1
                          else ["another place"])


def from_elsewhere(address, names):
    """The reply comes from another address or port."""
    def test():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind((address, 0))
            port = other.getsockname()[1]
            with DatagramServer(lambda data: [
                    (other, PREFIX + data)]) as server:
                result = probe("-p", "GOT:", "-n12", *RATE, server.url)
        wrong = result.differs(1, "wrong_source")
        if not wrong and f"from {names}{port}" not in \
                result.failures[0]["detail"]:
            wrong = result.explain(["another address is told"])
        return wrong
    return test


def reordered():
    kept = []

    def keep(data):
        kept.append(PREFIX + data)
        return []

    class Server2(DatagramServer):
        def _answer(self, replies, peer):
            super()._answer(replies, peer)
            if replies and kept:
                super()._answer([kept.pop()], peer)

    with Server2(keep) as server:
        result = probe("-p", "GOT:", "-n12", "--rate=100", "-t2", server.url)
    return result.differs(0, "reordered") or all_right(
        result, maybe=["reordered"])


def all_from_elsewhere():
    """No reply comes from the address that was asked."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.2", 0))

        class Server2(DatagramServer):
            def _answer(self, replies, peer):
                for reply in replies:
                    other.sendto(reply, peer)

        with Server2(lambda data: [PREFIX + data]) as server:
            result = probe("-n3", *RATE, server.url)
    wrong = result.differs(1, "wrong_source")
    if not wrong and result.report["silent"] != 1:
        wrong = result.explain(["not silent"])
    return wrong


def nothing():
    """A server that never answers was not reached."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        result = probe("-n2", *RATE,
                       f"udp://127.0.0.1:{sock.getsockname()[1]}")
    wrong = result.differs(2, "timeout")
    if not wrong and result.report["silent"] != 1:
        wrong = result.explain(["not silent"])
    return wrong


def datagrams(tests):
    for name, replies, status, outcomes in DATAGRAMS:
        for sender in SENDERS:
            tests.run(" ".join(["datagrams", *sender]) + f": {name}",
                      datagram(replies, status, outcomes, sender))
    tests.run("datagrams: the place of the wrong byte", datagram_place)
    tests.run("datagrams: from another address",
              from_elsewhere("127.0.0.2", "127.0.0.2:"))
    tests.run("datagrams: from another port",
              from_elsewhere("127.0.0.1", "127.0.0.1:"))
    tests.run("datagrams: all from another address", all_from_elsewhere)
    tests.run("datagrams: reordered", reordered)
    tests.run("datagrams: nothing", nothing)
    tests.run("datagrams: refused",
              refused("udp", socket.SOCK_DGRAM, ["--rate=max"]))


def run(tests):
    ported(tests)
    raw(tests)
    connections(tests)
    datagrams(tests)
