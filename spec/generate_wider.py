"""More that a configuration may have: matcher trees, mirrors, redirects followed here, hash policies, rate limits, scopes."""

from draw import TYPE
from generate_routes import Routes

ROUTE = 'type.googleapis.com/envoy.config.route.v3.'
HEADER_INPUT = 'type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput'
INPUTS = ['x-a', 'x-b', 'x-user', 'x-number', ':path', ':method', 'X-List', 'x-none']
KEYS = ['1', 'a', 'ab', 'abc', 'v1', '/a', '/a/b', '/api', 'GET', 'POST', '7', '100']
TEXTS = ['a', '1', 'v', 'ab', '/a', '/api', 'GET', 'P']
PREDICATES = 'type.googleapis.com/envoy.extensions.internal_redirect.'
RETRIES = [
    {'retry_on': '5xx,retriable-4xx', 'num_retries': 3}, {'retry_on': '5xx', 'retry_host_predicate': [{'name': 'envoy.retry_host_predicates.previous_hosts', 'typed_config': {'@type': TYPE + 'retry.host.previous_hosts.v3.PreviousHostsPredicate'}}], 'host_selection_retry_max_attempts': 3},
    {'retry_on': 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes', 'retriable_status_codes': [503], 'num_retries': 2}, {'retry_on': 'gateway-error', 'per_try_timeout': '2s'}, {'retry_on': 'http3-post-connect-failure'},
    {'retry_on': '5xx', 'per_try_idle_timeout': '2s'}, {'retry_on': 'deadline-exceeded,resource-exhausted,internal', 'num_retries': 1}, {'retry_on': 'retriable-headers', 'retriable_headers': [{'name': ':status', 'string_match': {'prefix': '5'}}]},
    {'retry_on': 'retriable-headers,5xx', 'retriable_headers': [{'name': 'x-up', 'present_match': True}], 'num_retries': 1}, {'retry_on': 'reset', 'num_retries': 2}, {'retry_on': '5xx', 'retriable_request_headers': [{'name': 'x-a', 'present_match': True}]}, {'num_retries': 4}, {'retry_on': 'nonsense,5xx'},
]  # fmt: skip
RATE_ACTIONS = [
    {'source_cluster': {}}, {'destination_cluster': {}}, {'remote_address': {}}, {'generic_key': {'descriptor_value': 'v'}}, {'generic_key': {'descriptor_key': 'k', 'descriptor_value': 'v'}}, {'request_headers': {'header_name': 'x-a', 'descriptor_key': 'a'}},
    {'request_headers': {'header_name': 'x-b', 'descriptor_key': 'b', 'skip_if_absent': True}}, {'header_value_match': {'descriptor_value': 'm', 'headers': [{'name': 'x-a', 'present_match': True}], 'expect_match': False}}, {'masked_remote_address': {}},
    {'query_parameter_value_match': {'descriptor_value': 'q', 'query_parameters': [{'name': 'q', 'present_match': True}]}}, {'metadata': {'descriptor_key': 'm', 'metadata_key': {'key': 'f', 'path': [{'key': 'k'}]}, 'default_value': 'd'}},
]  # fmt: skip
HASHES = [
    {'header': {'header_name': 'x-a'}}, {'header': {'header_name': 'X-B', 'regex_rewrite': {'pattern': {'regex': 'a'}, 'substitution': 'b'}}, 'terminal': True}, {'cookie': {'name': 'c'}}, {'cookie': {'name': 'c', 'ttl': '60s', 'path': '/p'}},
    {'connection_properties': {'source_ip': True}}, {'query_parameter': {'name': 'q'}}, {'filter_state': {'key': 'x'}}, {'cookie': {'name': 'c', 'ttl': '0s', 'attributes': [{'name': 'SameSite', 'value': 'Lax'}]}},
]  # fmt: skip


class Wider(Routes):
    # --- what a route does ---

    def forward(self, route):
        super().forward(route)
        a = route['route']
        if self.maybe(0.06):
            a['request_mirror_policies'] = [self.mirror() for _ in range(self.r.randint(1, 2))]
        if self.maybe(0.08):
            a['internal_redirect_policy'] = self.redirect_policy()
        if self.maybe(0.08):
            a['retry_policy'] = self.retry()
        if self.maybe(0.05):
            a['hash_policy'] = self.some(HASHES, 1, 2)
        if self.maybe(0.05):
            a['rate_limits'] = self.rate_limits()
            if self.maybe(0.3):
                a['include_vh_rate_limits'] = self.maybe()
        if self.maybe(0.02):
            a['hedge_policy'] = {'initial_requests': 1}
        if self.maybe(0.03):
            a['early_data_policy'] = {'name': 'e', 'typed_config': {'@type': TYPE + 'early_data.v3.DefaultEarlyDataPolicy'}}
        if self.maybe(0.04) and 'cluster' in a:
            del a['cluster']
            a['inline_cluster_specifier_plugin'] = {'extension': self.cluster_matcher()}

    def mirror(self):
        # To the cluster that nothing else uses, so that what arrives keeps its order.
        m = {'cluster': self.pick(['c', 'c', 'c', 'nowhere', 'refused', 'empty'])}
        if self.maybe(0.3):
            m['runtime_fraction'] = {'default_value': {'numerator': self.pick([0, 100])}, 'runtime_key': 'mirror'}
        if self.maybe(0.2):
            m['disable_shadow_host_suffix_append'] = True
        if self.maybe(0.1):
            m['trace_sampled'] = self.maybe()
        return m

    def redirect_policy(self):
        p = {}
        if self.maybe():
            p['max_internal_redirects'] = self.pick([0, 1, 2, 3])
        if self.maybe():
            p['redirect_response_codes'] = self.pick([[302, 303], [301, 302, 307, 308], [307], [303]])
        if self.maybe():
            p['allow_cross_scheme_redirect'] = self.maybe(0.7)
        if self.maybe(0.3):
            p['response_headers_to_copy'] = self.some(['x-up', 'x-second', 'location', 'set-cookie'], 1, 2)
        if self.maybe(0.3):
            p['predicates'] = [self.pick([
                {'name': 'envoy.internal_redirect_predicates.previous_routes', 'typed_config': {'@type': PREDICATES + 'previous_routes.v3.PreviousRoutesConfig'}},
                {'name': 'envoy.internal_redirect_predicates.safe_cross_scheme', 'typed_config': {'@type': PREDICATES + 'safe_cross_scheme.v3.SafeCrossSchemeConfig'}},
                {'name': 'envoy.internal_redirect_predicates.allow_listed_routes', 'typed_config': {'@type': PREDICATES + 'allow_listed_routes.v3.AllowListedRoutesConfig', 'allowed_route_names': ['r0', 'r1', 'r10', 'r2']}},
            ])]  # fmt: skip
        return p

    def retry(self):
        return dict(self.pick(RETRIES), retry_back_off={'base_interval': '0.001s', 'max_interval': '0.002s'})

    def rate_limits(self):
        return [{'stage': self.pick([0, 1]), 'actions': self.some(RATE_ACTIONS, 1, 3)} for _ in range(self.r.randint(1, 2))]

    # --- how a route is found ---

    def input(self, name=None):
        return {'name': 'input', 'typed_config': {'@type': HEADER_INPUT, 'header_name': name or self.pick(INPUTS)}}

    def value_match(self):
        kind = self.pick(['exact', 'prefix', 'suffix', 'contains', 'safe_regex'])
        if kind == 'safe_regex':
            return {kind: {'google_re2': {}, 'regex': self.pick(['a.*', '[0-9]+', '/a.*', 'v[12]', '.*'])}}
        m = {kind: self.pick(KEYS if kind == 'exact' else TEXTS)}
        if self.maybe(0.2):
            m['ignore_case'] = True
        return m

    def predicate(self, depth=2):
        kind = self.pick(['single'] * 4 + (['and', 'or', 'not'] if depth else []))
        if kind == 'single':
            return {'single_predicate': {'input': self.input(), 'value_match': self.value_match()}}
        if kind == 'not':
            return {'not_matcher': self.predicate(depth - 1)}
        return {kind + '_matcher': {'predicate': [self.predicate(depth - 1) for _ in range(2)]}}

    def on_match(self, leaf, depth):
        if depth and self.maybe(0.2):
            return {'matcher': self.matcher(leaf, depth - 1)}
        return {'action': leaf()}

    def matcher(self, leaf, depth=2):
        m = {}
        if self.maybe(0.6):
            m['matcher_list'] = {'matchers': [{'predicate': self.predicate(), 'on_match': self.on_match(leaf, depth)} for _ in range(self.r.randint(1, 3))]}
        else:
            kind = self.pick(['exact_match_map', 'prefix_match_map'])
            m['matcher_tree'] = {'input': self.input(), kind: {'map': {k: self.on_match(leaf, depth) for k in self.some(KEYS, 1, 4)}}}
        if self.maybe(0.6):
            m['on_no_match'] = self.on_match(leaf, depth)
        return m

    def cluster_matcher(self):
        leaf = lambda: {'name': 'cluster', 'typed_config': {'@type': TYPE + 'router.cluster_specifiers.matcher.v3.ClusterAction', 'cluster': self.pick(['a', 'b', 'c', 'nowhere'])}}
        return {'name': 'envoy.router.cluster_specifier_plugin.matcher', 'typed_config': {'@type': TYPE + 'router.cluster_specifiers.matcher.v3.MatcherClusterSpecifier', 'cluster_matcher': self.matcher(leaf, 1)}}

    def route_leaf(self):
        self.leaves += 1
        if self.maybe(0.7):
            action = {'@type': ROUTE + 'Route', **self.route(100 + self.leaves)}
        else:
            action = {'@type': ROUTE + 'RouteList', 'routes': [self.route(200 + 10 * self.leaves + i) for i in range(2)]}
        for r in action.get('routes', [action]):
            self.led_to.append(r)
        return {'name': 'route', 'typed_config': action}

    # --- around routes ---

    def route(self, i):
        route = super().route(i)
        if self.maybe(0.08):
            route['stat_prefix'] = self.pick(['sp', 's.p', 's:p', 'sp2'])
        if self.maybe(0.04):
            route['decorator'] = {'operation': 'op', 'propagate': self.maybe()}
        if self.maybe(0.03):
            route['tracing'] = {k: {'numerator': self.pick([0, 100])} for k in self.some(['client_sampling', 'random_sampling', 'overall_sampling'], 0, 2)}
        if self.maybe(0.04):
            route['metadata'] = {'filter_metadata': {'f': {'k': 'v', 'n': 1}}}
        if self.maybe(0.03):
            route['per_request_buffer_limit_bytes'] = self.pick([0, 10, 100000])
        return route

    def route_config(self):
        config = super().route_config()
        for v in config['virtual_hosts']:
            self.leaves, self.led_to = 0, []
            if self.maybe(0.1):
                v['matcher'] = self.matcher(self.route_leaf)
                v['routes'] = []
                v['led_to'] = self.led_to  # for aim(); taken out again by hcm()
            if self.maybe(0.06):
                v['retry_policy'] = self.retry()
            if self.maybe(0.04):
                v['request_mirror_policies'] = [self.mirror()]
            if self.maybe(0.05):
                v['include_is_timeout_retry_header'] = True
            if self.maybe(0.04):
                v['rate_limits'] = self.rate_limits()
            if self.maybe(0.03):
                v['per_request_buffer_limit_bytes'] = self.pick([0, 10, 100000])
            if self.maybe(0.06):
                v['virtual_clusters'] = [{'name': n, 'headers': [self.header_match()]} for n in ('one', 'two:x', 'other')[: self.r.randint(1, 3)]]
        if self.maybe(0.03):
            config['request_mirror_policies'] = [self.mirror()]
        if self.maybe(0.05):
            config['max_direct_response_body_size_bytes'] = self.pick([100, 10000])
        return config

    def scopes(self):
        """For a table that only one key leads to: what builds the key, and tables for other keys. sides.py puts them together."""
        others = [dict(self.plain_table(), name='second')] if self.maybe() else []
        builder = self.pick([
            {'name': 'x-scope', 'element_separator': ';', 'element': {'separator': '=', 'key': 'k'}}, {'name': 'X-Scope', 'element_separator': ',', 'index': 0}, {'name': 'x-scope'},
        ])  # fmt: skip
        return {'builder': builder, 'others': others}

    def plain_table(self):
        return {'virtual_hosts': [{'name': 'v', 'domains': ['*'], 'routes': [{'match': {'prefix': '/'}, 'direct_response': {'status': 200, 'body': {'inline_string': 'the other table'}}}]}]}

    def scope_header(self):
        key = self.pick(['s1', 's1', 's1', 's1', 's2', 'none', ''])
        return ['x-scope', self.pick([key, key + ',s2', 'k=' + key, 'a=b;k=' + key + ';k=s2'])]
