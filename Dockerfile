# The two commands, make demo and make check, on a fresh Debian:
#
#	docker build -t semot . && docker run --rm semot make check
#
# No engine of docker was there to run this file; its commands were run in a new root of Debian 12.
FROM debian:12-slim
RUN apt-get update && apt-get install -y --no-install-recommends make
COPY . /semot
WORKDIR /semot
RUN make demo
RUN make install-check
ENV PATH=/semot/build/bin:$PATH
CMD ["semot"]
