# Every target sets up what it needs: system packages by apt-get where it may, Apache Kafka by Maven.

.DEFAULT_GOAL := help
.PHONY: help run test soak upgrade bench lint audit sbom image-check tools clean
.NOTPARALLEL:

target := $(or $(CARGO_TARGET_DIR),target)
tools := $(abspath $(target))/tools
export PATH := $(tools)/bin:$(PATH):$(HOME)/.cargo/bin

# Tools of `make lint`, built once without optimization: they run for a second.
deny_version := 0.20.2
machete_version := 0.9.2
hadolint_version := 2.15.1
# Of `make sbom`, built where that is asked for.
cyclonedx_version := 0.5.7

need_rust := command -v cargo >/dev/null || { echo "The Rust toolchain is missing: install Rust 1.92 or newer, with rustup." >&2; exit 1; }

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

run: ## the worker on a private PostgreSQL and Kafka, fed with a sample until Ctrl-C (RECORDS=100 RATE=4)
	@$(need_rust)
	@stack/install-packages demo
	@cargo build --locked --workspace --bins
	@exec $(target)/debug/demo $(if $(RECORDS),--records $(RECORDS)) $(if $(RATE),--rate $(RATE))

# Half as many tests again as there are cores: most of the time they wait.
test: ## all tests, on a real PostgreSQL and a real Kafka (TEST=part_of_a_name runs some)
	@$(need_rust)
	@stack/install-packages all
	@stack/install-promtool $(tools)/bin
	RUST_TEST_THREADS=$${RUST_TEST_THREADS:-$$(( ($$(nproc) * 3 + 1) / 2 ))} cargo test --locked --workspace $(TEST)

soak: ## mixed traffic and faults for minutes or hours; nothing may grow (MINUTES=5)
	@$(need_rust)
	@stack/install-packages all
	SOAK_MINUTES=$(MINUTES) cargo test --locked --package worker --test invariants -- --ignored --nocapture soak

upgrade: ## this build takes over from an earlier one, and back, under load (FROM=commit; the first with these migrations)
	@$(need_rust)
	@stack/install-packages all
	from=$$(stack/build-at "$(or $(FROM),$$(git log -1 --format=%H -- migrations))" "$(target)") && \
	    UPGRADE_FROM=$$from cargo test --locked --package worker --test invariants -- --nocapture upgrade::

bench: ## throughput, latency, memory: the table of the README
	@$(need_rust)
	@stack/install-packages all
	cargo bench --locked

lint: tools ## formatting, clippy, documentation, licences and sources, unused dependencies, Dockerfile, alerts and dashboard
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --workspace --no-deps
	cargo deny --locked check licenses bans sources
	cargo machete
	@if hadolint --version >/dev/null 2>&1; then hadolint --failure-threshold style Dockerfile; else echo "The Dockerfile is NOT linted: hadolint is missing" >&2; fi
	stack/check-monitoring

audit: tools ## known vulnerabilities in dependencies (fetches the advisory database from GitHub)
	cargo deny --locked check advisories

# What the image holds, built as there but for the profile: dev shares what other targets have built.
image-check: ## start the image's binary in a bare read-only root; TLS to both servers (PROFILE=image, as released)
	@$(need_rust)
	@stack/install-packages all
	cargo build --locked --profile $(or $(PROFILE),dev) --features vendored --package worker --bin worker
	strip -o $(target)/worker-for-image $(target)/$(or $(PROFILE),debug)/worker
	IMAGE_WORKER=$(abspath $(target))/worker-for-image cargo test --locked --package worker --test invariants -- \
		--ignored --nocapture image

# The tool writes beside each Cargo.toml; the stack is no part of the binary.
sbom: ## what the binary is made of, as CycloneDX (target/worker.cdx.json)
	@$(need_rust)
	@cargo cyclonedx --version >/dev/null 2>&1 || cargo install --debug --locked --root $(tools) cargo-cyclonedx@$(cyclonedx_version)
	cargo cyclonedx --quiet --format json --spec-version 1.5 --override-filename worker.cdx
	@mv worker.cdx.json $(target)/ && rm -f stack/worker.cdx.json
	@echo "$(target)/worker.cdx.json"

tools:
	@$(need_rust)
	@stack/install-packages lint
	@stack/install-promtool $(tools)/bin
	@stack/install-hadolint $(tools)/bin $(hadolint_version) || true # its registry need not be in reach; `lint` says so
	@cargo deny --version >/dev/null 2>&1 || cargo install --debug --locked --root $(tools) cargo-deny@$(deny_version)
	@cargo machete --version >/dev/null 2>&1 || cargo install --debug --locked --root $(tools) cargo-machete@$(machete_version)

clean: ## remove all that was built or fetched
	@$(need_rust)
	cargo clean
