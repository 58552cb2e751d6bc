"""The workloads that servers are compared on, one for each row of the table."""

import statistics
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Optional

from measure import BenchError, Cpu, Load, sources
from servers import Setting

GOT = Setting(prefix="GOT:")
RAW = Setting()
UDP = Setting(prefix="GOT:", transport="udp")


@dataclass(frozen=True)
class Row:
    name: str
    title: str
    mode: str
    connections: int
    size: int
    setting: Setting
    limit: Optional[float]  # of echod's ratio; None: for information
    unit: str = "message"
    # More settings of echod, if only echod is measured, against `base`.
    only_echod: dict = field(default_factory=dict)
    base: str = "epoll"
    ping: bool = False  # the ping's p99 is compared, not CPU time
    # The row measures the prefix: no figure from servers without one.
    prefix_counts: bool = False


ROWS = [
    Row("small-50", "128-byte messages, GOT:, 50 connections",
        "message", 50, 128, GOT, 1.15),
    Row("small-500", "128-byte messages, GOT:, 500 connections",
        "message", 500, 128, GOT, 1.15),
    Row("small-5000", "128-byte messages, GOT:, 5,000 connections",
        "message", 5000, 128, GOT, 1.25),
    Row("16k", "16 KiB messages, no prefix, 4 connections",
        "message", 4, 16384, RAW, 1.15),
    Row("256k", "256 KiB messages, no prefix, 4 connections",
        "message", 4, 262144, RAW, 0.45),
    Row("chunks", "16,000-byte messages, GOT: before every 1000 bytes, "
        "4 connections", "message", 4, 16000, GOT, 0.25, prefix_counts=True),
    Row("connect", "connect, one 16-byte echo, close, 32 at a time",
        "connect", 32, 16, GOT, 1.20, unit="connection"),
    Row("connect-logged", "connect, echo, close, and echod logs it",
        "connect", 32, 16, GOT, 1.40, unit="connection",
        only_echod={"log_connections": True}),
    Row("workers", "128-byte messages, GOT:, 50 connections, 2 workers "
        "against 1", "message", 50, 128, GOT, 1.10,
        only_echod={"workers": 2}, base="echod"),
    Row("ping", "p99 of a 64-byte ping beside 4 bulk clients, no prefix",
        "bulk", 4, 65536, RAW, 1.00, unit="MB", ping=True),
    # The worth of the bulk queue: without it the p99 is three times as large.
    # Measured: 1.38, and 1.16 to 1.51 in five rounds.
    Row("ping-chunks", "p99 of the ping, bulk with GOT: before every "
        "1000 bytes",
        "bulk", 4, 65536, GOT, 2.00, unit="MB", ping=True,
        prefix_counts=True),
    # The worth of batches: 0.12 to 0.15 with UDP_SEGMENT, 0.31 without it.
    Row("udp-burst", "128-byte datagrams, GOT:, bursts of one peer",
        "datagram", 1, 128, UDP, 0.20, unit="datagram", base="recvfrom"),
    # The worth of UDP_GRO: 0.07 to 0.09 with it, 0.12 to 0.14 without it.
    Row("udp-joined", "128-byte datagrams, GOT:, 64 in a message (GSO)",
        "joined", 1, 128, UDP, 0.11, unit="datagram", base="recvfrom"),
    Row("udp-peers", "128-byte datagrams, GOT:, 64 peers in turns",
        "datagram", 64, 128, UDP, 1.05, unit="datagram", base="recvfrom"),
]


@dataclass
class Contestant:
    label: str
    server: object
    setting: Setting
    samples: list = field(default_factory=list)

    def median(self, key):
        return statistics.median(sample[key] for sample in self.samples)

    def spread(self, key):
        """From the least to the most, as a share of the median."""
        values = [sample[key] for sample in self.samples]
        return (max(values) - min(values)) / statistics.median(values)

    def ratios(self, base, key):
        """To the other's sample of the same round, moments apart."""
        return [mine[key] / other[key]
                for mine, other in zip(self.samples, base.samples)]


@dataclass
class Outcome:
    """The result of a row. `base` is None if nothing can be compared."""
    row: Row
    contestants: list
    base: Optional[Contestant]
    subject: Optional[Contestant]
    skipped: list  # (name, reason)

    @property
    def key(self):
        """The figure that is compared."""
        return "ping_p99_us" if self.row.ping else "cpu_us"

    def ratio(self, contestant):
        return statistics.median(contestant.ratios(self.base, self.key))

    @property
    def verdict(self):
        """True if the limit is met, False if not, None without a limit."""
        if not self.base or not self.subject or self.row.limit is None:
            return None
        return self.ratio(self.subject) <= self.row.limit


def _contestants(row, servers):
    by_name = {server.name: server for server in servers}
    if row.only_echod:
        chosen = [(row.base, by_name.get(row.base), row.setting),
                  ("echod", by_name.get("echod"),
                   replace(row.setting, **row.only_echod))]
        if row.base == "echod":
            chosen[1] = ("echod, 2 workers", *chosen[1][1:])
    else:
        chosen = [(server.name, server, row.setting) for server in servers
                  if row.setting.transport in server.transports]
    skipped = []
    contestants = []
    for label, server, setting in chosen:
        if server is None:
            continue
        reason = server.absent or server.refuses(row, setting)
        if reason:
            skipped.append((label, reason))
            continue
        if setting.prefix and not server.has_prefix:
            setting = replace(setting, prefix="")
            label += "*"
        contestants.append(Contestant(label, server, setting))
    return contestants, skipped


# A UDP burst is sent, then all of it is awaited.  Server and client share a CPU,
# on which they take turns: so the server finds the whole burst, and what it
# costs to sleep and be woken between datagrams is not measured.
BURST = ["--rate=max", "--burst=128"]
MODES = {
    "message": [],
    "bulk": ["--stream"],
    "connect": ["--reconnect"],
    "datagram": BURST,
    "joined": [*BURST, "--gso"],
}
PING = ["--size=64", "--pause=0.0005", "--until-signal"]


def _work(row, bench):
    """Each UDP peer is an address in a /24 of its own, since echod limits the
    rate of a network."""
    if row.setting.transport == "udp":
        addresses = "--source=" + ",".join(
            f"127.0.{1 + i}.1" for i in range(row.connections))
    else:
        addresses = sources(min(row.connections, 64))
    return [f"--connections={row.connections}", f"--size={row.size}",
            f"--duration={bench.seconds}", addresses, *MODES[row.mode]]


def _run(row, running, setting, bench):
    """The figures of the load, and what CPU time the server has used."""
    placed = bench.on_server(setting, batch=True) \
        if setting.transport == "udp" else bench.on_client()
    with Load(bench.probe, placed, running, _work(row, bench), setting) \
            as load, \
            Load(bench.probe, bench.ahead_of_client(), running, PING,
                 setting) if row.ping else nullcontext() as ping:
        load.connect()
        if ping:
            ping.connect()
            ping.begin()
        before = Cpu(running.pid)
        figures = load.work()
        used = Cpu(running.pid).since(before)
        if ping:
            ping.interrupt()
            figures |= {f"ping_{key}": value
                        for key, value in ping.end().items()}
            ping.close()
        load.close()
    return figures, used


def _sample(row, contestant, bench):
    """One run of one server: started, loaded, ended."""
    setting = contestant.setting
    with contestant.server.start(setting, bench.on_server(setting)) as running:
        figures, (total, user, system) = _run(row, running, setting, bench)
    units = figures["bytes"] / 1e6 if row.unit == "MB" \
        else figures["messages"]
    if not units or figures["silent"]:
        raise BenchError("not every connection was served")
    figures["cpu_us"] = total / 1e3 / units
    figures["system_share"] = system / ((user + system) or 1)
    figures["rate"] = units / figures["seconds"]
    return figures


def measure(row, servers, bench):
    """All rounds of a row, the servers taking turns: A B C A B C."""
    contestants, skipped = _contestants(row, servers)
    for number in range(bench.repeat):
        for contestant in list(contestants):
            bench.progress(f"{row.name}: {contestant.label}, "
                           f"round {number + 1} of {bench.repeat}")
            try:
                contestant.samples.append(_sample(row, contestant, bench))
            except BenchError as error:
                bench.failures.append(
                    f"{row.name}: {contestant.label}: {error}")
                contestants.remove(contestant)
    labelled = {contestant.label: contestant for contestant in contestants}
    subject = labelled.get("echod")
    if row.base == "echod":
        subject = labelled.get("echod, 2 workers")
    return Outcome(row, contestants, labelled.get(row.base), subject, skipped)
