# syntax=docker/dockerfile:1
#
# The worker's image, without a shell, for an ordinary user and a root that nobody can write:
#
#   docker build --build-arg VERSION=0.1.0 --build-arg REVISION="$(git rev-parse HEAD)" --tag worker .
#
# and one to develop in, for `okteto up`:
#
#   docker build --target dev --tag worker-dev .
#
# `make image-check` starts what the last stage holds without Docker.

ARG RUST=1.95.0

FROM rust:${RUST}-bookworm AS chef
WORKDIR /src
RUN --mount=type=cache,id=cargo-registry,target=/usr/local/cargo/registry,sharing=locked \
    cargo install --locked cargo-chef@0.1.78

FROM chef AS plan
COPY . .
RUN cargo chef prepare --bin worker --recipe-path recipe.json

# The dependencies are a layer of their own: it stays until Cargo.lock, or what is asked of Cargo, changes. OpenSSL and
# zlib are built in, because the last stage's are another version's, or not there.
FROM chef AS build
COPY --from=plan /src/recipe.json recipe.json
RUN --mount=type=cache,id=cargo-registry,target=/usr/local/cargo/registry,sharing=locked \
    cargo chef cook --locked --profile image --features vendored --package worker --bin worker --recipe-path recipe.json
COPY . .
RUN --mount=type=cache,id=cargo-registry,target=/usr/local/cargo/registry,sharing=locked \
    cargo build --locked --profile image --features vendored --package worker --bin worker

# All that building, `make run` and `make lint` need but for the Rust tools, which `make` builds into target/. The
# sources are not in it: Okteto keeps them in step with the person's.
FROM rust:${RUST}-bookworm AS dev
RUN rustup component add clippy rustfmt
COPY stack/install-packages /usr/local/bin/install-packages
RUN install-packages lint && rm -rf /var/lib/apt/lists/*
WORKDIR /src
EXPOSE 2112
CMD ["bash"]

FROM gcr.io/distroless/cc-debian12:nonroot
ARG VERSION=unknown
ARG REVISION=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="booking worker" \
      org.opencontainers.image.description="Applies a hotel platform's booking events from Kafka to PostgreSQL, each exactly once" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
COPY --from=build /src/target/image/worker /worker
# By number: Kubernetes cannot tell of a name that it is not root's.
USER 65532:65532
EXPOSE 2112
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["/worker", "healthcheck"]
ENTRYPOINT ["/worker"]
