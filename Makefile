# The names everybody uses. `make run` and `make test` work on a fresh Debian 12 machine.
SHELL := /bin/bash
BUILD := build/release
PORT ?= 10000
ADMIN_PORT ?= 9901
export CCACHE_BASEDIR := $(CURDIR)
export CCACHE_NOHASHDIR := 1
export CCACHE_SLOPPINESS := pch_defines,time_macros
.PHONY: build run test spec differential corpus bench fuzz lint setup asan clean

setup:            ## installs what is missing: Debian packages and the pinned npm package with Envoy's .proto files
	@tools/setup.sh

build: setup      ## build/release/weir
	@cmake --preset release >/dev/null
	@cmake --build --preset release --target weir

run: build        ## Weir in front of two embedded echo upstreams
	@$(BUILD)/weir demo --port $(PORT) --admin-port $(ADMIN_PORT)

test: build       ## every test
	@cmake --build --preset release
	@ctest --test-dir $(BUILD) --output-on-failure

# SUT=envoy drives a real Envoy (ENVOY names its binary, otherwise it is fetched into build/) with the same cases.
SUT ?= weir
SEED ?= 1
spec: $(if $(filter weir,$(SUT)),build)  ## behaviour as YAML, over real sockets
	@tools/setup-tests.sh
	@SUT=$(SUT) spec/run.py --quiet $(SPEC_ARGS)
	@SUT=$(SUT) spec/hostile.py --seed $(SEED)
	@SUT=$(SUT) spec/conformance.py
	@SUT=$(SUT) spec/metadata.py
	@SUT=$(SUT) spec/frames.py
	@SUT=$(SUT) spec/grpc_interop.py
	@SUT=$(SUT) spec/sds.py
	@SUT=$(SUT) spec/staples.py
	@$(if $(filter weir,$(SUT)),spec/rate_limit_server.py,true)
	@spec/smuggling.py --sut $(SUT) --seed $(SEED) --strings 120
	@SUT=$(SUT) spec/prometheus.py
	@$(if $(filter weir,$(SUT)),spec/testssl.py,true)
	@$(if $(filter weir,$(SUT)),spec/page.py,true)

DIFFERENTIAL_ARGS ?= --configs 10
differential: build  ## random configurations and requests, Weir beside Envoy
	@tools/setup-tests.sh differential
	@spec/differential.py --seed $(SEED) $(DIFFERENTIAL_ARGS)

CORPUS ?= ../shared/corpus
MUTANTS ?= 300
corpus: build     ## what Envoy and Weir think of every configuration in the folder CORPUS and of some wrong ones, and where they disagree
	@tools/setup-tests.sh
	@tools/corpus.py $(CORPUS) --mutants $(MUTANTS) --seed $(SEED) $(CORPUS_ARGS)

# The short set; BENCH_ARGS chooses others. Envoy takes part where BENCH_ENVOY names its binary.
BENCH_ARGS ?= h1_64 h1_1 h2c_h1 grpc_h2h2 prefix_one mid_64k log_64 --rounds 2 --dur 3
BENCH_RESULTS ?= build/bench/results.jsonl
bench: build      ## CPU per request beside HAProxy, nginx, nghttpx (and Envoy)
	@tools/setup-tests.sh
	@mkdir -p $(dir $(BENCH_RESULTS)) && rm -f $(BENCH_RESULTS)
	@BENCH_DIR=$(CURDIR)/build/bench bench/run.py $(BENCH_ARGS) --out $(BENCH_RESULTS)
	@bench/run.py ratios --out $(BENCH_RESULTS)

asan: setup       ## every test again under the address and undefined-behaviour sanitizers
	@cmake --preset asan >/dev/null
	@cmake --build --preset asan
	@ASAN_OPTIONS=detect_stack_use_after_return=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 ctest --test-dir build/asan --output-on-failure

FUZZ_SECONDS ?= 20
fuzz: setup       ## every fuzz target for FUZZ_SECONDS
	@tools/setup-tests.sh fuzz
	@cmake --preset asan >/dev/null
	@cmake --build --preset asan --target weir_proto
	@cmake --preset fuzz >/dev/null
	@cmake --build --preset fuzz --target fuzz_targets
	@tools/fuzz.sh build/fuzz $(FUZZ_SECONDS)

lint:             ## formatting, the floors; with TIDY=1 clang-tidy on what the last commits touch
	@tools/setup-tests.sh lint
	@tools/lint.sh

clean:
	rm -rf build
