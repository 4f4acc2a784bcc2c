#!/usr/bin/python3
"""RFC 9113 frame by frame, on both sides of the proxy.

    spec/conformance.py                 # part of `make spec`
    spec/conformance.py 6.5 8.1         # only cases whose name contains one of the words

Upstream side: an upstream that speaks HTTP/2 wrong on purpose, one rule of the RFC a case; the proxy, its client, must end the
stream or the connection, or must not mind. Downstream side: the 146 strict cases of h2spec, where that program is to be had (H2SPEC
names it; `go install` fetches it into build/)."""

import os, re, shutil, socket, struct, subprocess, sys, threading, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import hpack
import bootstrap, sut, upstreams

HOST = '127.0.0.1'
H2SPEC = 'github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible'
DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED = 1, 1, 4, 8

# What must come of a case.
CONNECTION_ENDS = 'the connection must end'
STREAM_ENDS = 'the stream or the connection must end'
NO_MATTER = 'nothing must end'
SETTINGS_ACKED = 'the SETTINGS must be acknowledged'
PING_ACKED = 'the PING must be acknowledged'


def frame(kind, flags, stream, payload=b''):
    return struct.pack('>I', len(payload))[1:] + bytes([kind, flags]) + struct.pack('>I', stream) + payload


def block(*fields):
    return hpack.Encoder().encode(list(fields))


OK = block((':status', '200'))
MORE = block(('a', 'b'))
LONG = block(('x', '~' * 17000))


def setting(number, value):
    return frame(SETTINGS, 0, 0, struct.pack('>HI', number, value))


def response(*more, end=True, fields=()):
    head = block((':status', '200'), *fields) if fields else OK
    return frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), 1, head) + b''.join(more)


def number(value):
    return struct.pack('>I', value)


# (section and rule, what must come of it, what the upstream sends after the request has come, whether SETTINGS come first)
CASES = [
    ('3.4 the first frame is not SETTINGS', CONNECTION_ENDS, frame(PING, 0, 0, b'x' * 8), False),
    ('3.4 the upstream speaks HTTP/1', CONNECTION_ENDS, b'HTTP/1.1 200 OK\r\n\r\n' * 3, False),
    ('4.1 a frame of unknown type', NO_MATTER, frame(0x16, 0, 0, b'12345678') + response()),
    ('4.1 flags without meaning', NO_MATTER, frame(PING, 0x16, 0, b'x' * 8) + response()),
    ('4.1 the reserved bit', NO_MATTER, frame(PING, 0, 0x80000000, b'x' * 8) + response()),
    ('4.2 a DATA frame of the greatest size', NO_MATTER, response(frame(DATA, END_STREAM, 1, b'x' * 16384), end=False)),
    ('4.2 a larger DATA frame', STREAM_ENDS, response(frame(DATA, END_STREAM, 1, b'x' * 16385), end=False)),
    ('4.2 a larger HEADERS frame', CONNECTION_ENDS, frame(HEADERS, END_STREAM | END_HEADERS, 1, OK + LONG)),
    ('4.3 a header block that cannot be read', CONNECTION_ENDS, frame(HEADERS, END_STREAM | END_HEADERS, 1, b'\x00\x01\xff' * 3 + b'\xff' * 6)),
    ('4.3 PRIORITY within a header block', CONNECTION_ENDS, frame(HEADERS, END_STREAM, 1, OK) + frame(PRIORITY, 0, 1, b'\0\0\0\0\x0a') + frame(CONTINUATION, END_HEADERS, 1, MORE)),
    ('4.3 HEADERS of another stream within a header block', CONNECTION_ENDS, frame(HEADERS, END_STREAM, 1, OK) + frame(HEADERS, END_HEADERS, 3, OK)),
    ('5.1 idle: DATA', CONNECTION_ENDS, frame(DATA, END_STREAM, 101, b'x')),
    ('5.1 idle: RST_STREAM', CONNECTION_ENDS, frame(RST, 0, 101, number(8))),
    ('5.1 idle: WINDOW_UPDATE', CONNECTION_ENDS, frame(WINDOW_UPDATE, 0, 101, number(100))),
    ('5.1 idle: CONTINUATION', CONNECTION_ENDS, frame(CONTINUATION, END_HEADERS, 101, OK)),
    ('5.1 idle: HEADERS', CONNECTION_ENDS, frame(HEADERS, END_STREAM | END_HEADERS, 101, OK)),
    ('5.1 closed: DATA', STREAM_ENDS, response(frame(DATA, END_STREAM, 1, b'x'))),
    ('5.1 closed: HEADERS', STREAM_ENDS, response(response())),
    ('5.1 closed: CONTINUATION', CONNECTION_ENDS, response(frame(CONTINUATION, END_HEADERS, 1, OK))),
    ('5.1 closed by RST_STREAM: DATA', STREAM_ENDS, frame(RST, 0, 1, number(8)) + frame(DATA, END_STREAM, 1, b'x')),
    ('5.1 closed by RST_STREAM: HEADERS', STREAM_ENDS, frame(RST, 0, 1, number(8)) + response()),
    ('5.1.1 an even stream that nobody promised', CONNECTION_ENDS, frame(HEADERS, END_STREAM | END_HEADERS, 2, OK)),
    ('5.5 a frame of unknown type within a header block', CONNECTION_ENDS, frame(HEADERS, END_STREAM, 1, OK) + frame(0x16, 0, 0, b'12345678') + frame(CONTINUATION, END_HEADERS, 1, MORE)),
    ('6.1 DATA on stream 0', CONNECTION_ENDS, frame(DATA, END_STREAM, 0, b'x')),
    ('6.1 DATA with more padding than payload', CONNECTION_ENDS, response(frame(DATA, END_STREAM | PADDED, 1, b'\x16abc'), end=False)),
    ('6.2 HEADERS on stream 0', CONNECTION_ENDS, frame(HEADERS, END_STREAM | END_HEADERS, 0, OK)),
    ('6.2 HEADERS with more padding than payload', CONNECTION_ENDS, frame(HEADERS, END_STREAM | END_HEADERS | PADDED, 1, bytes([len(OK) + 5]) + OK)),
    ('6.3 PRIORITY on stream 0', CONNECTION_ENDS, frame(PRIORITY, 0, 0, b'\0\0\0\0\x0a')),
    ('6.3 PRIORITY of a wrong length', STREAM_ENDS, frame(PRIORITY, 0, 1, b'\0\0\0\0')),
    ('6.4 RST_STREAM on stream 0', CONNECTION_ENDS, frame(RST, 0, 0, number(8))),
    ('6.4 RST_STREAM of a wrong length', CONNECTION_ENDS, frame(RST, 0, 1, b'\0\0\0')),
    ('6.5 an acknowledgement with a payload', CONNECTION_ENDS, frame(SETTINGS, ACK, 0, b'\0\x03\0\0\0\x64')),
    ('6.5 SETTINGS on a stream', CONNECTION_ENDS, frame(SETTINGS, 0, 1, b'\0\x03\0\0\0\x64')),
    ('6.5 SETTINGS of a wrong length', CONNECTION_ENDS, frame(SETTINGS, 0, 0, b'\0\x03\0')),
    ('6.5.2 ENABLE_PUSH 2', CONNECTION_ENDS, setting(2, 2)),
    ('6.5.2 ENABLE_PUSH 1 from a server', CONNECTION_ENDS, setting(2, 1)),
    ('6.5.2 INITIAL_WINDOW_SIZE too large', CONNECTION_ENDS, setting(4, 0x80000000)),
    ('6.5.2 MAX_FRAME_SIZE too small', CONNECTION_ENDS, setting(5, 16383)),
    ('6.5.2 MAX_FRAME_SIZE too large', CONNECTION_ENDS, setting(5, 16777216)),
    ('6.5.2 a setting of unknown number', NO_MATTER, setting(0xff, 1) + response()),
    ('6.5.3 SETTINGS are acknowledged', SETTINGS_ACKED, setting(3, 100)),
    ('6.6 a PUSH_PROMISE that was forbidden', CONNECTION_ENDS, frame(PUSH_PROMISE, END_HEADERS, 1, number(2) + block((':method', 'GET'), (':scheme', 'http'), (':path', '/'), (':authority', 'a')))),
    ('6.7 a PING is acknowledged', PING_ACKED, frame(PING, 0, 0, b'12345678')),
    ('6.7 an acknowledgement that nobody asked for', NO_MATTER, frame(PING, ACK, 0, b'invalid!') + response()),
    ('6.7 PING on a stream', CONNECTION_ENDS, frame(PING, 0, 1, b'12345678')),
    ('6.7 PING of a wrong length', CONNECTION_ENDS, frame(PING, 0, 0, b'123456')),
    ('6.8 GOAWAY on a stream', CONNECTION_ENDS, frame(GOAWAY, 0, 1, number(0) * 2)),
    ('6.9 an increment of 0 for the connection', CONNECTION_ENDS, frame(WINDOW_UPDATE, 0, 0, number(0))),
    ('6.9 an increment of 0 for a stream', STREAM_ENDS, frame(WINDOW_UPDATE, 0, 1, number(0))),
    ('6.9 WINDOW_UPDATE of a wrong length', CONNECTION_ENDS, frame(WINDOW_UPDATE, 0, 0, b'\0\0\0')),
    ('6.9.1 a window of the connection beyond 2^31-1', CONNECTION_ENDS, frame(WINDOW_UPDATE, 0, 0, number(0x7fffffff)) * 2),
    ('6.9.1 a window of a stream beyond 2^31-1', STREAM_ENDS, frame(WINDOW_UPDATE, 0, 1, number(0x7fffffff)) * 2),
    ('6.10 several CONTINUATION frames', NO_MATTER, frame(HEADERS, END_STREAM, 1, OK) + frame(CONTINUATION, 0, 1, MORE) + frame(CONTINUATION, END_HEADERS, 1, MORE)),
    ('6.10 DATA within a header block', CONNECTION_ENDS, frame(HEADERS, 0, 1, OK) + frame(CONTINUATION, 0, 1, MORE) + frame(DATA, END_STREAM, 1, b'x')),
    ('6.10 CONTINUATION on stream 0', CONNECTION_ENDS, frame(HEADERS, END_STREAM, 1, OK) + frame(CONTINUATION, END_HEADERS, 0, MORE)),
    ('6.10 CONTINUATION after END_HEADERS', CONNECTION_ENDS, response(frame(CONTINUATION, END_HEADERS, 1, MORE), end=False)),
    ('6.10 CONTINUATION after DATA', CONNECTION_ENDS, response(frame(DATA, 0, 1, b'x'), frame(CONTINUATION, END_HEADERS, 1, MORE), end=False)),
    ('8.1 trailers that do not end the stream', STREAM_ENDS, response(frame(HEADERS, END_HEADERS, 1, MORE), frame(DATA, END_STREAM, 1), end=False)),
    ('8.1.1 less content than announced', STREAM_ENDS, response(frame(DATA, END_STREAM, 1, b'te'), end=False, fields=[('content-length', '9')])),
    ('8.1.1 more content than announced', STREAM_ENDS, response(frame(DATA, END_STREAM, 1, b'test'), end=False, fields=[('content-length', '1')])),
    ('8.1.1 more content than announced, in several frames', STREAM_ENDS, response(frame(DATA, 0, 1, b'te'), frame(DATA, END_STREAM, 1, b'st'), end=False, fields=[('content-length', '1')])),
    ('8.2.1 a name in upper case', STREAM_ENDS, frame(HEADERS, END_STREAM | END_HEADERS, 1, OK + b'\x00\x01A\x01b')),
    ('8.2.2 a connection header', STREAM_ENDS, response(fields=[('connection', 'keep-alive')])),
    ('8.3 an unknown pseudo-header', STREAM_ENDS, response(fields=[(':test', 'x')])),
    ('8.3 a pseudo-header of requests', STREAM_ENDS, response(fields=[(':method', 'GET')])),
    ('8.3 a pseudo-header in trailers', STREAM_ENDS, response(response(), end=False)),
    ('8.3 a pseudo-header after others', STREAM_ENDS, frame(HEADERS, END_STREAM | END_HEADERS, 1, block(('a', 'b'), (':status', '200')))),
    ('8.3.2 no :status', STREAM_ENDS, frame(HEADERS, END_STREAM | END_HEADERS, 1, MORE)),
    ('8.3.2 two :status', STREAM_ENDS, response(fields=[(':status', '200')])),
]  # fmt: skip


def config(ports, upstream, codec, upstream_protocol):
    short = {
        'stat_prefix': 'conformance', 'codec_type': codec, 'delayed_close_timeout': '1s',
        'routes': [{'match': {'prefix': '/'}, 'route': {'cluster': 'up', 'timeout': '2s'}}],
    }  # fmt: skip
    up = dict(bootstrap.cluster('up', 'h1', upstream), typed_extension_protocol_options=bootstrap.http_options(**{upstream_protocol: {}}))
    return bootstrap.text(short, [up], ports)


class Proxy:
    """The system under test between a port and an upstream's port."""

    def __init__(self, upstream, codec, upstream_protocol):
        self.port, self.admin = sut.free_port(), sut.free_port()
        self.sut = sut.Sut(os.environ.get('SUT', 'weir'))
        ports = {'port': self.port, 'admin': self.admin}
        self.sut.start(config(ports, upstream, codec, upstream_protocol), self.admin)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sut.stop()


class Peer:
    """The upstream's end of one connection: what came from the proxy, as frames."""

    def __init__(self, s):
        self.s, self.bytes, self.closed = s, b'', False
        s.settimeout(0.05)

    def send(self, data):
        try:
            self.s.sendall(data)
        except OSError:
            self.closed = True

    def wait(self, seconds, condition):
        end = time.monotonic() + seconds
        while not condition() and not self.closed and time.monotonic() < end:
            try:
                data = self.s.recv(65536)
                self.closed = not data
                self.bytes += data
            except socket.timeout:
                pass
            except OSError:
                self.closed = True
        return condition()

    def frames(self):
        rest, found = self.bytes[24:], []
        while len(rest) >= 9:
            size = int.from_bytes(rest[:3], 'big')
            found.append((rest[3], rest[4], rest[9 : 9 + size]))
            rest = rest[9 + size :]
        return found

    def count(self, kind, ack=False):
        return sum(1 for k, flags, _ in self.frames() if k == kind and (not ack or flags & ACK))

    def goaway(self):
        return any(k == GOAWAY and payload[4:8] != b'\0\0\0\0' for k, _, payload in self.frames())


def ask(port):
    """A request whose answer does not matter."""
    try:
        with socket.create_connection((HOST, port)) as c:
            c.settimeout(3)
            c.sendall(b'GET / HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n')
            while c.recv(4096):
                pass
    except OSError:
        pass


def run_case(listener, port, must, sent, settings_first=True):
    """Whether it came as it must; a text about what came instead."""
    client = threading.Thread(target=ask, args=(port,), daemon=True)
    client.start()
    s, _ = listener.accept()
    with s:
        peer = Peer(s)
        if settings_first:
            peer.send(frame(SETTINGS, 0, 0))
        peer.wait(1, lambda: peer.count(HEADERS))
        acked = peer.count(SETTINGS, ack=True)
        peer.send(sent)
        conditions = {
            CONNECTION_ENDS: lambda: peer.goaway() or peer.closed,
            STREAM_ENDS: lambda: peer.goaway() or peer.count(RST) or peer.closed,
            SETTINGS_ACKED: lambda: peer.count(SETTINGS, ack=True) > max(acked, 1) or acked > 1,
            PING_ACKED: lambda: peer.count(PING, ack=True),
        }
        if must == NO_MATTER:
            peer.wait(0.1, lambda: False)
            good = not peer.goaway() and not peer.count(RST)
        else:
            good = peer.wait(1, conditions[must])
    client.join(3)
    return good, 'it did not' if must != NO_MATTER else 'something did'


def upstream_side(words):
    """The proxy as a client."""
    failed = ran = 0
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen(20)
        listener.settimeout(5)
        with Proxy(listener.getsockname()[1], 'AUTO', 'http2_protocol_options') as proxy:
            for name, must, *how in CASES:
                if words and not any(word in name for word in words):
                    continue
                ran += 1
                good, instead = run_case(listener, proxy.port, must, *how)
                if not good:
                    failed += 1
                    print('FAIL  upstream side, %s: %s, and %s' % (name, must, instead))
    print('upstream side: %d passed, %d failed' % (ran - failed, failed))
    return failed


def find_h2spec():
    if os.environ.get('H2SPEC'):
        return os.environ['H2SPEC']
    binary = sut.REPO + '/build/h2spec/h2spec'
    if not os.path.exists(binary) and shutil.which('go'):
        where = os.path.dirname(binary)
        os.makedirs(where, exist_ok=True)
        subprocess.run(['go', 'install', H2SPEC], env=dict(os.environ, GOBIN=where), capture_output=True)
    return binary if os.path.exists(binary) else shutil.which('h2spec')


def downstream_side():
    """The proxy as a server."""
    binary = find_h2spec()
    if not binary:
        print('downstream side: skipped, for h2spec is not to be had here (H2SPEC can name it)')
        return 0
    upstream = upstreams.H1Upstream('up')
    with Proxy(upstream.port, 'HTTP2', 'http_protocol_options') as proxy:
        said = subprocess.run([binary, '--strict', '-h', HOST, '-p', str(proxy.port)], capture_output=True, text=True).stdout
    upstream.stop()
    summary = re.search(r'(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed', said)
    if summary is None:
        print('FAIL  downstream side: h2spec said nothing that can be read\n' + said[-500:])
        return 1
    if int(summary[4]):
        print(said[said.index('Failures:') :])
    print('downstream side: %s passed, %s failed' % (summary[2], summary[4]))
    return int(summary[4])


def main():
    words = sys.argv[1:]
    failed = upstream_side(words)
    if not words:
        failed += downstream_side()
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
