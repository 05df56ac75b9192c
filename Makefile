# SPDX-License-Identifier: MIT
# A thin front for Meson: every target is a script in tools/ or one Meson command, and
# "meson setup build && meson test -C build" works without it.

PREFIX ?= /usr/local
FILE ?=
STAGE = build-install

.PHONY: all demo test bench deep check install clean
.DEFAULT_GOAL := all

all:
	@tools/prepare build
	@tools/build build

# make demo FILE=path: the story told with a file of yours
demo:
	@tools/prepare build
	@tools/demo "$(FILE)"

test:
	@tools/prepare build test vm
	@tools/test

bench:
	@tools/prepare build bench
	@tools/bench

# An hour: simulations by the thousand, fuzzers, gcc -fanalyzer, every stress test in full.
deep:
	@tools/prepare build test vm
	@tools/deep

check:
	@tools/prepare build lint
	@tools/check

# What is installed has no fault points and is built apart from what is tested.
install:
	@tools/prepare build
	@CC="$${CC:-gcc}" tools/build $(STAGE) --buildtype=release -Dtests=false -Dfaults=false
	@meson configure $(STAGE) --prefix="$(abspath $(PREFIX))"
	@meson install -C $(STAGE)

clean:
	rm -rf build build-*
