"""Random route tables. Small alphabets, so that routes and requests meet."""

import re

from draw import TYPE, Draw

SEGMENTS = ['a', 'b', 'api', 'v1', 'v12', 'Users', 'x-y', '%2F', '%41', '..', '.', 'a.b', '12', '', 'a;p=1', '%5C', 'a%2fb', '*', 'a=b', '%c3%a9']
PLAIN = ['a', 'b', 'api', 'v1', 'Users', '12', 'x-y']
DOMAINS = [
    'one.test', '*.one.test', '*.test', 'one.*', 'api.*', 'three.test:8080', 'three.test', 'TWO.test', '*-x.test', '[::1]:80', 'a.b.*', '*.b.two.test',
    '127.0.0.1', 'one.test:80', '*.one.test:8080', 'one.test.', 'two.*', 'x.y-*', '*.org',
]  # fmt: skip
HEADERS = ['x-a', 'x-b', 'x-user', 'x-number', 'x-list', 'user-agent', 'accept', 'x-empty', 'cookie', 'content-type', 'referer']
VALUES = ['1', 'a', 'ab', 'abc', 'ABC', 'v1', 'v2', '7', '-5', '100', 'a,b', 'x y', '', 'aa.bb', '0x1', '1.5', 'a=1; b=2', '"q"', '+7', '007', ' 7', '99999999999999999999', 'é']
QUERIES = ['a', 'b', 'q', 'A', 'x-y']
METHODS = ['GET', 'GET', 'GET', 'GET', 'POST', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH', 'PROPFIND', 'TRACE', 'PURGE']
REGEXES = ['/a/.*', '/[a-z]+', '/api/v[0-9]+/.*', '.*', '/(a|b)(/.*)?', '/[^/]*', r'/\d+.*', '/a', '(?i)/USERS.*', '/.*[?]q=1', '/(?:api|b)/[^/]+/?', '^/a.*$', r'/\w+/\w+', '/a|/b']
VALUE_REGEXES = ['[0-9]+', 'a.*', 'v[12]', '.*', 'a|b', '(?i)abc', r'\d+\.\d', '[a-z,]+', '^a$']
TEMPLATES = ['/{x}', '/a/{x}/{y}', '/api/*', '/**', '/{x=*}/b', '/{x=a/*}/{y}', '/{x=**}', '/*/{y}.b', '/a/{x=**}/b', '/{api}/v1/{y=*}']
TEMPLATE_REWRITES = ['/n/{x}', '/{x}', '/{y}/{x}', '/{x}-{y}', '/fixed', '/{api}/{y}/x']
REGEX_REWRITES = [
    ('^/([^/]*)(.*)$', r'\2/\1'), ('a', 'Z'), ('/+', '/'), ('^/(api|a)/', r'/\1-new/'), ('[?].*', ''), ('x*', '-'), (r'^/(\w*)/(\w*)', r'/\2/\1?r=\0'), ('b$', r'/\\b'),
]  # fmt: skip
ACTIONS = [None, None, 'APPEND_IF_EXISTS_OR_ADD', 'ADD_IF_ABSENT', 'OVERWRITE_IF_EXISTS_OR_ADD', 'OVERWRITE_IF_EXISTS']
ADDED = ['x-a', 'x-b', 'x-new', 'x-other', 'x-up', 'user-agent', 'content-type', 'cookie', 'accept', 'x-forwarded-for', 'x-list', 'via', 'X-Case', 'set-cookie', 'x-request-id', 'x-second']
OPERATORS = [
    '%REQ(x-a)%', '%REQ(x-none?x-b)%', '%REQ(:PATH)%', '%REQ(:METHOD)%', '%REQ(:AUTHORITY)%', '%PROTOCOL%', '%REQ(x-a):2%', '%ROUTE_NAME%',
    '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%', '%UPSTREAM_CLUSTER%', 'plain', '100%%', 'pre-%REQ(x-b)%-post', '%REQ(host)%', '%REQ(:SCHEME)%',
    '%REQUESTED_SERVER_NAME%', '%RESPONSE_FLAGS%', '%BYTES_RECEIVED%', '', '%QUERY_PARAM(q)%', '%QUERY_PARAM(a):1%', '%PATH(NQ)%', '%PATH(WQ:ORIG)%',
    '%PATH(NQ:ORIG_OR_PATH)%', '%REQ(X-FORWARDED-FOR)%', '%VIRTUAL_CLUSTER_NAME%', '%DYNAMIC_METADATA(a:b)%', '%FILTER_STATE(a)%', '%HOSTNAME%x',
    '%UPSTREAM_HOST%', '%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%', '%REQ(cookie)%', '%DOWNSTREAM_PEER_SUBJECT%', '%FILTER_CHAIN_NAME%', '%ENVIRONMENT(HOME)%',
    '%METADATA(ROUTE:f:k)%', '%METADATA(CLUSTER:f)%', '%METADATA(DYNAMIC:a)%', '%CLUSTER_METADATA(a:b)%', '%UPSTREAM_METADATA(a:b)%', '%REQUEST_HEADERS_BYTES%', '%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%', '%CUSTOM_FLAGS%', '%RESPONSE_CODE_DETAILS(X)%', '%DOWNSTREAM_LOCAL_URI_SAN%', '%DOWNSTREAM_TLS_VERSION%', '%GRPC_STATUS%', '%TRACE_ID%', '%UPSTREAM_REQUEST_ATTEMPT_COUNT%', '%FILTER_STATE(a:PLAIN):3%',
    '%REQ(user-agent)%;%REQ(x-list)%', '%UPSTREAM_CLUSTER_RAW%', '%CONNECTION_TERMINATION_DETAILS%', '%ACCESS_LOG_TYPE%',
]  # fmt: skip
RESPONSE_OPERATORS = OPERATORS + ['%RESPONSE_CODE%', '%RESP(x-up)%', '%RESP(x-none)%', '%RESPONSE_CODE_DETAILS%', '%BYTES_SENT%', '%RESP(set-cookie)%', '%RESP(x-up?server):3%', '%RESPONSE_FLAGS_LONG%', '%UPSTREAM_PROTOCOL%', '%UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%']  # fmt: skip
RETRIES = [
    {'retry_on': '5xx'}, {'retry_on': '5xx', 'num_retries': 2}, {'retry_on': '5xx', 'num_retries': 0}, {'retry_on': 'gateway-error,reset'}, {'retry_on': 'retriable-status-codes', 'retriable_status_codes': [404, 429]},
    {'retry_on': 'connect-failure,refused-stream'}, {'retry_on': 'retriable-headers', 'retriable_headers': [{'name': 'x-second', 'string_match': {'exact': '2'}}]}, {'retry_on': 'retriable-4xx'}, {'retry_on': 'unavailable,internal'},
    {'retry_on': '5xx', 'retriable_request_headers': [{'name': ':method', 'string_match': {'exact': 'GET'}}]}, {'retry_on': 'reset-before-request'}, {'retry_on': 'envoy-ratelimited'},
]  # fmt: skip
CODES = ['FOUND', 'SEE_OTHER', 'TEMPORARY_REDIRECT', 'PERMANENT_REDIRECT', 'MOVED_PERMANENTLY']


class Routes(Draw):
    def path(self, most=3):
        return '/' + '/'.join(self.pick(SEGMENTS) for _ in range(self.r.randint(0, most)))

    def string_match(self):
        kind = self.pick(['exact', 'prefix', 'suffix', 'contains', 'safe_regex'])
        if kind == 'safe_regex':
            return {'safe_regex': {'regex': self.pick(VALUE_REGEXES)}}
        m = {kind: self.pick([v for v in VALUES if v or kind == 'exact'])}
        if self.maybe(0.25):
            m['ignore_case'] = True
        return m

    def header_match(self):
        m = {'name': self.pick(HEADERS + ['X-A', ':method', ':path', ':authority', 'host', ':scheme', 'x-forwarded-for', 'x-forwarded-proto', 'x-request-id', 'x-none'])}
        kind = self.pick(['string', 'string', 'string', 'range', 'present', 'nothing', 'old'])
        if m['name'] == 'x-request-id':
            kind = 'present'  # what it is is often a matter of chance
        if kind == 'string':
            m['string_match'] = self.string_match()
            if m['name'] == ':method':
                m['string_match'] = {'exact': self.pick(METHODS)}
        elif kind == 'range':
            start = self.r.randint(-10, 10)
            m['range_match'] = {'start': start, 'end': start + self.r.randint(1, 200)}
        elif kind == 'present':
            m['present_match'] = self.maybe(0.7)
        elif kind == 'old':
            name = self.pick(['exact_match', 'prefix_match', 'suffix_match', 'contains_match', 'safe_regex_match'])
            m[name] = {'regex': self.pick(VALUE_REGEXES)} if name == 'safe_regex_match' else self.pick([v for v in VALUES if v])
        if self.maybe(0.25):
            m['invert_match'] = True
        if self.maybe(0.15):
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
        kind = self.pick(['prefix'] * 6 + ['path'] * 3 + ['safe_regex'] * 3 + ['path_separated_prefix'] * 2 + ['template', 'connect'])
        if kind == 'safe_regex':
            m = {'safe_regex': {'regex': self.pick(REGEXES)}}
        elif kind == 'path_separated_prefix':
            m = {kind: '/' + '/'.join(self.pick(PLAIN) for _ in range(self.r.randint(1, 2)))}
        elif kind == 'template':
            m = {'path_match_policy': self.extension('path.match.uri_template.v3.UriTemplateMatchConfig', path_template=self.pick(TEMPLATES))}
        elif kind == 'connect':
            m = {'connect_matcher': {}}
        else:
            m = {kind: self.path()}
        if self.maybe(0.15):
            m['case_sensitive'] = self.maybe(0.2)
        if self.maybe(0.3):
            m['headers'] = [self.header_match() for _ in range(self.r.randint(1, 2))]
        if self.maybe(0.15):
            m['query_parameters'] = [self.query_match() for _ in range(self.r.randint(1, 2))]
        if self.maybe(0.05):
            m['grpc'] = {}
        if self.maybe(0.05):
            m['runtime_fraction'] = {'default_value': {'numerator': self.pick([0, 100]), 'denominator': self.pick(['HUNDRED', 'HUNDRED', 'TEN_THOUSAND'])}, 'runtime_key': 'k'}
            if m['runtime_fraction']['default_value']['denominator'] == 'TEN_THOUSAND':
                m['runtime_fraction']['default_value']['numerator'] *= 100
        if self.maybe(0.03):
            m['tls_context'] = {'presented': self.maybe()}
        if self.maybe(0.03):
            m['dynamic_metadata'] = [{'filter': 'f', 'path': [{'key': 'k'}], 'value': {'present_match': True}, 'invert': self.maybe()}]
        return m

    def additions(self, operators):
        out = []
        for _ in range(self.r.randint(1, 3)):
            value = self.pick(operators)
            if self.maybe(0.15):
                value += self.pick([' ', '/', ',']) + self.pick(operators)
            h = {'header': {'key': self.pick(ADDED), 'value': value}}
            if (action := self.pick(ACTIONS)) is not None:
                h['append_action'] = action
            elif self.maybe(0.2):
                h['append'] = self.maybe()
            if self.maybe(0.1):
                h['keep_empty_value'] = True
            out.append(h)
        return out

    def mutations(self, at, p):
        if self.maybe(p):
            at['request_headers_to_add'] = self.additions(OPERATORS)
        if self.maybe(p / 2):
            at['request_headers_to_remove'] = [self.pick(HEADERS + ['X-A', 'x-forwarded-for', 'x-request-id', 'x-envoy-internal']) for _ in range(self.r.randint(1, 2))]
        if self.maybe(p):
            at['response_headers_to_add'] = self.additions(RESPONSE_OPERATORS)
        if self.maybe(p / 2):
            at['response_headers_to_remove'] = [self.pick(['x-up', 'x-a', 'content-type', 'x-second', 'server', 'date', 'set-cookie', 'x-envoy-upstream-service-time', 'location', 'X-Up'])]

    def regex_rewrite(self):
        regex, substitution = self.pick(REGEX_REWRITES)
        return {'pattern': {'regex': regex}, 'substitution': substitution}

    def weighted(self, route):
        w = {'name': 'a', 'weight': self.pick([5, 1, 100])}
        self.mutations(w, 0.4)
        if self.maybe(0.2):
            w['host_rewrite_literal'] = 'weighted.host'
        if self.maybe(0.1):
            w['cluster_header'] = 'x-cluster'
            del w['name']
        other = {'name': 'b', 'weight': 0}
        a = {'clusters': [w, other]}
        if self.maybe(0.25):  # without the header chance would decide
            a['header_name'] = self.pick(['x-number', 'x-weight', 'x-a'])
            route['match'].setdefault('headers', []).append({'name': a['header_name'], 'string_match': {'safe_regex': {'regex': '[0-9]{1,19}'}}})
            other['weight'] = 5
            self.mutations(other, 0.3)
        if self.maybe(0.1):
            a['total_weight'] = w['weight'] + other['weight']
        return a

    def forward(self, route):
        a = {}
        kind = self.pick(['cluster'] * 6 + ['weighted'] * 2 + ['header', 'unknown', 'empty', 'refused'])
        if kind == 'weighted':
            a['weighted_clusters'] = self.weighted(route)
        elif kind == 'header':
            a['cluster_header'] = self.pick(['x-a', 'x-user', 'x-cluster', 'X-Cluster', ':method'])
        else:
            a['cluster'] = {'cluster': self.pick(['a', 'a', 'b', 'c']), 'unknown': 'nowhere', 'empty': 'empty', 'refused': 'refused'}[kind]
        if kind in ('unknown', 'header') and self.maybe():
            a['cluster_not_found_response_code'] = self.pick(['NOT_FOUND', 'SERVICE_UNAVAILABLE', 'INTERNAL_SERVER_ERROR'])
        x = self.r.random()
        if x < 0.25 and ('path_match_policy' not in route['match'] or self.maybe(0.1)):
            a['prefix_rewrite'] = self.pick(['/', '/new', '/new/', '/n/e/w', '//', '/new?x=1', 'new'])
        elif x < 0.4:
            a['regex_rewrite'] = self.regex_rewrite()
        if 'path_match_policy' in route['match'] and x >= 0.4 and self.maybe(0.6):
            names = re.findall(r'{(\w+)', route['match']['path_match_policy']['typed_config']['path_template'])
            fitting = [t for t in TEMPLATE_REWRITES if set(re.findall(r'{(\w+)', t)) <= set(names) or self.maybe(0.05)]
            a['path_rewrite_policy'] = self.extension('path.rewrite.uri_template.v3.UriTemplateRewriteConfig', path_template_rewrite=self.pick(fitting))
        x = self.r.random()
        if x < 0.1:
            a['host_rewrite_literal'] = self.pick(['literal.host', 'Literal.Host:8080'])
        elif x < 0.2:
            a['host_rewrite_header'] = self.pick(['x-a', 'x-user', 'X-List', 'x-none'])
        elif x < 0.3:
            a['host_rewrite_path_regex'] = {'pattern': {'regex': '^/([^/?]+).*$'}, 'substitution': r'\1.host'}
        elif x < 0.35:
            a['auto_host_rewrite'] = True
        if self.maybe(0.12):
            a['append_x_forwarded_host'] = True
        if self.maybe(0.12):
            a['timeout'] = self.pick(['0s', '3s', '20s', '0.5s'])
        if self.maybe(0.05):
            a['idle_timeout'] = self.pick(['0s', '5s'])
        if self.maybe(0.05):
            a['max_stream_duration'] = self.pick([{'max_stream_duration': '9s'}, {'max_stream_duration': '0s'}, {'grpc_timeout_header_max': '4s'}, {'grpc_timeout_header_max': '0s', 'grpc_timeout_header_offset': '0.5s'}])
        if self.maybe(0.05):
            a['max_grpc_timeout'] = self.pick(['0s', '2s'])
            if self.maybe():
                a['grpc_timeout_offset'] = '0.25s'
        if self.maybe(0.05):
            a['priority'] = 'HIGH'
        if self.maybe(0.06):
            a['retry_policy'] = dict(self.pick(RETRIES), retry_back_off={'base_interval': '0.001s', 'max_interval': '0.002s'})
        if self.maybe(0.05):
            a['internal_redirect_policy'] = self.pick([{}, {'max_internal_redirects': 2}, {'redirect_response_codes': [303, 307]}, {'allow_cross_scheme_redirect': True, 'max_internal_redirects': 1}])
        if self.maybe(0.05) or 'connect_matcher' in route['match'] and self.maybe(0.6):
            a['upgrade_configs'] = [self.pick([{'upgrade_type': 'websocket'}, {'upgrade_type': 'CONNECT'}, {'upgrade_type': 'websocket', 'enabled': False}, {'upgrade_type': 'CONNECT', 'connect_config': {}}])]
        route['route'] = a

    def redirect(self, route):
        a = {}
        x = self.r.random()
        if x < 0.3:
            a['https_redirect'] = True
        elif x < 0.4:
            a['scheme_redirect'] = self.pick(['https', 'http', 'ftp', 'HTTPS'])
        if self.maybe(0.4):
            a['host_redirect'] = self.pick(['moved.test', 'moved.test:81', 'Moved.Test', '[::2]:5'])
        if self.maybe(0.25):
            a['port_redirect'] = self.pick([80, 443, 8443])
        x = self.r.random()
        if x < 0.3:
            a['path_redirect'] = self.pick(['/moved', '/moved?x=1', '/', '/moved#f', 'moved', '/%41'])
        elif x < 0.5:
            a['prefix_rewrite'] = self.pick(['/', '/new', '/new/', '/new?y=2'])
        elif x < 0.6:
            a['regex_rewrite'] = self.regex_rewrite()
        if self.maybe(0.2):
            a['strip_query'] = True
        if self.maybe(0.3):
            a['response_code'] = self.pick(CODES)
        route['redirect'] = a

    def direct_response(self, route, i):
        a = {'status': self.pick([200, 200, 204, 304, 403, 404, 503, 299, 500, 418, 201])}
        if self.maybe(0.8):
            a['body'] = self.pick([{'inline_string': 'route %d' % i}, {'inline_string': '<h1>%PROTOCOL%</h1>'}, {'inline_string': ''}, {'inline_string': 'x' * 4000}, {'inline_bytes': 'AAEC/w=='}])
        if a['status'] in (204, 304) and self.maybe(0.7):
            a.pop('body', None)
        route['direct_response'] = a

    def route(self, i):
        route = {'match': self.match()}
        if self.maybe(0.5):
            route['name'] = 'r%d' % i
        x = self.r.random()
        if x < 0.62:
            self.forward(route)
        elif x < 0.77:
            self.redirect(route)
        elif x < 0.98:
            self.direct_response(route, i)
        else:
            route['non_forwarding_action'] = {}
        self.mutations(route, 0.25)
        self.overrides(route)
        return route

    def overrides(self, at):
        if self.maybe(0.05):
            at['typed_per_filter_config'] = {'HeaderMutation': self.pick([
                {'@type': TYPE + 'filters.http.header_mutation.v3.HeaderMutationPerRoute', 'mutations': {'request_mutations': [{'append': self.additions(OPERATORS)[0]}], 'response_mutations': [{'remove': 'x-up'}, {'append': self.additions(RESPONSE_OPERATORS)[0]}]}},
                {'@type': 'type.googleapis.com/envoy.config.route.v3.FilterConfig', 'disabled': True},
            ])}  # fmt: skip

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
            if self.maybe(0.08):
                v['include_request_attempt_count'] = True
            if self.maybe(0.08):
                v['include_attempt_count_in_response'] = True
            if self.maybe(0.1):
                v['virtual_clusters'] = [{'name': 'vc%d' % i, 'headers': [{'name': self.pick([':path', ':method', 'x-a']), 'string_match': self.string_match()}]}]
            self.mutations(v, 0.2)
            self.overrides(v)
            hosts.append(v)
        config = {'name': 'local', 'validate_clusters': False, 'virtual_hosts': hosts}
        self.mutations(config, 0.2)
        if self.maybe(0.15):
            config['ignore_port_in_host_matching'] = True
        if self.maybe(0.15):
            config['most_specific_header_mutations_wins'] = True
        if self.maybe(0.08):
            config['ignore_path_parameters_in_path_matching'] = True
        if self.maybe(0.08):
            config['internal_only_headers'] = [self.pick(['x-a', 'X-User'])]
        return config
