"""Configurations that must be refused, by a real `create`: the hand-made table of the unit tests
(tests/unit/oci/bad_values_test.cpp), a sample of every node of a whole configuration with a value of
another type, and texts that are cut. Each has an error that names the place, and makes nothing."""
import copy
import json
import pathlib
import re

HERE = pathlib.Path(__file__).resolve().parent
UNIT = HERE.parent / "unit/oci"
TEXT = r'"((?:[^"\\]|\\.)*)"'  # of C++
ROW = re.compile(rf'BadValue\{{\s*{TEXT},\s*(?:R"\((.*?)\)"|{TEXT}),\s*{TEXT}(?:,\s*{TEXT})?\}}', re.DOTALL)


def steps(pointer):
    return [int(step) if step.isdigit() else step.replace("~1", "/").replace("~0", "~")
            for step in pointer.split("/")[1:]]


def put(config, pointer, value):
    *way, last = steps(pointer)
    for step in way:
        config = config[step]
    if isinstance(config, list) and last == len(config):
        config.append(value)
    else:
        config[last] = value


def nodes(value, at=""):
    if at:
        yield at, value
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in below:
        yield from nodes(member, f"{at}/{str(name).replace('~', '~0').replace('/', '~1')}")


def hand_made(whole):
    for row in ROW.finditer((UNIT / "bad_values_test.cpp").read_text()):
        at, raw, plain, _, told = row.groups()
        config = copy.deepcopy(whole)
        put(config, at, json.loads(raw if raw is not None else json.loads(f'"{plain}"')))
        yield json.dumps(config), (told or at).split("\\")[0]  # what follows is escaped


def of_another_type(whole):
    others = [True, 7, "seven", [1, "x"], {"x": 1}, 1.5]
    every = [at for at, _ in nodes(whole) if not at.startswith("/futureField")]
    for index, at in enumerate(every):
        if index % 5:
            continue
        config = copy.deepcopy(whole)
        now = dict(nodes(whole))[at]
        number = isinstance(now, (int, float)) and not isinstance(now, bool)
        fitting = [other for other in others if type(other) is not type(now) and not (number and other == 7)]
        put(config, at, fitting[index // 5 % len(fitting)])
        yield json.dumps(config), at


def case_malformed_configs_create_nothing(box):
    if not box.is_yett():
        box.cannot_run("about yett's own errors")
    whole = json.loads((UNIT / "good/everything.json").read_text())
    text = (UNIT / "good/runc_spec.json").read_text().rstrip()
    bad = [*hand_made(whole), *of_another_type(whole),
           *((text[:length], "config.json") for length in range(0, len(text), 101)),
           ('{"ociVersion": "1.0.0", "ociVersion": "1.0.0"}', "ociVersion"), ("[" * 100, "config.json"),
           ('{"a": "\\u0000"}', "config.json"), (" " * (1 << 20) + "{}", "config.json")]
    assert len(bad) > 250, len(bad)
    bundle = box.bundle()
    container = box.new_id()
    for config, place in bad:
        (bundle / "config.json").write_text(config)
        done = box.run("create", "--bundle", bundle, container)
        assert done.status == 1 and place in done.err, (place, done)
        assert not done.out and len(done.err) < 4000, done
        assert not list((box.directory / "state").glob("*")), place
    assert not box.own_mounts()
    assert not box.cgroups(), box.cgroups()
