"""What is measured: the proxy's mode, the load, who takes part, how many rounds."""

from dataclasses import dataclass
from peers import Mode, UP_H1, UP_H2C, UP_TLS_EC, UP_TLS_RSA

FLOOR = ['fwd_epoll', 'fwd_uring', 'haproxy_tcp']
PROXIES = ['weir', 'haproxy', 'nginx', 'nghttpx', 'h2o', 'caddy', 'envoy']
HTTP = ['direct'] + PROXIES  # 'direct' is the load on the backend without a proxy
ALL = ['direct'] + FLOOR + PROXIES

MODES = {
    m.name: m
    for m in (
        Mode('plain'),
        Mode('h2c', down='h2c'),
        Mode('tls_ec', down='tls'),
        Mode('tls_rsa', down='tls', cert='rsa'),
        Mode('mtls_up', up='mtls'),
        Mode('h2_h2', down='h2c', up='h2c'),
        Mode('log', log=True),
        Mode('guarded', guarded=True),
        Mode('host_one', routes=('host', 10000, 'one')),
        Mode('prefix_one', routes=('prefix', 10000, 'one')),
        Mode('host_many', routes=('host', 10000, 'many')),
    )
}


@dataclass(frozen=True)
class Scenario:
    mode: str
    load: str  # 'lg ARGS' | 'wrk ARGS' | 'h2load ARGS [POST]' | 'hs'; {hosts} {prefixes} {rate} {rate_hi} are filled in
    subjects: list
    text: str
    rounds: int = 3
    direct: int = UP_H1  # the backend that 'direct' talks to


def without(names, *left_out):
    return [n for n in names if n not in left_out]


SCENARIOS = {  # in the order of a full run
    'h1_64': Scenario('plain', 'lg -c 64 -u /1k', ALL, 'HTTP/1.1 keep-alive, 1 KiB, 64 connections', rounds=5),
    'h1_1': Scenario('plain', 'lg -c 1 -u /1k', ALL, 'HTTP/1.1 keep-alive, 1 KiB, 1 connection (latency)'),
    'h2c_h1': Scenario('h2c', 'h2load -c 8 -m 32 /1k', HTTP, 'h2c downstream (8 connections x 32 streams), HTTP/1.1 upstream, 1 KiB', direct=UP_H2C),
    'h2tls_h1': Scenario('tls_ec', 'h2load -c 8 -m 32 /1k', HTTP, 'TLS 1.3 h2 downstream (8 x 32), HTTP/1.1 upstream, 1 KiB', direct=UP_TLS_EC),
    'hs_ec': Scenario('tls_ec', 'hs', HTTP, 'a full TLS 1.3 handshake a request, ECDSA P-256', direct=UP_TLS_EC),
    'hs_rsa': Scenario('tls_rsa', 'hs', HTTP, 'a full TLS 1.3 handshake a request, RSA-2048', direct=UP_TLS_RSA),
    'tls_h1': Scenario('tls_ec', 'wrk -c 64 /1k', HTTP, 'TLS 1.3 HTTP/1.1 keep-alive downstream, 64 connections, 1 KiB', direct=UP_TLS_EC),
    'host_one': Scenario('host_one', 'lg -c 64 -f {hosts}', HTTP, '10,000 host routes to one cluster, a random host a request'),
    'prefix_one': Scenario('prefix_one', 'lg -c 64 -f {prefixes}', HTTP, '10,000 prefix routes to one cluster, a random path a request'),
    'host_many': Scenario('host_many', 'lg -c 64 -f {hosts}', PROXIES, '10,000 host routes to 10,000 clusters, a random host a request'),
    'mtls_up': Scenario('mtls_up', 'lg -c 64 -u /1k', HTTP, 'plain HTTP/1.1 downstream, mTLS 1.3 upstream, 1 KiB, 64 connections'),
    'grpc_h2h2': Scenario('h2_h2', 'h2load -c 8 -m 32 /grpc POST', HTTP, 'h2c to h2c, POST 100 B, 128 B answer and a trailer, 8 x 32', direct=UP_H2C),
    'big_1m': Scenario('plain', 'lg -c 16 -u /1m', without(ALL, 'fwd_uring') + ['haproxy_splice'], '1 MiB bodies, HTTP/1.1, 16 connections'),
    'mid_64k': Scenario('plain', 'lg -c 64 -u /64k', without(ALL, 'fwd_uring'), '64 KiB bodies, HTTP/1.1, 64 connections'),
    'post_16k': Scenario('plain', 'lg -c 64 -u /128 -b 16384', HTTP, 'POST 16 KiB, 128 B answer, HTTP/1.1, 64 connections'),
    'log_64': Scenario('log', 'lg -c 64 -u /1k', PROXIES, 'as h1_64 with an access log to a file'),
    'guarded_64': Scenario('guarded', 'lg -c 64 -u /1k', ['weir', 'envoy'], 'as h1_64 with retries, outlier detection and counted limits: what they cost beside h1_64'),
    'prefix_none': Scenario('plain', 'lg -c 64 -f {prefixes}', HTTP, 'the requests of prefix_one to a single route: what the longer header costs'),
    'host_none': Scenario('plain', 'lg -c 64 -f {hosts}', HTTP, 'the requests of host_one to a single route'),
    'tail': Scenario('plain', 'lg -c 64 -u /1k -r {rate}', ALL, 'open loop at a fixed rate, 64 connections (tail latency, counted from the due time)'),
    'tail_hi': Scenario('plain', 'lg -c 64 -u /1k -r {rate_hi}', without(ALL, 'caddy'), 'as tail at a higher rate'),
}
