#!/usr/bin/env bash
# Runs every fuzz target of a build for some seconds each: tools/fuzz.sh BUILD_FOLDER SECONDS
# A file src/**/NAME.seeds has inputs to begin with for the target NAME, one a line, with printf's escapes; NAME.dict is its dictionary.
set -euo pipefail
build=${1:?usage: tools/fuzz.sh BUILD_FOLDER SECONDS}
seconds=${2:-20}
src="$(dirname "$0")/../src"
found=0
for target in "$build"/*_fuzz; do
  [ -x "$target" ] || continue
  found=$((found + 1))
  name=$(basename "$target")
  corpus="$build/corpus/$name"
  mkdir -p "$corpus"
  seeds=$(find "$src" -name "$name.seeds")
  if [ -n "$seeds" ]; then
    number=0
    while IFS= read -r line; do
      number=$((number + 1))
      printf '%b' "$line" >"$corpus/seed$number"
    done <"$seeds"
  fi
  dictionary=$(find "$src" -name "$name.dict")
  if ! "$target" "$corpus" ${dictionary:+-dict="$dictionary"} -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
      -artifact_prefix="$build/" >"$build/$name.log" 2>&1; then
    tail -40 "$build/$name.log"
    printf 'fuzz: %s found something; the input is in %s\n' "$name" "$build"
    exit 1
  fi
  printf 'fuzz: %s: %s inputs in %s s, nothing found\n' "$name" \
    "$(sed -n 's/^stat::number_of_executed_units: *//p' "$build/$name.log")" "$seconds"
done
[ "$found" -gt 0 ] || { echo 'fuzz: no target was built'; exit 1; }
