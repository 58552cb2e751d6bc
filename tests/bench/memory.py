"""Memory, many connections at a time, and very much over one."""

from pathlib import Path

from measure import BenchError, Cpu, Load, family, pss, sources
from report import VERDICTS, machine
from servers import Setting

IDLE_LIMIT = 1.4 * 1024  # bytes of echod for a connection
IDLE_CONNECTIONS = 10000
HELD_CONNECTIONS = 19000
STREAM_BYTES = 1000000000

GOT = Setting(prefix="GOT:")
RAW = Setting()


def _idle(server, bench):
    """User-space bytes for each connection that is idle after one echo."""
    with server.start(GOT, bench.on_server(GOT)) as running, \
            Load(bench.probe, bench.on_client(), running,
                 [f"--connections={IDLE_CONNECTIONS}",
                  f"--count={IDLE_CONNECTIONS}", sources(2)], GOT) as load:
        before = pss(running.pid)
        load.connect()
        each = (pss(running.pid) - before) / IDLE_CONNECTIONS
        load.work()
        load.close()
    verdict = ""
    if server.name == "echod":
        verdict = f": {VERDICTS[each <= IDLE_LIMIT]} (at most " \
                  f"{IDLE_LIMIT:.0f})"
    return f"{each:.0f} bytes an idle connection, of " \
           f"{IDLE_CONNECTIONS}{verdict}"


def _held(server, bench):
    """All of HELD_CONNECTIONS open connections echo."""
    with server.start(GOT, bench.on_server(GOT)) as running, \
            Load(bench.probe, bench.on_client(), running,
                 [f"--connections={HELD_CONNECTIONS}",
                  f"--count={3 * HELD_CONNECTIONS}", sources(3)], GOT) as load:
        load.connect()
        opened = sum(len(list(Path(f"/proc/{pid}/fd").iterdir()))
                     for pid in family(running.pid))
        figures = load.work()
        load.close()
    good = opened >= HELD_CONNECTIONS and not figures["silent"] and \
        figures["messages"] == 3 * HELD_CONNECTIONS
    return f"{HELD_CONNECTIONS} connections held, " \
           f"{HELD_CONNECTIONS - figures['silent']:.0f} of them echo: " \
           f"{VERDICTS[good]}"


def _stream(server, bench, setting):
    """Very many bytes through one connection, each of them checked."""
    with server.start(setting, bench.on_server(setting)) as running, \
            Load(bench.probe, bench.on_client(), running,
                 ["--stream", "--size=100000",
                  f"--count={STREAM_BYTES // 100000}"], setting) as load:
        load.connect()
        before = Cpu(running.pid)
        figures = load.work()
        cpu, _, _ = Cpu(running.pid).since(before)
        load.close()
    framing = f"{setting.prefix} every {setting.chunk_size}" \
        if setting.prefix else "raw"
    return f"{figures['bytes']:.0f} bytes through one connection, " \
           f"{framing}, {figures['seconds']:.1f} s, CPU {cpu / 1e9:.1f} s: " \
           f"{VERDICTS[figures['bytes'] == STREAM_BYTES]}"


def measure(servers, bench):
    """Print a line for each server and figure."""
    print(machine(), flush=True)
    for server in servers:
        steps = [lambda s: _idle(s, bench), lambda s: _held(s, bench),
                 lambda s: _stream(s, bench, GOT),
                 lambda s: _stream(s, bench, RAW)]
        if server.absent:
            print(f"{server.name}: skipped: {server.absent}")
            continue
        for step in steps:
            try:
                print(f"{server.name}: {step(server)}", flush=True)
            except BenchError as error:
                bench.failures.append(f"{server.name}: {error}")
