# A static binary in an image with nothing else: see docs/operation.md.
FROM docker.io/library/rust:1.95-alpine AS build
RUN apk add --no-cache build-base
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY src ./src
COPY benches ./benches
COPY data ./data
# Without line tables, which are most of it.
RUN cargo build --locked --release --bin witness-server && strip target/release/witness-server
# What the image has beside it: a folder for temporary files of any user, and one for the data.
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
# Alive, not ready: what restarts unhealthy containers would cut provers off while the disk is short, and their proofs still land.
# The start after a kill reads the index first; a large one takes its time.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["/usr/local/bin/witness-server", "health", "--alive"]
ENTRYPOINT ["/usr/local/bin/witness-server"]
CMD ["serve", "--listen", "0.0.0.0:8088", "--log-format", "json"]
