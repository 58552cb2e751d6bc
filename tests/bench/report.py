"""What was measured, as a table, in Markdown, and drawn."""

import os
import platform
import shutil
import subprocess
from pathlib import Path

VERDICTS = {True: "met", False: "NOT MET"}


def machine():
    """One line: what the figures were taken on."""
    model = "unknown CPU"
    hypervisor = ""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            model = value.strip()
        if key.strip() == "flags" and "hypervisor" in value.split():
            hypervisor = " (virtual machine)"
    return (f"{model}, {os.cpu_count()} CPUs{hypervisor}, "
            f"{platform.system()} {platform.release()}")


def _limit(outcome):
    verdict = VERDICTS.get(outcome.verdict)
    limit = outcome.row.limit
    return f"{verdict} (at most {limit:.2f})" if verdict else ""


def _line(outcome, contestant):
    row, key = outcome.row, outcome.key
    ratio = span = ""
    if outcome.base:
        ratios = contestant.ratios(outcome.base, key)
        ratio = f"{outcome.ratio(contestant):.2f}"
        if contestant is not outcome.base:
            span = f"{min(ratios):.3g}-{max(ratios):.3g}"
    prefix = "ping_" if row.ping else ""
    latencies = [contestant.median(f"{prefix}{name}_us")
                 for name in ("p50", "p99", "p999", "max")]
    verdict = _limit(outcome) if contestant is outcome.subject else ""
    return (f"  {contestant.label:<17}"
            f"{contestant.median('cpu_us'):>9.2f}"
            f"{contestant.spread(key):>6.0%}"
            f"{contestant.median('system_share'):>6.0%}"
            f"{ratio:>8}{span:>15}"
            f"{contestant.median('rate'):>10.0f}"
            + "".join(f"{value:>9.0f}" for value in latencies)
            + f"  {verdict}").rstrip()


HEAD = (f"  {'server':<17}{'CPU us':>9}{'+-':>6}{'sys':>6}{'ratio':>8}"
        f"{'range':>15}{'per s':>10}{'p50':>9}{'p99':>9}{'p99.9':>9}"
        f"{'max us':>9}")


def table(outcomes, bench):
    """The one table, and what its columns mean."""
    yield f"{machine()}; server on CPU {bench.server_cpu}, client on " \
          f"{bench.client_cpu}; medians of {bench.repeat} runs of " \
          f"{bench.seconds:g} s"
    yield ""
    yield HEAD
    starred = False
    for outcome in outcomes:
        row = outcome.row
        if not outcome.contestants and not outcome.skipped:
            continue
        what = "p99" if row.ping else "CPU"
        yield ""
        yield f"{row.name}: {row.title} (CPU and rate a {row.unit}; " \
              f"ratio of {what} to {row.base})"
        for contestant in outcome.contestants:
            starred = starred or contestant.label.endswith("*")
            yield _line(outcome, contestant)
        for name, reason in outcome.skipped:
            yield f"  {name:<17}skipped: {reason}"
    yield ""
    yield "CPU us: the server's CPU time; +-: least to most of what is " \
          "compared, by its median; sys: share"
    yield "of CPU time in the kernel; ratio: median, and range, of the " \
          "ratios within each round."
    if starred:
        yield "* has no prefix: echoes without."
    verdicts = [outcome.verdict for outcome in outcomes]
    yield f"limits: {verdicts.count(True)} met, " \
          f"{verdicts.count(False)} not met"


# What the others are held against: epoll, and for UDP the loop of recvfrom.
BASES = ("epoll", "recvfrom")


def _columns(outcomes):
    """The servers' names, in the order in which they first appear."""
    names = {}
    for outcome in outcomes:
        if not outcome.row.only_echod:
            for contestant in outcome.contestants:
                names[contestant.label.rstrip("*")] = contestant.server.about
    return names


def _cell(outcome, name, precision=2):
    """A server's ratio in a row; of echod also where it ran alone."""
    found = [contestant for contestant in outcome.contestants
             if contestant.label.rstrip("*") == name]
    if outcome.subject and name == "echod":
        found = [outcome.subject]
    if outcome.row.only_echod and name != "echod":
        found = []
    if not found or not outcome.base:
        return ""
    return f"{outcome.ratio(found[0]):.{precision}f}"


def markdown(outcomes, bench):
    names = {name: about for name, about in _columns(outcomes).items()
             if name not in BASES}
    yield f"CPU time of the server on one CPU of {machine()}; the client " \
          "has the other. The raw epoll loop in microseconds, the others " \
          f"as multiples of it, medians of {bench.repeat} runs " \
          "(`make bench`)."
    yield ""
    yield "| work | raw epoll | " + " | ".join(names.values()) + " |"
    yield "|---" + "|---:" * (len(names) + 1) + "|"
    for outcome in outcomes:
        base = ""
        if outcome.base:
            base = f"{outcome.base.median(outcome.key):.1f} µs"
            if outcome.row.base == "echod":
                base += " (1 worker)"
            if outcome.row.base == "recvfrom":
                base += " (recvfrom, sendto)"
        cells = [_cell(outcome, name) or "-" for name in names]
        yield f"| {outcome.row.title.replace('GOT:', '`GOT:`')} | " \
              f"{base or '-'} | {' | '.join(cells)} |"


# One style for each server; echod's is the most visible.
COLOURS = ["d95f02", "1b9e77", "7570b3", "66a61e", "e6ab02", "80b1d3",
           "a6761d", "999999", "c994c7", "525252", "1f4e9e"]


def _plot(outcomes, path):
    """A gnuplot script: for each row a cluster of ratios, one bar a server,
    and echod's limit across it."""
    names = [name for name in _columns(outcomes) if name not in BASES]
    if not names:
        names = ["echod"]  # only rows where it alone took part
    yield "$ratios << END"
    for outcome in outcomes:
        cells = [_cell(outcome, name, 3) or "NaN" for name in names]
        yield " ".join([outcome.row.name, *cells])
    yield "END"
    yield "set terminal svg size 1280,560 font 'sans-serif,12' background " \
          "'white'"
    yield f"set output '{path}'"
    yield "set title \"CPU time of the server by that of a raw epoll loop " \
          "(ping: p99)\\n{/*0.8 " + machine().replace("_", " ") + "}\""
    yield "set style data histograms"
    yield "set style histogram clustered gap 2"
    yield "set style fill solid noborder"
    yield "set logscale y 2"
    yield "set yrange [0.03:]"
    yield "set ylabel 'ratio, less is better'"
    yield "set grid ytics"
    yield "set border 3"
    yield "set tics nomirror scale 0.5"
    yield "set key below"
    yield "set arrow from graph 0,first 1 to graph 1,first 1 nohead " \
          "dashtype 3 linecolor 'black'"
    for position, outcome in enumerate(outcomes):
        limit = outcome.row.limit
        if limit is not None:
            yield f"set arrow from first {position - 0.48},first {limit} " \
                  f"to first {position + 0.48},first {limit} nohead " \
                  "linewidth 2 linecolor 'black' front"
    bars = [f"$ratios using {index + 2}:xtic(1) title '{name}' "
            f"linecolor rgb '#{COLOURS[index % len(COLOURS)]}'"
            for index, name in enumerate(names)]
    bars += ["NaN with lines linecolor 'black' dashtype 3 title 'raw epoll'",
             "NaN with lines linewidth 2 linecolor 'black' "
             "title \"echod's limit\""]
    yield "plot " + ", \\\n     ".join(bars)


def draw(outcomes, path):
    """Write PATH; the reason why not, or None."""
    outcomes = [outcome for outcome in outcomes if outcome.base]
    if not shutil.which("gnuplot"):
        return "gnuplot is not installed"
    if not outcomes:
        return "nothing to draw"
    result = subprocess.run(["gnuplot"], input="\n".join(
        _plot(outcomes, path)), text=True, capture_output=True, check=False)
    return result.stderr.strip() if result.returncode else None
