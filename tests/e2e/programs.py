"""The real programs: each server started on a free port of loopback with everything it writes in a
folder of its own, and ended by its pid; each client run with a deadline.

Servers that root starts run as another user (PostgreSQL insists on it).
"""
import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile

import pytest

from relay import read, since, wait_until

PLACES = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]


def need(name):
    """The program's path; where it is missing the test is skipped, in CI it fails."""
    places = PLACES + sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)
    path = shutil.which(name, path=":".join(places))
    if path is None and os.environ.get("CI") == "true":
        pytest.fail(f"{name} is not installed (scripts/bootstrap test)")
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def can_connect(port):
    with socket.socket() as s:
        s.settimeout(1)
        return s.connect_ex(("127.0.0.1", port)) == 0


def established(port):
    """How many connections to that port of 127.0.0.1 have a client whose kernel takes them for alive."""
    rows = [line.split() for line in read("/proc/net/tcp").splitlines()[1:]]
    return sum(row[2] == f"0100007F:{port:04X}" and row[3] == "01" for row in rows)


class Client:
    """A client program. Its output goes to files, so it never waits for us."""

    def __init__(self, command, stdin=subprocess.DEVNULL, env=None):
        self.out, self.err = tempfile.TemporaryFile("w+"), tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(command, stdin=stdin, stdout=self.out, stderr=self.err,
                                        text=True, env={**os.environ, "LC_ALL": "C", **(env or {})})

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def output(self):
        return os.pread(self.out.fileno(), 1 << 20, 0).decode(errors="replace")

    def errors(self):
        return os.pread(self.err.fileno(), 1 << 20, 0).decode(errors="replace")

    def wait_output(self, text, seconds=10):
        wait_until(lambda: text in self.output(), seconds, f"{text!r} from the client")

    def running(self):
        return self.process.poll() is None

    def end(self, began, seconds):
        """Its exit status, and how long after the event `began` it ended; a failure that shows what
        it said when it has not ended so many seconds from now."""
        try:
            return self.process.wait(seconds), since(began)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {seconds} s: {self.process.args}\n"
                                 f"{self.output()}{self.errors()}") from None

    def close(self):
        if self.process.stdin:
            try:
                self.process.stdin.close()
            except BrokenPipeError:
                pass
        if self.running():
            self.process.kill()
        self.process.wait()
        self.out.close()
        self.err.close()


class Server:
    """Base: subclasses say command() and user()."""
    user = "nobody"
    stop_signal = signal.SIGTERM

    def __init__(self):
        self.as_root = os.geteuid() == 0
        self.folder = tempfile.mkdtemp(prefix=f"deadpeer-{type(self).__name__.lower()}-")
        os.chmod(self.folder, 0o755)
        self.owner = pwd.getpwnam(self.user) if self.as_root else pwd.getpwuid(os.geteuid())
        if self.as_root:
            os.chown(self.folder, self.owner.pw_uid, self.owner.pw_gid)
        self.port, self.process = free_port(), None
        try:
            self.prepare()
            self.start()
        except BaseException:
            self.close()
            raise

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)
        if self.as_root:
            os.chown(self.path(name), self.owner.pw_uid, self.owner.pw_gid)

    def as_owner(self):
        """Arguments of Popen that make it the owner's process."""
        if not self.as_root:
            return {"cwd": self.folder}
        return {"cwd": self.folder, "user": self.owner.pw_uid, "group": self.owner.pw_gid,
                "extra_groups": []}

    def prepare(self):
        """Files that must be there before it starts."""

    def command(self):
        raise NotImplementedError

    def start(self):
        with open(self.path("log"), "wb") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, **self.as_owner())
        wait_until(lambda: self.process.poll() is not None or self.ready(), 30, "the server")
        assert self.process.poll() is None, self.log()

    def ready(self):
        return can_connect(self.port)

    def log(self):
        return read(self.path("log"))

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Redis(Server):
    def command(self):
        return [need("redis-server"), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
                "--dir", self.folder]

    def ask(self, *words):
        """One command's reply as redis-cli prints it, on a connection of its own past deadpeer."""
        return subprocess.run([need("redis-cli"), "-p", str(self.port), *words], check=True,
                              capture_output=True, text=True, timeout=10).stdout.strip()

    def waiting(self):
        """Ids of the clients that wait in BLPOP."""
        return [line.split()[0] for line in self.ask("CLIENT", "LIST").splitlines()
                if " cmd=blpop " in line and " flags=b " in line]


class Postgres(Server):
    user = "postgres"
    stop_signal = signal.SIGINT  # "fast shutdown"

    def prepare(self):
        subprocess.run([need("initdb"), "-D", self.path("data"), "-U", "tester", "-A", "trust", "-N",
                        "--no-locale", "-E", "UTF8"], check=True, capture_output=True, timeout=120,
                       **self.as_owner())

    def command(self):
        settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": self.folder,
                    "fsync": "off", "shared_buffers": "32MB", "log_connections": "on",
                    # A backend that is busy looks after its client, too.
                    "client_connection_check_interval": "200ms"}
        return [need("postgres"), "-D", self.path("data"), "-p", str(self.port),
                *(word for key, value in settings.items() for word in ("-c", f"{key}={value}"))]

    def ready(self):
        return subprocess.run([need("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)],
                              check=False, timeout=10).returncode == 0

    def conninfo(self, port, **settings):
        """A connection string; the settings are the client's own."""
        settings = {"host": "127.0.0.1", "port": port, "user": "tester", "dbname": "postgres",
                    **settings}
        return " ".join(f"{key}={value}" for key, value in settings.items())

    def sql(self, query):
        """Its answer, on a connection of its own past deadpeer."""
        return subprocess.run([need("psql"), "-XAtqc", query, self.conninfo(self.port)], check=True,
                              capture_output=True, text=True, timeout=30).stdout.strip()

    def backends(self, application):
        """How many sessions of an application the server has."""
        return int(self.sql("select count(*) from pg_stat_activity "
                            f"where application_name = '{application}'"))


class Nginx(Server):
    def prepare(self):
        os.mkdir(self.path("www"))
        os.mkdir(self.path("www/put"), 0o777)
        os.chmod(self.path("www/put"), 0o777)
        self.write("nginx.conf", f"""
            daemon off; worker_processes 1; pid {self.path('pid')}; error_log stderr info;
            events {{ worker_connections 256; }}
            http {{
                access_log {self.path('access')}; lingering_close off;
                client_body_temp_path {self.path('body')}; proxy_temp_path {self.path('proxy')};
                fastcgi_temp_path {self.path('fastcgi')}; scgi_temp_path {self.path('scgi')};
                uwsgi_temp_path {self.path('uwsgi')}; client_max_body_size 1g;
                server {{
                    listen {self.address}; root {self.path('www')};
                    location /put/ {{ dav_methods PUT; }}
                    location /impatient/ {{ alias {self.path('www')}/; send_timeout 2s; }}
                }}
            }}""")

    def command(self):
        return [need("nginx"), "-p", self.folder, "-c", self.path("nginx.conf"), "-e", "stderr"]


class Sshd(Server):
    def prepare(self):
        for name in ("host_key", "user_key"):
            subprocess.run([need("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", self.path(name)],
                           check=True, timeout=30, **self.as_owner())
        self.write("sshd_config", f"""
            Port {self.port}
            ListenAddress 127.0.0.1
            HostKey {self.path('host_key')}
            AuthorizedKeysFile {self.path('user_key.pub')}
            StrictModes no
            # Without PAM a server that may not read the shadow file takes every account for locked.
            UsePAM yes
            PidFile none
            LogLevel VERBOSE
            Subsystem sftp internal-sftp
            ClientAliveInterval 1
            ClientAliveCountMax 4
            """)
        # The client refuses a key that is another user's.
        shutil.copy(self.path("user_key"), self.path("my_key"))
        os.chmod(self.path("my_key"), 0o600)

    def command(self):
        return [need("sshd"), "-D", "-e", "-f", self.path("sshd_config")]

    def options(self, **settings):
        """What every ssh and sftp is given; the settings are the client's own."""
        settings = {"IdentityFile": self.path("my_key"), "IdentitiesOnly": "yes", "BatchMode": "yes",
                    "StrictHostKeyChecking": "no", "UserKnownHostsFile": "/dev/null",
                    "User": self.owner.pw_name, **settings}
        return ["-F", "none", *(w for k, v in settings.items() for w in ("-o", f"{k}={v}"))]
