#!/usr/bin/env bash
# Runs every fuzz target of a build for some seconds each: tools/fuzz.sh BUILD_FOLDER SECONDS
set -euo pipefail
build=${1:?usage: tools/fuzz.sh BUILD_FOLDER SECONDS}
seconds=${2:-20}
found=0
for target in "$build"/*_fuzz; do
  [ -x "$target" ] || continue
  found=$((found + 1))
  name=$(basename "$target")
  corpus="$build/corpus/$name"
  mkdir -p "$corpus"
  printf 'fuzz: %s for %s s\n' "$name" "$seconds"
  if ! "$target" "$corpus" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
      -artifact_prefix="$build/" >"$build/$name.log" 2>&1; then
    tail -40 "$build/$name.log"
    printf 'fuzz: %s found something; the input is in %s\n' "$name" "$build"
    exit 1
  fi
  grep -E 'number_of_executed_units' "$build/$name.log" || true
done
[ "$found" -gt 0 ] || { echo 'fuzz: no target was built'; exit 1; }
