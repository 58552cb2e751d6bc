"""The status page in Chromium, driven by chromedriver; TAP.

Needs the standard library of Python and nothing else. With a directory as the
argument it leaves screenshots there: light, dark, and as wide as a telephone.

Environment: ECHOD, the daemon.
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
CONFIG = """
listen = "127.0.0.1:0";
status = { listen = "127.0.0.1:%d"; };
log = { connections = false; };
listeners = (
    { name = "lines"; listen = "127.0.0.1:0"; framing = "line";
      max_connections = 40; },
    { name = "closed-to-all"; listen = "127.0.0.1:0"; deny = "127.0.0.0/8"; }
);
"""


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
        config = os.path.join(directory, "echod.conf")
        with open(config, "w", encoding="ascii") as file:
            file.write(CONFIG % status)
        super().__init__([os.environ["ECHOD"], "-e", "-c", config],
                         r"^Status on (http://127\.0\.0\.1:(\d+)/)")
        self.url = self.match[1]
        self.status_port = int(self.match[2])
        listening = re.search(r" listening=(\S+)", "".join(self.said))[1]
        self.ports = [int(address.rsplit(":", 1)[1])
                      for address in listening.split(",")]


class Browser:
    """The commands of WebDriver that are needed here."""

    def __init__(self, profile):
        self.driver = Process(["chromedriver", "--port=0"],
                              r"started successfully on port (\d+)")
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
    return browser.run(f"document.querySelector('{selector}').textContent")


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
CONTRAST = """(() => {
    const parse = colour => colour.match(/[\\d.]+/g).map(Number);
    const luminance = ([r, g, b]) => [r, g, b].map(c => (c /= 255) <= .03928 ?
        c / 12.92 : ((c + .055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
    const below = node => {
        const colour = parse(getComputedStyle(node).backgroundColor);
        return colour.length > 3 && !colour[3] && node.parentElement ?
            below(node.parentElement) : colour;
    };
    const poor = [];
    for (const node of document.querySelectorAll('body *')) {
        const own = [...node.childNodes].some(child =>
            child.nodeType == 3 && child.data.trim());
        if (!own || node.closest('script, noscript, [hidden]'))
            continue;
        const style = getComputedStyle(node);
        const pair = [node.closest('svg') ? style.fill : style.color]
            .map(parse).concat([below(node)]).map(luminance).sort((a, b) => a - b);
        const ratio = (pair[1] + .05) / (pair[0] + .05);
        if (ratio < 4.5)
            poor.push(`${node.tagName} "${node.textContent}": ${ratio.toFixed(2)}`);
    }
    return poor.join('\\n');
})()"""


def moves(browser):
    """Whether each of the rates is above zero."""
    return all(re.search("[1-9]", number) for number in numbers(browser))


def test_load(tests, browser, daemon, shots):
    browser.go(daemon.url)
    tests.eventually("it says that echod serves",
                     lambda: text(browser, "#state") == "Serving")
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
    listeners = text(browser, "#listeners")
    tests.check("it lists the listeners with their addresses",
                all(word in listeners for word in (
                    "main", "lines", "closed-to-all", "7 of 40",
                    f"tcp:127.0.0.1:{daemon.ports[0]}")), listeners)
    for scheme, width in (("light", 1200), ("dark", 1200), ("light", 390),
                          ("dark", 390)):
        browser.scheme(scheme)
        browser.resize(width)
        name = f"{scheme}-{width}"
        tests.check(f"nothing sticks out: {name}", fits(browser))
        if width == 1200:
            poor = browser.run(CONTRAST)
            tests.check(f"text has contrast: {name}", not poor, poor)
        if shots:
            browser.screenshot(os.path.join(shots, name + ".png"))
    browser.resize(1200)
    load.end()
    tests.eventually("its numbers come down again", lambda: numbers(
        browser)[0] == "0" and not re.search("[1-9]", numbers(browser)[2]))
    console = browser.console()
    tests.check("nothing is on the console", not console, console)


def test_drain(tests, browser, daemon):
    client = socket.create_connection(("127.0.0.1", daemon.ports[0]))
    client.sendall(b"Hello")
    client.recv(64)
    # The drain waits for this client, which does not close.
    daemon.child.send_signal(signal.SIGTERM)
    tests.eventually("it says that echod drains",
                     lambda: text(browser, "#state") == "Draining")
    client.close()
    daemon.end()
    tests.eventually("it says that it is stale when echod has gone",
                     lambda: text(browser, "#state") == "Stale")


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


def main():
    shots = sys.argv[1] if len(sys.argv) > 1 else None
    tests = Tests()
    directory = tempfile.mkdtemp(prefix="echod-page.")
    daemon = browser = None
    try:
        daemon = Daemon(directory)
        browser = Browser(os.path.join(directory, "profile"))
        browser.resize(1200)
        test_load(tests, browser, daemon, shots)
        test_drain(tests, browser, daemon)
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
