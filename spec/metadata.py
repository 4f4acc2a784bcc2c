#!/usr/bin/python3
"""METADATA, the frame that Envoy adds to HTTP/2, through the proxy.

    spec/metadata.py                    # part of `make spec`
    spec/metadata.py limit              # only scenes whose name contains one of the words

A client and an upstream that speak HTTP/2 frame by frame send METADATA before, between and after everything else; a scene says what each
of them must get, and what is counted and logged."""

import os, socket, sys, threading, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import hpack, yaml
import bootstrap, client, sut
from conformance import ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, HOST, PING, RST, SETTINGS, block, frame

METADATA, END_METADATA = 0x4D, 4


def text(s):
    """As HPACK has it, however long."""
    b, n = s.encode(), len(s.encode())
    if n < 127:
        return bytes([n]) + b
    n, size = n - 127, b'\x7f'
    while n >= 128:
        size, n = size + bytes([n % 128 | 128]), n // 128
    return size + bytes([n]) + b


def plain(*fields):
    """A block that needs no table."""
    return b''.join(b'\0' + text(name) + text(value) for name, value in fields)


def metadata(*fields, stream=1, flags=END_METADATA):
    return frame(METADATA, flags, stream, plain(*fields))


def in_pieces(payload, size=16000):
    parts = [payload[i : i + size] for i in range(0, len(payload), size)]
    return b''.join(frame(METADATA, END_METADATA if i + 1 == len(parts) else 0, 1, part) for i, part in enumerate(parts))


def request(end=True, path='/', stream=1):
    fields = (':method', 'POST'), (':path', path), (':scheme', 'http'), (':authority', 'a.test')
    return frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, block(*fields))


def response(end=True, status='200', stream=1):
    return frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, block((':status', status)))


def trailers(stream=1):
    return frame(HEADERS, END_HEADERS | END_STREAM, stream, block(('t', '1')))


def data(content=b'x', end=True, stream=1):
    return frame(DATA, END_STREAM if end else 0, stream, content)


KV, AB = ('k', 'v'), ('a', 'b')
HEAD, END = ('HEAD', 1), ('END', 1)


def got(*fields, stream=1):
    return ('METADATA', stream, dict(fields))


def body(content, stream=1):
    return ('DATA', stream, content)


BROKEN = '0 DPE codec_error'
GONE = 'the connection is gone'
LIMIT = 'allow_metadata: true, max_metadata_size: 1000'
LONG = [('k', 'x' * 600)]

# Name; what the client ('c') and the upstream ('u') send, in order; what the client must get and the upstream must get (None: it does not
# matter); and more: `down` and `up` are options of HTTP/2, `log` begins the line in the access log, `stats` are counted, `h1`: an upstream of HTTP/1.
SCENES = [
    ('both ways', [('c', request(False) + metadata(KV, AB) + data(b'q')), ('u', response(False) + metadata(('r', 's')) + data(b'x'))],
     [HEAD, got(('r', 's')), body(b'x'), END], [HEAD, got(KV, AB), body(b'q'), END], dict(log='200 - via_upstream', stats={'http2.metadata_empty_frames': None})),
    ('not allowed, and passed on all the same', [('c', request(False) + metadata(KV) + data(b'q')), ('u', response(False) + metadata(('r', 's')) + data(b'x'))],
     [HEAD, got(('r', 's')), body(b'x'), END], [HEAD, got(KV), body(b'q'), END], dict(down='', up='')),
    ('before the head of a request it has no stream', [('c', metadata(KV) + request()), ('u', response())], [HEAD, END], [HEAD, END], {}),
    ('before the head of an answer', [('c', request()), ('u', metadata(('r', 's'))), ('u', response(False)), ('u', data())],
     [got(('r', 's')), HEAD, body(b'x'), END], [HEAD, END], {}),
    ('between pieces of a body', [('c', request(False)), ('c', data(b'1', False)), ('c', metadata(KV)), ('c', data(b'2')),
                                  ('u', response(False)), ('u', data(b'3', False)), ('u', metadata(AB)), ('u', data(b'4'))],
     [HEAD, body(b'3'), got(AB), body(b'4'), END], [HEAD, body(b'1'), got(KV), body(b'2'), END], {}),
    ('in the same read as pieces of a body', [('c', request()), ('u', response(False) + metadata(KV) + data(b'1', False) + metadata(AB) + data(b'2'))],
     [HEAD, got(KV), body(b'1'), got(AB), body(b'2'), END], None, {}),
    ('before trailers', [('c', request(False)), ('c', metadata(KV) + trailers()), ('u', response(False)), ('u', metadata(AB) + trailers())],
     [HEAD, got(AB), HEAD, END], [HEAD, got(KV), HEAD, END], {}),
    ('after the end of a request', [('c', request()), ('c', metadata(KV)), ('u', response())], [HEAD, END], [HEAD, END], {}),
    ('for an answer that is made here', [('c', request(False, '/direct') + metadata(KV) + data())], [HEAD, body(b'hi'), END], [], {}),
    ('on no stream', [('c', metadata(KV, stream=0) + request()), ('u', metadata(AB, stream=0) + response())], [HEAD, END], [HEAD, END], {}),
    ('on streams that nobody opened', [('c', request() + metadata(KV, stream=7)), ('u', metadata(AB, stream=9) + response())], [HEAD, END], [HEAD, END], {}),
    ('nonsense where nobody listens', [('c', frame(METADATA, END_METADATA, 0, b'\xff\xff') + request() + frame(METADATA, END_METADATA, 1, b'\xff\xff')), ('u', response())],
     [HEAD, END], [HEAD, END], {}),
    ('without content', [('c', request(False) + frame(METADATA, END_METADATA, 1) * 3 + data(b'q')), ('u', response(False) + frame(METADATA, END_METADATA, 1) + data())],
     [HEAD, body(b'x'), END], [HEAD, body(b'q'), END], dict(stats={'http2.metadata_empty_frames': 3, 'cluster.up.http2.metadata_empty_frames': 1})),
    ('without fields', [('c', request(False) + frame(METADATA, END_METADATA, 1, b'\x20') + data(b'q')), ('u', response())],
     [HEAD, END], [HEAD, body(b'q'), END], dict(stats={'http2.metadata_empty_frames': 1})),
    ('unfinished', [('c', request(False) + metadata(KV, flags=0) + data(b'q')), ('u', response())], [HEAD, END], [HEAD, body(b'q'), END], {}),
    ('nonsense, unfinished', [('c', request(False) + frame(METADATA, 0, 1, b'\xff\xff') + data(b'q')), ('u', response())], [HEAD, END], [HEAD, body(b'q'), END], {}),
    ('in two frames, with a piece of the body between', [('c', request(False)), ('c', frame(METADATA, 0, 1, plain(KV)[:2]) + data(b'1', False) + frame(METADATA, END_METADATA, 1, plain(KV)[2:])), ('c', data(b'2')), ('u', response())],
     [HEAD, END], [HEAD, body(b'1'), got(KV), body(b'2'), END], {}),
    ('of two streams, one within the other', [('c', request(False) + request(False, stream=3) + frame(METADATA, 0, 1, plain(KV)[:2]) + metadata(AB, stream=3) + frame(METADATA, END_METADATA, 1, plain(KV)[2:]) + data() + data(stream=3)), ('u', response() + response(stream=3))],
     None, [HEAD, got(KV), body(b'x'), END, ('HEAD', 3), got(AB, stream=3), body(b'x', 3), ('END', 3)], {}),
    ('with more flags', [('c', request(False) + metadata(KV, flags=0xFF) + data(b'q')), ('u', response())], [HEAD, END], [HEAD, got(KV), body(b'q'), END], {}),
    ('one name twice: the first value counts', [('c', request(False) + metadata(KV, ('k', 'w')) + data(b'q')), ('u', response())], None, [HEAD, got(KV), body(b'q'), END], {}),
    ('names that no header could have', [('c', request(False) + metadata(('K', 'v'), ('e', ''), (':p', 'q'), ('', 'n'), ('x y', '\x01')) + data(b'q')), ('u', response())],
     None, [HEAD, got(('K', 'v'), ('e', ''), (':p', 'q'), ('', 'n'), ('x y', '\x01')), body(b'q'), END], {}),
    ('by the static table', [('c', request(False) + frame(METADATA, END_METADATA, 1, b'\x82\x84') + data(b'q')), ('u', response())],
     None, [HEAD, got((':method', 'GET'), (':path', '/')), body(b'q'), END], {}),
    ('by a dynamic table within one block', [('c', request(False) + frame(METADATA, END_METADATA, 1, b'\x40\x01k\x01v\xbe') + data(b'q')), ('u', response())],
     None, [HEAD, got(KV), body(b'q'), END], {}),
    ('by a dynamic table of the block before', [('c', request(False) + frame(METADATA, END_METADATA, 1, b'\x40\x01k\x01v') + frame(METADATA, END_METADATA, 1, b'\xbe') + data(b'q'))],
     GONE, None, dict(log=BROKEN)),
    ('more than a frame holds', [('c', request(False) + in_pieces(plain(('k', 'x' * 40000))) + data(b'q')), ('u', response(False) + in_pieces(plain(('r', 'y' * 20000))) + data())],
     [HEAD, got(('r', 'y' * 20000)), body(b'x'), END], [HEAD, got(('k', 'x' * 40000)), body(b'q'), END], {}),
    ('five hundred names', [('c', request(False) + in_pieces(plain(*[('k%d' % i, 'v') for i in range(500)])) + data(b'q')), ('u', response())],
     None, [HEAD, got(*[('k%d' % i, 'v') for i in range(500)]), body(b'q'), END], {}),
    ('nonsense ends the connection', [('c', request(False) + frame(METADATA, END_METADATA, 1, b'\xff\xff\xff') + data())], GONE, None,
     dict(log=BROKEN, stats={'http.m.downstream_cx_protocol_error': 1})),
    ('a field that is cut', [('c', request(False) + frame(METADATA, END_METADATA, 1, plain(KV)[:-1]) + data())], GONE, None, dict(log=BROKEN)),
    ('bad Huffman code', [('c', request(False) + frame(METADATA, END_METADATA, 1, b'\x00\x01k\x84\xff\xff\xff\xff') + data())], GONE, None, dict(log=BROKEN)),
    ('a table larger than there is', [('c', request(False) + frame(METADATA, END_METADATA, 1, b'\x3f\xe1\xff\x03' + plain(KV)) + data())], GONE, None, dict(log=BROKEN)),
    ('nonsense from the upstream', [('c', request()), ('u', response(False) + frame(METADATA, END_METADATA, 1, b'\xff\xff') + data())],
     [HEAD, ('RST', 1)], None, dict(log='200 UPE upstream_reset_after_response_started{protocol_error}', stats={'cluster.up.upstream_cx_protocol_error': 1})),
    ('within a head', [('c', frame(HEADERS, END_STREAM, 1, block((':method', 'GET'))) + metadata(KV) + frame(CONTINUATION, END_HEADERS, 1))], GONE, None, {}),
    ('more than a mebibyte', [('c', request(False) + in_pieces(plain(*[('k%d' % i, 'x' * 60000) for i in range(18)])) + data())], GONE, None, dict(log=BROKEN)),
    ('a mebibyte in many blocks', [('c', request(False) + in_pieces(plain(('k', 'x' * 60000))) * 18 + data())], GONE, None, dict(log=BROKEN)),
    ('up to a limit', [('c', request(False) + metadata(*LONG) + data(b'q')), ('u', response())], [HEAD, END], [HEAD, got(*LONG), body(b'q'), END], dict(down=LIMIT)),
    ('over the limit', [('c', request(False) + metadata(*LONG) + metadata(*LONG) + data())], GONE, None, dict(down=LIMIT, log=BROKEN)),
    ('over the limit, little by little', [('c', request(False) + metadata(*LONG)), ('u', response(False)), ('c', metadata(*LONG))], GONE, [HEAD, got(*LONG), ('RST', 1)], dict(down=LIMIT, log='200 DPE codec_error')),
    ('over the limit, unfinished', [('c', request(False) + metadata(('k', 'x' * 1100), flags=0))], GONE, None, dict(down=LIMIT, log=BROKEN)),
    ('over the limit of an upstream', [('c', request()), ('u', metadata(('k', 'x' * 1100)))], [HEAD, 'BODY', END], [HEAD, END],
     dict(up=LIMIT, log='502 UPE upstream_reset_before_response_started{protocol_error}')),
    ('what a failed try said is passed on', [('c', request(path='/retry')), ('u', metadata(('r', '0')) + response(status='503')), ('u', response(stream=3))],
     [got(('r', '0')), HEAD, END], [HEAD, END, ('HEAD', 3), ('END', 3)], {}),
    ('the next try does not hear it again', [('c', request(False, '/retry') + metadata(KV) + data(b'q')), ('u', response(status='503')), ('u', response(stream=3))],
     [HEAD, END], [HEAD, got(KV), body(b'q'), END, ('HEAD', 3), body(b'q', 3), ('END', 3)], {}),
    ('while a filter waits', [('c', request(False, '/slow') + metadata(KV) + data(b'q')), ('w', 0.4), ('u', response())], [HEAD, END], [HEAD, got(KV), body(b'q'), END], {}),
    ('to HTTP/1 it cannot go', [('c', request(False) + metadata(KV) * 3 + data(b'q'))], None, None, dict(h1=True, stats={'cluster.up.http1.metadata_not_supported_error': 3})),
]  # fmt: skip

LOG = '%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n'
FAULT = bootstrap.TYPE + 'extensions.filters.http.fault.v3.HTTPFault'
ROUTES = yaml.safe_load("""
- {match: {path: /direct}, direct_response: {status: 200, body: {inline_string: hi}}}
- {match: {path: /retry}, route: {cluster: up, retry_policy: {retry_on: 5xx}}}
- match: {path: /slow}
  route: {cluster: up}
  typed_per_filter_config: {fault: {'@type': %s, delay: {fixed_delay: 0.2s, percentage: {numerator: 100}}}}
- {match: {prefix: /}, route: {cluster: up}}
""" % FAULT)


def config(values, upstream, down, up):
    """`down` and `up`: the options of HTTP/2 on that side; `up` is None for an upstream of HTTP/1."""
    short = {
        'stat_prefix': 'm', 'codec_type': 'HTTP2', 'delayed_close_timeout': '1s', 'http2_protocol_options': down, 'log_format': LOG, 'routes': ROUTES,
        'http_filters': [{'name': 'fault', 'typed_config': {'@type': FAULT}}, bootstrap.router()],
    }  # fmt: skip
    options = bootstrap.http_options(http_protocol_options={}) if up is None else bootstrap.http_options(http2_protocol_options=up)
    return bootstrap.text(short, [dict(bootstrap.cluster('up', 'h1', upstream), typed_extension_protocol_options=options)], values)


class Peer:
    """One end of an HTTP/2 connection, which it has greeted: what came is in `seen`."""

    def __init__(self, s, is_server):
        self.s, self.preface, self.seen, self.closed, self.block = s, is_server, [], False, b''
        self.headers = hpack.Decoder()
        self.send((b'' if is_server else b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n') + frame(SETTINGS, 0, 0))
        threading.Thread(target=self.read, daemon=True).start()

    def send(self, content):
        try:
            self.s.sendall(content)
        except OSError:
            self.closed = True

    def hang_up(self):
        try:
            self.s.shutdown(socket.SHUT_RDWR)  # close() alone would wait for read()
        except OSError:
            pass
        self.s.close()

    def read(self):
        rest, preface = b'', 24 if self.preface else 0
        try:
            while True:
                more = self.s.recv(65536)
                if not more:
                    break
                rest += more
                if len(rest) < preface:
                    continue
                rest, preface = rest[preface:], 0
                while len(rest) >= 9 and len(rest) >= 9 + int.from_bytes(rest[:3], 'big'):
                    size = int.from_bytes(rest[:3], 'big')
                    self.take(rest[3], rest[4], int.from_bytes(rest[5:9], 'big'), rest[9 : 9 + size])
                    rest = rest[9 + size :]
        except OSError:
            pass
        self.closed = True

    def take(self, kind, flags, stream, payload):
        if kind in (SETTINGS, PING) and not flags & ACK:
            self.send(frame(kind, ACK, 0, payload if kind == PING else b''))
        elif kind == HEADERS:
            self.headers.decode(payload)
            self.seen.append(('HEAD', stream))
        elif kind == DATA and payload:
            self.seen.append(('DATA', stream, payload))
        elif kind == METADATA:
            self.block += payload
            if flags & END_METADATA:
                self.seen.append(('METADATA', stream, {str(k): str(v) for k, v in hpack.Decoder().decode(self.block)}))
                self.block = b''
        elif kind == RST:
            self.seen.append(('RST', stream))
        elif kind == GOAWAY:
            self.closed = True
        if kind in (HEADERS, DATA) and flags & END_STREAM:
            self.seen.append(('END', stream))


def get(port, path):
    c = client.H1Connection(port, 3.0)
    answer = c.request({'path': path, 'timeout': 3.0})
    c.close()
    return answer.body if isinstance(answer.body, str) else answer.body.decode()


def eventually(condition, seconds=2.0):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def equal(seen, must):
    """Stream by stream. 'BODY' stands for any."""
    must = sorted((('DATA', 1, any) if each == 'BODY' else each for each in must), key=lambda each: each[1])
    seen = sorted(seen, key=lambda each: each[1])
    return len(seen) == len(must) and all(a == b or (b[2:] == (any,) and a[:2] == b[:2]) for a, b in zip(seen, must))


def short(seen):
    said = repr(seen)
    return said if len(said) < 400 else said[:400] + ' …'


def play(sent, client_gets, upstream_gets, down='allow_metadata: true', up='allow_metadata: true', h1=False, log=None, stats=()):
    """What came otherwise than it must; '' if nothing did."""
    port, admin, peers = sut.free_port(), sut.free_port(), []
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen(5)

        def accept():
            try:
                while True:
                    s, _ = listener.accept()
                    peers.append(s if h1 else Peer(s, True))
            except OSError:
                pass

        threading.Thread(target=accept, daemon=True).start()
        proxy = sut.Sut(os.environ.get('SUT', 'weir'))
        values = {'port': port, 'admin': admin, 'dir': proxy.dir}
        options = [None if text is None else yaml.safe_load('{%s}' % text) for text in (down, None if h1 else up)]
        proxy.start(config(values, listener.getsockname()[1], *options), admin)
        try:
            c = Peer(socket.create_connection((HOST, port)), False)
            for who, what in sent:
                if who == 'u':
                    if not eventually(lambda: peers):
                        return 'nobody came to the upstream'
                    peers[0].send(what)
                elif who == 'c':
                    c.send(what)
                time.sleep(what if who == 'w' else 0.1)
            if client_gets == GONE:
                if not eventually(lambda: c.closed):
                    return 'the connection lives on'
            elif client_gets is not None and not eventually(lambda: equal(c.seen, client_gets)):
                return 'the client got ' + short(c.seen)
            upstream = lambda: peers[0].seen if peers else []
            if upstream_gets is not None and not eventually(lambda: equal(upstream(), upstream_gets)):
                return 'the upstream got ' + short(upstream())
            for name, count in dict(stats).items():
                counted = lambda: ([line.split(': ')[1] for line in get(admin, '/stats?usedonly').splitlines() if line.startswith(name + ': ')] + [None])[0]
                if not eventually(lambda: counted() == (None if count is None else str(count))):
                    return '%s is %s' % (name, counted())
            if log is not None:
                logged = lambda: open(proxy.dir + '/access.log').read() if os.path.exists(proxy.dir + '/access.log') else ''
                if not eventually(lambda: logged().startswith(log)):
                    return 'the log says ' + logged()
            return '' if proxy.process.poll() is None else 'it exited'
        finally:
            c.hang_up()
            proxy.stop()


def main():
    words = sys.argv[1:]
    failed = ran = 0
    for name, sent, client_gets, upstream_gets, more in SCENES:
        if words and not any(word in name for word in words):
            continue
        ran += 1
        instead = play(sent, client_gets, upstream_gets, **more)
        if instead:
            failed += 1
            print('FAIL  metadata, %s: %s' % (name, instead))
    print('metadata: %d passed, %d failed' % (ran - failed, failed))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
