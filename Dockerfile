# One image for all of Postern's processes; docker-compose.yml says which one a service runs. No
# process needs a shell.
ARG CONSOLE=built

# What the gateway shows in a browser. --build-arg CONSOLE=none leaves it out.
FROM debian:bookworm-slim AS console-built
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        ca-certificates nodejs npm
COPY docs/openapi.yaml /src/docs/
COPY formats /src/formats
COPY outlets /src/outlets
COPY console /src/console
RUN /src/console/make.sh && mv /src/console/dist /dist

FROM debian:bookworm-slim AS console-none
RUN mkdir /dist

FROM console-${CONSOLE} AS console

FROM debian:bookworm-slim AS build
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        gcc g++ cmake ninja-build pkg-config libc6-dev libzmq3-dev libczmq-dev liblmdb-dev \
        libmsgpack-dev libsodium-dev libjansson-dev libsimdjson-dev libcurl4-openssl-dev \
        libh2o-evloop-dev libssl-dev zlib1g-dev libxxhash-dev libzxcvbn-dev liboath-dev libpq-dev libseccomp-dev \
        uthash-dev
COPY CMakeLists.txt /src/
COPY common /src/common
COPY gateway /src/gateway
COPY authd /src/authd
COPY router /src/router
COPY workers /src/workers
COPY formats /src/formats
COPY outlets /src/outlets
COPY ctl /src/ctl
COPY --from=console /dist /src/console/dist
RUN cmake -S /src -B /build -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DPOSTERN_TESTS=OFF && \
    ninja -C /build && DESTDIR=/made cmake --install /build --prefix /usr --strip

# The balancer of docker-compose.yml: Debian's HAProxy.
FROM debian:bookworm-slim AS balancer
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        haproxy && rm -rf /var/lib/apt/lists/*
COPY deploy/container/haproxy.cfg deploy/container/haproxy.cluster.cfg /etc/haproxy/
USER haproxy
CMD ["/usr/sbin/haproxy", "-W", "-db", "-f", "/etc/haproxy/haproxy.cfg"]

# A server of docker-compose.cluster.yml: Debian's PostgreSQL under Patroni, and etcd.
FROM debian:bookworm-slim AS database
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        etcd-server patroni postgresql-15 python3-etcd && rm -rf /var/lib/apt/lists/* && \
    install -d -o postgres -g postgres -m 700 /var/lib/postgresql/postern
COPY deploy/container/patroni.yml /etc/patroni.yml
COPY deploy/container/database.sh /usr/local/bin/database.sh
USER postgres

FROM debian:bookworm-slim AS postern
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        ca-certificates libczmq4 libcurl4 libh2o-evloop0.13 libjansson4 liblmdb0 libmsgpackc2 liboath0 libpq5 \
        libseccomp2 libsimdjson14 libsodium23 libssl3 libstdc++6 libxxhash0 libzmq5 libzxcvbn0 zlib1g && \
    rm -rf /var/lib/apt/lists/* && \
    useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin postern && \
    install -d -o postern -g postern -m 700 /var/lib/postern /var/lib/postern-known /run/postern \
        /ring/front /ring/back /ring/workers /ring/replies /ring/control /backup /keys
COPY --from=build /made/usr/bin /usr/bin
COPY deploy/container/postern.conf deploy/container/cluster.conf /etc/postern/
ENV POSTERN_CONF=/etc/postern/postern.conf
USER postern
