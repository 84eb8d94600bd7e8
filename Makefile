# make run   installs what is missing, builds, replays a small capture and shows the result
# make test  installs what the tests need, then formatting, lints, every test, documentation
# Both work on a fresh Debian or Ubuntu with Rust and make.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

CARGO ?= cargo
# The linker, libpcap for live capture, and the tools that the tests compare with. Rust brings everything else.
RUN_PACKAGES := gcc libc6-dev libpcap-dev
TEST_PACKAGES := $(RUN_PACKAGES) python3 python3-pyftpdlib xz-utils iproute2 ethtool tcpdump tcpreplay curl openssl procps
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

.PHONY: run test packages-run packages-test format lint unit docs bench install clean help

help:
	@sed -n '1,4p' Makefile | sed 's/^# //'

run: packages-run
	$(CARGO) build --release --locked
	target/release/egret replay tests/data/demo.pcap --internal 10.20.0.0/16 --users tests/data/demo-users.csv --output target/demo
	@echo
	@echo "The records are in target/demo. Try it on your own capture: target/release/egret replay FILE.pcap"

test: packages-test format lint unit docs
	@echo "make test: formatting, lints, tests and documentation are all in order"

# Installs a list of Debian packages only if one is missing, so that a prepared machine needs no network here.
define install
	@missing=""; for package in $(1); do \
	  dpkg-query -W -f='$${Status}' $$package 2>/dev/null | grep -q 'install ok installed' || missing="$$missing $$package"; \
	done; \
	if [ -n "$$missing" ]; then \
	  echo "installing:$$missing"; \
	  $(SUDO) apt-get update -qq; \
	  DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	fi
endef

packages-run:
	$(call install,$(RUN_PACKAGES))

packages-test:
	$(call install,$(TEST_PACKAGES))
	@rustup component list --installed 2>/dev/null | grep -q '^rustfmt' || rustup component add rustfmt
	@rustup component list --installed 2>/dev/null | grep -q '^clippy' || rustup component add clippy

format:
	$(CARGO) fmt --all --check

lint:
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

unit:
	$(CARGO) test --workspace --locked

docs:
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked

bench: packages-test
	$(CARGO) build --release --locked
	benches/replay.py

install: packages-run
	$(CARGO) install --path . --locked

clean:
	$(CARGO) clean
