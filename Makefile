# haul: short names for what Meson and the scripts do. `make` leaves build/haul and build/hauld.
#
#   make                what a user needs            make test         all tests, with sanitizers
#   make demo           the story, on real servers   make test-full    the night's work: hours
#   make install        under PREFIX (/usr/local)    make bench        beside the peers
#   make uninstall                                   make test-system  the packages in a booted Debian
#   make deb            packages for Debian 13       make coverage     lines and branches reached
#   make fmt            clang-format                 make tidy         clang-tidy
#   make clean          all but .deps/               .ci/run           what a commit must pass
#
# Each installs what it lacks first (tools/deps says what, before). DEPS=true leaves that out.
# `deb` and `test-system` need root and ten minutes the first time.

PREFIX ?= /usr/local
DEPS ?= tools/deps
PYTHON ?= /usr/bin/python3
BENCH ?=
SANITIZE = -Db_sanitize=address,undefined -Doptimization=1 -Dfaults=true

.PHONY: all demo test test-system test-full bench deb install uninstall coverage tidy fmt clean

all: deps-build build/build.ninja
	ninja -C build

deps-%:
	@$(DEPS) $*

build/build.ninja:
	meson setup build -Dtests=disabled -Dprefix=$(PREFIX)

build-test/build.ninja:
	meson setup build-test -Dtests=enabled $(SANITIZE)

demo: deps-demo all
	$(PYTHON) examples/slow-api/demo.py --haul build/haul

test: deps-test build-test/build.ninja
	ninja -C build-test
	meson test -C build-test --print-errorlogs
	tests/run-system build-test

test-system: deps-test-system
	tests/run-booted

test-full:
	REPEAT=50 FUZZ_SECONDS=600 .ci/run

bench: deps-bench all
	$(PYTHON) bench/run.py --build build $(BENCH)

deb: deps-deb
	tools/deb

install: all
	meson configure build -Dprefix=$(PREFIX)
	meson install -C build

uninstall:
	ninja -C build uninstall

coverage: deps-test deps-coverage
	meson setup build-coverage -Dtests=enabled -Db_coverage=true --reconfigure
	meson test -C build-coverage --print-errorlogs
	tests/run-system build-coverage
	gcovr --root . --filter 'proto/' --filter 'daemon/' --filter 'client/' build-coverage

tidy: deps-ci deps-test build-test/build.ninja
	run-clang-tidy -quiet -p build-test "^$(CURDIR)/(proto|daemon|client)/"

fmt: deps-ci
	find proto daemon client tests bench -name '*.[ch]' | xargs clang-format -i

clean:
	rm -rf build build-*
