.DEFAULT_GOAL := help
# Where set-up puts Node 20 when the machine has none.
export PATH := $(CURDIR)/.cache/node/bin:$(PATH)
.PHONY: help setup build run cluster reset stand-ins test check scan engine coverage bench bench-compare bench-growth prove-bench prove unit release clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: ## install what is missing, build
	@ops/setup/setup.sh

build: ## compile to dist/
	@[ -x node_modules/.bin/tsc ] || { echo 'run `make setup` first'; exit 1; }
	@node_modules/.bin/tsc -p tsconfig.json

run: setup ## the whole system on this machine, in the foreground
	@exec ./ops/cli/tollgate.mjs up

cluster: setup ## two shards and two processors behind nginx, with TLS and mTLS
	@exec ./ops/cli/tollgate.mjs up --cluster

reset: ## remove all payments, logs and reports of .run: an empty start
	@exec ./ops/cli/tollgate.mjs reset

engine: setup ## run one shard in the foreground (Kafka at TOLLGATE_KAFKA_BROKERS)
	@exec ./ops/cli/tollgate.mjs engine

check: setup scan ## types, lint, format, house rules, packages, image, alerts, workflows: no servers
	@node --test dist/ops/checks/house-rules.test.js dist/ops/deploy/docker/docker.test.js dist/ops/deploy/prometheus/rules.test.js dist/ops/checks/supply-chain.test.js dist/ops/setup/version.test.js dist/ops/checks/github/workflows.test.js

scan: setup ## lint and format, and what the packages are: signatures, advisories, digests, list
	@node_modules/.bin/biome ci .
	@node dist/ops/setup/signatures.js
	@node dist/ops/setup/advisories.js
	@ops/setup/kafka/jars.sh check $(CURDIR)/.cache/kafka && echo "Kafka's jars: each has its digest"
	@npm sbom --sbom-format cyclonedx --package-lock-only > dist/sbom.cdx.json && echo "SBOM: dist/sbom.cdx.json"

# Without them, the tests that need them fail and say what to install.
stand-ins: setup ## stand-ins for Stripe that are not ours, and PgBouncer, for tests
	-@ops/setup/stripe/stand-ins.sh
	-@ops/setup/pooler.sh

# A test that failed may leave a process or a socket: the run ends without them.
RUN_TESTS := node --test --test-force-exit --test-reporter=spec

unit: setup ## the tests that start no server, under a minute
	@$(RUN_TESTS) --test-concurrency=2 $$(ops/setup/list-tests.sh unit)

# The least share, in percent, of the product's lines that the unit tests run. Raise it when the figure has risen for good.
LINES_MIN := 72

coverage: setup ## the unit tests with the coverage of lines; fails below LINES_MIN
	@node_modules/.bin/c8 --temp-directory .cache/coverage --reports-dir coverage --reporter text-summary --reporter lcov \
	  --include 'dist/{engine,gateway,workers}/**' --exclude '**/*.test.*' \
	  --check-coverage --lines $(LINES_MIN) --branches 0 --functions 0 --statements 0 \
	  $(RUN_TESTS) --test-concurrency=2 $$(ops/setup/list-tests.sh unit)

# Servers share the cores, so their tests run one after the other.
test: setup scan stand-ins ## every test
	@$(RUN_TESTS) --test-concurrency=2 $$(ops/setup/list-tests.sh unit)
	@$(RUN_TESTS) --test-concurrency=1 $$(ops/setup/list-tests.sh servers)

prove: setup stand-ins ## every proof, whole (more than an hour, the benches too)
	@node dist/ops/prove/main.js all
	@$(MAKE) --no-print-directory prove-bench

prove-bench: bench ## the same as bench

prove-%: setup ## one proof, e.g. prove-rate: prints its figures and a verdict (SEED=… repeats prove-fuzz)
	@node dist/ops/prove/main.js $* --seed=$(SEED)

bench: setup ## every stage beside its rival: bench/results/ and report.html (QUICK=1: five minutes; ADVISORY=1: a missed target is no failure)
	@bench/setup.sh
	@node dist/bench/main.js $(if $(QUICK),--quick,) $(if $(ADVISORY),--advisory,)

bench-compare: build ## bench/results beside bench/baseline: fails where a ratio fell by more than TOLERANCE (0.1)
	@node dist/bench/main.js compare bench/baseline bench/results --threshold $(or $(TOLERANCE),0.1)

bench-growth: setup ## ten million stored payments, and a backlog of five million
	@bench/setup.sh
	@node dist/bench/main.js growth-large

bench-%: setup ## one suite, e.g. bench-latency
	@bench/setup.sh
	@node dist/bench/main.js $* $(if $(QUICK),--quick,)

release: setup ## dist/release.tar.gz and its digest: what a host needs, no tests, no development packages
	@node dist/ops/setup/release.js

clean: ## remove what the build made
	@rm -rf dist
