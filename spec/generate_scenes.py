"""Random scenes: a route, a cluster and back ends that fail as they are told, and requests that run into it; for scenes.py."""

from draw import TYPE, Draw

HTTP = TYPE + 'filters.http.'
WORDS = ['5xx', 'gateway-error', 'reset', 'reset-before-request', 'connect-failure', 'envoy-ratelimited', 'retriable-4xx', 'refused-stream', 'retriable-status-codes', 'retriable-headers', 'cancelled', 'deadline-exceeded', 'internal', 'resource-exhausted', 'unavailable']  # fmt: skip
GRPC_WORDS = WORDS[10:]
STATUSES = [200, 200, 200, 503, 503, 500, 502, 504, 409, 429, 404, 418, 302, 204]
HEADERS = [
    ['x-envoy-ratelimited', 'true'], ['x-envoy-overloaded', 'true'], ['x-up', 'again'], ['x-up', 'no'], ['grpc-status', '0'], ['grpc-status', '1'], ['grpc-status', '4'], ['grpc-status', '8'], ['grpc-status', '13'],
    ['grpc-status', '14'], ['grpc-message', 'told'], ['retry-after', '0'], ['retry-after', '1'], ['x-reset', '1'], ['x-envoy-upstream-canary', 'true'], ['x-envoy-degraded', 'true'], ['x-envoy-immediate-health-check-fail', 'true'],
    ['x-envoy-attempt-count', '7'], ['server', 'mine'], ['x-envoy-upstream-service-time', '99'],
]  # fmt: skip
PREDICATES = {
    'previous_hosts': 'retry.host.previous_hosts.v3.PreviousHostsPredicate',
    'omit_canary_hosts': 'retry.host.omit_canary_hosts.v3.OmitCanaryHostsPredicate',
    'omit_host_metadata': 'retry.host.omit_host_metadata.v3.OmitHostMetadataConfig',
}
HUNDRED = {'default_value': {'numerator': 100}}


class Scenes(Draw):
    def configuration(self, count):
        return {'manager': self.manager(), 'scenes': [self.scene() for _ in range(count)]}

    def manager(self):
        m = {'use_remote_address': True, 'internal_address_config': {'cidr_ranges': [{'address_prefix': '127.0.0.0', 'prefix_len': 8}]}}
        if self.maybe(0.15):
            m = {}
        if self.maybe(0.1):
            m['stream_idle_timeout'] = '0.3s'
        if self.maybe(0.1):
            m['request_timeout'] = '0.3s'
        if self.maybe(0.1):
            m['proxy_status_config'] = {}
        router = {k: True for k in ('suppress_envoy_headers', 'respect_expected_rq_timeout', 'suppress_grpc_request_failure_code_stats') if self.maybe(0.08)}
        return {'options': m, 'router': router, 'tries': self.maybe(0.3), 'health_check': self.health_check() if self.maybe(0.2) else None}

    def health_check(self):
        f = {'headers': [{'name': 'x-hc', 'present_match': True}], 'pass_through_mode': self.maybe()}
        if f['pass_through_mode']:
            if self.maybe():
                f['cache_time'] = self.pick(['0.001s', '60s'])
        elif self.maybe():
            f['cluster_min_healthy_percentages'] = {'c%d' % i: {'value': self.pick([0, 50, 100])} for i in range(self.r.randint(1, 3))}
        return f

    def scene(self):
        self.kind = self.pick(['h1', 'h1', 'h1', 'h2'])
        self.by_host = self.maybe(0.4)  # whether each back end has answers of its own, or each try
        self.about = self.pick(['retry', 'retry', 'retry', 'breaker', 'outlier', 'health', 'limit', 'fault', 'timeout', 'panic'])
        # Among several whose answers come from one queue the choice is by chance: then they are all alike, and connections are not counted.
        ends = [self.kind] * (self.r.randint(1, 4) if self.by_host or self.maybe(0.25) else 1)
        if self.maybe(0.25):
            ends = [self.pick(['refused', 'refused', 'blackhole'])] * len(ends) if not self.by_host else ends[1:] + ['refused']
        host, route = {}, {'cluster': 'c'}
        self.timeouts(route)
        if self.about == 'retry' or self.maybe(0.3):
            self.pick([route, route, route, host])['retry_policy'] = self.retry()
        for k in ('include_request_attempt_count', 'include_attempt_count_in_response', 'include_is_timeout_retry_header'):
            if self.maybe(0.25):
                host[k] = True
        if self.maybe(0.06):
            route['hedge_policy'] = {'hedge_on_per_try_timeout': True}
        if self.maybe(0.1):
            route['priority'] = 'HIGH'
        filters = {}
        if self.about == 'fault' or self.maybe(0.04):
            filters['fault'] = self.fault()
        if self.about == 'limit' or self.maybe(0.04):
            filters['local_ratelimit'] = self.local_limit()
        if filters:
            host['typed_per_filter_config'] = filters
        scene = {'about': self.about, 'ends': ends, 'by_host': self.by_host, 'host': host, 'route': route, 'cluster': self.cluster(ends)}
        scene['steps'] = [self.step(len(ends)) for _ in range(self.r.randint(3, 7))]
        return scene

    # --- the route ---

    def timeouts(self, route):
        if self.about == 'timeout' or self.maybe(0.3):
            route['timeout'] = self.pick(['0.25s', '0s', '1s'])
        if self.about == 'timeout':
            if self.maybe(0.3):
                route['idle_timeout'] = self.pick(['0.2s', '0s'])
            if self.maybe(0.3):
                route['max_stream_duration'] = self.pick([{'max_stream_duration': '0.2s'}, {'max_stream_duration': '0s'}, {'grpc_timeout_header_max': '0.2s'}, {'grpc_timeout_header_max': '0s', 'grpc_timeout_header_offset': '0.02s'}])
            if self.maybe(0.2):
                route['max_grpc_timeout'] = self.pick(['0.2s', '0s'])

    def retry(self):
        p = {'retry_on': ','.join(self.some(WORDS, 1, 4))}
        if self.maybe(0.7):
            p['num_retries'] = self.pick([0, 1, 2, 3])
        if 'status-codes' in p['retry_on'] or self.maybe(0.1):
            p['retriable_status_codes'] = self.some([200, 409, 418, 404, 503], 1, 2)
        if 'retriable-headers' in p['retry_on'] or self.maybe(0.1):
            p['retriable_headers'] = [self.pick([{'name': 'x-up', 'string_match': {'exact': 'again'}}, {'name': 'x-up', 'present_match': True}, {'name': ':status', 'string_match': {'prefix': '4'}}, {'name': 'x-up', 'present_match': True, 'invert_match': True}])]
        if self.maybe(0.1):
            p['retriable_request_headers'] = [self.pick([{'name': 'x-retry', 'present_match': True}, {'name': ':method', 'string_match': {'exact': 'GET'}}])]
        if self.maybe(0.3):
            p['per_try_timeout'] = self.pick(['0.1s', '0.1s', '0s', '1s'])
        if self.maybe(0.15):
            p['per_try_idle_timeout'] = '0.06s'
        if self.maybe(0.3):
            p['retry_host_predicate'] = [{'name': k, 'typed_config': {'@type': TYPE + PREDICATES[k], **({'metadata_match': {'filter_metadata': {'envoy.lb': {'stage': 'one'}}}} if k == 'omit_host_metadata' else {})}} for k in self.some(sorted(PREDICATES), 1, 2)]
            p['host_selection_retry_max_attempts'] = self.pick([1, 3, 8])
        if self.maybe(0.15):
            p['retry_priority'] = {'name': 'p', 'typed_config': {'@type': TYPE + 'retry.priority.previous_priorities.v3.PreviousPrioritiesConfig', 'update_frequency': self.pick([1, 2])}}
        p['retry_back_off'] = {'base_interval': '0.001s', 'max_interval': '0.002s'}
        if self.maybe(0.2):
            headers = [{'name': 'retry-after', 'format': 'SECONDS'}, {'name': 'x-reset', 'format': 'SECONDS'}, {'name': 'x-reset', 'format': 'UNIX_TIMESTAMP'}]
            p['rate_limited_retry_back_off'] = {'reset_headers': self.some(headers, 1, 2), 'max_interval': self.pick(['0.1s', '3s'])}
        return p

    def fault(self):
        f = {'@type': HTTP + 'fault.v3.HTTPFault'}
        percentage = {'numerator': self.pick([100, 100, 0])}
        if self.maybe(0.7):
            f['abort'] = dict(self.pick([{'http_status': 418}, {'http_status': 503}, {'grpc_status': 14}, {'grpc_status': 1}, {'header_abort': {}}]), percentage=percentage)
        if self.maybe(0.4):
            f['delay'] = dict(self.pick([{'fixed_delay': '0.02s'}, {'header_delay': {}}]), percentage={'numerator': 100})
        if self.maybe(0.3):
            f['headers'] = [{'name': 'x-fault', 'present_match': True}]
        if self.maybe(0.2):
            f['downstream_nodes'] = ['node']
        if self.maybe(0.2):
            f['max_active_faults'] = self.pick([0, 1])
        if self.maybe(0.2):
            f['response_rate_limit'] = dict(self.pick([{'fixed_limit': {'limit_kbps': 100}}, {'header_limit': {}}]), percentage={'numerator': 100})
        if self.maybe(0.1):
            f['upstream_cluster'] = 'other'
        return f

    def local_limit(self):
        f = {'@type': HTTP + 'local_ratelimit.v3.LocalRateLimit', 'stat_prefix': 'lrl', 'filter_enabled': dict(HUNDRED), 'token_bucket': {'max_tokens': self.pick([1, 2, 3]), 'fill_interval': '1000s'}}
        f['filter_enforced'] = {'default_value': {'numerator': self.pick([100, 100, 100, 0])}}
        if self.maybe(0.2):
            f['status'] = {'code': self.pick(['ServiceUnavailable', 'OK'])}
        for k in ('rate_limited_as_resource_exhausted', 'local_rate_limit_per_downstream_connection', 'always_consume_default_token_bucket'):
            if self.maybe(0.2):
                f[k] = self.maybe()
        if self.maybe(0.3):
            f['enable_x_ratelimit_headers'] = 'DRAFT_VERSION_03'
        if self.maybe(0.2):
            f['request_headers_to_add_when_not_enforced'] = [{'header': {'key': 'x-would-be', 'value': 'yes'}}]
        return f

    # --- the cluster ---

    def cluster(self, ends):
        c = {'connect_timeout': self.pick(['0.2s', '0.2s', '5s']) if 'blackhole' not in ends else '0.1s', 'common_lb_config': {}}
        if self.by_host:
            c['lb_policy'] = self.pick(['RING_HASH', 'MAGLEV'])
            c['ring_hash_lb_config' if c['lb_policy'] == 'RING_HASH' else 'maglev_lb_config'] = {'minimum_ring_size': 64} if c['lb_policy'] == 'RING_HASH' else {'table_size': 251}
        else:
            c['lb_policy'] = self.pick(['ROUND_ROBIN', 'LEAST_REQUEST', 'RANDOM'])
        if self.about in ('panic', 'health', 'outlier'):
            c['common_lb_config']['healthy_panic_threshold'] = {'value': self.pick([0, 50, 100])}
            if self.maybe(0.2):
                c['common_lb_config']['zone_aware_lb_config'] = {'fail_traffic_on_panic': True}
            if self.maybe(0.7):
                c['common_lb_config']['update_merge_window'] = '0s'
        if self.about == 'breaker' or self.maybe(0.2):
            c['circuit_breakers'] = self.breakers()
        if self.about == 'outlier':
            c['outlier_detection'] = self.outlier()
        if self.about == 'health':
            c['health_checks'] = [self.health()]
            if self.maybe(0.2):
                c['ignore_health_on_host_removal'] = True
        options = {'common_http_protocol_options': {}}
        if self.maybe(0.1):
            options['common_http_protocol_options']['max_requests_per_connection'] = self.pick([1, 2])
        if self.maybe(0.05):
            options['common_http_protocol_options']['max_stream_duration'] = '0.2s'
        c['options'] = options
        if self.maybe(0.1):
            c['track_cluster_stats'] = {k: True for k in ('timeout_budgets', 'request_response_sizes') if self.maybe(0.8)}
        c['priorities'] = self.priorities(ends)
        policy = {}
        if self.maybe(0.1):
            policy['overprovisioning_factor'] = self.pick([100, 200])
        if self.maybe(0.05):
            policy['drop_overloads'] = [{'category': 'd', 'drop_percentage': {'numerator': self.pick([100, 100, 0])}}]
        if policy:
            c['policy'] = policy
        return c

    def priorities(self, ends):
        """The priority of each end, its health and its metadata; the choice among several priorities must not be by chance."""
        out = []
        for _ in ends if self.by_host else ends[:1]:
            e = {}
            if self.by_host and self.maybe(0.3):
                e['priority'] = 1
            if self.about == 'panic' or self.maybe(0.05):
                e['health'] = self.pick(['HEALTHY', 'UNHEALTHY', 'DRAINING', 'TIMEOUT', 'DEGRADED', 'UNKNOWN'])
            if self.maybe(0.2):
                e['metadata'] = {'canary': self.maybe(), 'stage': self.pick(['one', 'two'])}
            out.append(e)
        if out and all('priority' in e for e in out):
            out[0].pop('priority')
        return out if self.by_host else out * len(ends)

    def breakers(self):
        t = {k: self.pick([0, 1, 1, 2]) for k in self.some(['max_connections', 'max_pending_requests', 'max_requests', 'max_retries'] + (['max_connection_pools'] if self.by_host else []), 1, 2)}
        if self.maybe(0.3):
            t['track_remaining'] = True
        if self.maybe(0.2):
            t['retry_budget'] = self.pick([{}, {'budget_percent': {'value': 0}, 'min_retry_concurrency': 0}, {'budget_percent': {'value': 100}, 'min_retry_concurrency': 1}])
        out = {'thresholds': [t] + ([{'priority': 'HIGH', 'max_requests': 1}] if self.maybe(0.3) else [])}
        if self.maybe(0.15):
            out['per_host_thresholds'] = [{'max_connections': self.pick([1, 2])}]
        return out

    def outlier(self):
        o = {'interval': '100s', 'base_ejection_time': '100s'}
        for k, values in (
            ('consecutive_5xx', [1, 2, 3]), ('consecutive_gateway_failure', [1, 2]), ('enforcing_consecutive_gateway_failure', [0, 100]), ('enforcing_consecutive_5xx', [0, 100]), ('max_ejection_percent', [0, 10, 50, 100]),
            ('split_external_local_origin_errors', [True]), ('consecutive_local_origin_failure', [1, 2]), ('always_eject_one_host', [True, False]), ('enforcing_consecutive_local_origin_failure', [0, 100]),
        ):  # fmt: skip
            if self.maybe(0.45):
                o[k] = self.pick(values)
        return o

    def health(self):
        h = {'timeout': '0.5s', 'interval': '0.05s', 'no_traffic_interval': '0.05s', 'unhealthy_threshold': self.pick([1, 2]), 'healthy_threshold': self.pick([1, 2])}
        for k in ('unhealthy_interval', 'healthy_edge_interval', 'unhealthy_edge_interval'):
            if self.maybe(0.2):
                h[k] = '0.05s'
        if self.maybe(0.2):
            h['reuse_connection'] = False
        kind = self.pick(['http', 'http', 'tcp', 'grpc']) if self.kind == 'h2' else self.pick(['http', 'http', 'tcp'])
        if kind == 'http':
            h['http_health_check'] = {'path': '/hc'}
            if self.maybe(0.3):
                h['http_health_check']['expected_statuses'] = [{'start': 200, 'end': 205}]
            if self.maybe(0.3):
                h['http_health_check']['retriable_statuses'] = [{'start': 500, 'end': 504}]
            if self.kind == 'h2':
                h['http_health_check']['codec_client_type'] = 'HTTP2'
        elif kind == 'grpc':
            h['grpc_health_check'] = {}
        else:
            h['tcp_health_check'] = {}
        return h

    # --- what happens ---

    def step(self, ends):
        headers = [['x-key', str(self.r.randint(0, 20))]]
        if self.maybe(0.35):
            headers += self.some(self.asked(), 1, 3)
        if self.maybe(0.2):
            headers += [['content-type', 'application/grpc']]
        if self.maybe(0.1):
            headers += [['grpc-timeout', self.pick(['100m', '5S', '0m', '50m'])]]
        step = {'headers': headers, 'protocol': self.pick(['h1', 'h1', 'h2'])}
        if self.maybe(0.25) or ['content-type', 'application/grpc'] in headers:
            step['method'], step['body'] = 'POST', self.pick(['', 'abc', 'abc', 'x' * 3000])
        elif self.maybe(0.05):
            step['method'] = 'HEAD'
        if self.about == 'breaker' or self.maybe(0.05):
            step['at_once'] = self.pick([1, 2, 3])
        if self.by_host:
            step['answers'] = [[self.answer() for _ in range(self.r.randint(1, 2))] for _ in range(ends)]
        else:
            step['answers'] = [self.answer() for _ in range(self.r.randint(1, 4))]
        if self.about == 'health':
            step['health'] = [self.pick([200, 200, 503, 404]) for _ in range(ends)]
        return step

    def asked(self):
        return [
            ['x-envoy-retry-on', ','.join(self.some(WORDS, 1, 2))], ['x-envoy-retry-grpc-on', self.pick(GRPC_WORDS)], ['x-envoy-max-retries', self.pick(['0', '1', '2', '3', 'x'])], ['x-envoy-upstream-rq-timeout-ms', self.pick(['150', '0', '1000', 'x'])],
            ['x-envoy-upstream-rq-per-try-timeout-ms', self.pick(['80', '0', '500'])], ['x-envoy-retriable-status-codes', self.pick(['409', '418,404', 'x'])], ['x-envoy-retriable-header-names', self.pick(['x-up', 'x-none'])],
            ['x-envoy-expected-rq-timeout-ms', '200'], ['x-envoy-hedge-on-per-try-timeout', self.pick(['true', 'false'])], ['x-envoy-upstream-alt-stat-name', 'alt'], ['x-envoy-upstream-stream-duration-ms', '100'],
            ['x-fault', '1'], ['x-envoy-fault-abort-request', self.pick(['429', '503'])], ['x-envoy-fault-delay-request', '10'], ['x-envoy-fault-abort-grpc-request', '5'], ['x-envoy-fault-throughput-response', '100'], ['x-retry', '1'],
            ['x-hc', '1'], ['x-hc', '1'], ['x-envoy-downstream-service-node', self.pick(['node', 'other'])], ['x-envoy-downstream-service-cluster', 'abc'], ['x-envoy-attempt-count', '9'],
        ]  # fmt: skip

    def answer(self):
        x = self.r.random()
        if self.about == 'breaker' and x < 0.6:
            return {'status': 200, 'body': 'late', 'delay': 0.17}
        if x < 0.3:
            return self.failure()
        a = {'status': self.pick(STATUSES)}
        a['body'] = '' if a['status'] == 204 else self.pick(['answer', 'answer', '', 'y' * 2000])
        headers = self.some(HEADERS, 0, 2) if self.maybe(0.5) else []
        a['headers'] = headers
        if self.maybe(0.1) and a['body']:
            a['trailers'] = {'x-t': '1'} if self.maybe() else {'grpc-status': self.pick(['0', '14', '8'])}
        if self.maybe(0.1):
            a['delay'] = 0.17
        return a

    def failure(self):
        ways = [{'hang': True}, {'status': 200, 'body': 'abcdef', 'headers': [], 'cut_after': 3}]
        if self.kind == 'h1':
            ways += [{'raw': '', 'close': True}, {'reset': 1}, {'reset': 1}, {'raw': 'HTTP/1.1 200 OK\r\nx-up', 'close': True}, {'raw': 'nonsense\r\n\r\n', 'close': True}, {'raw': 'HTTP/1.1 503 No\r\ncontent-length: 5\r\n\r\n', 'close': True}]
        else:
            ways += [{'reset': code} for code in (0, 1, 2, 7, 7, 8, 11)]
        return self.pick(ways)
