#!/usr/bin/python3
"""Throws broken, cut and slow traffic at a running proxy, then asks whether it is still well: alive, no stream or connection left
over, memory not grown, and an ordinary request answered.

    spec/hostile.py --seed 1 --rounds 400"""

import argparse, os, random, socket, struct, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import yaml
import bootstrap, client, sut, upstreams

PREFACE = b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
REQUESTS = [
    b'GET / HTTP/1.1\r\nhost: a\r\n\r\n',
    b'POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n0123456789',
    b'POST /x HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx-t: 1\r\n\r\n',
    b'PUT /b/x?y=1 HTTP/1.1\r\nhost: a.test:80\r\nexpect: 100-continue\r\ncontent-length: 5\r\nx-a: b\r\nconnection: x-a, close\r\n\r\nhello',
    b'HEAD /b HTTP/1.1\r\nhost: a\r\nx-long: ' + b'v' * 2000 + b'\r\n\r\n',
]  # fmt: skip
# Pieces that parsers trip over.
DICTIONARY = [b'\r\n', b'\n', b'\r', b'\0', b':', b' ', b'\t', b'chunked', b'content-length: 5\r\n', b'transfer-encoding: chunked\r\n', b'ffffffffffffffff', b'-1', b'host: b\r\n', b'\xff\xfe', b'HTTP/1.0', b';', b'0\r\n\r\n', PREFACE]  # fmt: skip


def frame(kind, flags, stream, payload):
    return struct.pack('>I', len(payload))[1:] + bytes([kind, flags]) + struct.pack('>I', stream) + payload


class Attacker:
    def __init__(self, seed, port):
        self.r = random.Random(seed)
        self.port = port

    def mutated(self, data):
        r, data = self.r, bytearray(data)
        for _ in range(r.randint(1, 4)):
            at = r.randrange(len(data) + 1)
            kind = r.randrange(5)
            if kind == 0 and data:
                data[at % len(data)] = r.randrange(256)
            elif kind == 1:
                data[at:at] = r.choice(DICTIONARY)
            elif kind == 2:
                del data[at : at + r.randint(1, 8)]
            elif kind == 3:
                end = at + r.randint(1, 40)
                data[at:at] = data[at:end]
            else:
                del data[at:]
        return bytes(data)

    def http1(self):
        return self.mutated(b''.join(self.r.choice(REQUESTS) for _ in range(self.r.randint(1, 3))))

    def http2(self):
        r = self.r
        # :method GET, :scheme http, :path /, :authority a (never indexed), as HPACK.
        head = b'\x82\x86\x84\x01\x01a'
        frames = [frame(4, 0, 0, b'')]
        for i in range(r.randint(1, 8)):
            stream = r.choice([1, 3, 5, 7, 2, 0])
            frames.append(
                r.choice(
                    [
                        frame(1, r.choice([4, 5, 1, 0]), stream, head),
                        frame(0, r.choice([0, 1, 8]), stream, b'x' * r.randint(0, 100)),
                        frame(3, 0, stream, struct.pack('>I', r.randrange(15))),
                        frame(4, 0, 0, struct.pack('>HI', r.randrange(8), r.choice([0, 1, 65535, 2**31, 2**32 - 1]))),
                        frame(8, 0, stream, struct.pack('>I', r.choice([0, 1, 2**31 - 1]))),
                        frame(6, 0, 0, b'12345678'),
                        frame(7, 0, 0, struct.pack('>II', 0, 0)),
                        frame(9, 4, stream, head),
                        frame(2, 0, stream, b'\0\0\0\1\x10'),
                        frame(r.randrange(256), r.randrange(256), stream, bytes(r.randrange(256) for _ in range(r.randint(0, 30)))),
                    ]
                )
            )
        data = PREFACE + b''.join(frames)
        return self.mutated(data) if r.random() < 0.5 else data

    def attack(self):
        r = self.r
        data = self.http2() if r.random() < 0.4 else self.http1()
        s = socket.create_connection(('127.0.0.1', self.port), 2)
        try:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            pieces = [data]
            if r.random() < 0.3:
                at = r.randrange(len(data) + 1)
                pieces = [data[:at], data[at:]]
            for p in pieces:
                s.sendall(p)
                if len(pieces) > 1:
                    time.sleep(0.002)
            ending = r.randrange(4)
            if ending == 0:  # reset at once
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
            elif ending == 1:
                s.shutdown(socket.SHUT_WR)
            if ending:
                s.settimeout(0.02)
                s.recv(65536)
        except OSError:
            pass
        finally:
            s.close()


def stats(port):
    c = client.H1Connection(port)
    body = c.request({'path': '/stats'}).body
    c.close()
    return dict(l.split(': ', 1) for l in body.splitlines() if ': ' in l)


def rss_mb(pid):
    with open('/proc/%d/statm' % pid) as f:
        return int(f.read().split()[1]) * os.sysconf('SC_PAGE_SIZE') / 2**20


GAUGES = ['http.ingress.downstream_cx_active', 'http.ingress.downstream_rq_active', 'cluster.a.upstream_rq_active', 'cluster.b.upstream_rq_active', 'cluster.a.upstream_rq_pending_active', 'cluster.b.upstream_rq_pending_active']  # fmt: skip


def left_over(port, limit=8.0):
    """The gauges that do not go back to zero."""
    end = time.monotonic() + limit
    while True:
        now = stats(port)
        left = {g: now[g] for g in GAUGES if now.get(g, '0') != '0'}
        if not left or time.monotonic() > end:
            return left
        time.sleep(0.1)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--sut', default=os.environ.get('SUT') or 'weir', choices=['weir', 'envoy'])
    ap.add_argument('--seed', type=int, default=1)
    ap.add_argument('--rounds', type=int, default=400)
    a = ap.parse_args()
    ups = {'a': upstreams.start('a', 'h1', sut.free_port()), 'b': upstreams.start('b', 'h2', sut.free_port())}
    proxy = sut.Sut(a.sut)
    values = {'port': sut.free_port(), 'admin': sut.free_port(), 'dir': proxy.dir, **{n: u.port for n, u in ups.items()}}
    routes = [{'match': {'prefix': '/b'}, 'route': {'cluster': 'b'}}, {'match': {'prefix': '/'}, 'route': {'cluster': 'a', 'timeout': '2s'}}]
    hcm = {'routes': routes, 'request_timeout': '2s', 'stream_idle_timeout': '2s', 'log_format': None}
    config = yaml.safe_dump(bootstrap.fill_all(bootstrap.expand(hcm, {'a': 'h1', 'b': 'h2'}), values), sort_keys=False)
    problems = []
    try:
        proxy.start(config, values['admin'])
        attacker = Attacker(a.seed, values['port'])
        for _ in range(50):
            attacker.attack()
        before = rss_mb(proxy.process.pid)
        for i in range(a.rounds):
            attacker.attack()
            if proxy.process.poll() is not None:
                problems.append('it ended with %s after %d attacks: %s' % (proxy.process.returncode, i, proxy.said()[-800:]))
                break
        else:
            left = left_over(values['admin'])
            if left:
                problems.append('left over: %s' % left)
            grown = rss_mb(proxy.process.pid) - before
            if grown > 20:
                problems.append('memory grew by %.1f MiB' % grown)
            for u in ups.values():
                u.reset()
            for q in ({}, {'path': '/b'}, {'protocol': 'h2'}, {'protocol': 'h2', 'path': '/b'}):
                c = client.connect(q.get('protocol', 'h1'), values['port'])
                r = c.request(q)
                c.close()
                if r.status != 200:
                    problems.append('an ordinary request %s got %s %s' % (q, r.status, r.error or r.body[:100]))
            odd = [s for u in ups.values() for s in u.seen if s.get('method') not in ('GET', '')]
            if odd:
                problems.append('unasked requests reached an upstream: %s' % odd[:2])
    finally:
        proxy.stop()
        for u in ups.values():
            u.stop()
    print('%d attacks on %s, seed %d: %s' % (a.rounds, a.sut, a.seed, '; '.join(problems) or 'well'))
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
