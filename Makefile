# Two commands matter: `make run` and `make test`. The rest are parts of them, and measurements.
SHELL := /bin/sh
.DEFAULT_GOAL := help
CARGO_TEST := cargo test --quiet --workspace

.PHONY: help run stop images test check fmt lint unit sagas databases openapi docker e2e reports processes upgrade-test mail letters mutants screenshots bench-% need

help:            ## this list
	@grep -hE '^[a-z%-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

run:             ## everything from a bare machine to a running Stoa with a first store
	@scripts/run

stop:            ## stop the Stoa that `make run` started
	@scripts/stop

images:          ## build the images that stores are made of
	@scripts/docker-up
	@images/build

test: need check sagas databases openapi docker e2e  ## everything: format, lints, unit, service, three databases, API description, real Docker, browser
	@echo '== all green'

check: need fmt lint unit  ## the inner loop: format, lints, unit and service tests; no Docker

need:
	@scripts/need build-essential ca-certificates curl python3 iproute2 docker-compose busybox-static \
	  knot knot-dnsutils bind9 pdns-server pdns-backend-sqlite3 pebble nginx-light openssl nftables iptables python3-aiosmtpd

fmt:
	@echo '== format'
	@cargo fmt --all --check

lint:
	@echo '== lints'
	@cargo clippy --quiet --workspace --all-targets -- -D warnings

unit:
	@echo '== unit and service tests (SQLite, and real name servers, certificate authority, nginx)'
	@STOA_SKIP_DOCKER=1 $(CARGO_TEST) -- --skip saga_proofs::

sagas:           ## the proof of every saga: each step fails, hangs, is cancelled, is interrupted by a crash
	@echo '== proofs of the sagas'
	@scripts/test-crate control saga_proofs::

databases:       ## database and service tests on SQLite, MariaDB and PostgreSQL
	@echo '== database and service tests on SQLite, MariaDB and PostgreSQL'
	@crates/db/tests/databases sh -ec 'scripts/test-crate db; \
	  for database in mysql postgres; do \
	    STOA_TEST_DATABASE=$$database scripts/test-crate control --skip saga_proofs::; done'

openapi:         ## the API keeps to its OpenAPI document, whatever is sent (openapi-spec-validator, schemathesis)
	@echo '== the API and its description'
	@$(CARGO_TEST) --no-run
	@scripts/openapi
	@scripts/stripe-client

docker: images   ## the engine and the real binary on real Docker
	@echo '== images'
	@images/test
	@echo '== the engine and the real binary on real Docker'
	@scripts/test-crate docker
	@scripts/test-crate stoa faults::

e2e: images      ## the browser tests
	@echo '== browser'
	@e2e/run
	@echo '== browser: a domain of its own, from instructions to the padlock'
	@e2e/edge/run
	@echo '== reported faults'
	@e2e/reports/run fast

reports: images  ## reported faults against the real binary: redirects, cookies, and attackers on a store beside another
	@e2e/reports/run

processes: images  ## service tests and kills with an edge, a portal and two workers, on PostgreSQL and MariaDB
	@crates/db/tests/databases sh -ec 'export STOA_TEST_PROCESSES=several; \
	  for database in postgres mysql; do export STOA_TEST_DATABASE=$$database; \
	    scripts/test-crate control --skip saga_proofs::; scripts/test-crate stoa faults::kills faults::database; done'

upgrade-test: images  ## replace the program 20 times under load: one process, then several on PostgreSQL
	@scripts/test-crate stoa faults::replaced --nocapture
	@crates/db/tests/databases env STOA_TEST_PROCESSES=several STOA_TEST_DATABASE=postgres \
	  scripts/test-crate stoa faults::replaced --nocapture

mail:            ## 1,000 e-mails through Postfix, 1,000 through a faulty server, ten kills each: every one arrives
	@# Not one that runs on this machine: the test starts its own.
	@dpkg -s postfix >/dev/null 2>&1 || echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
	@scripts/need postfix openssl python3-aiosmtpd
	@$(CARGO_TEST) --no-run
	@scripts/mail-test target/debug/stoa

letters:         ## pictures of every e-mail, text and HTML, light and dark, in e2e/screenshots/letters/
	@scripts/need chromium fonts-dejavu-core python3
	@e2e/letters

mutants:         ## change the code of model and saga in 200 places (SEED=1 COUNT=200); their tests must notice 90 %
	@scripts/mutants

screenshots: images  ## pictures of every screen, 1440 and 390 wide, light and dark, in e2e/screenshots/
	@e2e/run screenshots

bench-%:         ## measure: bench-provision, bench-edge (ARGS=tls …), bench-api
	@scripts/docker-up
	@bench/$*/run $(ARGS)
