"""The options of load, framing and network, against echod."""

import os
import signal
import socket
import threading
import time

from echoprobe_harness import (
    Echod, Result, Skip, finish, probe, probe_text, start, unused_port)
from echoprobe_servers import DatagramServer, Server, Stall, Swallow

CONFIG = """
log = { rate = 0; };
udp = { rate = 0; };
workers = 1;
listeners = (
    { name = "plain"; prefix = "%{host} ";
      listen = [ "127.0.0.1:0", "udp:127.0.0.1:0", "unix:DIR/socket",
                 "unix:@DIR" ]; },
    { name = "line"; framing = "line"; listen = "127.0.0.1:0";
      prefix = "L: "; },
    { name = "raw"; prefix = ""; listen = "127.0.0.1:0"; },
    { name = "header"; prefix = "<%{dscp} %{ttl}> ";
      listen = "127.0.0.1:0"; },
    { name = "peer"; prefix = "<%{peer}> "; listen = "127.0.0.1:0";
      proxy_protocol = { from = "127.0.0.1"; }; },
    { name = "self"; prefix = "<%{peer}> ";
      listen = [ "127.0.0.1:0", "udp:127.0.0.1:0" ]; }
);
"""
TCP, UDP, UNIX, ABSTRACT, LINE, BARE, HEADER, PEER, SELF, SELF_UDP = range(10)


class Options:
    def __init__(self, echod):
        self.echod = echod

    def url(self, index):
        scheme = "udp" if index in (UDP, SELF_UDP) else "tcp"
        return f"{scheme}://127.0.0.1:{self.echod.ports[index]}"

    def echoes(self, index, options, started=None, backends=None, maybe=()):
        """All is right; this was started, and these backends answered."""
        url = index if isinstance(index, str) else self.url(index)
        result = probe(*options, url)
        report = result.report
        wrong = result.differs(0, maybe=maybe)
        if not wrong and report["echoed"] != report["started"]:
            wrong = result.explain(["not all echoed"])
        if not wrong and started not in (None, report["started"]):
            wrong = result.explain([f"not {started} started"])
        names = [backend["name"] for backend in report["backends"]]
        if not wrong and backends not in (None, names):
            wrong = result.explain([f"backends {names}, not {backends}"])
        return wrong

    # ---- load

    def counts(self):
        return self.echoes(TCP, ["-c3", "-n7"], 7) or \
            self.echoes(TCP, ["-c3"], 15) or \
            self.echoes(TCP, ["-c2", "-e0.05", "-n8"], 8)

    def duration(self):
        result = probe("-d1", "-c2", self.url(TCP))
        seconds = result.report["seconds"]
        wrong = result.differs(0)
        if not wrong and not 0.9 <= seconds <= 5:
            wrong = result.explain([f"{seconds} s"])
        return wrong

    def rate(self):
        result = probe("-r100", "-d1.05", "-c5", self.url(TCP))
        # One is due at the beginning, and one at the very end.
        if not 104 <= result.report["started"] <= 106:
            return result.explain(["not 105 in 1.05 seconds"])
        return result.differs(0)

    def stalls(self):
        """Messages that were due during the stall count from then."""
        with Server(Stall(0.3)) as server:
            result = probe("-r100", "-n100", "-p", "GOT:", server.url)
        trip = result.report["round_trip_us"]
        # About 30 of them were due in the 0.3 s.
        wrong = result.differs(0)
        if not wrong and not (trip["p99"] > 200e3 and trip["p90"] > 100e3):
            wrong = result.explain([f"{trip}"])
        return wrong

    @staticmethod
    def waiting_is_idle():
        """It waits for two seconds, and must not spin meanwhile."""
        for way in ([], ["--stream"], ["--reconnect"], ["--half-close"]):
            over = threading.Event()
            with Server(Swallow(over)) as server:
                child = start("-q", "-n1", "-t2", "-s50000000", *way,
                              server.url)
                _, status, used = os.wait4(child.pid, 0)
                over.set()
            child.returncode = os.waitstatus_to_exitcode(status)
            output = child.communicate()[0]
            if used.ru_utime + used.ru_stime > 1 or \
                    "1 time-out" not in output:
                return f"{way}: {used}\n{output}"
        return ""

    def sizes(self):
        result = probe("-s10-30/10", "-n6", self.url(TCP))
        if result.report["bytes"] != 120:
            return result.explain(["not 120 bytes"])
        result = probe("-s10-30", "-n50", self.url(TCP))
        if not 500 < result.report["bytes"] < 1500:
            return result.explain(["not between 500 and 1500 bytes"])
        return result.differs(0)

    def signals(self):
        wrong = ""
        for number in (signal.SIGINT, signal.SIGTERM):
            child = start("--json", "--until-signal", "-e0.1", self.url(TCP))
            first = child.stdout.readline()
            child.send_signal(number)
            rest = finish(child)
            result = Result(rest.status, first + rest.output, rest.errors)
            wrong = wrong or result.differs(0)
        return wrong

    def second_signal(self):
        """The first one waits for the echo that will not come."""
        with Server(Stall(300)) as server:
            child = start("--json", "--until-signal", "-e0.05", "-t100",
                          "-p", "GOT:", server.url)
            first = child.stdout.readline()
            child.send_signal(signal.SIGINT)
            child.send_signal(signal.SIGTERM)
            began = time.monotonic()
            rest = finish(child)
        result = Result(rest.status, first + rest.output, rest.errors)
        if time.monotonic() - began > 20:
            return "it waited"
        if result.report["unfinished"] > 1:
            return result.explain(["more than one is unfinished"])
        return result.differs(0)

    def fails_fast(self):
        result = probe("-p", "other", "--fail-fast", "-c1", "-n50",
                       self.url(TCP))
        if result.report["started"] != 1:
            return result.explain(["more than one message"])
        return result.differs(1, "wrong_prefix")

    def steps(self):
        child = start("--json", "--step", "-c3", "-n6", self.url(TCP))
        ready = child.stdout.readline()
        if "ready" not in ready:
            child.kill()
            return f"not ready: {ready!r}"
        rest = finish(child, "\n\n")
        return rest.differs(0) or rest.explain(
            [] if rest.report["started"] == 6 else ["not 6 started"])

    def udp_does_not_flood(self):
        with DatagramServer(lambda data: [data]) as server:
            child = start("--json", "--until-signal", "-c1", server.url)
            time.sleep(2.5)
            arrived = len(server.arrived)
            child.send_signal(signal.SIGINT)
            finish(child)
            gaps = [b - a for a, b in zip(server.arrived, server.arrived[1:])]
        if not 2 <= arrived <= 3:
            return f"{arrived} datagrams in 2.5 s"
        return "" if all(0.7 < gap < 1.6 for gap in gaps) else f"{gaps}"

    # ---- framing

    def framings(self):
        return self.echoes(LINE, ["--lines", "-n20", "-c2"], 20, ["L:"]) or \
            self.echoes(LINE, ["--lines", "-n20", "-p", "L: "], 20) or \
            self.echoes(BARE, ["-n20"], 20, ["(no prefix)"]) or \
            self.echoes(BARE, ["-n20", "--lines"], 20) or \
            self.echoes(BARE, ["-n20", "-p", ""], 20) or \
            self.echoes(TCP, ["-n20", "-s5000"], 20) or \
            self.echoes(TCP, ["-n20", "-k", "1000", "-s5000"], 20)

    def chunk_is_too_long(self):
        return probe("-k999", "-s5000", "-n2", "-p",
                     socket.gethostname() + " ",
                     self.url(TCP)).differs(1, "wrong_prefix")

    def backend(self):
        return self.echoes(SELF, ["--backend", "<(127[.0-9]*):", "-n4",
                                  "-c2"], 4, ["127.0.0.1"])

    # ---- network

    @staticmethod
    def name_of_both():
        for name in ("localhost", "localhost.localdomain", "ip6-localhost"):
            try:
                found = socket.getaddrinfo(name, 7, type=socket.SOCK_STREAM)
            except socket.gaierror:
                continue
            if {item[4][0] for item in found} == {"127.0.0.1", "::1"}:
                return name
        raise Skip("no name has the addresses 127.0.0.1 and ::1")

    def each_address(self):
        name = self.name_of_both()
        with Echod('listen = "*:0";') as both:  # the same port for both
            url = f"tcp://{name}:{both.ports[0]}"
            result = probe("--each-address", "-n3", url)
            names = sorted(target["name"]
                           for target in result.report["targets"])
            echoed = [target["echoed"]
                      for target in result.report["targets"]]
            if echoed != [3, 3] or "127.0.0.1" not in "".join(names) or \
                    "::1" not in "".join(names):
                return result.explain([f"targets {names}"])
            return result.differs(0) or \
                self.echoes(url, ["-4", "-n2"], 2) or \
                self.echoes(url, ["-6", "-n2"], 2)

    def families(self):
        wrong = probe_text("-6", "-n1", "tcp://127.0.0.1:7")
        return "" if wrong.status in (2, 64) else f"status {wrong.status}"

    def source(self):
        wrong = self.echoes(SELF, ["--source=127.0.0.4,127.0.0.5", "-c2",
                                   "-n4", "--backend", "<(127[.0-9]*):"], 4,
                            ["127.0.0.4", "127.0.0.5"])
        for index, kind in ((SELF, socket.SOCK_STREAM),
                            (SELF_UDP, socket.SOCK_DGRAM)):
            with unused_port(kind, "127.0.0.4", shared=True) as kept:
                port = kept.getsockname()[1]
                wrong = wrong or self.echoes(index, [
                    "--source=127.0.0.4", f"--source-port={port}",
                    "--backend", "<127.0.0.4:(.*)>", "--rate=max"], 5,
                    [str(port)])
        return wrong

    def header_fields(self):
        return self.echoes(HEADER, ["--dscp=46", "--ttl=17", "--backend",
                                    "<(.*)>"], 5, ["46 17"])

    def proxy(self):
        wrong = ""
        for version in ("1", "2"):
            for client, name in (("192.0.2.7:1234", "192.0.2.7:1234"),
                                 ("[2001:db8::7]:99", "[2001:db8::7]:99")):
                wrong = wrong or self.echoes(
                    PEER, [f"--proxy-from={client}",
                           f"--proxy-version={version}", "--backend",
                           "<(.*)>"], 5, [name])
        return wrong

    def unix(self):
        return self.echoes(f"unix:{self.echod.directory}/socket",
                           ["-n9", "-c3"], 9) or \
            self.echoes(f"unix:@{self.echod.directory}", ["-n9", "-c3"], 9)

    # ---- text

    def several(self):
        result = probe_text("-q", "-n2", "--rate=max", self.url(TCP),
                            self.url(UDP), "tcp://127.0.0.1:1")
        rows = [line for line in result.output.splitlines()
                if "127.0.0.1:" in line]
        if len(rows) < 3 or result.status != 1:
            return f"status {result.status}\n{result.output}"
        return ""


def run(tests):
    with Echod(CONFIG) as echod:
        options = Options(echod)
        for name, test in (
                ("-n, -c, -e", options.counts), ("-d", options.duration),
                ("--rate", options.rate),
                ("a stall counts for what was due", options.stalls),
                ("it does not spin", options.waiting_is_idle),
                ("--size", options.sizes),
                ("SIGINT and SIGTERM: the report", options.signals),
                ("a second signal: at once", options.second_signal),
                ("--fail-fast", options.fails_fast),
                ("--step", options.steps),
                ("UDP: one a second", options.udp_does_not_flood),
                ("prefix: learned and given, lines and chunks",
                 options.framings),
                ("-k: a chunk is too long", options.chunk_is_too_long),
                ("--backend", options.backend),
                ("--each-address, -4, -6", options.each_address),
                ("-6 and an IPv4 address", options.families),
                ("--source, --source-port", options.source),
                ("--dscp, --ttl", options.header_fields),
                ("--proxy-from", options.proxy),
                ("unix sockets", options.unix),
                ("several targets: a table", options.several)):
            tests.run(name, test)
