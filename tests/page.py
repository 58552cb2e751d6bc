"""The status page in Chromium, driven by chromedriver; TAP.

Needs the standard library of Python and openssl(1). With a directory as the
argument it leaves screenshots there: light, dark, as wide as a telephone, and
of each state.

Environment: ECHOD, the daemon; TOP_SRCDIR, the sources.
"""

import base64
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

DEADLINE = 60
STARTS = 3
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
IDLE = 8
CONFIG = """
listen = "127.0.0.1:0";
status = { listen = "127.0.0.1:%(status)d"; };
log = { connections = false; };
drain = { delay = %(delay)d; grace = 60; };
listeners = (
    { name = "lines"; listen = "127.0.0.1:0"; framing = "line";
      max_connections = 40; },
    { name = "closed-to-all"; listen = "127.0.0.1:0"; deny = "127.0.0.0/8"; },
    { name = "datagrams"; listen = "udp:127.0.0.1:0"; },
    { name = "secret"; listen = "127.0.0.1:0";
      tls = { certificate = "%(directory)s/certificate.pem";
              key = "%(directory)s/key.pem"; }; },
    { name = "behind"; listen = "127.0.0.1:0";
      proxy_protocol = { from = "127.0.0.1"; }; },
    { name = "bad"; listen = "127.0.0.1:0"; fault = { delay = 0.01; }; },
    { name = "local"; listen = "unix:%(directory)s/<b>x&amp;"; }
    %(idle)s
);
"""
NOT_VALID = 'listeners = ( { name = "x"; listen = "<i>&amp;"; } );'
HOST = socket.gethostname()

class Process:
    """A program that prints the port on which it listens."""

    def __init__(self, command, pattern):
        self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, text=True,
                                      stderr=subprocess.STDOUT,
                                      start_new_session=True)
        self.said = []
        self.match = None
        for line in self.child.stdout:
            self.said.append(line)
            self.match = re.search(pattern, line)
            if self.match:
                break
        if not self.match:
            raise RuntimeError("".join(self.said))
        threading.Thread(target=self.drain, daemon=True).start()

    def drain(self):
        for line in self.child.stdout:
            self.said.append(line)

    def end(self):
        if self.child.poll() is None:
            self.child.terminate()
        self.child.wait(DEADLINE)


class Daemon(Process):
    def __init__(self, directory, status=0):
        self.config = os.path.join(directory, "echod.conf")
        self.text = CONFIG % {
            "status": status, "directory": directory, "delay": 10,
            "idle": "".join(f', {{ name = "idle-{i}"; listen = "127.0.0.1:0"; }}'
                            for i in range(IDLE)),
        }
        self.write(self.text)
        super().__init__([os.environ["ECHOD"], "-e", "-c", self.config],
                         r"\bStatus on (http://127\.0\.0\.1:(\d+)/)")
        self.url = self.match[1]
        self.status_port = int(self.match[2])
        listening = re.search(r" listening=(\S+)", "".join(self.said))[1]
        self.ports = [int(address.rsplit(":", 1)[1])
                      for address in listening.split(",")
                      if not address.startswith("unix:")]

    def write(self, text):
        with open(self.config, "w", encoding="ascii") as file:
            file.write(text)

    def reload(self, text):
        self.write(text)
        self.child.send_signal(signal.SIGHUP)


class Browser:
    """The commands of WebDriver that are needed here."""

    def __init__(self, profile):
        self.driver = self.start_driver()
        self.url = f"http://127.0.0.1:{self.driver.match[1]}/session"
        arguments = ["--headless", "--no-sandbox", "--disable-gpu",
                     "--disable-quic", "--no-first-run",
                     "--disable-background-networking",
                     "--disable-component-update", "--disable-sync",
                     "--disable-dev-shm-usage", "--user-data-dir=" + profile]
        capabilities = {
            "browserName": "chrome",
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {"args": arguments},
        }
        try:
            session = self.start({"alwaysMatch": capabilities})
        except Exception:
            self.driver.end()
            raise
        self.url += "/" + session["sessionId"]

    @staticmethod
    def start_driver():
        """chromedriver chooses a free port of [::1] and needs the same one of
        127.0.0.1, which can be in use: by another test, for example."""
        for last in [False] * (STARTS - 1) + [True]:
            try:
                return Process(["chromedriver", "--port=0"],
                               r"started successfully on port (\d+)")
            except RuntimeError as error:
                if last or "Address already in use" not in str(error):
                    raise

    def start(self, capabilities):
        """chromedriver waits 60 seconds for Chromium, which can take longer
        the first time it is read from a slow disk."""
        for _ in range(STARTS - 1):
            try:
                return self.call("", capabilities=capabilities)
            except (OSError, RuntimeError) as error:
                print("# starting Chromium again:", *str(error).splitlines())
        return self.call("", capabilities=capabilities)

    def call(self, command, method="POST", **arguments):
        data = json.dumps(arguments).encode() if method == "POST" else None
        request = urllib.request.Request(
            self.url + command, data, {"Content-Type": "application/json"},
            method=method)
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE) as response:
                return json.load(response)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(error.read().decode()) from None

    def go(self, url):
        self.call("/url", url=url)

    def run(self, script):
        return self.call("/execute/sync", script="return " + script, args=[])

    def devtools(self, command, **parameters):
        return self.call("/goog/cdp/execute", cmd=command, params=parameters)

    def console(self):
        return self.call("/se/log", type="browser")

    def resize(self, width):
        self.devtools("Emulation.setDeviceMetricsOverride", width=width,
                      height=1000, deviceScaleFactor=2, mobile=width < 500)

    def scripts(self, enabled):
        self.devtools("Emulation.setScriptExecutionDisabled",
                      value=not enabled)

    def click(self, selector):
        self.run(f"document.querySelector('{selector}').click()")

    def scheme(self, name):
        self.devtools("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": name}])

    def screenshot(self, path):
        height = self.run("document.documentElement.scrollHeight")
        width = self.run("innerWidth")
        self.devtools("Emulation.setDeviceMetricsOverride", width=width,
                      height=height, deviceScaleFactor=2, mobile=width < 500)
        # WebDriver's own screenshot waits for a frame, and can wait for ever.
        image = self.devtools("Page.captureScreenshot", format="png")["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(image))

    def end(self):
        try:
            self.call("", "DELETE")
        finally:
            self.driver.end()


class Load(threading.Thread):
    """Clients that connect, send and close, until end() is called."""

    def __init__(self, daemon):
        super().__init__(daemon=True)
        self.ports = daemon.ports
        self.ending = threading.Event()

    def run(self):
        stay = [socket.create_connection(("127.0.0.1", port))
                for port in self.ports[:2] for _ in range(7)]
        turn = 0
        while not self.ending.wait(0.02):
            turn += 1
            for client in stay:
                client.sendall(b"x" * (100 + turn % 50 * 20) + b"\n")
                client.recv(65536)
            if turn % 3 == 0:
                socket.create_connection(("127.0.0.1", self.ports[0])).close()
            if turn % 20 == 0:
                socket.create_connection(("127.0.0.1", self.ports[2])).close()
        for client in stay:
            client.close()

    def end(self):
        self.ending.set()
        self.join()


class Tests:
    def __init__(self):
        self.count = 0

    def check(self, description, passed, why=""):
        self.count += 1
        print(f"{'' if passed else 'not '}ok {self.count} - {description}")
        if not passed:
            for line in str(why).splitlines():
                print("#", line)
        sys.stdout.flush()

    def eventually(self, description, condition, deadline=DEADLINE):
        end = time.monotonic() + deadline
        while time.monotonic() < end:
            value = condition()
            if value:
                break
            time.sleep(0.2)
        self.check(description, value, value)


def text(browser, selector):
    return browser.run(
        f"document.querySelector('{selector}')?.textContent ?? ''")


def numbers(browser):
    """The current numbers of the four charts."""
    return browser.run("[...document.querySelectorAll('.now b')]"
                       ".map(b => b.textContent)")


def points(browser):
    """Number of points of each line of the charts."""
    return browser.run("[...document.querySelectorAll('.trace')].map("
                       "path => path.getAttribute('d').split(/[ML]/).length - 1)")


def bar(browser, group, reason):
    return browser.run(
        f"Number([...document.querySelectorAll('#{group} dt')]"
        f".find(dt => dt.textContent == '{reason}').parentNode"
        ".lastChild.textContent.replace(',', ''))")


def fits(browser):
    return browser.run("document.documentElement.scrollWidth <= innerWidth")


# WCAG 2.1, 1.4.3: the ratio of relative luminances of text and what is below.
# The text of an element and of its ::before; a closed fold counts, too.
CONTRAST = """(() => {
    const parse = colour => {
        const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number);
        return [r, g, b, a];
    };
    const over = (top, below) => [0, 1, 2].map(
        i => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
    const below = node => {
        const colour = parse(getComputedStyle(node).backgroundColor);
        if (colour[3] == 1)
            return colour;
        return over(colour, node.parentElement ? below(node.parentElement) :
            [255, 255, 255, 1]);
    };
    const opacity = node => node ? getComputedStyle(node).opacity *
        opacity(node.parentElement) : 1;
    const luminance = ([r, g, b]) => [r, g, b].map(c => (c /= 255) <= .03928 ?
        c / 12.92 : ((c + .055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
    const poor = [];
    let seen = 0;
    const check = (node, pseudo, text) => {
        const style = getComputedStyle(node, pseudo), ground = below(node);
        const ink = parse(node.closest('svg') ? style.fill : style.color);
        ink[3] *= opacity(node);
        const pair = [over(ink, ground), ground].map(luminance)
            .sort((a, b) => a - b);
        const ratio = (pair[1] + .05) / (pair[0] + .05);
        seen++;
        if (ratio < 4.5)
            poor.push(`${node.tagName} "${text}": ${ratio.toFixed(2)}`);
    };
    for (const node of document.querySelectorAll('body *')) {
        if (node.closest('script, [hidden]') ||
            getComputedStyle(node).display == 'none')
            continue;
        if ([...node.childNodes].some(child =>
            child.nodeType == 3 && child.data.trim()))
            check(node, null, node.textContent);
        const before = getComputedStyle(node, '::before').content;
        if (!['none', 'normal', '""'].includes(before))
            check(node, '::before', before);
    }
    return poor.join('\\n') || (seen < 20 ? `only ${seen} texts` : '');
})()"""

# Cells whose label on a telephone is not the heading of their column.
UNLABELLED = """[...document.querySelectorAll('main td')].filter(td =>
    getComputedStyle(td, '::before').content != JSON.stringify(
        td.closest('table').rows[0].cells[td.cellIndex].textContent) ||
    td.closest('table').rows[0].offsetHeight).map(td => td.textContent)
    .join(', ')"""


def row(browser, name):
    """The cells of a listener in the table, empty if it is not there."""
    return browser.run(
        "[...document.querySelectorAll('#listeners tr, #idle tr')].map(row =>"
        " [...row.cells].map(td => td.innerText)).find(cells => cells[0]"
        f".split(/\\s/)[0] == '{name}') ?? Array(6).fill('')")


def looks(tests, browser, shots, state):
    """Contrast and width in both schemes and at two widths."""
    for scheme, width in (("light", 1200), ("dark", 1200), ("light", 390),
                          ("dark", 390)):
        browser.scheme(scheme)
        browser.resize(width)
        name = f"{state}-{scheme}-{width}"
        tests.check(f"nothing sticks out: {name}", fits(browser))
        poor = browser.run(CONTRAST)
        tests.check(f"text has contrast: {name}", not poor, poor)
        if shots:
            browser.screenshot(os.path.join(shots, name + ".png"))
    unlabelled = browser.run(UNLABELLED)
    tests.check(f"numbers have labels on a telephone: {state}",
                not unlabelled, unlabelled)
    browser.scheme("light")
    browser.resize(1200)


def moves(browser):
    """Whether each of the rates is above zero."""
    return all(re.search("[1-9]", number) for number in numbers(browser))


def test_host(tests, browser):
    heading = text(browser, "h1")
    tests.check("its heading has the name of the host",
                heading == f"echod on {HOST}", heading)
    title = browser.run("document.title")
    tests.check("and so has its title",
                title == f"Serving – {HOST} – echod", title)


def test_listeners(tests, browser, daemon):
    cells = row(browser, "main")
    tests.check("a listener has its address",
                f"tcp:127.0.0.1:{daemon.ports[0]}" in cells[0] and
                "TCP" in cells[0], cells)
    tests.check("its open connections, rate and bytes",
                cells[1] == "7" and all(re.search("[1-9]", cell)
                                        for cell in cells[2:5]), cells)
    tests.check("and its limit", row(browser, "lines")[1] == "7 of 40",
                row(browser, "lines"))
    for name, marks in (("datagrams", "UDP"), ("secret", "TCP TLS"),
                        ("behind", "TCP PROXY"), ("bad", "TCP fault"),
                        ("local", "unix")):
        shown = browser.run(
            "[...document.querySelectorAll('#listeners tr, #idle tr')].find("
            f"row => row.textContent.startsWith('{name}'))."
            "querySelectorAll('.mark').values().map(mark => mark.textContent)"
            ".toArray().join(' ')")
        tests.check(f"{name} is marked {marks}", shown == marks, shown)
    cells = row(browser, "closed-to-all")
    tests.check("a listener tells why it refused",
                re.search(r"^[1-9]\d*\ndenied [1-9]", cells[5]), cells)
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.connect(("127.0.0.1", daemon.ports[3]))
    for number, shown in (1, "1 datagram"), (2, "3 datagrams"):
        for _ in range(number):
            client.send(b"Hello")
            client.recv(64)
        tests.eventually(f"a UDP listener has {shown}, not connections",
                         lambda: row(browser, "datagrams")[1] == shown)
    tests.check("text from the configuration is no markup",
                "<b>x&amp;" in row(browser, "local")[0] and
                browser.run("!document.querySelector('table b')"),
                row(browser, "local"))
    tests.check("it tells when a certificate expires",
                text(browser, "#expiry .warn") == "4 days left" and
                "certificate.pem" in text(browser, "#expiry") and
                text(browser, "#first") == "4 days left",
                text(browser, "#expiry"))


def test_folds(tests, browser):
    visible = ("[...document.querySelectorAll('%s')]"
               ".filter(node => node.checkVisibility()).length")
    idle, zeros = visible % "#idle tr", visible % "details .none"
    label = text(browser, "#fold")
    tests.check("idle listeners of a long table are folded away",
                browser.run(idle) == 0 and label.startswith("Show zero rows (")
                and browser.run(visible % "#fold") == 1, label)
    browser.click("#fold")
    tests.check("and can be shown", browser.run(idle) >= IDLE)
    tests.check("reasons that are zero are folded away",
                browser.run(zeros) == 0 and
                browser.run("document.querySelectorAll('#closed .none')"
                            ".length") == 0)
    browser.click("summary")
    shown = browser.run("performance.now()")
    tests.eventually("and can be shown, also after the next look",
                     lambda: browser.run("performance.now()") > shown + 3000
                     and browser.run(zeros) >= 2 and browser.run(idle) >= IDLE)
    browser.click("summary")
    browser.click("#fold")
    tests.check("and folded again",
                browser.run(zeros) == 0 and browser.run(idle) == 0)


def test_config(tests, browser, daemon):
    address = browser.run("document.querySelector('dd a').href")
    with urllib.request.urlopen(address, timeout=DEADLINE) as response:
        shown = response.read().decode()
    tests.check("it links to the configuration in force",
                address == daemon.url + "config" and "closed-to-all" in shown,
                f"{address}: {shown[:200]}")


def test_refused(tests, browser, daemon, shots):
    daemon.reload(NOT_VALID)
    tests.eventually("it tells why a reload was refused",
                     lambda: "<i>&amp;" in text(browser, "#reason"))
    tests.check("as text, without the sign of a comment",
                browser.run("!document.querySelector('#reason *')") and
                not text(browser, "#reason").startswith("#"),
                text(browser, "#reason"))
    when = text(browser, "#refusedat")
    tests.check("and when", re.match(r"\d+ s ago, at \d{4}-\d\d-\d\d ", when),
                when)
    looks(tests, browser, shots, "refused")
    daemon.reload(daemon.text)
    tests.eventually("until a reload succeeds", lambda: browser.run(
        "document.querySelector('#refusal').hidden"))


def test_dropped(tests, browser, daemon):
    """The counters of a listener outlive it, and so does its row."""
    daemon.reload(daemon.text.replace('"datagrams"', '"renamed"'))
    tests.eventually("a listener that a reload dropped keeps its row",
                     lambda: row(browser, "renamed")[0] and "no longer in the "
                     "configuration" in row(browser, "datagrams")[0])
    daemon.reload(daemon.text)


def test_no_script(tests, browser, daemon, shots):
    browser.scripts(False)
    browser.go(daemon.url)
    shown = browser.run("document.body.innerText")
    heading, title = text(browser, "h1"), browser.run("document.title")
    tests.check("without scripts it has the name of the host, too",
                heading == f"echod on {HOST}" and title == f"{HOST} – echod",
                f"{heading}, {title}")
    tests.check("and is a table of the numbers",
                all(word in shown for word in (
                    f'host="{HOST}"', "Connections accepted", "<b>x&amp;",
                    'echod_connections_refused_total{reason="denied"}',
                    '\t{listener="lines"}\t'))
                and "Connecting" not in shown and "bucket" not in shown, shown)
    tests.check("that comes again by itself", browser.run(
        "document.querySelector('meta[http-equiv=refresh]').content") == "10")
    looks(tests, browser, shots, "noscript")
    browser.scripts(True)
    browser.go(daemon.url)


def test_file(tests, browser):
    path = os.path.join(os.environ.get("TOP_SRCDIR", "."),
                        "src/admin/status.html")
    size = os.path.getsize(path)
    tests.check("the page has less than 30 KB", 1000 < size < 30000, size)
    loaded = browser.run("performance.getEntriesByType('resource')"
                         ".map(entry => new URL(entry.name).pathname)")
    others = set(loaded) - {"/metrics", "/config"}
    tests.check("it loads nothing but /metrics and /config",
                loaded and not others, others)


def test_load(tests, browser, daemon, shots):
    browser.go(daemon.url)
    tests.eventually("it says that echod serves",
                     lambda: text(browser, "#state") == "Serving")
    test_host(tests, browser)
    first = numbers(browser)
    load = Load(daemon)
    load.start()
    tests.eventually("its numbers move under load",
                     lambda: moves(browser) and numbers(browser) != first)
    least = 100 if shots else 4
    tests.eventually("its charts have points",
                     lambda: min(points(browser)) >= least, 5 * DEADLINE)
    tests.eventually("it tells why connections were closed",
                     lambda: bar(browser, "closed", "no data") > 0)
    tests.eventually("and why they were refused",
                     lambda: bar(browser, "refused", "denied") > 0)
    test_listeners(tests, browser, daemon)
    test_folds(tests, browser)
    looks(tests, browser, shots, "serving")
    load.end()
    tests.eventually("its numbers come down again", lambda: numbers(
        browser)[0] == "0" and not re.search("[1-9]", numbers(browser)[2]))
    console = browser.console()
    tests.check("nothing is on the console", not console, console)


def test_drain(tests, browser, daemon, shots):
    client = socket.create_connection(("127.0.0.1", daemon.ports[0]))
    client.sendall(b"Hello")
    client.recv(64)
    # The drain waits for this client, which does not close.
    daemon.child.send_signal(signal.SIGTERM)
    tests.eventually("it says that echod drains",
                     lambda: text(browser, "#state") == "Draining")
    progress = "#progress"
    tests.check("it shows how much of the delay is left",
                re.search(r"Delay(10|[1-9]) s left.*Grace1 min after the delay"
                          r".*Sessions1 open", text(browser, progress)),
                text(browser, progress))
    tests.eventually("then how much of the grace",
                     lambda: re.search(
                         r"Delayover.*Grace(1 min|\d+ s) left.*Sessions1 open",
                         text(browser, progress)))
    full = browser.run("document.querySelector('#progress > :last-child i')"
                       ".style.width")
    tests.check("and of the sessions that were open", "100%" in full, full)
    looks(tests, browser, shots, "draining")
    client.close()
    daemon.end()
    tests.eventually("it says that it is stale when echod has gone",
                     lambda: text(browser, "#state") == "Stale")
    seen = text(browser, "#seen")
    tests.check("and when the last answer came",
                re.fullmatch(r"last answer at \d\d:\d\d:\d\d", seen), seen)
    looks(tests, browser, shots, "stale")


def test_restart(tests, browser, daemon):
    """The counters restart at zero; no rate is negative."""
    tests.eventually("it goes on with an echod that was started again",
                     lambda: text(browser, "#state") == "Serving")
    tests.eventually("and draws on", lambda: min(points(browser)) >= 4)
    shown = " ".join(numbers(browser))
    tests.check("a counter that begins anew is no rate",
                "-" not in shown and "NaN" not in shown, shown)
    low = browser.run(
        "Math.max(...[...document.querySelectorAll('.trace')].flatMap(p => "
        "[...p.getAttribute('d').matchAll(/,([\\d.-]+)/g)].map(m => +m[1]))) -"
        "document.querySelector('svg').clientHeight")
    tests.check("no line is below its axis", low <= 0.1, low)


def certify(directory):
    """A certificate that expires in less than five days."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=echo",
                    "-days", "5", "-keyout", directory + "/key.pem",
                    "-out", directory + "/certificate.pem"],
                   check=True, capture_output=True)


def main():
    shots = sys.argv[1] if len(sys.argv) > 1 else None
    tests = Tests()
    directory = tempfile.mkdtemp(prefix="echod-page.")
    daemon = browser = None
    try:
        certify(directory)
        daemon = Daemon(directory)
        browser = Browser(os.path.join(directory, "profile"))
        browser.resize(1200)
        test_load(tests, browser, daemon, shots)
        test_config(tests, browser, daemon)
        test_refused(tests, browser, daemon, shots)
        test_dropped(tests, browser, daemon)
        test_file(tests, browser)
        test_no_script(tests, browser, daemon, shots)
        test_drain(tests, browser, daemon, shots)
        daemon = Daemon(directory, daemon.status_port)
        test_restart(tests, browser, daemon)
    finally:
        if browser:
            browser.end()
        if daemon:
            daemon.end()
        shutil.rmtree(directory, ignore_errors=True)
    print(f"1..{tests.count}")


main()
