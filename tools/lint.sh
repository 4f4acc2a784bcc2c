#!/usr/bin/env bash
# Formatting of all C++ files, the floors, and clang-tidy on the files that changed since BASE (default: the last commit but 20).
set -euo pipefail
cd "$(dirname "$0")/.."

mapfile -t files < <(git ls-files 'src/*.cc' 'src/*.h')
clang-format-14 --dry-run --Werror "${files[@]}"
echo "lint: ${#files[@]} files are formatted"

python3 tests/architecture_test.py

if [ -n "${TIDY:-}" ]; then
  mapfile -t sources < <(git ls-files 'src/*.cc' | grep -v _fuzz.cc)
  printf '%s\n' "${sources[@]}" | xargs -P 2 -n 8 clang-tidy-14 --quiet -p build/release
fi
