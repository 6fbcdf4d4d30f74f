"""sshd with ssh and sftp: a stream that lives for long.

The client's settings: ServerAliveInterval and ServerAliveCountMax (asked inside the connection, so a hang
is found, too), TCPKeepAlive (asked of the kernel, so it is not). The server's: ClientAliveInterval 1,
ClientAliveCountMax 4.
"""
import subprocess

import pytest

from programs import need
from relay import read, since, wait_until

ALIVE = {"ServerAliveInterval": 1, "ServerAliveCountMax": 2}
PATIENT = {"ServerAliveInterval": 1, "ServerAliveCountMax": 30}


@pytest.fixture
def idle(sshd, between, start, tmp_path):
    """(deadpeer, a function that starts an ssh -N and waits until it is logged in: (ssh, its log))."""
    d = between(sshd)

    def run(**settings):
        log = tmp_path / f"ssh.{d.sessions()}.log"
        ssh = start([need("ssh"), "-N", "-v", "-E", str(log), *sshd.options(**settings),
                     "-p", str(d.port()), "127.0.0.1"])
        wait_until(lambda: "Entering interactive session" in read(log), 15, "ssh to log in")
        return ssh, log
    return d, run


@pytest.fixture
def files(sshd, between, start):
    """(deadpeer, a function that starts an sftp that takes commands: its Client)."""
    d = between(sshd)

    def run(**settings):
        sftp = start([need("sftp"), "-b", "-", *sshd.options(**settings), "-P", str(d.port()),
                      "127.0.0.1"], stdin=subprocess.PIPE)
        ask(sftp, 15)
        return sftp
    return d, run


def ask(sftp, seconds=10):
    """One more answer from the far end: cd asks it, and pwd is printed after that."""
    before = sftp.output().count("Remote working directory")
    sftp.say("cd /")
    sftp.say("pwd")
    wait_until(lambda: sftp.output().count("Remote working directory") > before, seconds, "sftp")


def test_power_loss_is_found_by_server_alive(idle):
    d, run = idle
    ssh, log = run(**ALIVE)
    fired = d.arm("power_loss")
    status, seconds = ssh.end(fired, 20)
    assert status == 255 and "not responding" in read(log)
    assert 1.5 < seconds < 7, "2 questions 1 s apart without an answer"


def test_reboot_is_rst_in_answer_to_the_next_question(idle):
    d, run = idle
    ssh, log = run(**PATIENT)
    fired = d.arm("reboot", down="2s", service_delay="1s")
    status, seconds = ssh.end(fired, 20)
    assert status == 255
    assert "Broken pipe" in read(log) or "reset by peer" in read(log), "after ECONNRESET it still says goodbye"
    assert 1.9 < seconds < 7, "silence for 2 s, then RST in answer to a retransmission"


def test_process_crash_is_found_at_once(idle):
    d, run = idle
    ssh, _ = run()
    fired = d.arm("process_crash")
    status, seconds = ssh.end(fired, 5)
    assert status == 255 and "closed by remote host" in ssh.errors()
    assert seconds < 1.5


def test_hang_is_found_by_server_alive_not_by_tcp(idle):
    d, run = idle
    asking, log = run(**ALIVE)
    trusting, _ = run(TCPKeepAlive="yes", ServerAliveInterval=0)
    fired = d.arm("hang")
    status, seconds = asking.end(fired, 20)
    assert status == 255 and "not responding" in read(log)
    assert 1.5 < seconds < 7
    assert trusting.running()


def test_partition_heals_and_the_session_lives(files):
    d, run = files
    sftp = run(**PATIENT)
    fired = d.arm("partition", duration="2s")
    ask(sftp, 15)
    assert since(fired) > 1.9
    assert d.sessions() == 1


def test_dead_client_is_found_by_client_alive(sshd, idle):
    d, run = idle
    run()
    before = len(sshd.log())
    fired = d.arm("power_loss", side="client")
    wait_until(lambda: "Timeout, client not responding" in sshd.log()[before:], 20,
               "sshd to give up")
    assert 3 < since(fired) < 15, "4 questions 1 s apart without an answer"
