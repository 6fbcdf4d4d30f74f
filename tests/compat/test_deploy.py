"""The container and Kubernetes files, as far as they can be held to the program without either."""
import os
import re
import shlex
import shutil
import subprocess

import pytest
import yaml

from api import BINARY, PATIENCE, Api, Deadpeer, free_port, wait_until
from command import Cli

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
CONTAINER, KUBERNETES = f"{TOP}/config/container", f"{TOP}/config/kubernetes"
FILE = "/etc/deadpeer/deadpeer.ini"
MANIFESTS = sorted(os.listdir(KUBERNETES))


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def objects(name):
    return list(yaml.safe_load_all(read(f"{KUBERNETES}/{name}")))


def of_kind(name, kind):
    return [o for o in objects(name) if o["kind"] == kind]


def pod(name):
    """The pod's spec, and its labels."""
    for o in objects(name):
        if o["kind"] == "Deployment":
            assert o["spec"]["selector"]["matchLabels"].items() <= \
                o["spec"]["template"]["metadata"]["labels"].items()
            return o["spec"]["template"]["spec"], o["spec"]["template"]["metadata"]["labels"]
        if o["kind"] == "Pod":
            return o["spec"], o["metadata"].get("labels", {})
    raise AssertionError(f"{name} has no pod")


def container(name):
    return next(c for c in pod(name)[0]["containers"] if c["name"] == "deadpeer")


def ini_of(name):
    return of_kind(name, "ConfigMap")[0]["data"]["deadpeer.ini"]


INIS = {"container": lambda: read(f"{CONTAINER}/deadpeer.ini"),
        **{name: lambda name=name: ini_of(name) for name in MANIFESTS}}


def values(ini, key):
    return re.findall(rf"^{key} = (.*)$", ini, re.M)


def instructions():
    """[(word, rest)] of the Dockerfile, lines continued."""
    text = re.sub(r"^#.*\n", "", read(f"{CONTAINER}/Dockerfile"), flags=re.M).replace("\\\n", " ")
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line.strip()]


def last(word):
    return next(rest for w, rest in reversed(instructions()) if w == word)


# --- what is relayed ---

@pytest.mark.parametrize("where", sorted(INIS))
def test_the_file_is_right(where):
    done = subprocess.run([BINARY, "check", "-"], input=INIS[where](), capture_output=True,
                          text=True, check=False, timeout=20)
    assert done.returncode == 0 and "1 proxy" in done.stdout, done


@pytest.fixture
def serve(tmp_path):
    """Runs the command line of the image, with the file's own ports replaced by free ones."""
    started = []

    def start(ini, command, **env):
        ports = {"8474": free_port(), "6379": free_port()}
        listen, admin = values(ini, "listen")[0], (values(ini, "admin") or ["127.0.0.1:8474"])[0]
        for told in (listen, admin):
            ini = ini.replace(f"= {told}\n", f"= {told[:-4]}{ports[told[-4:]]}\n")
        path = tmp_path / "deadpeer.ini"
        path.write_text(ini)
        d = Deadpeer(tmp_path, env=env, admin=f"{admin[:-4]}{ports['8474']}")
        assert command[0] == "serve" and FILE in command
        d.arguments = [str(path) if word == FILE else word for word in command[1:]] + d.arguments
        started.append(d.launch())
        d.api = Api(f"127.0.0.1:{ports['8474']}")
        wait_until(lambda: "deadpeer.ready" in d.read("events"), what="ready")
        return d
    yield start
    for d in started:
        d.stop()


def test_the_image_runs_and_tells_its_health(serve):
    (entry,), command = yaml.safe_load(last("ENTRYPOINT")), yaml.safe_load(last("CMD"))
    assert entry == "deadpeer"
    d = serve(INIS["container"](), command)
    health = re.search(r"CMD (\[.*\])", last("HEALTHCHECK"))[1]
    entry, *words = yaml.safe_load(health)
    assert entry == "deadpeer"
    cli = Cli(d.api.address)
    assert cli(*words).out == ""
    cli("fault", "add", "redis", "power_loss")
    assert cli(*words).out == ""  # the one that is dead is the peer, not the container
    assert last("STOPSIGNAL") == "SIGTERM" and d.stop() == 0
    assert cli.run(*words).code


def test_what_the_dockerfile_names_is_there():
    froms = [rest.split()[0] for word, rest in instructions() if word == "FROM"]
    assert froms == ["debian:bookworm-slim"] * 2
    copied = [rest.split() for word, rest in instructions() if word == "COPY"]
    for source in (words[-2] for words in copied if not words[0].startswith("--from")):
        assert os.path.exists(f"{TOP}/{source}"), source
    assert ["config/container/deadpeer.ini", FILE] in copied
    for line in read(f"{CONTAINER}/Dockerfile.dockerignore").splitlines():
        assert not line.startswith("!") or os.path.exists(f"{TOP}/{line[1:]}"), line
    uid = int(last("USER").split(":")[0])
    assert uid > 0
    ini = INIS["container"]()
    assert last("EXPOSE") == values(ini, "listen")[0].lstrip(":")
    build = " && ".join(rest for word, rest in instructions() if word == "RUN")
    assert "scripts/bootstrap build" in build and "make install DESTDIR=/out" in build
    subprocess.run(["sh", "-n", "-c", build], check=True, timeout=10)


def test_the_image_has_the_libraries():
    if not shutil.which("dpkg") or "VERSION_CODENAME=bookworm" not in read("/etc/os-release"):
        pytest.skip("this is not Debian 12, whose packages the Dockerfile names")
    wanted = set()
    told = subprocess.run(["ldd", BINARY], capture_output=True, text=True, check=True, timeout=20)
    for path in re.findall(r"=> (\S*(?:libevent|libinih|libjansson|libmd)\S*)", told.stdout):
        owner = subprocess.run(["dpkg", "-S", f"*/{os.path.basename(path)}"], capture_output=True,
                               text=True, check=True, timeout=20).stdout
        wanted.add(owner.split(":")[0])
    run = next(rest for word, rest in instructions() if "apt-get install" in rest)
    install = run.split("&&")[1].split()
    assert wanted and wanted == {word for word in install if word.startswith("lib")}


def test_compose():
    services = yaml.safe_load(read(f"{CONTAINER}/compose.yaml"))["services"]
    deadpeer = services["deadpeer"]
    top = os.path.normpath(os.path.join(CONTAINER, deadpeer["build"]["context"]))
    assert top == TOP and os.path.exists(f"{top}/{deadpeer['build']['dockerfile']}")
    source, target, _ = deadpeer["volumes"][0].split(":")
    assert os.path.exists(f"{CONTAINER}/{source}") and target == FILE
    ini = INIS["container"]()
    upstream, port = values(ini, "upstream")[0].split(":")
    assert upstream in services and port == "6379"
    script = services["app"]["command"][-1]
    assert "-h deadpeer" in script and values(ini, "listen") == [":6379"]
    subprocess.run(["sh", "-n", "-c", script], check=True, timeout=10)
    assert services["app"]["depends_on"]["deadpeer"]["condition"] == "service_healthy"


# --- Kubernetes ---

@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_agrees_with_itself(name):
    spec, labels = pod(name)
    c = container(name)
    configs = {o["metadata"]["name"] for o in of_kind(name, "ConfigMap")}
    volumes = {v["name"]: v["configMap"]["name"] for v in spec["volumes"]}
    mount, = c["volumeMounts"]
    assert volumes[mount["name"]] in configs and mount["mountPath"] == os.path.dirname(FILE)
    assert c["args"] == ["serve", "-c", FILE]
    ports = {p["name"]: p["containerPort"] for p in c.get("ports", [])}
    for service in of_kind(name, "Service"):
        assert service["spec"]["selector"].items() <= labels.items()
        for p in service["spec"]["ports"]:
            assert f":{ports[p['targetPort']]}" in values(ini_of(name), "listen")
    security = c["securityContext"]
    assert security["runAsNonRoot"] and security["runAsUser"] > 0
    assert security["readOnlyRootFilesystem"] and not security["allowPrivilegeEscalation"]
    assert security["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize("name", MANIFESTS)
def test_its_probes(serve, name):
    """By HTTP without the token, from an address that is not the pod's loopback; or by a command."""
    c = container(name)
    ini = ini_of(name)
    token = {"DEADPEER_ADMIN_TOKEN": "secret"} if "env" in c else {}
    admin = values(ini, "admin")[0]
    d = serve(ini, c["args"], **token)
    for probe in (c["readinessProbe"], c["livenessProbe"]):
        if "exec" in probe:
            entry, *words = probe["exec"]["command"]
            assert entry == "deadpeer" and admin.startswith("127.0.0.1:")
            assert Cli(d.api.address).run(*words).code == 0
        else:
            port, = [p["containerPort"] for p in c["ports"] if p["name"] == probe["httpGet"]["port"]]
            assert admin == f":{port}"
            assert d.api.get(probe["httpGet"]["path"], Host=f"10.1.2.3:{port}").status == 200
    if token:
        assert d.api.get("/v1/proxies").status == 401
        assert Cli(d.api.address, **token)("list", "-q").out == "redis\n"
    assert d.stop() == 0


@pytest.mark.parametrize("path", ["container/Dockerfile", "container/compose.yaml",
                                  *(f"kubernetes/{name}" for name in MANIFESTS)])
def test_the_commands_they_tell_are_right(path):
    """None of those that ask deadpeer is refused before the server is: nobody is there."""
    text = re.sub(r"\\\n# *", "", "".join(line for line in
                                          read(f"{TOP}/config/{path}").splitlines(True)
                                          if line.startswith("#")))
    told = re.findall(r" exec (?:deadpeer|NAME|.* --) (deadpeer [a-z].*)$", text, re.M)
    assert told
    for line in told:
        line = re.split(r"  +", line)[0]
        done = subprocess.run([BINARY, *shlex.split(line)[1:]], capture_output=True, text=True,
                              env={"DEADPEER_ADMIN": "127.0.0.1:1"}, check=False, timeout=PATIENCE)
        assert done.returncode == 3, (line, done)
