"""Random requests: in either protocol and legal, or as raw bytes and slightly wrong."""

from generate_answers import Answers
from generate_routes import HEADERS, METHODS, QUERIES, VALUES
from generate_wider import INPUTS, KEYS

HOSTS = [
    'one.test', 'two.test', 'api.one.test', 'a.b.two.test', 'one.org', 'three.test:8080', 'three.test', 'OTHER.net', '127.0.0.1', '[::1]:80', 'one.test.', 'one.test.:80', 'x.y-z', 'One.Test:80',
    'one.test:8080', 'a.one.test:8080', '[::1]', 'localhost', 'one.test:443', 'a-x.test', '',
]  # fmt: skip
PATHS = ['/a/b', '/abc', '/api/v1/x', '/', '/b', '/12/3', '/a', '/users/x', '/a/x/b', '/v1/v1', '/a/b/c/d', '/%7Euser', '/a%2Fb', '/a//b/../c', '/api/b/', '//a', '/a/./b', '/..', '/a;v=1/b', '/a%20b', '/*', '/a=b']
QUERY_VALUES = ['', '=', '=1', '=abc', '=v1', '=%31', '=a+b', '=a%20b', '==', '=a=b', '=é'[:1]]
EXTRA = [
    ['x-cluster', ['a', 'b', 'nowhere', 'empty']], ['x-forwarded-for', ['1.2.3.4', '10.0.0.1', '1.2.3.4, 10.1.1.1', '10.0.0.1,10.0.0.2', '::1', 'unknown', '10.0.0.1:80', ' 10.0.0.1 ', '', '1.2.3.4,bad,10.0.0.1']],
    ['x-forwarded-proto', ['https', 'http', 'HTTPS', 'ftp', '']], ['x-request-id', ['rid-1', '12345678-1234-4234-9234-1234567890ab', '12345678-1234-9234-9234-1234567890ab']], ['cookie', ['a=1; b=2', 'c=3']],
    ['te', ['trailers', 'trailers, deflate']], ['x-envoy-max-retries', ['2', 'x', '']], ['x-envoy-upstream-rq-timeout-ms', ['4000', '0', 'x']], ['x-envoy-upstream-rq-per-try-timeout-ms', ['3000']], ['x-envoy-retry-on', ['5xx', '5xx, reset', 'nonsense', 'retriable-4xx,x']],
    ['content-type', ['application/grpc', 'text/plain', 'application/grpc+x', 'application/grpc-web']], ['via', ['1.1 earlier']], ['x_under', ['score']], ['x-forwarded-host', ['fh.test']], ['x-envoy-original-path', ['/op']],
    ['x-up', ['in']], ['x-envoy-expected-rq-timeout-ms', ['7']], ['x-envoy-internal', ['true', 'false']], ['x-forwarded-port', ['99']], ['grpc-timeout', ['1S', '500m', '5H', 'x', '99999999H']],
    ['x-envoy-external-address', ['9.9.9.9']], ['x-envoy-force-trace', ['1']], ['x-forwarded-client-cert', ['By=me']], ['user-agent', ['Envoy/HC', 'curl/8']], ['x-envoy-downstream-service-cluster', ['dsc']], ['x-envoy-decorator-operation', ['op']],
    ['accept-encoding', ['gzip']], ['authorization', ['Basic eDp5']], ['origin', ['http://o.test']], ['x-client-trace-id', ['t']], ['x-envoy-attempt-count', ['3']], ['x-envoy-original-host', ['oh']], ['x-envoy-ip-tags', ['t']], ['x-weight', ['0', '3', '7', 'x']],
    ['x-number', ['4', '5', '18446744073709551615', '-1', '1e3']], ['range', ['bytes=0-1']], ['if-none-match', ['"1"', '"2"']], ['x-envoy-upstream-rq-timeout-alt-response', ['1']], ['x-envoy-hedge-on-per-try-timeout', ['true']], ['x-envoy-upstream-alt-stat-name', ['alt']],
    ['x-envoy-fault-abort-request', ['418', '503', 'x', '100', '700']], ['x-envoy-fault-abort-grpc-request', ['5', 'x']], ['x-envoy-fault-delay-request', ['1', 'x']], ['x-envoy-fault-abort-request-percentage', ['0', '100']], ['x-envoy-retry-grpc-on', ['cancelled,unavailable', 'x']],
    ['x-envoy-upstream-stream-duration-ms', ['5000']], ['x-b3-traceid', ['1']], ['priority', ['u=1']], ['early-data', ['1']], ['max-forwards', ['0']], ['trailer', ['x-t']], ['proxy-authorization', ['p']], ['x-ot-span-context', ['s']], ['date', ['Mon, 01 Jan 2024 00:00:00 GMT']],
]  # fmt: skip
H1_ONLY = [['Connection', ['close', 'keep-alive', 'x-a', 'x-b, close', 'te']], ['Keep-Alive', ['5']], ['Proxy-Connection', ['keep-alive', 'close']], ['TE', ['gzip', 'trailers']], ['Upgrade', ['websocket', 'h2c', 'foo']], ['Expect', ['100-continue', 'x']], ['X-UPPER-Case', ['v']]]  # fmt: skip
LINES = [
    'GET %s HTTP/1.1', 'GET %s HTTP/1.1', 'GET %s HTTP/1.1', 'GET %s HTTP/1.0', 'GET %s HTTP/1.0', 'GET  %s HTTP/1.1', 'get %s HTTP/1.1', 'GET %s', 'POST %s HTTP/1.1', 'GET %s HTTP/1.1 ', 'GET http://one.test%s HTTP/1.1', 'CONNECT %s HTTP/1.1',
    'OPTIONS * HTTP/1.1', 'HEAD %s HTTP/1.1', 'HEAD %s HTTP/1.0', 'POST %s HTTP/1.0', 'TRACE %s HTTP/1.1', 'FOO %s HTTP/1.1', 'M-SEARCH %s HTTP/1.1', 'GET %s HTTP/1.2', 'GET %s HTTP/2.0', 'GET %s HTTP/1', 'GET %s http/1.1', 'GET\t%s HTTP/1.1', 'GET https://two.test:8080%s HTTP/1.1',
    'GET ftp://one.test%s HTTP/1.1', 'GET http://one_test%s HTTP/1.1', 'GET http://[::1]:80%s HTTP/1.1', 'PUT %s HTTP/1.1', 'DELETE %s HTTP/1.1', '%s', 'GET HTTP/1.1', 'G\x01ET %s HTTP/1.1', 'GET %s HTTP/1.1 x', 'CONNECT one.test:80 HTTP/1.1', '\r\nGET %s HTTP/1.1', ' GET %s HTTP/1.1', 'GET http://%s HTTP/1.1', 'GET HTTP://ONE.TEST%s HTTP/1.1',
]  # fmt: skip
TARGETS = ['/', '/', '/a', '/a b', '/a#f', 'a', '*', '/a?x#y', '/a\x7f', '/\xe9', '//', '/a\\b', '/a%00', '/"<>', '?q', '', '/' + 'l' * 1500, '/a?' + 'q=1&' * 300, '/%', '/%zz', '/a%2fb', '/a/../b', '/\x01', '*x', 'a:80', ':80', '/{}|^`']
FIELDS = [
    'Content-Length: 5', 'Content-Length: 5', 'Content-Length: 0', 'Transfer-Encoding: chunked', 'Content-Length: 5, 5', 'Content-Length: +5', 'X-A : b', 'X-A:b', 'X-A:\tb\t', 'X-A: \x01', 'X-A: \xff', ': v', 'X-A', 'X A: b', 'x_under: 1',
    'Connection: close', 'Connection: keep-alive, x-a', 'Upgrade: websocket', 'Connection: upgrade', 'TE: gzip', 'Expect: 100-continue', 'Keep-Alive: 5', 'Proxy-Connection: close', 'Transfer-Encoding: identity', 'Transfer-Encoding: Chunked',
    'Content-Length: 00005', 'Content-Length:', 'x-\xe9: 1', 'Host: second', 'Content-Length: 5 5', 'Content-Length: 0x5', 'Content-Length: 5.0', 'Transfer-Encoding: gzip, chunked', 'Transfer-Encoding: chunked;q=1', 'Transfer-Encoding:\tchunked', 'Transfer-Encoding : chunked',
    'Transfer-Encoding: "chunked"', 'Transfer-Encoding: xchunked', 'X-A: b\0', 'X-A: \x7f', '"X": 1', 'X(A): 1', 'X-A: ' + 'v' * 2000, 'Cookie: a=1\r\nCookie: b=2', 'Accept: 1\r\nAccept:\r\nAccept: 2', 'X-B: 1\r\nX-B: 2', 'Connection: x-a\r\nConnection: x-b', 'Connection: host', 'Connection: :path',
    'Connection: x-forwarded-for', 'Connection: a,b,c,d,e,f,g,h,i,j', 'Upgrade: h2c\r\nConnection: upgrade, http2-settings\r\nHTTP2-Settings: AA', 'Upgrade: websocket\r\nConnection: Upgrade', 'Expect: 200-ok', 'TE: trailers', 'X-A: b\r\n c', 'X-A: b\rc', 'Authorization: 1\r\nAuthorization: 2',
    'X-Forwarded-Proto: https', 'X-Forwarded-For: 1.2.3.4', 'User-Agent: u', 'X-Empty:', 'X-Empty:   ', 'Range: bytes=0-', 'Proxy-Connection: keep-alive', 'Connection: keep-alive', 'Connection: CLOSE', 'x-envoy-internal: true', ':path: /x', 'X-A: b: c', 'Trailer: x-t',
] + ['X-M%d: 1' % i + ''.join('\r\nX-N%d: 1' % k for k in range(12)) for i in range(2)]  # fmt: skip
BODIES = ['hello', 'hello', '5\r\nhello\r\n0\r\n\r\n', '5\r\nhello\r\n0\r\n\r\n', '5;x=y\r\nhello\r\n0\r\n\r\n', '5\r\nhello\r\n0\r\nx-t: 1\r\n\r\n', 'zz\r\n', '5\r\nhellohello\r\n0\r\n\r\n', '0\r\n\r\n', '05\r\nhello\r\n00\r\n\r\n', '5 \r\nhello\r\n0\r\n\r\n', '5\r\nhello\r\n0\r\nx t: 1\r\n\r\n', '5\r\nhello\r\n0\r\nx_t: 1\r\nX-T: 2\r\n\r\n', '-5\r\nhello\r\n', '5\nhello\n0\n\n', '5;\r\nhello\r\n0\r\n\r\n', 'A\r\nhellohello\r\n0\r\n\r\n', 'g\r\n', '\r\n', '10000000000000000\r\n', '5\r\nhello\r\n0\r\nx-t\r\n\r\n', '5\r\nhello\r\n0\r\ncontent-length: 3\r\n\r\n']  # fmt: skip


class Requests(Answers):
    def request(self):
        if self.maybe(0.18):
            text = self.raw()
            twice = text[: len(text) // 2] == text[len(text) // 2 :]
            return {'raw': text, 'respond': self.respond({}), **({'pipelined': 2} if twice else {})}
        # Of a pipeline Envoy takes as much as it likes, and with it tokens.
        if self.maybe(0.005) and 'local_ratelimit' not in self.planned:
            return self.pipeline()
        q = {'method': self.pick(METHODS), 'path': self.path(4), 'host': self.pick(HOSTS[:-1] if self.maybe(0.97) else HOSTS)}
        if self.maybe(0.2):
            q['path'] = self.pick(PATHS)
        if self.maybe(0.35):
            q['path'] += '?' + '&'.join(self.pick(QUERIES) + self.pick(QUERY_VALUES) for _ in range(self.r.randint(1, 3)))
        headers = [[self.pick(HEADERS), self.pick(VALUES[:-1])] for _ in range(self.r.randint(0, 5))]
        for name, values in EXTRA:
            if self.maybe(0.035):
                headers.append([name, self.pick(values)])
        if self.maybe(0.08):
            headers += [['x-many-%d' % i, '1'] for i in range(self.pick([12, 20, 99]))]
        if self.maybe(0.03):
            headers.append(['x-long', 'v' * self.pick([900, 1500, 3000])])
        q['headers'] = headers
        if self.maybe(0.75):
            self.aim(q)
        if q['method'] in ('POST', 'PUT', 'PATCH', 'DELETE', 'GET') and self.maybe(0.8 if q['method'][0] == 'P' else 0.06):
            # How much of a body that is too large for the filter `buffer` is read is a matter of time.
            q['body'] = self.pick(['', 'hello'] if 'buffer' in self.planned else ['', 'hello', 5000, 70000])
            if self.maybe(0.3):
                q['chunked'] = True
            if self.maybe(0.12):
                q['trailers'] = [['x-t', '1'], ['x-u', '2']]
        if self.maybe(0.35):
            self.as_http2(q)
        else:
            for name, values in H1_ONLY:
                if self.maybe(0.03):
                    q['headers'].append([name, self.pick(values)])
                    if name == 'Upgrade' and self.maybe(0.8):
                        q['headers'].append(['Connection', 'upgrade'])
        if self.scoped and self.maybe(0.9):
            q['headers'].append(self.scope_header())
        q['respond'] = self.respond(q)
        if self.maybe(0.05):  # one answer for each try
            q['respond'] = [q['respond']] + [self.respond(q) for _ in range(self.r.randint(1, 2))]
        return q

    def as_http2(self, q):
        q['protocol'] = 'h2'
        q.pop('chunked', None)
        if q.get('body') == '':
            q.pop('body')
        if q.get('body') == 70000:
            # What fits the first window: how much of a larger body comes before an early answer is a matter of time, with Envoy too.
            q['body'] = 60000
        q['headers'] = [[k, v.strip(' ')] for k, v in q['headers'] if len(v) < 2000]
        if self.maybe(0.03):
            q['scheme'] = self.pick(['https', 'HTTP', 'ftp'])
        if self.maybe(0.03):
            q['headers'].append(self.pick([['connection', 'close'], ['te', 'gzip'], ['transfer-encoding', 'chunked'], ['content-length', '7'], ['X-Upper', '1'], ['x a', '1'], ['host', 'other.test'], ['x-a', 'b\x01'], [':x', '1'], ['upgrade', 'x'], ['content-length', 'x'], ['expect', '100-continue']]))
        if self.maybe(0.02):
            q['method'] = self.pick(['FOO', 'get', 'M-SEARCH', 'A B'])
        if self.maybe(0.02):
            q['path'] = self.pick(['*', 'a', '/a b', '/a#b', '', '?q', '/\x7f'])
        if self.maybe(0.02):
            q['host'] = self.pick(['a b', 'u@one.test', 'one.test/x', None, '[::1', 'one.test:x', '%zz', 'a,b'])

    def aim(self, q):
        """Makes the request meet a route of the configuration, most of the time."""
        v = self.pick(self.config['virtual_hosts'])
        domain = self.pick(v['domains'])
        if domain != '*':
            q['host'] = domain.replace('*', self.pick(['x', 'api', 'a.b', 'test'])) if '*' in domain else domain
            if self.maybe(0.1):
                q['host'] += self.pick([':80', ':8080', '.'])
        if 'led_to' in v:
            q['headers'] += [[n.lower(), self.pick(KEYS)] for n in self.some([n for n in INPUTS if not n.startswith(':')], 0, 2)]
        m = self.pick(v.get('led_to') or v['routes'] or [{'match': {'prefix': '/'}}])['match']
        path = m.get('prefix') or m.get('path') or m.get('path_separated_prefix') or self.pick(PATHS)
        if 'path' not in m:
            path += self.pick(['', '', '/', '/x', 'tail', '/a/b', ';p=1'])
        if self.maybe(0.05):
            path = self.pick([path.swapcase(), path.replace('/', '//'), path + '/.', path.replace('a', '%61'), path + '/%2e%2e/' + 'x'])
        query = '?' + '&'.join('%s=%s' % (x['name'], self.value_for(x)) for x in m.get('query_parameters', []))
        q['path'] = path + (query if len(query) > 1 else self.pick(['', '', '?q=1', '?', '?a=1&q=2']))
        q['path'] = q['path'].replace(' ', '+').replace('"', '%22').encode('latin-1', 'replace').decode('ascii', 'ignore')
        for x in m.get('headers', []):
            if x['name'] == ':method':
                q['method'] = x.get('string_match', {}).get('exact', q['method'])
            elif not x['name'].startswith(':') and x['name'] not in ('host', 'X-None') and x.get('present_match', True):
                q['headers'].append([x['name'].lower(), self.value_for(x)])
        if 'grpc' in m:
            q['headers'].append(['content-type', 'application/grpc'])

    def value_for(self, x):
        if 'range_match' in x:
            return str(self.r.randint(x['range_match']['start'] - 2, x['range_match']['end'] + 1))
        s = x.get('string_match', {})
        text = s.get('exact') or s.get('prefix') or s.get('suffix') or s.get('contains') or x.get('exact_match') or x.get('prefix_match') or self.pick(VALUES[:-1])
        if 'exact' not in s and self.maybe(0.3):
            text = self.pick(['x' + text, text + 'x', text.upper()])
        return text.encode('utf-8').decode('latin-1')

    def pipeline(self):
        """Good requests, one after the other in one piece."""
        count, text = self.r.randint(2, 6), ''
        for _ in range(count):
            q = {'method': 'GET', 'path': '/', 'host': self.pick(HOSTS[:-1]), 'headers': []}
            self.aim(q)
            lines = ['%s %s HTTP/1.1' % (self.pick(['GET', 'GET', 'POST', 'DELETE']), q['path'].replace(' ', '+')), 'Host: ' + q['host']]
            lines += ['%s: %s' % (k, v.strip()) for k, v in q['headers'] if '\r' not in v and '\n' not in v]
            text += '\r\n'.join(lines)
            text += self.pick(['\r\n\r\n', '\r\ncontent-length: 5\r\n\r\nhello', '\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'])
        return {'raw': text, 'pipelined': count, 'respond': {'status': 200, 'headers': [['x-up', 'stream']], 'body': 'answer'}}

    def raw(self):
        line = self.pick(LINES)
        if '%s' in line:
            line %= self.pick(TARGETS)
        lines = [line]
        if self.maybe(0.92):
            lines.append('Host: ' + self.pick(HOSTS + ['a b', 'a/b', 'a@b', '\xe9', 'a:x']))
        lines += [self.pick(FIELDS) for _ in range(self.pick([0, 0, 1, 1, 1, 2, 3]))]
        if self.maybe(0.15):
            lines = [lines[0], 'Host: one.test']
        text = '\r\n'.join(lines) + '\r\n\r\n'
        if self.maybe(0.01):
            text = text.replace('\r\n', '\n', self.pick([1, 2, 9]))
        if 'Transfer-Encoding: ' in text or 'Content-Length: ' in text:
            text += self.pick(BODIES)
        elif self.maybe(0.05):
            text += text
        return text
