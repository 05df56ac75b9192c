#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""index.py --check - is every line of the specification in index.md, with tests that there are?

TAP on standard output.  The lines are known here by their numbers, so that one that is forgotten in
index.md is missed.
"""
import collections
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent.parent
# Of the specification: how many lines each part has.
PARTS = {"16.1": range(1, 9), "16.2": range(9, 26), "16.3": range(1, 7), "16.4": range(1, 7),
         "16.5": range(1, 8), "16.6": range(1, 17), "16.7": range(1, 21), "17": range(1, 18),
         "15": range(1, 11), "5.1": range(1, 4), "5.2": range(1, 4), "5.3": range(1, 9),
         "5.4": range(1, 3), "5.6": range(1, 5), "5.7": range(1, 2), "5.8": range(1, 3)}
LINES = [f"{part}.{n}" for part, numbers in PARTS.items() for n in numbers]
LINES += [f"R-{n:02}" for n in range(1, 24)] + [f"P{n}" for n in range(1, 8)]
# Lines that stand for a whole table.
TABLES = {"17.5": "5.", "17.14": "P", "17.17": "16."}
FOLDERS = {"l4re": (HERE, "test_{}.c"), "system": (ROOT / "tests/system", "test_{}.c"),
           "map": (ROOT / "src/map", "test_{}.c"), "sim": (ROOT / "tests/sim", "{}")}
ROW = re.compile(r"^\| (\S+) \| [^|]+ \| ([^|]*) \|$", re.M)
TEST = re.compile(r"(?:/\*((?:(?!\*/).)*)\*/\s*)?^(?:PAGER_)?TEST(?:_SLOW|_WITH)?\(\s*(\w+)",
                  re.S | re.M)


def rows():
    lines = collections.defaultdict(list)
    for line, tests in ROW.findall((HERE / "index.md").read_text()):
        if re.match(r"\d|R-|P\d", line):
            lines[line] += re.findall(r"`([^`]+)`", tests)
    return lines


def is_built(folder, name):
    """The meson.build beside it names the file, or its subject."""
    subject = re.sub(r"^test_|\.c$", "", name)
    return re.search(rf"'(?:{subject}|{re.escape(name)})'", (folder / "meson.build").read_text())


def exists(test):
    """FOLDER/FILE/NAME, or FOLDER/FILE of something that is no list of tests."""
    where, *rest = test.split("/")
    folder, pattern = FOLDERS.get(where, (None, ""))
    if folder is None or len(rest) not in (1, 2):
        return False
    name = pattern.format(rest[0]) if len(rest) == 2 else rest[0]
    path = folder / name
    if not path.is_file() or not is_built(folder, name):
        return False
    return len(rest) == 1 or rest[1] in {name for _, name in TEST.findall(path.read_text())}


def proves(comment, name):
    """The rulings, rules and patterns that a test says it proves."""
    said = {f"R-{n}" for n in re.findall(r"\bR-(\d\d)\b", comment)}
    said |= {f"P{n}" for n in re.findall(r"(?:^\s*|, )P(\d)\b", comment)}
    said |= {f"R-{n}" for n in re.findall(r"^r_?(\d\d)_", name)}
    said |= {f"P{n}" for n in re.findall(r"^p(\d)_", name)}
    return said | {f"15.{n}" for n in re.findall(r"^pattern_(\d+)_", name)}


def left_out(lines):
    paths = [("l4re", path) for path in sorted(HERE.glob("test_*.c"))]
    paths += [("map", path) for path in sorted((ROOT / "src/map").glob("test_layout*.c"))]
    for where, path in paths:
        for comment, name in TEST.findall(path.read_text()):
            test = f"{where}/{path.stem[5:]}/{name}"
            yield from (f"{line} lacks {test}" for line in sorted(proves(comment, name))
                        if test not in lines[line])


def main():
    lines = rows()
    empty = {line for line in lines if not lines[line]}
    checks = {
        "every line of the specification is in the index": [
            line for line in LINES if line not in lines],
        "every line has a test": sorted(
            line for line in empty if line not in TABLES or
            not any(other.startswith(TABLES[line]) for other in lines)),
        "nothing else is in the index": sorted(set(lines) - set(LINES)),
        "every test in the index exists and is built": sorted(
            {test for tests in lines.values() for test in tests if not exists(test)}),
        "every test is in the lines that it says it proves": sorted(left_out(lines)),
    }
    print(f"1..{len(checks)}")
    for number, (name, wrong) in enumerate(checks.items(), 1):
        print(f"{'not ok' if wrong else 'ok'} {number} - {name}")
        for what in wrong:
            print(f"# {what}")
    return 1 if any(checks.values()) else 0


if __name__ == "__main__":
    if sys.argv[1:] != ["--check"]:
        sys.exit(__doc__)
    sys.exit(main())
