#!/usr/bin/env python3
"""The floors of ARCHITECTURE.md, executed: a folder of src/ includes only itself and lower floors; protobuf, OpenSSL, nghttp2 and
the other libraries stay behind their doors; nothing includes a .cc file."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SRC = ROOT / 'src'

FLOORS = {'base': 0, 'config': 0.5, 'loop': 1, 'stats': 1, 'net': 2, 'http': 3, 'format': 3.5, 'route': 4, 'upstream': 4,
          'observe': 4.5, 'filter': 5, 'proxy': 6, 'control': 7, 'admin': 8, 'main': 9}

# Where a library's headers may be seen: folders, or file name endings.
DOORS = {
    'protobuf': (re.compile(r'google/protobuf/|envoy/|\.pb\.h$|xds/|udpa/|validate/'),
                 lambda f: f.parts[0] in ('config', 'control', 'admin', 'main') or re.search(r'_config\.(cc|h)$|_test\.cc$|_support\.cc$|config_reader\.h$', f.name)),
    'nghttp2': (re.compile(r'^nghttp2/'), lambda f: f.parts[:2] == ('http', 'h2')),
    'c-ares': (re.compile(r'^ares\.h'), lambda f: f.parts[0] == 'net'),
    'OpenSSL': (re.compile(r'^openssl/'), lambda f: f.parts[:2] == ('net', 'tls')),
    'YAML': (re.compile(r'^yaml\.h'), lambda f: f.parts[0] == 'config'),
    'CLI11': (re.compile(r'^CLI/'), lambda f: f.parts[0] == 'main'),
    'RE2': (re.compile(r'^re2/'), lambda f: f.parts[0] in ('config', 'format', 'route', 'stats', 'admin')),
}


def main():
    problems = []
    files = sorted(SRC.rglob('*.cc')) + sorted(SRC.rglob('*.h'))
    for path in files:
        where = path.relative_to(SRC)
        floor = where.parts[0]
        if floor not in FLOORS:
            problems.append(f'src/{where}: the folder {floor} has no floor')
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            include = re.match(r'\s*#include\s+["<]([^">]+)[">]', line)
            if not include:
                continue
            target = include.group(1)
            other = target.split('/')[0]
            place = f'src/{where}:{number}'
            if target.endswith('.cc'):
                problems.append(f'{place}: includes a source file, {target}')
            if other in FLOORS and '"' in line and (SRC / target).exists() and other != floor and FLOORS[other] >= FLOORS[floor]:
                problems.append(f'{place}: {floor} (floor {FLOORS[floor]}) includes {target} (floor {FLOORS[other]})')
            for library, (header, allowed) in DOORS.items():
                if header.search(target) and not (SRC / target).exists() and not allowed(where):
                    problems.append(f'{place}: {library} is not to be seen here ({target})')
        if path.suffix == '.h' and '#pragma once' not in path.read_text():
            problems.append(f'src/{where}: a header without #pragma once')
        first = path.read_text().split('\n', 1)[0]
        if path.suffix == '.h' and not first.startswith('//'):
            problems.append(f'src/{where}:1: the first line does not say what the file is about')
    for problem in problems:
        print(problem)
    print(f'architecture: {len(files)} files, {len(problems)} problems')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
