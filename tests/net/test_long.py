"""The same with nothing made small: what a peer with the kernel's own defaults goes through. It
takes a quarter of an hour, so it is part of make test-long."""

import pytest
from conftest import namespaces, variants
from peer import observe

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200), namespaces]
DEFAULTS = {"tcp_retries2": 15, "tcp_syn_retries": 6, "tcp_syn_linear_timeouts": 4}
FAMILIES = variants(relays=("splice",), privileges=("exact", "nobody"))


@FAMILIES
def test_power_loss_with_default_timeouts(world):
    """924.6 s by the model; the first timer that fires after it ends the connection. SYNs: 131 s.
    And the idle peer knows nothing, still."""
    world.lab.client.sysctl(**DEFAULTS)
    d = world.serve()
    sender, _ = world.session()
    idle, _ = world.session()
    fired = d.strike("power_loss")
    newcomer = world.start_connect()
    sender.send(b"?")
    observe(sender, idle, newcomer, seconds=1050)

    def after(peer):
        return (peer.history[-1][1] - fired["mono_ns"]) / 1e9

    assert (sender.words, newcomer.words, idle.words) == (("ETIMEDOUT",), ("ETIMEDOUT",), ())
    assert 924 < after(sender) < 1045
    assert 127 < after(newcomer) < 145
    assert idle.state == "ESTABLISHED"
    assert d.process.poll() is None
