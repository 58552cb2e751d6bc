"""The network of the fleet: namespaces on this machine that have the addresses
that the files in etc/examples name.

    client     192.0.2.7           this process
    router     192.0.2.1           nftables.nft, routes to the anycast address
               10.0.0.254
    haproxy    10.0.0.1
    nginx      10.0.0.2
    backend-N  10.0.1.N            an echod; its host name is backend-N

The namespaces, the processes and what they need below /run and /var/log belong
to this run: nothing is left of them when it has ended."""

import os
import subprocess
import sys

CLIENT = "192.0.2.7"
ROUTER = "192.0.2.1"
HAPROXY = "10.0.0.1"
NGINX = "10.0.0.2"
ANYCAST = "198.51.100.1"


class CannotRun(Exception):
    """The machine lacks something that the test needs."""


def command(*argv):
    """Runs a command; its output is in the exception if it fails."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: {done.stdout}")
    return done.stdout


def inside(name, *argv):
    """The command line that runs ARGV in the namespace NAME, with NAME as the
    host name. Its process id is that of ARGV."""
    return ["ip", "netns", "exec", name, "unshare", "--uts", "sh", "-c",
            'hostname "$0" && exec "$@"', name, *argv]


def backend_address(number):
    return f"10.0.1.{number}"


def enter():
    """Executes this program again in namespaces of its own, where the kernel
    ends all that it has started when it ends."""
    if "FLEET_ENTERED" in os.environ:
        return
    unshare = ["unshare", "--net", "--mount", "--pid", "--fork",
               "--kill-child", "--mount-proc"]
    try:
        command(*unshare, "true")
    except RuntimeError as error:
        raise CannotRun(str(error)) from error
    os.environ["FLEET_ENTERED"] = "yes"
    os.execvp(unshare[0], [*unshare, sys.executable, *sys.argv])


def make():
    """The network, without the backends."""
    for directory in "/run", "/var/log":
        command("mount", "-t", "tmpfs", "none", directory)
    for directory in "/run/haproxy", "/var/log/nginx":
        os.mkdir(directory)
    command("ip", "link", "set", "lo", "up")
    try:
        _make_router()
    except RuntimeError as error:
        raise CannotRun(str(error)) from error
    add_host("haproxy", HAPROXY)
    add_host("nginx", NGINX)


def _make_router():
    command("ip", "netns", "add", "router")
    command("ip", "link", "add", "eth0", "type", "veth",
            "peer", "name", "clients", "netns", "router")
    _address(None, "eth0", CLIENT + "/24")
    _address("router", "clients", ROUTER + "/24")
    command("ip", "route", "add", "default", "via", ROUTER)
    command("ip", "-n", "router", "link", "set", "lo", "up")
    command("ip", "-n", "router", "link", "add", "servers", "type", "bridge")
    _address("router", "servers", "10.0.0.254/16")
    command("ip", "netns", "exec", "router", "sysctl", "-q", "-w",
            "net.ipv4.ip_forward=1", "net.ipv4.fib_multipath_hash_policy=1")


def _address(namespace, interface, address):
    ip = ["ip"] if namespace is None else ["ip", "-n", namespace]
    command(*ip, "address", "add", address, "dev", interface)
    command(*ip, "link", "set", interface, "up")


def add_host(name, address):
    """A namespace of its own at the bridge, with its default route."""
    command("ip", "netns", "add", name)
    command("ip", "link", "add", name, "netns", "router", "type", "veth",
            "peer", "name", "eth0", "netns", name)
    command("ip", "-n", "router", "link", "set", name, "master", "servers",
            "up")
    command("ip", "-n", name, "link", "set", "lo", "up")
    _address(name, "eth0", address + "/16")
    command("ip", "-n", name, "route", "add", "default", "via", "10.0.0.254")


def add_anycast(name):
    """The address is on the loopback of this host as well."""
    command("ip", "-n", name, "address", "add", ANYCAST + "/32", "dev", "lo")


def route_anycast(numbers):
    """The router spreads the flows to the anycast address over these."""
    hops = []
    for number in numbers:
        hops += ["nexthop", "via", backend_address(number)]
    command("ip", "-n", "router", "route", "replace", ANYCAST, *hops)


def load_nftables(file):
    command("ip", "netns", "exec", "router", "nft", "-f", str(file))
