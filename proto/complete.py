#!/usr/bin/env python3
"""Completes the pinned .proto files with what newer versions of Envoy's API have (additions.txt), into a folder that protoc
searches first.

    complete.py ADDITIONS OUT ROOT...

ADDITIONS holds, file by file, declarations in the language of .proto files. A block that exists (message, oneof, enum) is
extended, a field that exists is replaced, everything else is new; `file "x.proto" package p` is a file that the package does not have at all."""

import pathlib
import re
import sys

BLOCK = re.compile(r"\b(message|oneof|enum)\s+(\w+)\s*\{")
FIELD = re.compile(r"^\s*[\w.<>, ]+ (\w+) = \d+[^;]*;$", flags=re.M)


def blank(text):
    """The same text with comments and strings as blanks, so that braces are braces."""
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', lambda m: re.sub(r"[^\n]", " ", m[0]), text, flags=re.S)


def end_of_block(plain, start):
    """`start` is behind the opening brace; returns where the closing one is."""
    depth = 1
    for at in range(start, len(plain)):
        depth += {"{": 1, "}": -1}.get(plain[at], 0)
        if depth == 0:
            return at
    raise ValueError("a block without an end")


def blocks(plain, start, end):
    """The blocks that lie directly in a range: (kind, name) to (start of its declaration, of its body, end of its body)."""
    found = {}
    at = start
    while match := BLOCK.search(plain, at, end):
        body_end = end_of_block(plain, match.end())
        found[match.group(1, 2)] = (match.start(), match.end(), body_end)
        at = body_end + 1
    return found


def hide_blocks(plain, start, end):
    """That range, with the blocks in it as blanks."""
    for declared, _, body_end in blocks(plain, start, end).values():
        plain = plain[:declared] + " " * (body_end + 1 - declared) + plain[body_end + 1 :]
    return plain[start:end]


def extend(text, addition):
    """Puts the declarations of `addition` into `text`, at the ends of the blocks to which they belong."""
    plain, plain_addition = blank(text), blank(addition)
    edits = []

    def merge(start, end, add_start, add_end, insert_at):
        there = blocks(plain, start, end)
        rest, at = "", add_start
        for key, (declared, body, body_end) in sorted(blocks(plain_addition, add_start, add_end).items(), key=lambda x: x[1]):
            rest += addition[at:declared]
            if key in there:
                _, old_body, old_end = there[key]
                merge(old_body, old_end, body, body_end, old_end)
            else:
                rest += addition[declared : body_end + 1]
            at = body_end + 1
        rest += addition[at:add_end]
        here = hide_blocks(plain, start, end)
        for field in FIELD.finditer(hide_blocks(blank(rest), 0, len(rest))):
            if old := re.search(rf"\s{field[1]}\s*=\s*\d+[^;]*;", here):
                declared = max(plain.rfind(mark, 0, start + old.start()) for mark in ";{}") + 1
                edits.append((declared, start + old.end(), ""))
        if rest.strip():
            edits.append((insert_at, insert_at, "\n" + rest.strip("\n") + "\n"))

    merge(0, len(text), 0, len(addition), len(text))
    for at, to, new in sorted(edits, reverse=True):
        text = text[:at] + new + text[to:]
    return text


def main():
    additions, out, *roots = map(pathlib.Path, sys.argv[1:])
    for part in re.split(r"^file ", additions.read_text(), flags=re.M)[1:]:
        head, _, body = part.partition("\n")
        name, package = re.fullmatch(r'"([^"]+)"(?: package (\S+))?', head).groups()
        imports = "".join(re.findall(r"^import [^\n]*\n", body, flags=re.M))
        body = re.sub(r"^(import|#)[^\n]*\n", "", body, flags=re.M)
        if package:
            text = f'syntax = "proto3";\npackage {package};\n{imports}{body}'
        else:
            text = next(root / name for root in roots if (root / name).exists()).read_text()
            text = extend(text, body)
            text = re.sub(r"^(package [^\n]*\n)", lambda m: m[1] + imports, text, count=1, flags=re.M)
        to = out / name
        if not to.exists() or to.read_text() != text:  # unchanged files keep their time
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_text(text)


if __name__ == "__main__":
    main()
