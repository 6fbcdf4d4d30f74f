"""What deadpeer leaves behind, however it ends: nothing but its own log."""

import os
import signal
import subprocess

import pytest
from conftest import WIRE, namespaces
from peer import observe


def snapshot(world, d):
    """Everything on the host that a fault could have touched."""
    with world.lab.host.inside():
        state = {" ".join(command): subprocess.run(command, capture_output=True, text=True).stdout
                 for command in (["ip", "-o", "addr"], ["ip", "rule"], ["ip", "-6", "rule"],
                                 ["ip", "route", "show", "table", "all"], ["ip", "neigh"],
                                 ["ip", "xfrm", "state"],
                                 ["tc", "qdisc", "show"], ["sysctl", "-a", "-r", "^net"],
                                 ["nft", "list", "ruleset"], ["iptables-save"],
                                 ["ip6tables-save"]) if _exists(command[0])}
    state["named namespaces"] = os.path.isdir("/run/netns") and sorted(os.listdir("/run/netns"))
    for folder in "/run", "/dev/shm", "/var/lib", "/var/run":
        state[folder] = [name for name in os.listdir(folder) if "deadpeer" in name]
    state["work"] = sorted(os.listdir(d.dir))
    return state


def _exists(program):
    return any(os.access(os.path.join(p, program), os.X_OK)
               for p in os.environ["PATH"].split(":") + ["/usr/sbin", "/sbin"])


def steady(state):
    """What moves by itself is no trace: counters, and the routes that the kernel makes of a new link's
    addresses, some of them late."""
    return {key: "\n".join(line for line in value.splitlines()
                           if not line.startswith("net.netfilter.nf_conntrack_count")
                           and " proto kernel " not in line + " ")
            if isinstance(value, str) else value for key, value in state.items()}


@namespaces
@WIRE
@pytest.mark.parametrize("death", ["power_loss", "reboot", "partition", "hang", "syn_drop"])
def test_kill_9_in_the_middle_of_a_fault(world, death):
    d = world.serve(start=False)
    before = steady(snapshot(world, d))
    d.start()
    sessions = [world.session() for _ in range(3)]
    port = d.address()[1]
    sessions[0][0].deaf()
    sessions[0][1].send(b"in flight")
    d.strike(death)
    sessions[1][0].send(b"?")
    observe(sessions[1][0], seconds=0.3)
    d.signal(signal.SIGKILL)
    d.process.wait()
    d.process = None
    after = steady(snapshot(world, d))
    # Its own: the configuration that the test wrote, what it prints, the timeline; and the ports
    # file, which a killed process cannot remove.
    own = {"conf", "events", "log", "out", "ports"}
    assert set(after.pop("work")) - set(before.pop("work")) <= own
    assert after == before

    # The address is as good as new at once.
    again = world.serve(proxy={"listen": world.listen_text(port)})
    world.deadpeer = again
    world.session()
