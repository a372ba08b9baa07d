#!/usr/bin/env python3
"""make_archives.py DIRECTORY [GROUP...]: images to import, made of busybox; all groups, or those given."""
import hashlib
import io
import json
import os
import pathlib
import sys
import tarfile
import zipfile

APPLETS = "sh ls cat echo id pwd sleep true touch env rm mkdir ln mv mkfifo truncate find".split()
BUSYBOX = pathlib.Path("/bin/busybox").read_bytes()
PASSWD = b"root:x:0:0::/:/bin/sh\napp:x:4321:4322::/:/bin/sh\n"


def entry(name, kind=tarfile.REGTYPE, link="", mode=0o755, device=(0, 0)):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, mode
    info.devmajor, info.devminor = device
    return info


def tar(entries, compression=""):
    """entries: (TarInfo, content or None)."""
    out = io.BytesIO()
    fast = {"xz": {"preset": 0}, "": {}}.get(compression, {"compresslevel": 1})
    with tarfile.open(fileobj=out, mode="w:" + compression, **fast) as archive:
        for info, content in entries:
            if content is not None:
                info.size = len(content)
            archive.addfile(info, io.BytesIO(content) if content is not None else None)
    return out.getvalue()


def directory(name):
    return entry(name, tarfile.DIRTYPE), None


def rootfs():
    entries = [directory(name) for name in ("./", "bin", "etc", "tmp", "proc", "dev", "sys", "home")]
    entries.append((entry("bin/busybox"), BUSYBOX))
    entries += [(entry("bin/" + name, tarfile.SYMTYPE, "busybox"), None) for name in APPLETS]
    entries.append((entry("etc/passwd", mode=0o644), PASSWD))
    entries.append((entry("etc/greeting", mode=0o644), b"hello from the image\n"))
    entries.append((entry("etc/again", tarfile.LNKTYPE, "etc/greeting"), None))
    entries.append((entry("dev/null", tarfile.CHRTYPE, device=(1, 3)), None))
    return entries


CONFIG = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}, "config": {
    "Entrypoint": ["/bin/sh", "-c"], "Cmd": ["cat /etc/greeting; echo $FROM_IMAGE; pwd; id -u; ls /etc"],
    "Env": ["FROM_IMAGE=yes", "PATH=/bin"], "WorkingDir": "/home", "User": "app"}}
SECOND_LAYER = [(entry("etc/.wh.again", mode=0o644), b""), (entry("etc/added", mode=0o644), b"")]


class Layout:
    def __init__(self, path):
        self.path = path
        (path / "blobs/sha256").mkdir(parents=True)
        (path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')

    def blob(self, content, digest=None):
        digest = digest or hashlib.sha256(content).hexdigest()
        (self.path / "blobs/sha256" / digest).write_bytes(content)
        return {"digest": "sha256:" + digest, "size": len(content)}

    def finish(self, layers, config=CONFIG):
        manifest = {"schemaVersion": 2, "config": self.blob(json.dumps(config).encode()),
                    "layers": layers}
        index = {"schemaVersion": 2, "manifests": [self.blob(json.dumps(manifest).encode())]}
        (self.path / "index.json").write_text(json.dumps(index))


def make_good(out):
    for name, compression in (("root.tar", ""), ("root.tar.gz", "gz"), ("root.tar.xz", "xz"), ("root.tar.bz2", "bz2")):
        (out / name).write_bytes(tar(rootfs(), compression))
    layout = Layout(out / "layout")
    layout.finish([layout.blob(tar(rootfs(), "gz")), layout.blob(tar(SECOND_LAYER))])
    with tarfile.open(out / "oci.tar", "w") as archive:
        archive.add(out / "layout", ".")
    docker = [(entry("config.json"), json.dumps(CONFIG).encode()), directory("one"),
              (entry("one/layer.tar"), tar(rootfs())), (entry("two.tar"), tar(SECOND_LAYER)),
              (entry("manifest.json"), json.dumps([{"Config": "config.json", "RepoTags": ["app:1"],
                                                    "Layers": ["one/layer.tar", "two.tar"]}]).encode())]
    (out / "docker.tar").write_bytes(tar(docker))
    with zipfile.ZipFile(out / "code.zip", "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr("config.json", json.dumps({"ociVersion": "1.0.2", "process": {
            "args": ["/bin/busybox", "echo", "from the bundle"], "cwd": "/", "env": ["PATH=/bin"]}}))
        info = zipfile.ZipInfo("rootfs/bin/busybox")
        info.external_attr = 0o100755 << 16
        bundle.writestr(info, BUSYBOX)


def changeable():
    """A directory whose entries everybody may change."""
    every = [(entry("data" + name, tarfile.DIRTYPE, mode=0o777), None) for name in ("", "/tree", "/tree/deep")]
    return every + [(entry("data/" + name, mode=0o666), name.encode() + b"\n")
                    for name in ("old", "gone", "kept", "tree/leaf", "tree/deep/leaf")]


def make_layered(out):
    """Images of several layers: what one layer does to those below it."""
    base = tar(rootfs() + changeable())
    config = {"config": {"Cmd": ["/bin/sh", "-c", "cd /data && find . | /bin/busybox sort"], "Env": ["PATH=/bin"]}}

    def image(name, *layers):
        layout = Layout(out / name)
        layout.finish([layout.blob(layer) for layer in layers], config)

    def empty(name):
        return entry(name, mode=0o644), b""

    image("changeable", base)
    image("layers-shared", base, tar([directory("data"), empty("data/added")]))
    image("layers-deleted", base, tar([directory("data"), empty("data/.wh.gone"), empty("data/.wh.tree")]))
    image("layers-opaque", base, tar([directory("data"), directory("data/tree"), empty("data/tree/fresh"),
                                      empty("data/tree/.wh..wh..opq")]))
    image("layers-again", base, tar([directory("data"), empty("data/.wh.tree"), empty("data/tree/fresh")]))
    image("layers-file-for-directory", base, tar([directory("data"), empty("data/tree")]))
    image("layers-all-hidden", tar([empty("secret")]), tar([empty(".wh..wh..opq")] + rootfs() + changeable()))
    image("layers-same", base, tar([empty("x")]), base, tar([empty("x")]), base)
    image("layers-many", base, *[tar([directory("data"), empty("data/%03d" % i)]) for i in range(119)])
    image("layers-too-many", base, *[tar([empty("%03d" % i)]) for i in range(120)])


def make_hostile(out):
    secret = (entry("x", mode=0o644), b"written by the archive\n")

    def at(name):
        return entry(name, mode=0o644), secret[1]

    hostile = {
        "absolute": [at("/tmp/yett-escaped")],
        "upwards": [at("../yett-escaped")],
        "upwards-inside": [directory("a"), at("a/../../../yett-escaped")],
        "through-link": [(entry("a", tarfile.SYMTYPE, "/tmp"), None), at("a/yett-escaped")],
        "through-relative-link": [(entry("a", tarfile.SYMTYPE, "../.."), None), at("a/yett-escaped")],
        "through-dot-link": [directory("d"), (entry("d/a", tarfile.SYMTYPE, "."), None), at("d/a/b/c")],
        "hard-link-out": [(entry("a", tarfile.LNKTYPE, "/etc/passwd"), None)],
        "hard-link-up": [(entry("a", tarfile.LNKTYPE, "../../../../etc/passwd"), None)],
        "hard-link-through-link": [(entry("e", tarfile.SYMTYPE, "/etc"), None),
                                   (entry("a", tarfile.LNKTYPE, "e/passwd"), None)],
        "hard-link-to-directory": [directory("d"), (entry("a", tarfile.LNKTYPE, "d"), None)],
        "below-a-file": [at("f"), at("f/g")],
        "long-name": [at("/".join(["d" * 200] * 30))],
        "whiteout-up": [(entry(".wh...", mode=0o644), b"")],
        "whiteout-of-nothing": [(entry("d/.wh.", mode=0o644), b"")],
    }
    for name, entries in hostile.items():
        layout = Layout(out / ("hostile-" + name))
        layout.finish([layout.blob(tar(entries))])
    (out / "bomb.tar.gz").write_bytes(tar([(entry("zeros"), bytes(20 << 20))], "gz"))
    # A link that the archive made is replaced, and not written through.
    (out / "link-replaced.tar").write_bytes(tar(
        rootfs() + [(entry("etc/motd", tarfile.SYMTYPE, "/tmp/yett-escaped"), None), at("etc/motd")]))


def make_linked(out):
    """Images whose own files lie behind links to what only root may read; and one that has such a link, but
    no need of it."""
    secret = out / "secret"
    secret.mkdir(0o700)
    (secret / "backup.tar").write_bytes(tar(rootfs() + [(entry("etc/canary"), b"the host's\n")]))
    (secret / "config.json").write_text(json.dumps({"config": {"Cmd": ["/bin/echo", "the host's"]}}))
    good = [(entry("config.json"), json.dumps(CONFIG).encode()), directory("one"),
            (entry("one/layer.tar"), tar(rootfs()))]

    def docker(name, links, config, layer):
        manifest = json.dumps([{"Config": config, "Layers": [layer]}]).encode()
        linked = [(entry(place, tarfile.SYMTYPE, target), None) for place, target in links.items()]
        (out / ("linked-%s.tar" % name)).write_bytes(tar(good + linked + [(entry("manifest.json"), manifest)]))

    docker("layer", {"x": str(secret)}, "config.json", "x/backup.tar")
    docker("layer-itself", {"x": str(secret / "backup.tar")}, "config.json", "x")
    docker("layer-upwards", {"x": "../" * 20 + str(secret).lstrip("/")}, "config.json", "x/backup.tar")
    docker("config", {"x": str(secret)}, "x/config.json", "one/layer.tar")
    docker("by-proc", {"x": "/proc/self/root"}, "config.json", "x%s/backup.tar" % secret)
    docker("none", {"x": str(secret)}, "config.json", "one/layer.tar")
    layout = Layout(out / "linked-blobs")
    layout.finish([layout.blob(tar(rootfs()))])
    (out / "linked-blobs/blobs").rename(secret / "blobs")
    (out / "linked-blobs/blobs").symlink_to(secret / "blobs")


def make_deep(out):
    for levels in (200, 1500):
        (out / ("deep-%d.tar" % levels)).write_bytes(tar(rootfs() + [(entry("d/" * levels + "leaf"), b"leaf\n")]))


def make_costly(out):
    """Small archives whose data is nothing, and what they make much: directories that no entry names, links."""
    unnamed = [(entry("%d/" % i + "d/" * 150 + "leaf"), b"") for i in range(10)]
    (out / "costly-directories.tar.gz").write_bytes(tar(unnamed, "gz"))
    links = [(entry("l%d" % i, tarfile.SYMTYPE, "x" * 4000), None) for i in range(500)]
    (out / "costly-links.tar.gz").write_bytes(tar(links, "gz"))


def make_rewritten(out):
    """Long enough to be rewritten while it is read; what is rewritten lies at the end."""
    filler = [(entry("filler%d" % i), bytes(8 << 20)) for i in range(6)]
    layer = tar(rootfs() + filler + [(entry("etc/last"), b"as it was hashed\n")])
    (out / "rewritten.tar").write_bytes(layer)
    layout = Layout(out / "rewritten")
    layout.finish([layout.blob(layer)], {"config": {"Cmd": ["/bin/cat", "/etc/last"]}})


def make_broken(out):
    layout = Layout(out / "broken-digest")
    layout.finish([layout.blob(tar(rootfs()), "0" * 64)])
    layout = Layout(out / "broken-name")
    layout.finish([{"digest": "sha256:../../../../etc/passwd"}])
    layout = Layout(out / "broken-missing")
    layout.finish([{"digest": "sha256:" + "1" * 64}])
    layout = Layout(out / "broken-index")
    (out / "broken-index/index.json").write_text('{"manifests": []}')
    layout = Layout(out / "broken-user")
    layout.finish([layout.blob(tar(rootfs()))], {"config": {"User": "nobody-there", "Cmd": ["/bin/true"]}})
    (out / "empty").write_bytes(b"")
    (out / "text").write_text("no archive at all\n" * 100)
    (out / "cut.tar.gz").write_bytes(tar(rootfs(), "gz")[:20000])
    (out / "plain").mkdir()
    docker = [(entry("manifest.json"), json.dumps([{"Config": "../../x", "Layers": ["/etc/passwd"]}]).encode())]
    (out / "broken-docker.tar").write_bytes(tar(docker))


def main():
    out = pathlib.Path(sys.argv[1])
    os.makedirs(out, exist_ok=True)
    groups = {"good": make_good, "layered": make_layered, "hostile": make_hostile, "linked": make_linked,
              "deep": make_deep, "costly": make_costly, "rewritten": make_rewritten, "broken": make_broken,
              "none": lambda out: None}
    for name in sys.argv[2:] or groups:
        groups[name](out)


main()
