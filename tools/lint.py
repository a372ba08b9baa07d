#!/usr/bin/env python3
"""`./dev lint [FILE...]`: clang-tidy over our C++ and shellcheck over our shell.

clang-tidy needs seconds per file, so a clean result is remembered under build/lint by a hash of all
that it depended on: the file, the headers of ours that the build's dependency log names, the
compile command and .clang-tidy. Tests are left out unless named: GoogleTest's macros make each of them cost
like three, and the sanitizer runs read them by running them. Whatever changed is read again; offences are never remembered.
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import shlex
import subprocess
import sys
import time

SOURCE = pathlib.Path(__file__).resolve().parent.parent
BUILD = SOURCE / "build/release"
CACHE = SOURCE / "build/lint"
TIDY = "clang-tidy-19"


def git_files(*patterns):
    listing = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "-co", "--exclude-standard", *patterns],
                             cwd=SOURCE, capture_output=True, text=True, check=True).stdout
    return [SOURCE / name for name in listing.splitlines() if (SOURCE / name).is_file()]


def dependencies():
    """Object file -> the files of ours that it was made from, out of ninja's log."""
    listing = subprocess.run(["ninja", "-C", BUILD, "-t", "deps"], capture_output=True, text=True, check=True).stdout
    found, current = {}, None
    for line in listing.splitlines():
        if line and not line.startswith(" "):
            current = found.setdefault(line.split(":")[0], [])
        elif line and current is not None:
            path = (BUILD / line.strip()).resolve()
            if path.is_relative_to(SOURCE):
                current.append(path)
    return found


def object_of(entry):
    words = shlex.split(entry["command"])
    return words[words.index("-o") + 1]


def cache_key(entry, deps, config):
    digest = hashlib.sha256(config)
    digest.update(entry["command"].encode())
    for path in sorted(set(deps + [pathlib.Path(entry["file"])])):
        digest.update(str(path.relative_to(SOURCE)).encode())
        digest.update(path.read_bytes() if path.exists() else b"")
    return digest.hexdigest()


def tidy(entry):
    """Status and text of clang-tidy for one translation unit."""
    run = subprocess.run([TIDY, "--quiet", "-p", BUILD, "--extra-arg=-Wno-unknown-warning-option",
                          "--extra-arg=-Wno-error", entry["file"]], capture_output=True, text=True)
    return run.returncode, run.stdout + (run.stderr if run.returncode else "")


def lint_cpp(chosen):
    entries = {}
    for entry in json.loads((BUILD / "compile_commands.json").read_text()):
        path = pathlib.Path(entry["file"])
        ours = not path.is_relative_to(SOURCE / "build") and not path.is_relative_to(SOURCE / "tests")
        if path.suffix == ".cpp" and (ours and not chosen or path in chosen):
            entries[path] = entry
    config = (SOURCE / ".clang-tidy").read_bytes()
    config += subprocess.run([TIDY, "--version"], capture_output=True, check=True).stdout
    deps = dependencies()
    CACHE.mkdir(parents=True, exist_ok=True)
    keys = {path: cache_key(entry, deps.get(object_of(entry), []), config) for path, entry in entries.items()}
    todo = [path for path in entries if not (CACHE / keys[path]).exists()]
    failed = 0
    print(f"clang-tidy: {len(entries)} files, {len(entries) - len(todo)} unchanged since their last clean run", flush=True)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, (status, text) in zip(todo, pool.map(lambda path: tidy(entries[path]), todo)):
            if status == 0 and "warning:" not in text:
                (CACHE / keys[path]).touch()
                continue
            failed += 1
            print(f"{path.relative_to(SOURCE)}:\n{text}", flush=True)
    return failed


def lint_shell():
    scripts = [path for path in git_files() if path.suffix == ".sh"
               or path.is_file() and not path.suffix and path.read_bytes()[:2] == b"#!"
               and b"sh" in path.read_bytes().split(b"\n", 1)[0]]
    run = subprocess.run(["shellcheck", "-x", *scripts], cwd=SOURCE)
    print(f"shellcheck: {len(scripts)} scripts")
    return run.returncode != 0


def main():
    started = time.monotonic()
    chosen = {pathlib.Path(name).resolve() for name in sys.argv[1:]}
    failed = lint_cpp(chosen)
    if not chosen:
        failed += lint_shell()
    print(f"lint: {failed or 'no'} offender{'' if failed == 1 else 's'}, {time.monotonic() - started:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
