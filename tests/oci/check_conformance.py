#!/usr/bin/env python3
"""docs/oci-conformance.md names only tests that are there, and every case of the specification.

    check_conformance.py SOURCE_DIR
"""
import pathlib
import re
import sys


def main(source):
    sys.path.insert(0, str(source / "tests/oci"))
    import cases
    import mount_cases
    import specification_cases
    text = (source / "docs/oci-conformance.md").read_text()
    table = text.split("## Side by side")[0]
    named = set(re.findall(r"`oci\.(\w+)`", table))
    units = set(re.findall(r"`unit\.(\w+)\.(\w+)`", table))
    tests = "\n".join(path.read_text() for path in (source / "tests/unit").rglob("*.cpp"))
    there = set(re.findall(r"TEST(?:_F|_P)?\((\w+), (\w+)\)", tests))
    wrong = [f"there is no case {name}" for name in sorted(named - set(cases.CASES))]
    wrong += [f"there is no unit test {suite}.{name}" for suite, name in sorted(units - there)]
    own = {name.removeprefix("case_") for module in (mount_cases, specification_cases) for name in vars(module)
           if name.startswith("case_")}
    wrong += [f"no clause names {name}" for name in sorted(own - named)]
    for row in re.findall(r"^\| .*MUST.*$", table, re.MULTILINE):
        if row.count("|") != 4 or not row.split("|")[3].strip():
            wrong.append(f"a clause without a test or a reason: {row}")
    print("\n".join(wrong) if wrong else f"{len(named)} cases and {len(units)} unit tests are named")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
