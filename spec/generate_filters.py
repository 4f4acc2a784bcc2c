"""HTTP filters with settings of routes, the router's own options, and clusters of several endpoints."""

from draw import TYPE
from generate_options import FILE, N, Options
from generate_routes import HEADERS

HTTP = TYPE + 'filters.http.'
PERCENT = [{'numerator': 100}, {'numerator': 0}, {'numerator': 1000000, 'denominator': 'MILLION'}]
KINDS = ['buffer', 'fault', 'header_to_metadata', 'set_metadata', 'local_ratelimit', 'health_check', 'rbac', 'stateful_session']
CHECKED = ['x-envoy-upstream-rq-timeout-ms', 'x-envoy-upstream-rq-per-try-timeout-ms', 'x-envoy-max-retries', 'x-envoy-retry-grpc-on', 'x-envoy-retry-on']
TRIES = (
    N + '%ACCESS_LOG_TYPE% %RESPONSE_CODE% %RESPONSE_FLAGS% %PROTOCOL% in=%BYTES_RECEIVED% out=%BYTES_SENT% route=%ROUTE_NAME% cluster=%UPSTREAM_CLUSTER%'
    ' up=%UPSTREAM_HOST% %REQ(:PATH)% %RESP(x-up)% %TRAILER(x-t)% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %UPSTREAM_TRANSPORT_FAILURE_REASON%\n'
)
# Of which one endpoint is chosen by what the request says, so that both choose the same: hash_key and stage stand in for addresses.
CHOOSING = ['ring', 'maglev', 'subset']


class Filters(Options):
    def hcm(self):
        self.planned = self.some(KINDS, 1, 3) if self.maybe(0.4) else []
        return super().hcm()

    # --- the list ---

    def filters(self):
        *others, router = super().filters()
        for kind in self.planned:
            f = getattr(self, kind)()
            others.insert(self.r.randint(0, len(others)), {'name': kind, 'typed_config': f, **({'disabled': True} if self.maybe(0.06) else {})})
        self.router(router['typed_config'])
        return others + [router]

    def router(self, r):
        if self.maybe(0.1):
            r['dynamic_stats'] = False
        if self.maybe(0.1):
            r['strict_check_headers'] = self.some(CHECKED, 1, 5)
        if self.maybe(0.1):
            r['respect_expected_rq_timeout'] = True
        if self.maybe(0.1):
            r['suppress_grpc_request_failure_code_stats'] = True
        if self.maybe(0.15):
            r['upstream_log'] = [{'name': 'l', 'typed_config': {'@type': FILE, 'path': '${dir}/access.log', 'log_format': {'text_format_source': {'inline_string': TRIES}}}}]
            if self.maybe():
                r['upstream_log_options'] = {'flush_upstream_log_on_upstream_stream': True}

    def buffer(self):
        return {'@type': HTTP + 'buffer.v3.Buffer', 'max_request_bytes': self.pick([3, 4000, 65000, 100000])}

    def fault(self):
        f = {'@type': HTTP + 'fault.v3.HTTPFault'}
        if self.maybe(0.8):
            f['abort'] = dict(self.pick([{'http_status': 418}, {'http_status': 503}, {'grpc_status': 14}, {'header_abort': {}}]), percentage=self.pick(PERCENT))
        if self.maybe(0.4):
            f['delay'] = dict(self.pick([{'fixed_delay': '0.002s'}, {'header_delay': {}}]), percentage=self.pick(PERCENT))
        if self.maybe(0.6):
            f['headers'] = [self.header_match()]
        if self.maybe(0.2):
            f['upstream_cluster'] = self.pick(['a', 'b'])
        if self.maybe(0.1):
            f['disable_downstream_cluster_stats'] = True
        if self.maybe(0.1):
            f['filter_metadata'] = {'k': 'v'}
        return f

    def noted(self, with_value):
        n = {'metadata_namespace': self.pick(['a', 'a', 'f', '']), 'key': self.pick(['b', 'k'])}
        if self.maybe(0.4):
            n['type'] = self.pick(['STRING', 'NUMBER'])
        if self.maybe(0.1):
            n['encode'] = 'BASE64'
        x = self.r.random()
        if with_value or x < 0.4:
            n['value'] = self.pick(['7', 'set', '1.5', 'x y', '{}'])
        elif x < 0.6:
            n['regex_value_rewrite'] = self.regex_rewrite()
        return n

    def rules(self):
        out = []
        for _ in range(self.r.randint(1, 3)):
            rule = {'header': self.pick(HEADERS + [':path', 'x-up', ':status'])} if self.maybe(0.85) else {'cookie': self.pick(['a', 'c'])}
            if self.maybe(0.8):
                rule['on_header_present'] = self.noted(False)
            if self.maybe(0.4) or 'on_header_present' not in rule:
                rule['on_header_missing'] = self.noted(True)
            if self.maybe(0.2) and not rule.get('header', ':').startswith(':'):
                rule['remove'] = True
            out.append(rule)
        return out

    def header_to_metadata(self):
        return {'@type': HTTP + 'header_to_metadata.v3.Config', **{k: self.rules() for k in self.some(['request_rules', 'response_rules'], 1, 2)}}

    def set_metadata(self):
        entries = [{'metadata_namespace': self.pick(['a', 'f']), 'value': self.pick([{'b': 'x'}, {'b': 5, 'k': [1, 'two']}, {'b': {'c': True}}]), 'allow_overwrite': self.maybe()} for _ in range(self.r.randint(1, 2))]
        return {'@type': HTTP + 'set_metadata.v3.Config', 'metadata': entries}

    def local_ratelimit(self):
        always = {'default_value': {'numerator': 100}, 'runtime_key': 'on'}
        f = {'@type': HTTP + 'local_ratelimit.v3.LocalRateLimit', 'stat_prefix': 'lrl', 'token_bucket': self.bucket(), 'filter_enabled': always}
        if self.maybe(0.8):
            f['filter_enforced'] = self.pick([always, always, {'default_value': {'numerator': 0}}])
        if self.maybe(0.3):
            f['status'] = {'code': self.pick(['ServiceUnavailable', 'OK', 'TooManyRequests'])}
        if self.maybe(0.3):
            f['response_headers_to_add'] = [{'header': {'key': 'x-limited', 'value': self.pick(['yes', '%REQ(:PATH)%', '%RESPONSE_CODE%'])}}]
        if self.maybe(0.2):
            f['request_headers_to_add_when_not_enforced'] = [{'header': {'key': 'x-would-be', 'value': 'yes'}}]
        if self.maybe(0.3):
            f['enable_x_ratelimit_headers'] = 'DRAFT_VERSION_03'
        if self.maybe(0.2):
            f['rate_limited_as_resource_exhausted'] = True
        if self.maybe(0.4):
            f['descriptors'] = [{'entries': [{'key': k, 'value': v}], 'token_bucket': self.bucket(2)} for k, v in self.some([('generic_key', 'v'), ('k', 'v'), ('a', '1'), ('header_match', 'm')], 1, 2)]
        return f

    def bucket(self, most=None):
        return {'max_tokens': most or self.pick([1, 10, 1000]), 'fill_interval': '1000s'}

    def health_check(self):
        f = {'@type': HTTP + 'health_check.v3.HealthCheck', 'pass_through_mode': self.maybe(0.3)}
        f['headers'] = [self.pick([{'name': ':path', 'string_match': {'prefix': '/a'}}, {'name': ':path', 'exact_match': '/'}, self.header_match()])]
        return f

    def rbac(self):
        f = {'@type': HTTP + 'rbac.v3.RBAC', **{k: self.policies() for k in self.some(['rules', 'rules', 'shadow_rules'], 1, 2)}}
        if self.maybe(0.2):
            f[self.pick(['matcher', 'shadow_matcher'])] = self.access_matcher()
        if self.maybe(0.3):
            f['rules_stat_prefix'] = self.pick(['r', 'r.', 'r.s'])
        if self.maybe(0.3):
            f['shadow_rules_stat_prefix'] = self.pick(['s_', 's.'])
        if self.maybe(0.4):
            f['track_per_rule_stats'] = True
        return f

    def policies(self):
        names = self.some(['p', 'q r', 'a.b', 'ns[x]-policy[y]', 'x:y'], 0, 3)
        return {'action': self.pick(['ALLOW', 'DENY', 'DENY', 'LOG']), 'policies': {n: self.policy() for n in names}}

    def policy(self):
        return {k: [rule(2) for _ in range(self.r.randint(1, 2))] for k, rule in [('permissions', self.permission), ('principals', self.principal)]}

    def noted_value(self):
        value = self.pick([{'present_match': True}, {'string_match': self.string_match()}, {'double_match': {'range': {'start': 0, 'end': 7.5}}}, {'bool_match': True}])
        return {'filter': self.pick(['a', 'f']), 'path': [{'key': self.pick(['b', 'k'])}], 'value': value, **({'invert': True} if self.maybe(0.2) else {})}

    def combined(self, rule, depth, names, inner):
        """One of several rules, or what is common to both kinds of rules."""
        every, some, no = names
        if depth > 0 and self.maybe(0.4):
            several = {inner: [rule(depth - 1) for _ in range(self.r.randint(1, 3))]}
            return self.pick([{every: several}, {some: several}, {no: rule(depth - 1)}])
        kinds = [{'any': True}, {'header': self.header_match()}, {'url_path': {'path': self.string_match()}}, {'metadata': self.noted_value()}]
        kinds.append({'sourced_metadata': {'metadata_matcher': self.noted_value(), 'metadata_source': self.pick(['DYNAMIC', 'ROUTE'])}})
        return self.pick(kinds) if self.maybe(0.7) else None

    def permission(self, depth):
        template = {'@type': TYPE + 'path.match.uri_template.v3.UriTemplateMatchConfig', 'path_template': self.pick(['/{x}', '/a/*', '/**', '/a/{b=**}'])}
        return self.combined(self.permission, depth, ('and_rules', 'or_rules', 'not_rule'), 'rules') or self.pick(
            [
                {'destination_ip': self.range()},
                {'destination_port_range': {'start': self.pick([0, 1, 65535]), 'end': 65536}},
                {'requested_server_name': self.string_match()},
                {'uri_template': {'name': 't', 'typed_config': template}},
            ]
        )

    def principal(self, depth):
        return self.combined(self.principal, depth, ('and_ids', 'or_ids', 'not_id'), 'ids') or self.pick(
            [
                {self.pick(['source_ip', 'direct_remote_ip', 'remote_ip', 'remote_ip']): self.range()},
                {'authenticated': {}},
                {'filter_state': {'key': 'k', 'string_match': self.string_match()}},
            ]
        )

    def range(self):
        return self.pick([{'address_prefix': '127.0.0.0', 'prefix_len': 8}, {'address_prefix': '10.0.0.0', 'prefix_len': 8}, {'address_prefix': '::', 'prefix_len': 0}, {'address_prefix': '1.2.3.4'}])

    def access_matcher(self):
        def action(name):
            config = {'@type': 'type.googleapis.com/envoy.config.rbac.v3.Action', 'name': name, 'action': self.pick(['ALLOW', 'DENY', 'LOG'])}
            return {'action': {'name': name, 'typed_config': config}}

        def one(name):
            source = {'name': 'i', 'typed_config': {'@type': 'type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput', 'header_name': self.pick(HEADERS + [':path'])}}
            return {'predicate': {'single_predicate': {'input': source, 'value_match': {'prefix': self.pick(['/a', '1', 'v', 'x'])}}}, 'on_match': action(name)}

        matcher = {'matcher_list': {'matchers': [one(n) for n in self.some(['m', 'n o', 'l'], 1, 3)]}}
        return {**matcher, 'on_no_match': action('rest')} if self.maybe() else matcher

    # --- what routes say to them ---

    def overrides(self, at):
        super().overrides(at)
        for kind in self.planned:
            if self.maybe(0.12) and (made := self.override(kind)):
                at.setdefault('typed_per_filter_config', {})[kind] = made

    def override(self, kind):
        if self.maybe(0.3):
            return {'@type': 'type.googleapis.com/envoy.config.route.v3.FilterConfig', **({'disabled': True} if self.maybe(0.97) else {})}
        if kind == 'buffer':
            return {'@type': HTTP + 'buffer.v3.BufferPerRoute', **self.pick([{'disabled': True}, {'buffer': {'max_request_bytes': 6}}, {'buffer': {'max_request_bytes': 90000}}])}
        if kind == 'set_metadata' or kind == 'health_check':
            return None
        if kind == 'rbac':
            rules = self.rbac()
            del rules['@type']
            return {'@type': HTTP + 'rbac.v3.RBACPerRoute', **({'rbac': rules} if self.maybe(0.9) else {})}
        return getattr(self, kind)()

    def weighted(self, route):
        a = super().weighted(route)
        self.overrides(a['clusters'][0])
        return a

    def route_config(self):
        config = super().route_config()
        if self.maybe(0.2):
            self.overrides(config)
        return config

    # --- endpoints chosen by the request ---

    def forward(self, route):
        super().forward(route)
        a = route['route']
        if a.get('cluster') == 'a' and self.maybe(0.15):
            a['cluster'] = self.pick(CHOOSING)
            if a['cluster'] == 'subset':
                a['metadata_match'] = {'filter_metadata': {'envoy.lb': self.pick([{'stage': 'one'}, {'stage': 'two'}, {'stage': 'one', 'v': '2'}, {'stage': 'none'}, {'v': '1'}])}}
            else:  # the client's address always is the same
                a['hash_policy'] = self.some([{'header': {'header_name': 'x-a'}}, {'header': {'header_name': 'x-list'}}, {'query_parameter': {'name': 'q'}}, {'cookie': {'name': 'c'}, 'terminal': True}], 1, 2) + [{'connection_properties': {'source_ip': True}}]
