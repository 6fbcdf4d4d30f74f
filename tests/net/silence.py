"""What a capture must say about a dead host."""


def assert_silent(packets, grade, begin_ns=0):
    """packets: all that the dead host sent between its death and its boot. exact: there is none.
    equivalent: each is signed (RFC 2385), so that the peer's kernel drops it."""
    if grade == "exact":
        bad = packets
    else:
        bad = [p for p in packets if not p.signed]
    told = "\n".join(f"{(p.mono_ns - begin_ns) / 1e9:+.6f} s: {p}" for p in bad[:20])
    assert not bad, f"the dead host sent {len(bad)} packets at grade {grade}:\n{told}"


def assert_only_answers(packets, host):
    """Every RST from host comes right after a segment to it on the same connection, to which
    nothing else was an answer, and has the sequence number which that segment acknowledges: the
    kernel that knows nothing of a connection (RFC 9293, 3.10.7.1)."""
    pending = {}
    resets = 0
    for p in packets:
        if p.dst == host:
            pending[p.src, p.sport, p.dport] = p
        elif p.src == host and not p.signed:
            asked = pending.pop((p.dst, p.dport, p.sport), None)
            if "R" not in p.flags:
                continue
            resets += 1
            assert asked, f"an RST that nobody asked for: {p}"
            assert p.mono_ns - asked.mono_ns < 50e6, f"an RST long after {asked}: {p}"
            if "A" in asked.flags:
                assert p.seq == asked.ack, f"{p} does not fit {asked}"
    return resets
