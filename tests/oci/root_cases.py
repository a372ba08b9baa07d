"""Root filesystems as images have them, made here: an alpine-like one of busybox, a Debian-like one of
the host's own packages. Under the default policy and the seccomp section that Docker writes."""
import json
import os
import pathlib
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
# With the packages that these need.
DEBIAN = ("base-files base-passwd bash coreutils dash dpkg apt findutils grep sed tar gzip hostname login passwd "
          "util-linux bsdutils mawk perl-base libc-bin debianutils diffutils init-system-helpers ncurses-base "
          "procps libpam-modules libpam-runtime redis-server nginx-light dropbear-bin").split()


def docker_seccomp():
    return json.loads((HERE.parents[1] / "bench/docker-config.json").read_text())["linux"]["seccomp"]


def as_docker(config):
    """What dockerd adds to a configuration of cases.py's."""
    config["linux"]["seccomp"] = docker_seccomp()
    config["process"]["env"] = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C",
                                "DEBIAN_FRONTEND=noninteractive", "TERM=dumb"]
    config["mounts"].append({"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
                             "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=64m"]})
    # A shell reaps what daemons leave to the first process; who stops them waits for that.
    config["process"]["args"] = ["/bin/sh", "-c", "while :; do sleep 1; done"]


# ---- a root of the host's packages ----------------------------------------------------------------


def installed_packages():
    """name -> (what it needs, one of each; where it is in dpkg's words)"""
    form = "${db:Status-Abbrev}|${Package}|${binary:Package}|${Pre-Depends}, ${Depends}|${Provides}\\n"
    lines = subprocess.run(["dpkg-query", "-W", "-f", form], capture_output=True, text=True, check=True).stdout
    packages, provided = {}, {}
    for line in lines.splitlines():
        state, name, full, needs, provides = line.split("|", 4) if line.count("|") == 4 else split_needs(line)
        if not state.startswith("ii") or full.endswith(":i386"):
            continue
        choices = [[word.split()[0].split(":")[0] for word in need.split("|") if word.split()]
                   for need in needs.split(",")]
        packages[name] = (choices, full)
        for each in provides.split(","):
            if each.split():
                provided.setdefault(each.split()[0], name)
    return packages, provided


def split_needs(line):
    """Alternatives have the separator in them."""
    state, name, full, rest = line.split("|", 3)
    needs, provides = rest.rsplit("|", 1)
    return state, name, full, needs, provides


def closure(names, packages, provided):
    found, waiting = [], list(names)
    while waiting:
        name = waiting.pop()
        name = name if name in packages else provided.get(name)
        if name is None or name in found:
            continue
        found.append(name)
        for choices in packages[name][0]:
            for choice in choices:
                if choice in packages or choice in provided:
                    waiting.append(choice)
                    break
    return found


def files_of(packages, names):
    files = set()
    for name in names:
        listed = subprocess.run(["dpkg", "-L", packages[name][1]], capture_output=True, text=True, check=True).stdout
        for line in listed.splitlines():
            if not line.startswith("/") or line.startswith(("/usr/share/doc/", "/usr/share/man/", "/usr/share/locale/")):
                continue
            path = os.path.join(os.path.realpath(os.path.dirname(line)), os.path.basename(line))
            if os.path.lexists(path):
                files.add(path)
    return sorted(files)


def copy_database(root, packages, names):
    database = root / "var/lib/dpkg"
    for directory in ("info", "updates", "triggers", "alternatives"):
        (database / directory).mkdir(parents=True, exist_ok=True)
    full = [packages[name][1] for name in names]
    (database / "status").write_text(subprocess.run(["dpkg-query", "-s", *full], capture_output=True, text=True,
                                                    check=True).stdout)
    for name in names:
        for file in pathlib.Path("/var/lib/dpkg/info").glob(f"{name}[.:]*"):
            shutil.copy(file, database / "info")
    for file in ("format", "arch"):
        source = pathlib.Path("/var/lib/dpkg/info/format" if file == "format" else "/var/lib/dpkg/arch")
        if source.exists():
            shutil.copy(source, database / ("info/format" if file == "format" else "arch"))
    for directory in ("var/lib/apt/lists/partial", "var/cache/apt/archives/partial", "var/log/apt", "etc/apt/apt.conf.d",
                      "etc/apt/preferences.d", "etc/apt/trusted.gpg.d"):
        (root / directory).mkdir(parents=True, exist_ok=True)
    (root / "etc/apt/sources.list").write_text("")


def make_debian(root):
    packages, provided = installed_packages()
    names = closure(DEBIAN, packages, provided)
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / "usr" / name).mkdir(parents=True, exist_ok=True)
        if os.path.islink("/" + name):
            (root / name).symlink_to("usr/" + name)
    listed = "\n".join(path[1:] for path in files_of(packages, names))
    reader = subprocess.Popen(["tar", "-C", "/", "--no-recursion", "-cf", "-", "-T", "-"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE)
    writer = subprocess.Popen(["tar", "-C", str(root), "-xpf", "-", "--keep-directory-symlink"], stdin=reader.stdout)
    reader.stdout.close()
    reader.stdin.write(listed.encode())
    reader.stdin.close()
    assert reader.wait() == 0 and writer.wait() == 0
    copy_database(root, packages, names)
    for directory in "proc sys dev tmp run root var/tmp var/log/nginx var/lib/nginx var/lib/redis etc/ssl".split():
        (root / directory).mkdir(parents=True, exist_ok=True)
    os.chmod(root / "tmp", 0o1777)
    (root / "usr/bin/awk").symlink_to("mawk")  # an alternative, in no package's list
    shutil.copytree("/etc/pam.d", root / "etc/pam.d", dirs_exist_ok=True)  # made by scripts, in no list
    (root / "etc/nsswitch.conf").write_text("passwd: files\ngroup: files\nshadow: files\nhosts: files\n")
    (root / "etc/passwd").write_text(
        "root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33::/var/www:/usr/sbin/nologin\n_apt:x:42:65534::/:/bin/false\n"
        "redis:x:101:101::/var/lib/redis:/usr/sbin/nologin\nuser:x:1000:1000::/:/bin/bash\nnobody:x:65534:65534::/:/bin/false\n")
    (root / "etc/group").write_text("root:x:0:\ntty:x:5:\nstaff:x:50:\nwww-data:x:33:\nredis:x:101:\nuser:x:1000:\n"
                                    "nogroup:x:65534:\nshadow:x:42:\nadm:x:4:\n")
    (root / "etc/shells").write_text("/bin/sh\n/bin/bash\n")
    (root / "etc/shadow").write_text("root:*:19000:0:99999:7:::\nuser:*:19000:0:99999:7:::\n")
    subprocess.run(["chroot", str(root), "/sbin/ldconfig"], check=True)


def make_package(place):
    """hello-local: needs bash, has a user's file, a maintainer's script, a set-uid file."""
    tree = place / "package"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "usr/share/hello-local").mkdir(parents=True)
    (tree / "usr/share/hello-local/text").write_text("installed\n")
    (tree / "DEBIAN/control").write_text("Package: hello-local\nVersion: 1.0\nArchitecture: all\nMaintainer: Nobody <n@example.org>\n"
                                         "Depends: bash\nDescription: a package of the tests\n")
    script = tree / "DEBIAN/postinst"
    script.write_text("#!/bin/sh\nset -e\nchown user:user /usr/share/hello-local/text\nchmod 4755 /usr/share/hello-local/text\n")
    script.chmod(0o755)
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", str(tree), str(place / "hello-local.deb")], check=True,
                   stdout=subprocess.DEVNULL)
    return place / "hello-local.deb"


def case_a_debian_like_root(box):
    if not box.is_yett():
        box.cannot_run("about yett's own policy")
    for program in ("dpkg-deb", "apt-get", "nginx", "redis-server", "dropbear"):
        if shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin") is None:
            box.cannot_run(f"{program} is not installed")
    bundle = box.bundle(change=as_docker)
    shutil.rmtree(bundle / "rootfs")
    make_debian(bundle / "rootfs")
    shutil.copy(make_package(box.directory), bundle / "rootfs/tmp/hello-local.deb")
    container = box.start(bundle)

    def inside(script, *expected):
        done = box.run("exec", "--env", "LC_ALL=C", container, "/bin/bash", "-c", script, timeout=120)
        assert done.status == 0 and all(text in done.out for text in expected), (script, done)

    inside("dpkg -i /tmp/hello-local.deb && stat -c '%U %a' /usr/share/hello-local/text", "user 4755")
    inside("dpkg -r hello-local && test ! -e /usr/share/hello-local/text && echo removed", "removed")
    inside("apt-get install -y --no-install-recommends /tmp/hello-local.deb 2>&1 && cat /usr/share/hello-local/text",
           "installed")
    inside("apt-get purge -y hello-local 2>&1 && ! dpkg -s hello-local 2>/dev/null && echo purged", "purged")
    inside("su user -c 'id -un; touch /etc/x 2>/dev/null || echo refused'", "user\nrefused\n")
    inside("script -qec 'tty; stty size >/dev/null; test -t 0 && echo terminal' /dev/null", "/dev/pts/", "terminal")
    inside("useradd -m another && su another -c 'cd; pwd' && userdel -r another 2>/dev/null", "/home/another")
    inside("""cat > /etc/nginx/nginx.conf <<'TEXT'
user www-data;
events {}
http { server { listen 8080; location / { return 200 "served\\n"; } } access_log off; }
TEXT
nginx && exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3 && cat <&3
ps -o user= -C nginx | sort | uniq -c; nginx -s stop""", "served", "1 root", "www-data")
    inside("""mkdir -p /run/redis && chown redis: /run/redis /var/lib/redis
start-stop-daemon --start --chuid redis:redis --exec /usr/bin/redis-server -- --daemonize yes --port 6390 --dir /var/lib/redis
for i in 1 2 3 4 5 6 7 8 9 10; do redis-cli -p 6390 ping 2>/dev/null && break; sleep 0.3; done
redis-cli -p 6390 set a b; redis-cli -p 6390 bgsave; ps -o user= -C redis-server | head -1
redis-cli -p 6390 shutdown nosave""", "PONG", "OK", "Background saving started", "redis\n")
    # As services without systemd: by the packages' own scripts.
    inside("service nginx start && service nginx status && ps -o user= -C nginx | sort -u && service nginx stop",
           "nginx is running", "root\nwww-data\n")
    inside("mkdir -p /var/log/redis && chown -R redis: /etc/redis /var/log/redis; service redis-server start && for i in 1 2 3 4 5 6 7 8 9 10; do redis-cli ping 2>/dev/null && break; sleep 0.3; done; "
           "ps -o user= -C redis-server && service redis-server stop", "PONG", "redis\n")
    # A daemon that logs people in: it opens a pty, gives it to the user, and becomes that user on it.
    inside("""mkdir -p /etc/dropbear /.ssh && dropbearkey -t ed25519 -f /etc/dropbear/key > /dev/null 2>&1
dropbearkey -t ed25519 -f /tmp/id 2>/dev/null | grep ^ssh- > /.ssh/authorized_keys && chmod 600 /.ssh/authorized_keys && chown user /.ssh/authorized_keys
dropbear -r /etc/dropbear/key -p 127.0.0.1:2222 -P /run/dropbear.pid
for i in 1 2 3 4 5 6 7 8 9 10; do test -s /run/dropbear.pid && break; sleep 0.3; done
cat > /tmp/there <<'TEXT'
id -un; tty; stat -c '%U %G' $(tty); test -t 0 && echo terminal; touch /etc/x 2>/dev/null || echo refused
TEXT
script -qec 'dbclient -y -t -i /tmp/id -p 2222 user@127.0.0.1 sh /tmp/there' /dev/null
kill $(cat /run/dropbear.pid)""", "user\n/dev/pts/", "user tty\n", "terminal", "refused")


def case_an_alpine_like_root(box):
    if not box.is_yett():
        box.cannot_run("about yett's own policy")
    bundle = box.bundle(change=as_docker)
    root = bundle / "rootfs"
    applets = subprocess.run(["/bin/busybox", "--list"], capture_output=True, text=True, check=True).stdout.split()
    for directory in "usr/bin usr/sbin sbin var/log run home".split():
        (root / directory).mkdir(parents=True, exist_ok=True)
    for applet in applets:
        if not os.path.lexists(root / "bin" / applet):
            (root / "bin" / applet).symlink_to("busybox")
    (root / "etc/shells").write_text("/bin/sh\n")
    container = box.start(bundle)

    def inside(script, *expected):
        done = box.run("exec", container, "/bin/sh", "-c", script)
        assert done.status == 0 and all(text in done.out for text in expected), (script, done)

    inside("echo new:x:1001:1001::/home/new:/bin/sh >> /etc/passwd; mkdir /home/new; su new -c 'id -un; touch /etc/x 2>/dev/null || echo refused'",
           "new\nrefused\n")
    inside("mkdir -p /tmp/t/d && echo x > /tmp/t/d/f && chown -R user:user /tmp/t && tar -C /tmp -czf /tmp/t.tgz t && "
           "rm -r /tmp/t && tar -C /tmp -xzpf /tmp/t.tgz && stat -c %U /tmp/t/d/f", "user")
    inside("mkdir -p /www && echo page > /www/index.html && httpd -u user:user -h /www -p 127.0.0.1:8081 && "
           "wget -qO- http://127.0.0.1:8081/ && ps -o user,comm | grep '[h]ttpd'", "page", "user")
    inside("mkfifo /tmp/f && (echo through > /tmp/f &) && cat /tmp/f && ln /tmp/t.tgz /tmp/hard && dd if=/dev/zero of=/tmp/z "
           "bs=1k count=4 2>/dev/null && sync && df / > /dev/null && date > /dev/null && echo done", "through", "done")
    if "script" in applets:
        inside("script -q -c 'tty; test -t 0 && echo terminal' /dev/null", "/dev/pts/", "terminal")
