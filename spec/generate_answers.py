"""How the upstreams answer: mostly well, sometimes oddly, sometimes wrongly."""

from generate_routes import Routes

FINE = 'HTTP/1.1 200 Fine\r\ncontent-length: 2\r\nx-up: raw\r\n\r\nok'
# What an HTTP/1 upstream sends, byte for byte; True: and closes the connection.
RAW = [
    ('HTTP/1.1 100 Continue\r\n\r\n' + FINE, False), ('HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n' + FINE, False), ('HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 x\r\n\r\n' + FINE, False),
    ('HTTP/1.1 204 No\r\ncontent-length: 0\r\n\r\n', False), ('HTTP/1.1 204 No\r\ncontent-length: 5\r\n\r\n', True), ('HTTP/1.1 304 Same\r\ncontent-length: 5\r\n\r\n', False),
    ('HTTP/1.1 304 Same\r\n\r\n', False), ('HTTP/1.1 205 Reset\r\ncontent-length: 0\r\n\r\n', False), ('HTTP/1.1 204 No\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n', True),
    ('HTTP/1.0 200 OK\r\nx-up: old\r\n\r\nuntil close', True), ('HTTP/1.1 200 OK\r\nx-up: long\r\n\r\nuntil close', True), ('HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok', True),
    ('HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok', False), ('HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok', True),
    ('HTTP/1.1 200 OK\r\nconnection: x-up\r\nx-up: named\r\ncontent-length: 2\r\n\r\nok', False), ('HTTP/1.1 200 OK\r\nkeep-alive: 5\r\nproxy-connection: close\r\ncontent-length: 2\r\n\r\nok', False),
    ('HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nok', False), ('HTTP/1.1 200 \r\ncontent-length: 2\r\n\r\nok', False), ('HTTP/1.1 299 Odd\r\ncontent-length: 2\r\n\r\nok', False),
    ('HTTP/1.1 600 Odd\r\ncontent-length: 2\r\n\r\nok', True), ('HTTP/1.1 999 Odd\r\ncontent-length: 2\r\n\r\nok', True), ('HTTP/1.1 99 Odd\r\ncontent-length: 2\r\n\r\nok', True),
    ('HTTP/1.1 2000 Odd\r\ncontent-length: 2\r\n\r\nok', True), ('HTTP/1.1 abc Odd\r\n\r\n', True), ('HTTP/1.1  200 OK\r\ncontent-length: 2\r\n\r\nok', True), ('http/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok', True),
    ('HTTP/1.2 200 OK\r\ncontent-length: 2\r\n\r\nok', True), ('HTTP/2.0 200 OK\r\ncontent-length: 2\r\n\r\nok', True), ('garbage\r\n\r\n', True), ('', True), ('HTTP/1.1 200 OK\r\nx-up', True),
    ('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort', True), ('HTTP/1.1 200 OK\r\ncontent-length: 5, 5\r\n\r\nhello', True), ('HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\nhello', True),
    ('HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello', True), ('HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\nhello', True), ('HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\nhello', True),
    ('HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n', True), ('HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nhello', True),
    ('HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n', True), ('HTTP/1.1 200 OK\r\ntransfer-encoding: identity\r\n\r\nhello', True),
    ('HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nx-t: 1\r\n\r\n', False), ('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel', True),
    ('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n', True), ('HTTP/1.1 200 OK\r\nx-a: \x01\r\ncontent-length: 2\r\n\r\nok', True), ('HTTP/1.1 200 OK\r\nx a: 1\r\ncontent-length: 2\r\n\r\nok', True),
    ('HTTP/1.1 200 OK\r\nx-a : 1\r\ncontent-length: 2\r\n\r\nok', True), ('HTTP/1.1 200 OK\r\nno colon\r\ncontent-length: 2\r\n\r\nok', True), ('HTTP/1.1 200 OK\r\n: v\r\ncontent-length: 2\r\n\r\nok', True),
    ('HTTP/1.1 200 OK\r\nx_under: 1\r\nX-UPPER: Two\r\ncontent-length: 2\r\n\r\nok', False), ('HTTP/1.1 200 OK\r\nx-e:\r\nx-e: \r\nx-s:   a  b  \r\ncontent-length: 2\r\n\r\nok', False), ('HTTP/1.1 200 OK\r\nx-l: \xff\xe9\r\ncontent-length: 2\r\n\r\nok', False),
    ('HTTP/1.1 200 OK\r\nset-cookie: a=1\r\nset-cookie: b=2\r\nvary: a\r\nvary: b\r\nx-r: 1\r\nx-r: 2\r\nwarning: 1\r\nwarning: 2\r\ncontent-length: 2\r\n\r\nok', False),
    ('HTTP/1.1 200 OK\r\nserver: one\r\nserver: two\r\ndate: Mon, 01 Jan 2024 00:00:00 GMT\r\nvia: 1.1 a\r\nvia: 1.0 b\r\ncontent-length: 2\r\n\r\nok', False),
    ('HTTP/1.1 200 OK\r\nupgrade: h2c\r\nconnection: upgrade\r\ncontent-length: 2\r\n\r\nok', False), ('HTTP/1.1 426 Up\r\nupgrade: x\r\nconnection: upgrade, close\r\ncontent-length: 0\r\n\r\n', True),
    ('HTTP/1.1 200 OK\r\nx-big: ' + 'v' * 70000 + '\r\ncontent-length: 2\r\n\r\nok', False), ('HTTP/1.1 200 OK\r\nx-big: ' + 'v' * 90000 + '\r\ncontent-length: 2\r\n\r\nok', True),
    ('HTTP/1.1 200 OK\r\n' + ''.join('x-%d: 1\r\n' % i for i in range(90)) + 'content-length: 2\r\n\r\nok', False), ('HTTP/1.1 200 OK\r\n' + ''.join('x-%d: 1\r\n' % i for i in range(110)) + 'content-length: 2\r\n\r\nok', True),
    ('HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ngrpc-status: 5\r\ncontent-length: 0\r\n\r\n', False), ('HTTP/1.1 503 Bad\r\ncontent-length: 4\r\nretry-after: 1\r\n\r\nbusy', False),
    ('HTTP/1.1 302 Found\r\nlocation: http://one.test/elsewhere\r\ncontent-length: 0\r\n\r\n', False), ('HTTP/1.1 401 No\r\nwww-authenticate: Basic\r\nwww-authenticate: Digest\r\ncontent-length: 0\r\n\r\n', False),
]  # fmt: skip
EXTRA = [
    [['server', 'upstream/1']], [['via', '1.0 up']], [['set-cookie', 'a=1'], ['set-cookie', 'b=2']], [['x-a', 'r']], [['x-envoy-upstream-service-time', '9']],
    [['date', 'Mon, 01 Jan 2024 00:00:00 GMT']], [['x-request-id', 'rid-1']], [['location', '/there']], [['x-envoy-overloaded', 'true']], [['x-envoy-attempt-count', '4']],
    [['grpc-status', '0']], [['grpc-status', '13'], ['grpc-message', 'bad%20thing']], [['x-envoy-immediate-health-check-fail', '1']], [['proxy-status', 'up']], [['alt-svc', 'h3=":443"']], [['x-envoy-degraded', '1']],
    [['etag', '"1"'], ['etag', '"2"']], [['content-encoding', 'gzip']], [['trailer', 'x-t']], [['x-empty', '']], [['connection', 'keep-alive']], [['x-list', 'a'], ['x-list', 'b']], [['cache-control', 'no-store'], ['cache-control', 'private']],
]  # fmt: skip


LOCATIONS = ['/a', '/a/b', '/api/v1/x?q=1', 'http://one.test/a', 'https://one.test/', 'http://two.test:8080/v1#f', '//x', 'ftp://one.test/a', 'a', '', '/', 'http://one.test', 'http:///a', 'HTTP://ONE.TEST/A', '/%2e%2e/a', 'http://[::1]:80/b', '/a b', '?q=1', '#f']


class Answers(Routes):
    def respond(self, q):
        if self.maybe(0.12):
            raw, closing = self.pick(RAW)
            while ' Odd' in raw and 'stat_prefix' in str(self.config):  # a status over 599 makes Envoy's counters of routes go wrong
                raw, closing = self.pick(RAW)
            s = {'raw': raw, 'body': 'answer'}
            if closing:
                s['close'] = True
            if self.maybe(0.3):  # the HTTP/2 upstream has ways of its own
                s.update(self.pick([{'reset': 2}, {'reset': 7}, {'reset': 0}, {'cut_after': 3, 'body': 'answer'}, {'trailers': [['x-t', '1']]}]))
            return s
        s = {'status': self.pick([200, 200, 200, 200, 201, 204, 304, 404, 500, 302, 429, 503, 206, 418]), 'headers': [['x-up', 'stream'], ['x-second', '2']]}
        if self.maybe(0.3):
            s['headers'].append(['content-type', self.pick(['text/plain', 'application/grpc', 'text/html; charset=x'])])
        for h in EXTRA:
            if self.maybe(0.04):
                s['headers'] += h
        bodiless = s['status'] in (204, 304)
        s['body'] = self.pick(['', 'answer', 3000, 70000]) if not bodiless else ''
        if self.maybe(0.2) and not bodiless:
            s['chunked'] = True
        if self.maybe(0.1) and not bodiless:
            s['trailers'] = [['x-t', '1'], ['grpc-status', '7'], ['x-t', '2']][: self.r.randint(1, 3)]
        if self.maybe(0.03):
            s['delay'] = 0.08
        if self.maybe(0.06):
            s['status'] = self.pick([301, 302, 302, 302, 303, 307, 308])
            s['headers'].append(['location', self.pick(LOCATIONS)])
        return s
