"""Random route tables, connection manager options and requests, drawn from a seed. Small alphabets, so that they meet."""

import random

SEGMENTS = ['a', 'b', 'api', 'v1', 'v12', 'Users', 'x-y', '%2F', '%41', '..', '.', 'a.b', '12', '']
HOSTS = ['one.test', 'two.test', 'api.one.test', 'a.b.two.test', 'one.org', 'three.test:8080', 'three.test', 'OTHER.net', '127.0.0.1', '[::1]:80']
DOMAINS = ['one.test', '*.one.test', '*.test', 'one.*', 'api.*', 'three.test:8080', 'three.test', 'TWO.test', '*-x.test', '[::1]:80', 'a.b.*', '*.b.two.test']
HEADERS = ['x-a', 'x-b', 'x-user', 'x-number', 'x-list', 'user-agent', 'accept', 'x-empty']
VALUES = ['1', 'a', 'ab', 'abc', 'ABC', 'v1', 'v2', '7', '-5', '100', 'a,b', 'x y', '', 'aa.bb', '0x1', '1.5']
QUERIES = ['a', 'b', 'q']
METHODS = ['GET', 'GET', 'GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH', 'PROPFIND']
REGEXES = ['/a/.*', '/[a-z]+', '/api/v[0-9]+/.*', '.*', '/(a|b)(/.*)?', '/[^/]*', r'/\d+.*', '/a', '(?i)/USERS.*']
VALUE_REGEXES = ['[0-9]+', 'a.*', 'v[12]', '.*', 'a|b', '(?i)abc', '']
OPERATORS = [
    '%REQ(x-a)%', '%REQ(x-none?x-b)%', '%REQ(:PATH)%', '%REQ(:METHOD)%', '%REQ(:AUTHORITY)%', '%PROTOCOL%', '%REQ(x-a):2%', '%ROUTE_NAME%',
    '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%', '%UPSTREAM_CLUSTER%', 'plain', '100%%', 'pre-%REQ(x-b)%-post', '%REQ(host)%', '%REQ(:SCHEME)%',
    '%REQUESTED_SERVER_NAME%', '%RESPONSE_FLAGS%', '%BYTES_RECEIVED%', '',
]  # fmt: skip
RESPONSE_OPERATORS = OPERATORS + ['%RESPONSE_CODE%', '%RESP(x-up)%', '%RESP(x-none)%', '%RESPONSE_CODE_DETAILS%', '%BYTES_SENT%']
ACTIONS = [None, None, 'APPEND_IF_EXISTS_OR_ADD', 'ADD_IF_ABSENT', 'OVERWRITE_IF_EXISTS_OR_ADD', 'OVERWRITE_IF_EXISTS']


class Generator:
    def __init__(self, seed):
        self.r = random.Random(seed)

    def maybe(self, p=0.5):
        return self.r.random() < p

    def pick(self, x):
        return self.r.choice(x)

    # -- configuration

    def path(self, most=3):
        return '/' + '/'.join(self.pick(SEGMENTS) for _ in range(self.r.randint(0, most)))

    def string_match(self):
        kind = self.pick(['exact', 'prefix', 'suffix', 'contains', 'safe_regex'])
        if kind == 'safe_regex':
            return {'safe_regex': {'regex': self.pick(VALUE_REGEXES[:-1])}}
        m = {kind: self.pick([v for v in VALUES if v or kind == 'exact'])}
        if self.maybe(0.25):
            m['ignore_case'] = True
        return m

    def header_match(self):
        m = {'name': self.pick(HEADERS + ['X-A', ':method', ':path', ':authority', 'host'])}
        kind = self.pick(['string', 'string', 'range', 'present', 'nothing'])
        if kind == 'string':
            m['string_match'] = self.string_match()
            if m['name'] == ':method':
                m['string_match'] = {'exact': self.pick(METHODS)}
        elif kind == 'range':
            start = self.r.randint(-10, 10)
            m['range_match'] = {'start': start, 'end': start + self.r.randint(1, 200)}
        elif kind == 'present':
            m['present_match'] = self.maybe(0.7)
        if self.maybe(0.25):
            m['invert_match'] = True
        if self.maybe(0.15) and kind in ('string', 'range'):
            m['treat_missing_header_as_empty'] = True
        return m

    def query_match(self):
        m = {'name': self.pick(QUERIES)}
        if self.maybe(0.7):
            m['string_match'] = self.string_match()
        elif self.maybe():
            m['present_match'] = self.maybe(0.8)
        return m

    def match(self):
        kind = self.pick(['prefix', 'prefix', 'path', 'safe_regex', 'path_separated_prefix'])
        if kind == 'safe_regex':
            m = {'safe_regex': {'regex': self.pick(REGEXES)}}
        elif kind == 'path_separated_prefix':
            p = '/' + '/'.join(self.pick([s for s in SEGMENTS if s]) for _ in range(self.r.randint(1, 2)))
            m = {kind: p}
        else:
            m = {kind: self.path()}
        if self.maybe(0.15) and kind != 'safe_regex':
            m['case_sensitive'] = False
        if self.maybe(0.3):
            m['headers'] = [self.header_match() for _ in range(self.r.randint(1, 2))]
        if self.maybe(0.15):
            m['query_parameters'] = [self.query_match()]
        if self.maybe(0.05):
            m['grpc'] = {}
        if self.maybe(0.05):
            m['runtime_fraction'] = {'default_value': {'numerator': self.pick([0, 100])}}
        return m

    def additions(self, operators, prefix):
        out = []
        for _ in range(self.r.randint(1, 2)):
            value = self.pick(operators)
            h = {'header': {'key': prefix + self.pick(['a', 'b', 'new', 'other', 'up']), 'value': value}}
            if (action := self.pick(ACTIONS)) is not None:
                h['append_action'] = action
            if self.maybe(0.1):
                h['keep_empty_value'] = True
            out.append(h)
        return out

    def mutations(self, at, p):
        if self.maybe(p):
            at['request_headers_to_add'] = self.additions(OPERATORS, 'x-')
        if self.maybe(p / 2):
            at['request_headers_to_remove'] = [self.pick(HEADERS)]
        if self.maybe(p):
            at['response_headers_to_add'] = self.additions(RESPONSE_OPERATORS, 'x-')
        if self.maybe(p / 2):
            at['response_headers_to_remove'] = [self.pick(['x-up', 'x-a', 'content-type', 'x-second'])]

    def regex_rewrite(self):
        return self.pick(
            [
                {'pattern': {'regex': '^/([^/]*)(.*)$'}, 'substitution': r'\2/\1'},
                {'pattern': {'regex': 'a'}, 'substitution': 'Z'},
                {'pattern': {'regex': '/+'}, 'substitution': '/'},
                {'pattern': {'regex': '^/(api|a)/'}, 'substitution': r'/\1-new/'},
            ]
        )

    def forward(self, route):
        a = {}
        kind = self.pick(['cluster', 'cluster', 'cluster', 'weighted', 'header', 'unknown', 'empty'])
        if kind == 'weighted':
            w = {'name': 'a', 'weight': 5}
            self.mutations(w, 0.4)
            if self.maybe(0.2):
                w['host_rewrite_literal'] = 'weighted.host'
            a['weighted_clusters'] = {'clusters': [w, {'name': 'b', 'weight': 0}]}
        elif kind == 'header':
            a['cluster_header'] = self.pick(['x-a', 'x-user', 'x-cluster'])
        else:
            a['cluster'] = {'cluster': self.pick(['a', 'b']), 'unknown': 'nowhere', 'empty': 'empty'}[kind]
        if kind == 'unknown' and self.maybe():
            a['cluster_not_found_response_code'] = self.pick(['NOT_FOUND', 'SERVICE_UNAVAILABLE', 'INTERNAL_SERVER_ERROR'])
        x = self.r.random()
        if x < 0.25:
            a['prefix_rewrite'] = self.pick(['/', '/new', '/new/', '/n/e/w'])
        elif x < 0.4:
            a['regex_rewrite'] = self.regex_rewrite()
        x = self.r.random()
        if x < 0.1:
            a['host_rewrite_literal'] = 'literal.host'
        elif x < 0.2:
            a['host_rewrite_header'] = self.pick(['x-a', 'x-user'])
        elif x < 0.3:
            a['host_rewrite_path_regex'] = {'pattern': {'regex': '^/([^/?]+).*$'}, 'substitution': r'\1.host'}
        if x < 0.3 and self.maybe(0.3):
            a['append_x_forwarded_host'] = True
        if self.maybe(0.1):
            a['timeout'] = self.pick(['0s', '3s', '20s'])
        route['route'] = a

    def redirect(self, route):
        a = {}
        x = self.r.random()
        if x < 0.3:
            a['https_redirect'] = True
        elif x < 0.4:
            a['scheme_redirect'] = self.pick(['https', 'http', 'ftp'])
        if self.maybe(0.4):
            a['host_redirect'] = self.pick(['moved.test', 'moved.test:81'])
        if self.maybe(0.2):
            a['port_redirect'] = self.pick([80, 443, 8443])
        x = self.r.random()
        if x < 0.3:
            a['path_redirect'] = self.pick(['/moved', '/moved?x=1', '/'])
        elif x < 0.5:
            a['prefix_rewrite'] = self.pick(['/', '/new', '/new/'])
        elif x < 0.6:
            a['regex_rewrite'] = self.regex_rewrite()
        if self.maybe(0.2):
            a['strip_query'] = True
        if self.maybe(0.3):
            a['response_code'] = self.pick(['FOUND', 'SEE_OTHER', 'TEMPORARY_REDIRECT', 'PERMANENT_REDIRECT'])
        route['redirect'] = a

    def route(self, i):
        route = {'match': self.match()}
        if self.maybe(0.5):
            route['name'] = 'r%d' % i
        x = self.r.random()
        if x < 0.6:
            self.forward(route)
        elif x < 0.75:
            self.redirect(route)
        else:
            route['direct_response'] = {'status': self.pick([200, 204, 403, 404, 503, 299])}
            if self.maybe(0.8):
                route['direct_response']['body'] = {'inline_string': 'route %d' % i}
            if route['direct_response']['status'] == 204:
                route['direct_response'].pop('body', None)
        self.mutations(route, 0.25)
        return route

    def route_config(self):
        domains = DOMAINS[:]
        self.r.shuffle(domains)
        hosts = []
        for i in range(self.r.randint(1, 5)):
            mine, domains = domains[:2], domains[2:]
            if i == 0 and self.maybe(0.8):
                mine = ['*']
            v = {'name': 'v%d' % i, 'domains': mine, 'routes': [self.route(10 * i + k) for k in range(self.r.randint(1, 8))]}
            if self.maybe(0.1):
                v['require_tls'] = self.pick(['ALL', 'EXTERNAL_ONLY'])
            self.mutations(v, 0.2)
            hosts.append(v)
        config = {'name': 'local', 'validate_clusters': False, 'virtual_hosts': hosts}
        self.mutations(config, 0.2)
        if self.maybe(0.15):
            config['ignore_port_in_host_matching'] = True
        if self.maybe(0.15):
            config['most_specific_header_mutations_wins'] = True
        return config

    def hcm(self):
        h = {'route_config': self.route_config()}
        self.config = h['route_config']
        options = {
            'use_remote_address': [True], 'skip_xff_append': [True], 'xff_num_trusted_hops': [0, 1, 2], 'server_name': ['weird'],
            'server_header_transformation': ['APPEND_IF_ABSENT', 'PASS_THROUGH', 'OVERWRITE'], 'via': ['v-test'], 'generate_request_id': [False],
            'preserve_external_request_id': [True], 'always_set_request_id_in_response': [True], 'normalize_path': [True],
            'merge_slashes': [True], 'strip_matching_host_port': [True], 'strip_any_host_port': [True], 'add_user_agent': [True],
            'path_with_escaped_slashes_action': ['KEEP_UNCHANGED', 'REJECT_REQUEST', 'UNESCAPE_AND_REDIRECT', 'UNESCAPE_AND_FORWARD'],
            'strip_trailing_host_dot': [True], 'proxy_100_continue': [True], 'append_x_forwarded_port': [True],
            'common_http_protocol_options': [{'headers_with_underscores_action': 'REJECT_REQUEST'}, {'headers_with_underscores_action': 'DROP_HEADER'}, {'max_headers_count': 12}],
            'http_protocol_options': [{'accept_http_10': True}, {'enable_trailers': True}, {'allow_absolute_url': True}, {'accept_http_10': True, 'default_host_for_http_10': 'old.test'}],
            'internal_address_config': [{'cidr_ranges': [{'address_prefix': '10.0.0.0', 'prefix_len': 8}, {'address_prefix': '127.0.0.0', 'prefix_len': 8}]}],
        }  # fmt: skip
        for k, v in options.items():
            if self.maybe(0.12):
                h[k] = self.pick(v)
        if 'strip_matching_host_port' in h:
            h.pop('strip_any_host_port', None)
        return h

    # -- requests

    def request(self):
        """A request in either protocol, or one that is raw bytes and slightly wrong."""
        if self.maybe(0.15):
            return {'raw': self.raw()}
        q = {'method': self.pick(METHODS), 'path': self.path(4), 'host': self.pick(HOSTS)}
        if self.maybe(0.35):
            q['path'] += '?' + '&'.join(self.pick(QUERIES) + self.pick(['', '=', '=1', '=abc', '=v1', '=%31']) for _ in range(self.r.randint(1, 3)))
        headers = []
        for _ in range(self.r.randint(0, 5)):
            headers.append([self.pick(HEADERS), self.pick(VALUES)])
        extra = [
            ['x-cluster', self.pick(['a', 'b', 'nowhere'])], ['x-forwarded-for', self.pick(['1.2.3.4', '10.0.0.1', '1.2.3.4, 10.1.1.1', '10.0.0.1,10.0.0.2'])],
            ['x-forwarded-proto', self.pick(['https', 'http'])], ['x-request-id', 'rid-1'], ['cookie', 'a=1; b=2'], ['te', 'trailers'],
            ['x-envoy-max-retries', '2'], ['x-envoy-upstream-rq-timeout-ms', '4000'], ['content-type', self.pick(['application/grpc', 'text/plain', 'application/grpc+x'])],
            ['via', '1.1 earlier'], ['x_under', 'score'], ['x-forwarded-host', 'fh.test'], ['x-envoy-original-path', '/op'], ['x-up', 'in'],
            ['x-envoy-expected-rq-timeout-ms', '7'], ['x-envoy-internal', 'true'], ['x-forwarded-port', '99'],
        ]  # fmt: skip
        for h in extra:
            if self.maybe(0.07):
                headers.append(h)
        if self.maybe(0.08):
            headers += [['x-many-%d' % i, '1'] for i in range(12)]
        q['headers'] = headers
        if self.maybe(0.75):
            self.aim(q)
        if q['method'] in ('POST', 'PUT', 'PATCH') and self.maybe(0.8):
            q['body'] = self.pick(['', 'hello', 'x' * 5000])
            if self.maybe(0.3):
                q['chunked'] = True
        if self.maybe(0.35):
            q['protocol'] = 'h2'
            q.pop('chunked', None)
            if q.get('body') == '':
                q.pop('body')
        q['respond'] = self.respond(q)
        return q

    def aim(self, q):
        """Makes the request meet a route of the configuration, most of the time."""
        v = self.pick(self.config['virtual_hosts'])
        domain = self.pick(v['domains'])
        if domain != '*':
            q['host'] = domain.replace('*', self.pick(['x', 'api', 'a.b', 'test'])) if '*' in domain else domain
        m = self.pick(v['routes'])['match']
        path = m.get('prefix') or m.get('path') or m.get('path_separated_prefix')
        if path is None:
            path = self.pick(['/a/b', '/abc', '/api/v1/x', '/', '/b', '/12/3', '/a', '/users/x'])
        if 'path' not in m:
            path += self.pick(['', '', '/', '/x', 'tail', '/a/b'])
        query = '?' + '&'.join('%s=%s' % (x['name'], self.value_for(x)) for x in m.get('query_parameters', []))
        q['path'] = path + (query if len(query) > 1 else self.pick(['', '', '?q=1', '?']))
        for x in m.get('headers', []):
            if x['name'] == ':method':
                q['method'] = x.get('string_match', {}).get('exact', q['method'])
            elif not x['name'].startswith(':') and x['name'] != 'host' and x.get('present_match', True):
                q['headers'].append([x['name'], self.value_for(x)])
        if 'grpc' in m:
            q['headers'].append(['content-type', 'application/grpc'])

    def value_for(self, x):
        if 'range_match' in x:
            return str(self.r.randint(x['range_match']['start'] - 2, x['range_match']['end'] + 1))
        s = x.get('string_match', {})
        text = s.get('exact') or s.get('prefix') or s.get('suffix') or s.get('contains') or self.pick(VALUES)
        if 'exact' not in s and self.maybe(0.3):
            text = self.pick(['x' + text, text + 'x', text.upper()])
        return text

    def respond(self, q):
        s = {'status': self.pick([200, 200, 200, 201, 204, 304, 404, 500, 302]), 'headers': [['x-up', 'stream'], ['x-second', '2']]}
        if self.maybe(0.3):
            s['headers'].append(['content-type', self.pick(['text/plain', 'application/grpc'])])
        for h in ([['server', 'upstream/1']], [['via', '1.0 up']], [['set-cookie', 'a=1'], ['set-cookie', 'b=2']], [['x-a', 'r']], [['x-envoy-upstream-service-time', '9']], [['date', 'Mon, 01 Jan 2024 00:00:00 GMT']]):
            if self.maybe(0.12):
                s['headers'] += h
        s['body'] = self.pick(['', 'answer', 'y' * 3000]) if s['status'] not in (204, 304) else ''
        if self.maybe(0.2) and s['status'] not in (204, 304):
            s['chunked'] = True
        return s

    def raw(self):
        r = self.pick
        line = r(['GET %s HTTP/1.1', 'GET %s HTTP/1.1', 'GET %s HTTP/1.0', 'GET  %s HTTP/1.1', 'get %s HTTP/1.1', 'GET %s', 'POST %s HTTP/1.1', 'GET %s HTTP/1.1 ', 'GET http://one.test%s HTTP/1.1', 'CONNECT %s HTTP/1.1', 'OPTIONS * HTTP/1.1 %s'])
        line %= r(['/', '/a', '/a b', '/a#f', 'a', '*', '/a?x#y', '/a\x7f', '/\xe9', '//', '/a\\b', '/a%00', '/"<>', '?q', '']) if '%s' in line else ()
        lines = [line]
        if self.maybe(0.9):
            lines.append('Host: ' + r(HOSTS))
        for _ in range(self.r.randint(0, 2)):
            lines.append(r(['Content-Length: 5', 'Content-Length: 5', 'Content-Length: 0', 'Transfer-Encoding: chunked', 'Content-Length: 5, 5', 'Content-Length: +5', 'X-A : b', 'X-A:b', 'X-A:\tb\t', 'X-A: \x01', 'X-A: \xff', ': v', 'X-A', 'X A: b', 'x_under: 1', 'Connection: close', 'Connection: keep-alive, x-a', 'Upgrade: websocket', 'Connection: upgrade', 'TE: gzip', 'Expect: 100-continue', 'Keep-Alive: 5', 'Proxy-Connection: close', 'Transfer-Encoding: identity', 'Transfer-Encoding: Chunked', 'Content-Length: 00005', 'Content-Length:', 'x-é: 1', 'Host: second']))
        if self.maybe(0.15):
            lines = lines[:1]
            lines.append('Host: one.test')
        eol = '\r\n'
        text = eol.join(lines) + eol + eol
        if 'Transfer-Encoding: ' in text or 'Content-Length: ' in text:
            text += r(['hello', 'hello', '5\r\nhello\r\n0\r\n\r\n', '5;x=y\r\nhello\r\n0\r\n\r\n', '5\r\nhello\r\n0\r\nx-t: 1\r\n\r\n', 'zz\r\n', '5\r\nhellohello\r\n0\r\n\r\n', '0\r\n\r\n'])
        return text
