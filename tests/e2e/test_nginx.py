"""nginx and curl.

curl's settings: --connect-timeout, --max-time, --speed-time with --speed-limit, --keepalive-time (idle and
interval; the count is the machine's, 9), --retry. nginx's: send_timeout, 2 s for /impatient, 60 s for the rest.
"""
import hashlib
import os

import pytest

from programs import need
from relay import since, wait_until

SIZE = 32 << 20
TIMED_OUT, PARTIAL, SEND_ERROR, RECV_ERROR = 28, 18, 55, 56


@pytest.fixture
def big(nginx):
    """(the file's path, its SHA-256)."""
    path = nginx.path("www/big")
    if not os.path.exists(path):
        with open(path, "wb") as f:
            f.write(os.urandom(SIZE))
    return path, sha256(path)


def sha256(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


@pytest.fixture
def fetch(nginx, between, start, tmp_path, big):
    """(deadpeer, a function that starts curl on the big file; --limit-rate keeps it in the middle)."""
    d = between(nginx)

    def run(*options, slow=False, path="big"):
        rate = ["--limit-rate", "4M"] if slow else []
        return start([need("curl"), "-sS", *rate, *options, "-o", str(tmp_path / "got"),
                      f"http://127.0.0.1:{d.port()}/{path}"])
    return d, run


def upload(start, d, path, name, *options):
    return start([need("curl"), "-sS", *options, "-T", path,
                  f"http://127.0.0.1:{d.port()}/put/{name}"])


def test_power_loss_in_a_download_is_found_by_speed_time(nginx, fetch):
    d, run = fetch
    d.prepare("power_loss", after_bytes="4MB")
    curl = run("--speed-time", "2", "--speed-limit", "1000", slow=True)
    fired = d.wait("fault.fired")
    status, seconds = curl.end(fired, 20)
    assert status == TIMED_OUT and "Operation too slow" in curl.errors()
    assert 1.5 < seconds < 12, "curl's speed is that of the last 5 s, and must be low for 2 s"


def test_power_loss_in_a_download_is_found_by_keepalive(fetch):
    d, run = fetch
    d.prepare("power_loss", after_bytes="4MB")
    curl = run("--keepalive-time", "1")
    fired = d.wait("fault.fired")
    status, seconds = curl.end(fired, 30)
    assert status == RECV_ERROR and "timed out" in curl.errors()
    with open("/proc/sys/net/ipv4/tcp_keepalive_probes", encoding="ascii") as f:
        probes = int(f.read())
    assert probes - 1 < seconds < 1 + probes + 5, "1 s idle and the probes 1 s apart"


def test_connecting_to_a_dead_host_takes_connect_timeout(fetch):
    d, run = fetch
    fired = d.arm("power_loss")
    curl = run("--connect-timeout", "2")
    status, seconds = curl.end(fired, 15)
    assert status == TIMED_OUT
    assert 1.5 < seconds < 6


def test_reboot_in_an_upload_is_rst_after_the_boot(nginx, between, start, big):
    d = between(nginx)
    curl = upload(start, d, big[0], "rebooted", "--limit-rate", "8M")
    d.wait("session.connected")
    fired = d.arm("reboot", down="1s", service_delay="0s")
    status, seconds = curl.end(fired, 20)
    assert status in (SEND_ERROR, RECV_ERROR) and "reset by peer" in curl.errors()
    assert 0.9 < seconds < 6, "silence for 1 s, then RST in answer to a retransmission"
    assert not os.path.exists(nginx.path("www/put/rebooted"))


def test_reboot_is_survived_by_retrying(nginx, between, start, big):
    d = between(nginx)
    curl = upload(start, d, big[0], "retried", "--limit-rate", "16M", "--retry", "8",
                  "--retry-all-errors", "--retry-delay", "1")
    d.wait("session.connected")
    fired = d.arm("reboot", down="1s", service_delay="1s")
    assert curl.end(fired, 40)[0] == 0, curl.errors()
    assert sha256(nginx.path("www/put/retried")) == big[1]
    assert d.sessions() >= 2


def test_process_crash_in_a_download_is_a_short_file(fetch):
    d, run = fetch
    d.prepare("process_crash", after_bytes="4MB")
    curl = run(slow=True)
    fired = d.wait("fault.fired")
    status, seconds = curl.end(fired, 15)
    assert status == PARTIAL, curl.errors()
    assert "bytes remaining" in curl.errors()


def test_hang_in_a_download_is_found_by_speed_time_not_by_keepalive(fetch):
    d, run = fetch
    d.prepare("hang", after_bytes="4MB")
    patient = run("--keepalive-time", "1", slow=True)
    fired = d.wait("fault.fired")
    d.wait("session.opened")
    hasty = run("--speed-time", "3", "--speed-limit", "1000", slow=True)
    status, _ = hasty.end(fired, 30)
    assert status == TIMED_OUT
    assert patient.running()
    d.lift()
    assert patient.end(fired, 60)[0] == 0


def test_partition_in_a_download_keeps_every_byte(fetch, big, tmp_path):
    d, run = fetch
    d.prepare("partition", after_bytes="8MB", duration="3s")
    curl = run()
    fired = d.wait("fault.fired")
    status, seconds = curl.end(fired, 40)
    assert status == 0, curl.errors()
    assert seconds > 2.9
    assert sha256(tmp_path / "got") == big[1]
    assert d.sessions() == 1


def test_dead_client_is_found_by_send_timeout(nginx, fetch, tmp_path):
    d, run = fetch
    before = len(nginx.log())
    run(slow=True, path="impatient/big")
    wait_until(lambda: (tmp_path / "got").exists() and (tmp_path / "got").stat().st_size, 10, "data")
    fired = d.arm("power_loss", side="client")
    wait_until(lambda: "client timed out" in nginx.log()[before:], 15, "nginx to give up")
    assert since(fired) > 1.5, "send_timeout 2 s"
