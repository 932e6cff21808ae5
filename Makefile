# Two commands for everybody: make demo, make test. The others are for those who work on Weir.

GO ?= go
export CGO_ENABLED = 0
BIN = bin/weir

.PHONY: demo test build bench bench-peers accuracy torture audit lint tools clean

## demo: build Weir and watch it stop a stolen credential.
demo: build
	@$(BIN) demo

## build: the one static binary, and the small one for auditors.
build:
	@$(GO) build -trimpath -o $(BIN) ./cmd/weir
	@$(GO) build -trimpath -o $(BIN)-verify ./cmd/weir-verify

## test: everything that must hold: format, vet, staticcheck, all tests under the race detector, the demo both ways.
# Every run draws the same cases (SEED), so that what a change broke is told from what a
# draw found; make torture draws new ones.
SEED ?= 1
test: tools lint build
	RAPID_SEED=$(SEED) CGO_ENABLED=1 $(GO) test -race -timeout 15m ./...
	$(GO) test -run Hostile ./door/files
	$(GO) test ./internal/simulation

lint:
	@unformatted="$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go'))"; \
	if [ -n "$$unformatted" ]; then echo "gofmt wants to change: $$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

## tools: what the tests need of the machine: a C compiler for the race detector, ssh-keygen for signatures, Chromium for the console's, PostgreSQL for the shared store's.
tools:
	@missing=""; \
	command -v cc >/dev/null 2>&1 || command -v gcc >/dev/null 2>&1 || missing="$$missing gcc libc6-dev"; \
	command -v ssh-keygen >/dev/null 2>&1 || missing="$$missing openssh-client"; \
	command -v chromium >/dev/null 2>&1 || missing="$$missing chromium"; \
	ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || command -v postgres >/dev/null 2>&1 || missing="$$missing postgresql"; \
	if [ -n "$$missing" ]; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
			apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $$missing; \
		else \
			echo "The tests need$$missing. As root: apt-get install$$missing"; exit 1; \
		fi; \
	fi

## bench: measure this machine; docs/benchmarks.md tells how to read it.
bench: build
	$(BIN) bench gateway
	$(BIN) bench ledger
	$(GO) test -run '^$$' -bench . ./...

## bench-peers: inspect beside Hyperscan, go-re2 and Go's regexp, on generated files and those in FILES. Needs libhyperscan-dev and a C compiler.
FILES ?=
bench-peers: build
	@if ! { command -v cc && echo '#include <hs/hs.h>' | cc -E -; } >/dev/null 2>&1; then \
		echo "Hyperscan is missing. As root: apt-get install libhyperscan-dev gcc libc6-dev"; exit 1; fi
	cc -O2 -Wall -Wextra -o bin/hyperscan bench/hyperscan/main.c -lhs
	$(GO) build -C bench/peers -o ../../bin/peers .
	$(GO) run ./bench/traffic bin/traffic
	bin/peers -weir $(BIN) -hyperscan bin/hyperscan -patterns bench/patterns.txt bin/traffic/* $(FILES)

## accuracy: what inspect finds of labelled bodies and of server logs, by class; docs/accuracy.md tells how to read it.
BODIES ?= 60000
MEGABYTES ?= 20
accuracy:
	ACCURACY_BODIES=$(BODIES) LOG_MEGABYTES=$(MEGABYTES) $(GO) test ./inspect -count 1 -v -run 'TestAccuracy|TestServerLogs'

## torture: hours of what make test does for seconds: kills, fuzzing of every parser, many random seeds.
TIME ?= 5m
KILLS ?= 300
SEEDS ?= 20000
torture:
	SEEDS=$(SEEDS) $(GO) test -count 1 -timeout 4h -v ./internal/simulation -first random
	KILLS=$(KILLS) $(GO) test -count 1 -timeout 4h -v -run 'TestKillNine|TestKilledAtAnyMoment' ./ledger ./vault ./cmd/weir
	@for pkg in $$($(GO) list ./...); do \
		for fuzz in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
			echo "== $$pkg $$fuzz"; $(GO) test -run '^$$' -fuzz "^$$fuzz\$$" -fuzztime $(TIME) $$pkg || exit 1; \
		done; \
	done
	CGO_ENABLED=1 $(GO) test -race -count 20 -timeout 4h ./...
	$(GO) test -timeout 1h ./mask -run Law9 -rapid.checks 5000

## audit: known vulnerabilities in what is built in. Needs the network.
audit:
	$(GO) run golang.org/x/vuln/cmd/govulncheck@latest ./...

clean:
	rm -rf bin
