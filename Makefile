# The commands of mnet. Meson and Ninja build everything in build/. This file installs missing
# packages and sets up the build folders first. `make help` lists the commands.
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
# Emulated processors on which the unit tests also run: other assembly, and the other byte order.
CROSS := aarch64 s390x

PREFIX := /usr/local

SANITIZE := -Db_sanitize=address,undefined -Db_lundef=false
# The address sanitizer's bookkeeping makes -O0 too slow for transfers of a gigabyte.
DEBUG_OPTIONS := --buildtype=debug -Doptimization=1 $(SANITIZE)
OPTIMISED := --buildtype=debugoptimized
# Unit tests run in other builds: with sanitizers, of clang, and on emulators.
RELEASE_OPTIONS := $(OPTIMISED) -Dunit_tests=false
# Measured programs are optimised as a whole, as you would build a product.
BENCH_OPTIONS := $(OPTIMISED) -Doptimization=3 -Db_lto=true -Dtests=false
FUZZ_OPTIONS := --buildtype=debugoptimized $(SANITIZE) -Dfuzz=true -Dtests=false -Dbench=false

FUZZ_SECONDS := 60
FIRST := 1
SEEDS := 10000

.PHONY: help build debug release clang install docs run run-site run-https run-tap demo sim test quick model goodput options cross cross-builds check bench fuzz format clean bootstrap-%
.DEFAULT_GOAL := help
.NOTPARALLEL:

help:
	@echo 'make run     boot the web server as a virtual machine, and fetch its pages; KVM=1: not emulated'
	@echo 'make run-site boot a server of SQLite, Lua and OpenSSL, linked with musl, as machines, and fetch its pages'
	@echo 'make run-https boot the web server with TLS as a machine, which curl verifies'
	@echo 'make run-tap run the web server as a Linux process that serves the Linux kernel through a TAP interface'
	@echo 'make demo    run programs of Debian on mnet; DEMO=nginx: only this one (redis, python3, curl, iperf3, passt ...)'
	@echo 'make test    run all tests: unit tests, scripts in virtual time, system tests against Linux'
	@echo 'make quick   run only the unit tests and scripts in virtual time, but for the longest: under a minute'
	@echo 'make cross   run the unit tests for other processors ($(CROSS)); make test includes all but the longest'
	@echo 'make check   check formatting, layers, forbidden calls and more, with static analysis and both compilers'
	@echo 'make sim     run the web server and a client on two simulated hosts; needs no privileges'
	@echo '             PLOT=1 draws their connection (needs tshark)'
	@echo 'make bench   measure: one line per figure, with name, value, unit, reference and ratio'
	@echo 'make fuzz    fuzz every parser and the whole stack, for FUZZ_SECONDS=$(FUZZ_SECONDS) in all'
	@echo 'make model   run random schedules for TCP, SEEDS=$(SEEDS) from FIRST=$(FIRST) on'
	@echo 'make build   build build/debug (with sanitizers) and build/release, with CC=$(CC)'
	@echo 'make goodput write tests/snapshots/goodput.md again: the goodput of TCP on simulated links'
	@echo 'make options write docs/options.md again, from the tables of options and limits'
	@echo 'make install install headers, libraries and their descriptions for pkg-config and Meson in PREFIX=$(PREFIX)'
	@echo 'make docs    make the reference of the public API from the headers, as HTML in build/docs'
	@echo 'make format  run clang-format on every file'
	@echo 'make clean   remove build/'

# Installs the Debian packages that a purpose needs. Does nothing the second time.
bootstrap-%:
	@scripts/bootstrap $*

# On a terminal, Ninja shows its progress.
QUIET := $(if $(MAKE_TERMOUT),,--quiet)

# One build folder for each purpose, set up again if the compiler changes.
define setup
	@scripts/setup $(1) $(2)
	@echo 'building $(1)'
	@$(NINJA) -C $(1) $(QUIET)
endef

debug: bootstrap-build
	$(call setup,$(DEBUG),'$(CC)' $(DEBUG_OPTIONS))

release: bootstrap-build
	$(call setup,$(RELEASE),'$(CC)' $(RELEASE_OPTIONS))

clang: bootstrap-check
	$(call setup,$(CLANG),clang $(OPTIMISED))

build: debug release
	@echo 'libraries and programs: $(DEBUG) (with sanitizers) and $(RELEASE); the examples are in $(RELEASE)/examples'

install: bootstrap-build
	$(call setup,$(INSTALL),'$(CC)' $(OPTIMISED) '--prefix=$(abspath $(PREFIX))' -Dtests=false -Dbench=false)
	@DESTDIR='$(DESTDIR)' meson install -C $(INSTALL) --no-rebuild --quiet
	@echo 'installed under $(DESTDIR)$(abspath $(PREFIX)): headers in include/mnet, libraries, and packages for pkg-config and Meson'

run: bootstrap-run release
	@scripts/run $(if $(KVM),--kvm)

run-site: bootstrap-run-site release
	@scripts/run-site $(if $(KVM),--kvm)

run-https: bootstrap-run-https release
	@scripts/run-https $(if $(KVM),--kvm)

run-tap: bootstrap-run-tap release
	@scripts/run-tap

demo: bootstrap-test debug release
	@scripts/demo '$(DEMO)'

sim: release
	@scripts/run-tap --sim $(if $(PLOT),--plot)

test: bootstrap-test debug release cross-builds
	@scripts/test $(DEBUG) $(RELEASE) $(CROSS:%=build/%)

# For every change.
quick: bootstrap-build debug
	@scripts/test --quick $(DEBUG)

cross: bootstrap-cross cross-builds
	@scripts/test --unit $(CROSS:%=build/%)

# If the compiler or the emulator for a processor is missing, there is no folder, and its tests are
# skipped.
cross-builds:
	@for cpu in $(CROSS); do \
	    if command -v $$cpu-linux-gnu-gcc >/dev/null && command -v qemu-$$cpu >/dev/null; then \
	        echo "building build/$$cpu" && scripts/setup build/$$cpu $$cpu-linux-gnu-gcc --cross-file tests/cross/$$cpu.ini $(OPTIMISED) -Dbench=false && \
	        $(NINJA) -C build/$$cpu $(QUIET) || exit 1; \
	    else \
	        rm -rf build/$$cpu; \
	    fi; \
	done

check: bootstrap-check
	@scripts/setup $(RELEASE) '$(CC)' $(RELEASE_OPTIONS)
	@scripts/setup $(CLANG) clang $(OPTIMISED)
	@scripts/setup $(DEBUG) '$(CC)' $(DEBUG_OPTIONS)
	@scripts/check $(RELEASE) $(CLANG) $(DEBUG)

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
	@$(RELEASE)/tests/model --ipv6 $(FIRST) $(SEEDS)

# Writes the table of goodput on simulated links with which a unit test compares. `git diff` shows
# the effect of a change.
goodput: clang
	@$(CLANG)/tests/test_links --print >$(CLANG)/goodput.md
	@mkdir -p tests/snapshots && mv $(CLANG)/goodput.md tests/snapshots/goodput.md

# Writes the page of options and limits from the tables of the stack.
options: release
	@$(RELEASE)/tools/options_page >$(RELEASE)/options.md
	@mv $(RELEASE)/options.md docs/options.md

docs: bootstrap-docs
	@scripts/docs

clean:
	rm -rf build
