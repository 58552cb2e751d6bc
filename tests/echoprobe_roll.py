"""An echo server that ends while it is probed."""

import json
import signal
import socket

from echoprobe_harness import Echod, finish, start, Result

CONFIG = ('listen = "127.0.0.1:0"; prefix = "NAME: "; log = { rate = 0; }; '
          'workers = 1; drain = { delay = 0.0; grace = 5.0; };')


def echod(name):
    return Echod(CONFIG.replace("NAME", name))


def begun(*arguments):
    """The probe as a child, after its first second."""
    child = start("--json", "-c20", "-e0.02", "--until-signal", "-t5",
                  *arguments)
    lines = child.stdout.readline()
    return child, lines


def ended(child, lines):
    child.send_signal(signal.SIGINT)
    rest = finish(child)
    return Result(rest.status, lines + rest.output, rest.errors)


def until(child, what):
    """Reads up to the line of the second for which `what` holds."""
    lines = ""
    for line in child.stdout:
        lines += line
        value = json.loads(line)
        if value["type"] == "second" and what(value):
            return lines
    raise AssertionError(f"the probe has ended: {lines}")


def ended_peers(result, *reasons):
    """How many of the 20 have had such an end. A connection that follows at
    once can have one as well: the socket that listens can be closed later."""
    return len({failure["peer"] for failure in result.failures
                if failure["reason"] in reasons})


def drained():
    """Over two addresses, so that the second one can take over."""
    with echod("old") as old:
        child, lines = begun(f"tcp://127.0.0.1:{old.ports[0]}")
        # It stops to listen and ends each connection after its echo.
        old.child.send_signal(signal.SIGTERM)
        old.child.wait(60)
        lines += until(child, lambda second: second["failed"])
        result = ended(child, lines)
    # A new connection is refused, but no message that had a connection failed.
    failed = set(result.report["failed"])
    if failed != {"refused"}:
        return result.explain([f"{failed} instead of refused"])
    over = ended_peers(result, "closed", "retried")
    if over != 20:
        return result.explain([f"{over} connections ended, not 20"])
    return result.differs(1, "refused", maybe=["closed", "retried"])


def rolled():
    """A new process serves the same socket before the old one drains."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        port = listener.getsockname()[1]
        config = CONFIG.replace("127.0.0.1:0", f"127.0.0.1:{port}")
        with Echod(config.replace("NAME", "old"), listener) as old:
            child, lines = begun(f"tcp://127.0.0.1:{port}")
            with Echod(config.replace("NAME", "new"), listener):
                old.child.send_signal(signal.SIGTERM)
                old.child.wait(60)
                lines += until(child, lambda second:
                               list(second["backends"]) == ["new:"])
                result = ended(child, lines)
    report = result.report
    names = {backend["name"] for backend in report["backends"]}
    if names != {"old:", "new:"}:
        return result.explain([f"backends {names}"])
    if report["echoed"] + report["unfinished"] != report["started"]:
        return result.explain(["not all echoed"])
    return result.differs(0, maybe=["closed", "retried"])


def killed():
    with echod("old") as old:
        child, lines = begun(f"tcp://127.0.0.1:{old.ports[0]}")
        lines += until(child, lambda second: second["echoed"] > 0)
        old.stop(signal.SIGKILL)
        lines += until(child, lambda second: "refused" in second["failed"])
        result = ended(child, lines)
    report = result.report
    wrong = result.differs(1, "refused", maybe=["reset", "closed", "retried",
                                                "early_fin"])
    # Of a connection without unread data, the kernel sends a FIN.
    ends = ended_peers(result, "reset", "closed", "retried", "early_fin")
    if not wrong and ends != 20:
        wrong = result.explain([f"{ends} connections ended, not 20"])
    times = [part["from"] for part in report["timeline"] if part["failed"]]
    first = min(failure["time"] for failure in result.failures)
    if not wrong and int(first) not in times:
        wrong = result.explain([f"the timeline has failures at {times}, "
                                f"the first was at {first}"])
    return wrong


def killed_at_work():
    """With data that nobody has read, the kernel sends a reset."""
    with echod("old") as old:
        child = start("--json", "-c20", "--stream", "-s10000", "-d60", "-t30",
                      "--fail-fast", f"tcp://127.0.0.1:{old.ports[0]}")
        lines = child.stdout.readline()
        old.child.send_signal(signal.SIGSTOP)
        lines += until(child, lambda second: second["echoed"] == 0)
        old.stop(signal.SIGKILL)
        rest = finish(child)
    result = Result(rest.status, lines + rest.output, rest.errors)
    return result.differs(1, "reset", maybe=["refused"])


def several():
    """Two backends as two targets: only one of them fails."""
    with echod("one") as one, echod("two") as two:
        child, lines = begun(f"tcp://127.0.0.1:{one.ports[0]}",
                             f"tcp://127.0.0.1:{two.ports[0]}")
        one.stop(signal.SIGKILL)
        lines += until(child, lambda second: "refused" in second["failed"])
        result = ended(child, lines)
    first, second = result.report["targets"]
    backends = {backend["name"]: backend
                for backend in result.report["backends"]}
    if not first["failed"] or second["failed"]:
        return result.explain(["another target failed"])
    if set(backends) != {"one:", "two:"}:
        return result.explain([f"backends {set(backends)}"])
    if backends["two:"]["failed"] or backends["two:"]["connections"] != 20:
        return result.explain([f"backend two: {backends['two:']}"])
    return "" if result.status == 1 else "exit status"


def run(tests):
    tests.run("a drain: no message is lost", drained)
    tests.run("a roll: no message is lost, both backends are told", rolled)
    tests.run("kill -9: what failed, and when", killed)
    tests.run("kill -9 in the middle of echoes: reset", killed_at_work)
    tests.run("two backends, one is killed", several)
