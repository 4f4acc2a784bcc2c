"""What random scenes draw on top of generate_scenes.py: other kinds of clusters, subsets, localities, sessions, hedging, more filters.

It has a source of chance of its own, so that `scenes.py --plain` draws the same scenes without all this."""

import random

from draw import TYPE
from generate_scenes import HTTP, HUNDRED, Scenes

KINDS = ['aggregate', 'original_dst', 'dfp', 'sub_clusters', 'weighted', None, None, None]
FILTERS = ['admission_control', 'adaptive_concurrency', 'bandwidth_limit']
STAGES = ['one', 'two', 'three']


class MoreScenes(Scenes):
    def __init__(self, seed):
        super().__init__(seed)
        self.plain, self.more = self.r, random.Random(seed ^ 0x5EED)

    def configuration(self, count):
        c = super().configuration(count)
        self.r = self.more
        try:
            c['manager']['filters'] = {k: getattr(self, k)() for k in FILTERS if self.maybe(0.12)}
            if self.maybe(0.1):
                c['manager']['connection_limit'] = {'stat_prefix': 'cl', 'max_connections': self.pick([1, 2, 50])}
            for s in c['scenes']:
                self.enrich(s)
        finally:
            self.r = self.plain
        return c

    def enrich(self, s):
        ends = len(s['ends'])
        plain_health = s['about'] not in ('health',)
        kind = self.pick(KINDS) if plain_health else None
        if kind == 'aggregate' and ends > 1:
            self.aggregate(s)
        elif kind in ('original_dst', 'dfp', 'sub_clusters') and s['by_host'] and s['about'] not in ('panic', 'outlier'):
            self.by_request(s, kind)
        elif kind == 'weighted':
            s['kind'] = 'weighted'
            s['route']['weighted'] = [self.pick([0, 30, 100]), self.pick([1, 50, 100])]
            for step in s['steps']:
                step['headers'].append(['x-rand', str(self.r.randint(0, 100000))])
        if s['by_host'] and 'kind' not in s:
            if self.maybe(0.25):
                self.subsets(s)
            if self.maybe(0.25):
                self.localities(s)
            if self.maybe(0.2):
                for p in s['cluster']['priorities']:
                    p['weight'] = self.pick([1, 2, 7])
            if self.maybe(0.2):
                self.session(s)
        if s['about'] == 'retry' and self.maybe(0.2):
            self.hedging(s)
        if s['about'] == 'limit' and self.maybe(0.4):
            self.descriptors(s)
        if s['about'] == 'outlier' and s['by_host'] and self.maybe(0.4):
            self.rates(s)
        if s['about'] == 'health' and self.maybe(0.4):
            for step in s['steps']:
                step['health'] = [self.pick([h, h, 'degraded', 'fail']) for h in step['health']]
        if not s['by_host'] and ends == 1 and s['cluster']['lb_policy'] in ('ROUND_ROBIN', 'LEAST_REQUEST') and self.maybe(0.15):
            field = {'ROUND_ROBIN': 'round_robin_lb_config', 'LEAST_REQUEST': 'least_request_lb_config'}[s['cluster']['lb_policy']]
            s['cluster'][field] = {'slow_start_config': {'slow_start_window': '0.3s', 'min_weight_percent': {'value': 10}}}

    # --- clusters ---

    def aggregate(self, s):
        """The ends are parted among clusters of which it is made."""
        s['kind'] = 'aggregate'
        s['parts'] = self.r.randint(1, len(s['ends']) - 1)
        if self.maybe(0.3):
            s['breaks_parts'] = {'thresholds': [{self.pick(['max_connections', 'max_pending_requests', 'max_requests', 'max_retries']): self.pick([0, 1])}]}

    def by_request(self, s, kind):
        s['kind'] = kind
        names = ['127.0.0.1:${end_%d}' % j for j in range(len(s['ends']))]
        others = ['nonsense', '', '127.0.0.1:0'] if kind == 'original_dst' else ['does-not-exist.invalid', '127.0.0.1:bad']
        for step in s['steps']:
            if not self.maybe(0.05):
                step['headers'].append(['x-go-to', self.pick(names * 4 + others)])
        for k in ('retry_host_predicate', 'retry_priority', 'host_selection_retry_max_attempts'):
            for holder in (s['host'], s['route']):
                holder.get('retry_policy', {}).pop(k, None)
        if kind == 'sub_clusters' and self.maybe(0.4):
            s['most'] = 1

    def subsets(self, s):
        for p in s['cluster']['priorities']:
            p.setdefault('metadata', {})['stage'] = self.pick(STAGES)
        selector = {'keys': ['stage']}
        if self.maybe(0.4):
            selector['fallback_policy'] = self.pick(['NO_FALLBACK', 'ANY_ENDPOINT', 'DEFAULT_SUBSET'])
        c = {'fallback_policy': self.pick(['NO_FALLBACK', 'ANY_ENDPOINT', 'DEFAULT_SUBSET']), 'default_subset': {'stage': self.pick(STAGES)}, 'subset_selectors': [selector]}
        for k in ('panic_mode_any', 'list_as_any'):
            if self.maybe(0.2):
                c[k] = True
        if self.maybe(0.15):
            c['metadata_fallback_policy'] = 'FALLBACK_LIST'
            s['route']['metadata_match'] = {'filter_metadata': {'envoy.lb': {'fallback_list': [{'stage': self.pick(STAGES)}, {'stage': self.pick(STAGES)}]}}}
        elif self.maybe(0.8):
            s['route']['metadata_match'] = {'filter_metadata': {'envoy.lb': {'stage': self.pick(STAGES)}}}
        s['cluster']['lb_subset_config'] = c

    def localities(self, s):
        weights = {z: self.pick([1, 3, 10]) for z in ('za', 'zb')}
        for p in s['cluster']['priorities']:
            zone = self.pick(['za', 'zb'])
            p['locality'] = [zone, weights[zone]]
        s['cluster']['common_lb_config'].pop('zone_aware_lb_config', None)
        if self.maybe(0.8):
            s['cluster']['common_lb_config']['locality_weighted_lb_config'] = {}

    def session(self, s):
        state = {'name': 'x-session'} if self.maybe() else {'cookie': {'name': 's', 'path': '/', 'ttl': '120s'}}
        kind = 'header.v3.HeaderBasedSessionState' if 'name' in state else 'cookie.v3.CookieBasedSessionState'
        session = {'name': 'envoy.http.stateful_session.' + kind.split('.')[0], 'typed_config': {'@type': TYPE + 'http.stateful_session.' + kind, **state}}
        f = {'@type': HTTP + 'stateful_session.v3.StatefulSessionPerRoute', 'stateful_session': {'session_state': session}}
        if self.maybe(0.3):
            f['stateful_session']['strict'] = True
        s['host'].setdefault('typed_per_filter_config', {})['stateful_session'] = f
        for step in s['steps']:
            if self.maybe(0.7):
                where = '${session_%d}' % self.r.randrange(len(s['ends'])) if self.maybe(0.85) else self.pick(['', 'x', 'MTI3LjAuMC4xOjE='])
                step['headers'].append(['x-session', where] if 'name' in state else ['cookie', 's="%s"' % where.replace('session', 'cookie')])
        if self.maybe(0.3):
            s['cluster']['common_lb_config']['override_host_status'] = {'statuses': self.some(['UNKNOWN', 'HEALTHY', 'UNHEALTHY', 'DRAINING', 'TIMEOUT', 'DEGRADED'], 1, 3)}

    # --- routes and filters ---

    def hedging(self, s):
        s['route']['hedge_policy'] = {'hedge_on_per_try_timeout': True}
        policy = s['route'].get('retry_policy') or s['host'].get('retry_policy')
        if policy is not None:
            policy['per_try_timeout'] = '0.1s'
            policy['retry_on'] = ','.join(sorted({*policy['retry_on'].split(','), '5xx'}))
        for step in s['steps']:
            for a in step['answers']:
                for one in a if isinstance(a, list) else [a]:
                    if self.maybe(0.25) and not {'hang', 'reset', 'close'} & set(one):
                        one['delay'] = 0.17

    def descriptors(self, s):
        f = s['host'].get('typed_per_filter_config', {}).get('local_ratelimit')
        if f is None:
            return
        f['descriptors'] = [{'entries': [{'key': 'k', 'value': v}], 'token_bucket': {'max_tokens': self.pick([1, 2]), 'fill_interval': '1000s'}} for v in self.some(['1', '2', '3', '4'], 1, 3)]
        if self.maybe(0.3):
            f['descriptors'].append({'entries': [{'key': 'k', 'value': '9'}, {'key': 'generic_key', 'value': 'g'}], 'token_bucket': {'max_tokens': 1, 'fill_interval': '1000s'}})
        action = {'request_headers': {'header_name': 'x-limit', 'descriptor_key': 'k'}}
        s['route']['rate_limits'] = [{'actions': [action]}] + ([{'actions': [action, {'generic_key': {'descriptor_value': 'g'}}]}] if self.maybe(0.4) else [])
        for step in s['steps']:
            if self.maybe(0.8):
                step['headers'].append(['x-limit', self.pick(['1', '2', '3', '4', '9'])])

    def rates(self, s):
        """Judged every interval; requests come in bursts, and each step waits for the judgement of the one before."""
        o = s['cluster']['outlier_detection']
        o.update(interval='0.25s', base_ejection_time=self.pick(['100s', '0.05s']), success_rate_minimum_hosts=1, success_rate_request_volume=1, failure_percentage_minimum_hosts=1, failure_percentage_request_volume=self.pick([1, 2]))
        o['enforcing_failure_percentage'] = self.pick([0, 100])
        o['failure_percentage_threshold'] = self.pick([50, 100])
        if self.maybe(0.3):
            o['enforcing_success_rate'] = 100
        for step in s['steps']:
            step['pause'] = 0.7

    def admission_control(self):
        f = {'@type': HTTP + 'admission_control.v3.AdmissionControl', 'rps_threshold': {'default_value': 1000000, 'runtime_key': 'rps'}}
        if self.maybe(0.3):
            f['enabled'] = {'default_value': False, 'runtime_key': 'ac'}
        f['success_criteria'] = {}
        if self.maybe():
            f['success_criteria']['http_criteria'] = {'http_success_status': [{'start': 200, 'end': 300}, {'start': 418, 'end': 419}]}
        if self.maybe():
            f['success_criteria']['grpc_criteria'] = {'grpc_success_status': [0, 4]}
        return f

    def adaptive_concurrency(self):
        """It stays at its least, for it never has enough samples."""
        g = {'concurrency_limit_params': {'concurrency_update_interval': '1000s'}, 'min_rtt_calc_params': {'interval': '1000s', 'request_count': 100000, 'min_concurrency': self.pick([1, 2])}}
        f = {'@type': HTTP + 'adaptive_concurrency.v3.AdaptiveConcurrency', 'gradient_controller_config': g, 'enabled': {'default_value': self.maybe(0.8), 'runtime_key': 'adc'}}
        if self.maybe(0.4):
            f['concurrency_limit_exceeded_status'] = {'code': self.pick(['TooManyRequests', 'BadGateway'])}
        return f

    def bandwidth_limit(self):
        f = {'@type': HTTP + 'bandwidth_limit.v3.BandwidthLimit', 'stat_prefix': 'bw', 'enable_mode': self.pick(['DISABLED', 'REQUEST', 'RESPONSE', 'REQUEST_AND_RESPONSE']), 'limit_kbps': 100000}
        if self.maybe(0.3):
            f['runtime_enabled'] = {'default_value': self.maybe(), 'runtime_key': 'bw'}
        return f
