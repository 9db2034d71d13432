# An image with only a static binary; docs/operation.md describes its use.
FROM docker.io/library/rust:1.95-alpine AS build
RUN apk add --no-cache build-base
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY src ./src
COPY benches ./benches
COPY data ./data
RUN cargo build --locked --release --bin witness-server
# The other content of the image: a folder for temporary files of any user, and one for the data.
RUN mkdir -p /root-fs/tmp /empty && chmod 1777 /root-fs/tmp

FROM scratch
COPY --from=build /src/target/release/witness-server /usr/local/bin/witness-server
COPY --from=build /root-fs/ /
COPY --from=build --chown=65532:65532 /empty /data
USER 65532:65532
ENV WITNESS_SERVER_DATA_DIR=/data
VOLUME /data
EXPOSE 8088 3312
STOPSIGNAL SIGTERM
# The check uses `--alive`, not readiness: below the free-space floor the server is not ready, but
# it still accepts proofs and must not be restarted. A start after a kill first reads the kv, which
# takes a while if it is large.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["/usr/local/bin/witness-server", "health", "--alive"]
ENTRYPOINT ["/usr/local/bin/witness-server"]
CMD ["serve", "--listen", "0.0.0.0:8088", "--log-format", "json"]
