#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""index.py [--check] - which tests prove which line of the specification

Reads the comments above the tests of this folder and writes index.md; with --check it says, as TAP,
whether index.md is what it would write, and whether every line of the checklist has a test.
"""
import collections
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
TEST = re.compile(r"(?:/\*((?:(?!\*/).)*)\*/\s*)?TEST(?:_SLOW)?\((\w+)", re.S)
REFERENCE = re.compile(r"\b(?:[PSDGVC]-\d+|\d+(?:\.\d+)?)(?![\w/])")
KINDS = [
    ("18", "Lines of the checklist"),
    ("", "Sections"),
    ("G", "Rulings of section 19"),
    ("D", "Decisions of section 17"),
    ("V", "Invariants of section 14"),
    ("P", "Promises that upstream keeps as well"),
    ("C", "Rules of capabilities"),
    ("S", "Defects that are not reproduced"),
]
NO_TEST = """No test: G-16 and G-20 say what there is not; S-15, S-18, S-20 to S-22, S-31, S-34 and S-35 are of
calls that this interface does not have, and of 1.9 no structure is in the header.
"""


def references(comment):
    """What stands before the first colon, or all of it, numbers and names of lines."""
    return REFERENCE.findall(comment.split(":")[0])


def kind_of(reference):
    if "-" in reference:
        return reference[0]
    return "18" if reference.startswith("18.") else ""


def order(reference):
    return [int(part) for part in re.findall(r"\d+", reference)]


def collect():
    tests = collections.defaultdict(list)
    for path in sorted(HERE.glob("test_*.c")):
        for comment, name in TEST.findall(path.read_text()):
            for reference in references(comment):
                tests[reference].append((path.stem[5:], name))
    return tests


def write(tests):
    lines = ["<!-- SPDX-License-Identifier: MIT; written by index.py -->",
             "# Which tests prove what", "", NO_TEST]
    for kind, title in KINDS:
        lines += [f"## {title}", "", "| | file | tests |", "|---|---|---|"]
        for reference in sorted((r for r in tests if kind_of(r) == kind), key=order):
            files = collections.defaultdict(list)
            for file, name in tests[reference]:
                files[file].append(f"`{name}`")
            for file, names in files.items():
                lines.append(f"| {reference} | {file} | {', '.join(names)} |")
        lines.append("")
    return "\n".join(lines)


def main():
    tests = collect()
    text = write(tests)
    index = HERE / "index.md"
    if sys.argv[1:] != ["--check"]:
        index.write_text(text)
        return 0
    current = index.read_text() == text
    missing = [f"18.{n}" for n in range(1, 31) if f"18.{n}" not in tests]
    print("1..2")
    print(f"{'ok' if current else 'not ok'} 1 - index.md is what index.py writes")
    print(f"{'not ok' if missing else 'ok'} 2 - every line of the checklist has a test")
    for line in missing:
        print(f"# {line} has none")
    return 0 if current and not missing else 1


if __name__ == "__main__":
    sys.exit(main())
