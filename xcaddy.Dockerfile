# Playgate as an xcaddy build in a small image that runs without root.
#
#   docker build -f xcaddy.Dockerfile -t playgate .
#   docker run -p 80:80 -p 443:443 -p 443:443/udp \
#     -v "$PWD/Caddyfile:/etc/caddy/Caddyfile:ro" -v playgate:/data playgate
#
# HEALTHCHECK asks a health listener on 127.0.0.1:2020. Put this site beside
# your own in the Caddyfile:
#
#   http://127.0.0.1:2020 {
#   	bind 127.0.0.1
#   	playgate_health
#   }

FROM golang:1.26-alpine AS build
RUN apk add --no-cache git
RUN go install github.com/caddyserver/xcaddy/cmd/xcaddy@v0.4.5

# The package comes from the source beside this file, not from the network.
# xcaddy lets Go look for newer modules of this path all the same; an empty
# repository in its place answers "there is none", published or not.
RUN git init --quiet --bare /none.git \
	&& git config --global url.file:///none.git.insteadOf https://github.com/playgate/playgate
ENV GOPRIVATE=github.com/playgate/playgate

COPY . /src
RUN xcaddy build v2.11.9 \
	--with github.com/playgate/playgate/module \
	--replace github.com/playgate/playgate=/src \
	--output /playgate

FROM alpine:3.22
# Alpine and not "distroless", because HEALTHCHECK runs a program in the image
# and BusyBox's wget is the smallest that is always there.
RUN apk add --no-cache ca-certificates tzdata \
	&& adduser -S -D -H -u 10001 -G nogroup playgate \
	&& mkdir -p /data /config /etc/caddy \
	&& chown 10001 /data /config
COPY --from=build /playgate /usr/bin/playgate

# Caddy keeps certificates, and Playgate its state, below the data directory.
ENV XDG_DATA_HOME=/data XDG_CONFIG_HOME=/config
# Caddy offers WebSockets over HTTP/2 only when Go is told so.
ENV GODEBUG=http2xconnect=1
VOLUME /data
EXPOSE 80 443 443/udp
# Docker lets any user listen below 1024 in a container of its own network.
# Where the runtime does not, set http_port and https_port in the Caddyfile.
USER 10001
HEALTHCHECK --interval=30s --timeout=3s --start-period=10s \
	CMD wget -q -O /dev/null http://127.0.0.1:2020/healthz || exit 1
ENTRYPOINT ["/usr/bin/playgate"]
CMD ["run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]
