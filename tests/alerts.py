"""The examples for Prometheus and Grafana, against real scrapes; TAP.

The daemon is brought into the state of each alert and scraped before and after.
The two scrapes are the input of "promtool test rules": exactly the alerts of
this state must fire. Every query of the dashboard must have a result.

A scrape has no "up": Prometheus adds it, and so does this test. The clock of
promtool starts at 0, so the time of the scrape is subtracted from timestamps.

Environment: ECHOD, the daemon; TOP_SRCDIR, the tree with etc/examples.
"""

import json
import os
import re
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

DEADLINE = 60
EXAMPLES = Path(os.environ["TOP_SRCDIR"]).resolve() / "etc/examples"
ALERTS = EXAMPLES / "alerts.yml"
DASHBOARD = EXAMPLES / "grafana-dashboard.json"
NAME = r"\b(?:echod|process)_[a-z_]+\b"
TARGET = {"instance": "10.0.1.1:25080", "job": "echod"}

CONFIG = """
status = { listen = "127.0.0.1:0"; };
log = { rate = 0; };
drain = { delay = 300.0; grace = 300.0; };
udp = { rate = 0; socket_buffer = 65536; };
workers = 1;
listeners = (
    { name = "plain"; listen = [ "127.0.0.1:0", "udp:127.0.0.1:0" ]; },
    { name = "small"; listen = "127.0.0.1:0"; max_connections = 10; },
    { name = "tls"; listen = "127.0.0.1:0";
      tls = { certificate = "DIR/DAYS.pem"; key = "DIR/DAYS.key"; }; }
);
"""
PLAIN, UDP, SMALL, TLS = range(4)


class Tests:
    def __init__(self):
        self.count = 0

    def check(self, description, wrong):
        """Passes if `wrong`, a text or a list, is empty."""
        self.count += 1
        print(f"{'not ' if wrong else ''}ok {self.count} - {description}")
        for line in wrong.splitlines() if isinstance(wrong, str) else wrong:
            print("#", line)


class Daemon:
    def __init__(self, directory, days=90, more="", stderr=None):
        self.config = os.path.join(directory, "echod.conf")
        self.log = os.path.join(directory, "log")
        text = CONFIG.replace("DIR", directory).replace("DAYS", str(days))
        self.configure(text + more)
        with open(self.log, "wb") as log:
            self.child = subprocess.Popen(
                [os.environ["ECHOD"], "-e", "-c", self.config],
                stdin=subprocess.DEVNULL, stderr=stderr or log)
        self.clients = []
        if not stderr:
            self.read_addresses(self.wait(r"Status on http://.*\n"))

    def configure(self, text):
        with open(self.config, "w", encoding="ascii") as file:
            file.write(text)

    def read_addresses(self, text):
        self.url = re.search(r"Status on (http://\S+)", text)[1]
        listening = re.search(r" listening=(\S+)", text)[1]
        self.ports = [int(address.rsplit(":", 1)[1])
                      for address in listening.split(",")]

    def wait(self, pattern):
        """The log, once it has a line like that."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end and self.child.poll() is None:
            text = Path(self.log).read_text(encoding="utf-8")
            if re.search(pattern, text):
                return text
            time.sleep(0.02)
        raise RuntimeError(f"no {pattern!r} in:\n"
                           + Path(self.log).read_text(encoding="utf-8"))

    def signal(self, number, pattern):
        self.child.send_signal(number)
        self.wait(pattern)

    def scrape(self):
        with urllib.request.urlopen(self.url + "metrics",
                                    timeout=DEADLINE) as answer:
            return Scrape(answer.read().decode())

    def wait_above(self, series, least, action=lambda: None):
        """The first scrape with a larger value, with `action` before each."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            action()
            scrape = self.scrape()
            if scrape.samples[series] > least:
                return scrape
            time.sleep(0.02)
        raise RuntimeError(f"{series} stays at {scrape.samples[series]}")

    def connect(self, which):
        client = socket.create_connection(("127.0.0.1", self.ports[which]),
                                          DEADLINE)
        self.clients.append(client)
        return client

    def echo(self, client, count=1):
        for _ in range(count):
            client.sendall(b"Hello")
            assert client.recv(64) == b"GOT:Hello"

    def echo_all(self):
        """Something of everything that is measured."""
        for which in PLAIN, SMALL:
            self.echo(self.connect(which), 10)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with context.wrap_socket(self.connect(TLS)) as client:
            self.echo(client, 10)
        with socket.socket(type=socket.SOCK_DGRAM) as client:
            client.settimeout(DEADLINE)
            client.connect(("127.0.0.1", self.ports[UDP]))
            self.echo(client, 10)

    def end(self):
        for client in self.clients:
            client.close()
        self.child.kill()
        self.child.wait(DEADLINE)


class Scrape:
    def __init__(self, text):
        self.text = text
        self.time = time.time()
        self.samples = {}
        for line in text.splitlines():
            if not line.startswith("#"):
                series, value = line.rsplit(" ", 1)
                self.samples[series] = float(value)

    def names(self):
        return {series.partition("{")[0] for series in self.samples}

    def points(self):
        """Values by series, with the labels and the "up" of Prometheus."""
        points = {labelled("up"): 1.0}
        for series, value in self.samples.items():
            name, _, labels = series.partition("{")
            if re.search(r"_(time|timestamp)_seconds$", name):
                value -= self.time
            points[labelled(name, labels.rstrip("}"))] = value
        return points


def labelled(name, labels="", **more):
    own = ",".join(f'{key}="{value}"'
                   for key, value in sorted({**TARGET, **more}.items()))
    return f"{name}{{{labels + ',' if labels else ''}{own}}}"


# ---- promtool

def run(*command, text=None):
    """What the command says, if it fails or warns."""
    done = subprocess.run(command, input=text, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, encoding="utf-8",
                          timeout=DEADLINE, check=False)
    return done.stdout or f"exit status {done.returncode}" \
        if done.returncode else ""


def lint(scrape):
    """promtool is silent if it has nothing to say."""
    return subprocess.run(["promtool", "check", "metrics"], input=scrape.text,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          encoding="utf-8", check=False).stdout


def series_of(before, after):
    """The first scrape for two minutes, then the second one."""
    before, after = before.points(), after.points() if after else {}
    after.setdefault(labelled("up"), 0.0)
    return [{"series": series,
             "values": f"{before.get(series, '_')} " * 2
                       + f"{after.get(series, 'stale')} " * 20}
            for series in {**before, **after}]


def test_rules(directory, rules, before, after, expressions):
    """`expressions` are (minute, expression, expected series)."""
    path = os.path.join(directory, "test.json")
    test = {
        "rule_files": [str(rules)] if rules else [],
        "evaluation_interval": "1m",
        "tests": [{
            "interval": "1m",
            "input_series": series_of(before, after),
            "promql_expr_test": [
                {"expr": expression, "eval_time": f"{minute}m",
                 "exp_samples": [{"labels": series, "value": 1}
                                 for series in expected]}
                for minute, expression, expected in expressions],
        }],
    }
    with open(path, "w", encoding="utf-8") as file:
        json.dump(test, file)
    return run("promtool", "test", "rules", path)


def firing(alert, severity, **labels):
    return labelled("ALERTS", alertname=alert, alertstate="firing",
                    severity=severity, **labels)


# ---- the states: each yields a name, two scrapes, and the alerts that fire

def state_normal(directory):
    daemon = Daemon(directory)
    try:
        before = daemon.scrape()
        daemon.echo_all()
        yield ("no state", before,
               daemon.wait_above("echod_datagrams_out_total", 9), [])
        yield "a daemon that is down", before, None, [
            firing("EchodDown", "critical")]
    finally:
        daemon.end()


def state_refused(directory):
    daemon = Daemon(directory)
    try:
        before = daemon.scrape()
        daemon.configure("backlog = 0;")
        daemon.signal(signal.SIGHUP, "Reload failed: keeping")
        yield "a refused reload", before, daemon.scrape(), [
            firing("EchodReloadRefused", "warning")]
    finally:
        daemon.end()


def state_limits(directory):
    for more, which, alert in (
            ("", SMALL, firing("EchodListenerNearLimit", "warning",
                               listener="small")),
            ("max_connections = 10;", PLAIN,
             firing("EchodConnectionsNearLimit", "warning"))):
        daemon = Daemon(directory, more=more)
        try:
            before = daemon.scrape()
            for _ in range(10):
                daemon.echo(daemon.connect(which))
            yield f"10 of 10 connections{more and ' of the daemon'}", \
                before, daemon.scrape(), [alert]
        finally:
            daemon.end()


def state_accept(directory):
    """No descriptor is left: 0, 1 and 2 are in use."""
    daemon = Daemon(directory)
    pid = daemon.child.pid
    try:
        before = daemon.scrape()
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, limits[1]))
        daemon.connect(PLAIN)
        daemon.wait("Accepting paused")
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        yield "descriptors ran out", before, daemon.scrape(), [
            firing("EchodAcceptPaused", "critical")]
    finally:
        daemon.end()


def state_log(directory):
    """Standard error is a pipe that nobody reads any more."""
    read, write = os.pipe()
    daemon = Daemon(directory, stderr=write)
    os.close(write)
    try:
        text = ""
        while not re.search(r"Status on http://.*\n", text):
            text += os.read(read, 4096).decode()
        daemon.read_addresses(text)
        before = daemon.scrape()

        def fill():
            for _ in range(200):
                with socket.create_connection(
                        ("127.0.0.1", daemon.ports[PLAIN])) as client:
                    daemon.echo(client)

        yield "a log that is not read", before, daemon.wait_above(
            "echod_log_lines_dropped_total", 0, fill), [
                firing("EchodLogLinesDropped", "warning")]
    finally:
        daemon.end()
        os.close(read)


def state_overflow(directory):
    """The daemon stands still while datagrams come."""
    daemon = Daemon(directory)
    try:
        before = daemon.scrape()
        with socket.socket(type=socket.SOCK_DGRAM) as client:
            client.connect(("127.0.0.1", daemon.ports[UDP]))
            daemon.child.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, daemon.child.pid, os.WSTOPPED)
            for _ in range(2000):
                client.send(b"x" * 1000)
            daemon.child.send_signal(signal.SIGCONT)
            # The kernel tells of lost datagrams with the next one.
            after = daemon.wait_above(
                'echod_datagrams_dropped_total{reason="overflow"}', 0,
                lambda: client.send(b"x"))
        yield "a UDP queue that was full", before, after, [
            firing("EchodDatagramsOverflow", "warning", reason="overflow")]
    finally:
        daemon.end()


def state_certificates(directory):
    for days, alert, severity in (
            (20, "EchodCertificateExpiresSoon", "warning"),
            (3, "EchodCertificateExpires", "critical")):
        daemon = Daemon(directory, days=days)
        try:
            scrape = daemon.scrape()
            yield f"a certificate with {days} days left", scrape, scrape, [
                firing(alert, severity, listener="tls",
                       setting="tls.certificate",
                       certificate=f"{directory}/{days}.pem")]
        finally:
            daemon.end()


def state_drain(directory):
    """A reload is refused first, so that every metric has a sample."""
    daemon = Daemon(directory)
    try:
        before = daemon.scrape()
        daemon.echo_all()
        daemon.configure("backlog = 0;")
        daemon.signal(signal.SIGHUP, "Reload failed: keeping")
        daemon.signal(signal.SIGTERM, "Draining ")
        yield "a drain after a refused reload", before, daemon.scrape(), [
            firing("EchodReloadRefused", "warning")]
    finally:
        daemon.end()


STATES = (state_normal, state_refused, state_limits, state_accept, state_log,
          state_overflow, state_certificates, state_drain)


def test_alerts(tests, directory):
    """Returns all scrapes, the last one with every metric."""
    scrapes, fired = [], set()
    tests.check("promtool accepts alerts.yml",
                run("promtool", "check", "rules", str(ALERTS)))
    for state in STATES:
        for name, before, after, alerts in state(directory):
            # A drain is no fault until it has lasted for ten minutes.
            late = list(alerts)
            if after and after.samples["echod_draining"]:
                late.append(firing("EchodDrainTooLong", "warning"))
            query = 'ALERTS{alertstate="firing"}'
            times = [(11, query, alerts)]
            if late != alerts:
                times.append((13, query, late))
            tests.check(f"{name}: exactly its alerts fire",
                        test_rules(directory, ALERTS, before, after, times))
            fired.update(re.findall(r'alertname="(\w+)"', "".join(late)))
            if after:
                scrapes += [before, after]
                tests.check(f"{name}: promtool has nothing to say on /metrics",
                            lint(after))
    rules = re.findall(r"- alert: (\w+)", ALERTS.read_text(encoding="utf-8"))
    tests.check("each alert has a state in which it fires",
                sorted(set(rules) ^ fired))
    return scrapes


# ---- the dashboard

def queries(dashboard):
    """(title of the panel, expression), without variables of Grafana."""
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            expression = target["expr"]
            for variable, value in (("$__rate_interval", "5m"),
                                    ("$instance", ".*"), ("$job", "echod")):
                expression = expression.replace(variable, value)
            yield panel["title"], expression


def look_at_panels(dashboard):
    """Mistakes that Grafana does not report."""
    places = set()
    panels = dashboard["panels"]
    identities = [panel["id"] for panel in panels]
    if len(set(identities)) != len(identities):
        yield "an id is there twice"
    for panel in panels:
        grid = panel["gridPos"]
        own = {(x, y) for x in range(grid["x"], grid["x"] + grid["w"])
               for y in range(grid["y"], grid["y"] + grid["h"])}
        if own & places or grid["x"] + grid["w"] > 24:
            yield f"{panel['title']} overlaps"
        places |= own
        if panel["type"] == "row":
            continue
        if panel["datasource"]["uid"] != "${datasource}":
            yield f"{panel['title']} has a data source of its own"
        if not panel["targets"]:
            yield f"{panel['title']} has no query"
        for target in panel["targets"]:
            if 'instance=~"$instance"' not in target["expr"]:
                yield f"{panel['title']} is not for the chosen instances"
    names = [item["name"] for item in dashboard["templating"]["list"]]
    if names != ["datasource", "job", "instance"]:
        yield f"variables are {names}"


def test_dashboard(tests, directory, scrapes):
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    tests.check("the panels of the dashboard are in order",
                list(look_at_panels(dashboard)))
    before, after = scrapes[-2:]
    for title, expression in queries(dashboard):
        tests.check(f"the dashboard has data: {title}: {expression}",
                    test_rules(directory, None, before, after,
                               [(4, f"count({expression}) > bool 0", ["{}"])]))


def test_names(tests, scrapes):
    known = set().union(*(scrape.names() for scrape in scrapes))
    for file in ALERTS, DASHBOARD:
        used = set(re.findall(NAME, file.read_text(encoding="utf-8")))
        tests.check(f"every metric in {file.name} is in /metrics",
                    sorted(used - known) if used else ["there is none"])


def make_certificates(directory):
    for days in 90, 20, 3:
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost",
             "-days", str(days), "-keyout", f"{directory}/{days}.key",
             "-out", f"{directory}/{days}.pem"],
            check=True, stderr=subprocess.DEVNULL)


def main():
    tests = Tests()
    directory = tempfile.mkdtemp(prefix="echod-alerts.")
    try:
        make_certificates(directory)
        scrapes = test_alerts(tests, directory)
        test_dashboard(tests, directory, scrapes)
        test_names(tests, scrapes)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    print(f"1..{tests.count}")


main()
