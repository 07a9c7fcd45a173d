# The commands of mnet. Everything is built by Meson and Ninja in build/; this file sets the build folders up and
# installs what is missing first. `make help` lists the commands.
#
#   make CC=clang test     another compiler for build/debug and build/release

CC := $(if $(filter default,$(origin CC)),gcc,$(CC))
NINJA := ninja
DEBUG := build/debug
RELEASE := build/release
CLANG := build/clang
BENCH := build/bench
FUZZ := build/fuzz
INSTALL := build/install
# Processors in whose emulators the unit tests run as well: another kind of assembly, and the other byte order.
CROSS := aarch64 s390x

PREFIX := /usr/local

SANITIZE := -Db_sanitize=address,undefined -Db_lundef=false
# The address sanitizer's bookkeeping makes -O0 too slow for transfers of a gigabyte.
DEBUG_OPTIONS := --buildtype=debug -Doptimization=1 $(SANITIZE)
RELEASE_OPTIONS := --buildtype=debugoptimized
# What is measured is optimised as a whole, as who builds a product from it would.
BENCH_OPTIONS := $(RELEASE_OPTIONS) -Doptimization=3 -Db_lto=true -Dtests=false
FUZZ_OPTIONS := --buildtype=debugoptimized $(SANITIZE) -Dfuzz=true -Dtests=false -Dbench=false

FUZZ_SECONDS := 60
FIRST := 1
SEEDS := 10000

.PHONY: help build debug release clang install docs run run-tap sim test quick model goodput cross cross-builds check bench fuzz format clean bootstrap-%
.DEFAULT_GOAL := help
.NOTPARALLEL:

help:
	@echo 'make run     boot the web server as a virtual machine, and fetch its pages; KVM=1: not emulated'
	@echo 'make run-tap the web server as a Linux process, serving the Linux kernel through a TAP interface'
	@echo 'make test    all tests: unit tests, scripts in virtual time, system tests against Linux'
	@echo 'make quick   the unit tests and scripts in virtual time alone: under a minute, for every change'
	@echo 'make cross   the unit tests for other processors ($(CROSS)), which make test has, too'
	@echo 'make check   formatting, static analysis, the layer law, forbidden calls, both compilers'
	@echo 'make sim     the same demonstration between two simulated hosts; needs no rights at all'
	@echo 'make bench   one line per figure: name value unit reference ratio'
	@echo 'make fuzz    every parser and the whole stack, FUZZ_SECONDS=$(FUZZ_SECONDS) in all'
	@echo 'make model   random schedules for TCP, SEEDS=$(SEEDS) from FIRST=$(FIRST) on'
	@echo 'make build   build/debug (sanitizers) and build/release, with CC=$(CC)'
	@echo 'make goodput write tests/snapshots/goodput.md anew: what TCP makes of simulated links'
	@echo 'make install install headers, libraries and their descriptions for pkg-config and Meson in PREFIX=$(PREFIX)'
	@echo 'make docs    the reference of the public API as HTML in build/docs, made from the headers'
	@echo 'make format  clang-format on every file'
	@echo 'make clean   remove build/'

# Installs the Debian packages that a purpose needs; nothing to do the second time.
bootstrap-%:
	@scripts/bootstrap $*

# One build folder per purpose; set up again where the compiler has changed.
define setup
	@scripts/setup $(1) $(2)
	@$(NINJA) -C $(1) --quiet
endef

debug: bootstrap-build
	$(call setup,$(DEBUG),'$(CC)' $(DEBUG_OPTIONS))

release: bootstrap-build
	$(call setup,$(RELEASE),'$(CC)' $(RELEASE_OPTIONS))

clang: bootstrap-check
	$(call setup,$(CLANG),clang $(RELEASE_OPTIONS))

build: debug release

install: bootstrap-build
	$(call setup,$(INSTALL),'$(CC)' $(RELEASE_OPTIONS) '--prefix=$(abspath $(PREFIX))' -Dtests=false -Dbench=false)
	@DESTDIR='$(DESTDIR)' meson install -C $(INSTALL) --no-rebuild --quiet

run: bootstrap-run release
	@scripts/run $(if $(KVM),--kvm)

run-tap: bootstrap-run-tap release
	@scripts/run-tap

sim: release
	@scripts/run-tap --sim

test: bootstrap-test debug release cross-builds
	@scripts/test $(DEBUG) $(RELEASE) $(CROSS:%=build/%)

# What one runs at every change.
quick: bootstrap-build debug
	@scripts/test --unit $(DEBUG)

cross: bootstrap-cross cross-builds
	@scripts/test --unit $(CROSS:%=build/%)

# Where there is no compiler or no emulator for one, there is no folder either, and its tests are skipped.
cross-builds:
	@for cpu in $(CROSS); do \
	    if command -v $$cpu-linux-gnu-gcc >/dev/null && command -v qemu-$$cpu >/dev/null; then \
	        scripts/setup build/$$cpu $$cpu-linux-gnu-gcc --cross-file tests/cross/$$cpu.ini $(RELEASE_OPTIONS) -Dbench=false && \
	        $(NINJA) -C build/$$cpu --quiet || exit 1; \
	    else \
	        rm -rf build/$$cpu; \
	    fi; \
	done

check: bootstrap-check
	@scripts/setup $(RELEASE) '$(CC)' $(RELEASE_OPTIONS)
	@scripts/setup $(CLANG) clang $(RELEASE_OPTIONS)
	@scripts/check $(RELEASE) $(CLANG)

bench: bootstrap-bench
	$(call setup,$(BENCH),'$(CC)' $(BENCH_OPTIONS))
	@scripts/bench $(BENCH)

fuzz: bootstrap-fuzz
	$(call setup,$(FUZZ),clang $(FUZZ_OPTIONS))
	@scripts/fuzz $(FUZZ) $(FUZZ_SECONDS)

format: bootstrap-check
	@scripts/check-format --fix

model: bootstrap-test release
	@$(RELEASE)/tests/model $(FIRST) $(SEEDS)

# The table of goodput on simulated links that a unit test compares with; `git diff` shows what a change of the code has done to it.
goodput: bootstrap-test release
	@$(RELEASE)/tests/test_links --print >$(RELEASE)/goodput.md
	@mkdir -p tests/snapshots && mv $(RELEASE)/goodput.md tests/snapshots/goodput.md

docs: bootstrap-docs
	@scripts/docs

clean:
	rm -rf build
