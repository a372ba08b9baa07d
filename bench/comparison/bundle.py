"""OCI bundles: the configuration that Docker writes (bench/docker-config.json), around a program of the host's /usr."""
import json
import pathlib

DOCKER = pathlib.Path(__file__).parent.parent / "docker-config.json"
LINKS = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64"}
USERS = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/sh\n"
GROUPS = "root:x:0:\nnogroup:x:65534:\n"


def make_rootfs(path):
    """One for all: nobody writes to it but to tmpfs and volumes."""
    for directory in ("proc", "dev", "sys", "usr", "etc", "tmp", "bench"):
        (path / directory).mkdir(parents=True)
    for name, target in LINKS.items():
        (path / name).symlink_to(target)
    (path / "etc/passwd").write_text(USERS)
    (path / "etc/group").write_text(GROUPS)


def bind(source, destination, *options):
    return {"destination": str(destination), "type": "bind", "source": str(source), "options": ["rbind", *options]}


def mounts(place, program):
    added = [{"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", "mode=1777"]},
             bind("/usr", "/usr", "ro"), bind(place.binaries, "/bench", "ro")]
    return added + ([bind(place.data, place.data, "rw")] if program.data else [])


def configuration(place, program):
    made = json.loads(DOCKER.read_text())
    made["process"]["args"] = list(program.words)
    made["root"]["path"] = f"{place.state}/rootfs"
    made["mounts"] += mounts(place, program)
    if program.host_network:
        made["linux"]["namespaces"] = [each for each in made["linux"]["namespaces"] if each["type"] != "network"]
    return made


def make(place, program):
    """The bundle's directory, made once for each program."""
    text = json.dumps(configuration(place, program))
    path = place.state / f"bundle-{abs(hash(text)):x}"
    path.mkdir(exist_ok=True)
    (path / "config.json").write_text(text)
    return path
