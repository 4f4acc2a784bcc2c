"""What stands around a connection manager (PROXY headers, TLS, runtime values, metadata and options of clusters) and rarer things in it."""

from draw import TYPE
from generate_filters import HTTP, Filters
from generate_routes import HEADERS, OPERATORS, RESPONSE_OPERATORS
from generate_wider import HEADER_INPUT, KEYS

ADDRESSES = ['1.2.3.4', '10.0.0.1', '10.1.1.1', '192.168.1.9', '127.0.0.1', '172.16.5.5', '8.8.8.8', '::1', 'fd00::1', '2001:db8::5', 'fe80::1', '::ffff:10.0.0.1']
RUNTIME = {'k': [0, 100, 404, 200], 'mirror': [0, 100], 'on': [0, 100], 'w.a': [0, 1, 7], 'w.b': [0, 5], 'w.c': [3], 'log': [0, 100]}
# Operators that only this file draws; of those about bytes and TLS all must be the same from run to run.
MORE_OPERATORS = ['%DOWNSTREAM_DIRECT_LOCAL_ADDRESS%', '%DOWNSTREAM_DIRECT_LOCAL_PORT%']
FROM_PROXY = ['%DOWNSTREAM_REMOTE_ADDRESS%', '%DOWNSTREAM_REMOTE_PORT%']  # otherwise the port is a matter of chance
TLS_OPERATORS = [
    '%DOWNSTREAM_LOCAL_DNS_SAN%', '%DOWNSTREAM_LOCAL_URI_SAN%', '%DOWNSTREAM_LOCAL_IP_SAN%', '%DOWNSTREAM_LOCAL_EMAIL_SAN%', '%DOWNSTREAM_LOCAL_SUBJECT%', '%DOWNSTREAM_PEER_CERT%', '%DOWNSTREAM_PEER_CERT_V_START%', '%DOWNSTREAM_PEER_CERT_V_END%',
    '%DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_1%', '%DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_256%', '%DOWNSTREAM_PEER_CHAIN_SERIALS%', '%DOWNSTREAM_PEER_DNS_SAN%', '%DOWNSTREAM_PEER_EMAIL_SAN%', '%DOWNSTREAM_PEER_FINGERPRINT_1%', '%DOWNSTREAM_PEER_FINGERPRINT_256%',
    '%DOWNSTREAM_PEER_IP_SAN%', '%DOWNSTREAM_PEER_SERIAL%', '%DOWNSTREAM_PEER_SUBJECT%', '%DOWNSTREAM_PEER_ISSUER%', '%DOWNSTREAM_PEER_URI_SAN%', '%DOWNSTREAM_TLS_VERSION%', '%REQUESTED_SERVER_NAME%',
]  # fmt: skip
LOG_OPERATORS = MORE_OPERATORS + TLS_OPERATORS + [
    '%RESPONSE_TRAILERS_BYTES%',
    '%UPSTREAM_LOCAL_DNS_SAN%', '%UPSTREAM_PEER_CERT%', '%UPSTREAM_PEER_DNS_SAN%', '%UPSTREAM_PEER_ISSUER%', '%UPSTREAM_TLS_CIPHER%', '%UPSTREAM_TLS_SESSION_ID%', '%UPSTREAM_FILTER_STATE(x)%', '%METADATA(LISTENER:f:k)%', '%METADATA(VIRTUAL_HOST:f:k)%', '%METADATA(CLUSTER:a:b)%',
    '%METADATA(CLUSTER:f)%', '%METADATA(UPSTREAM_HOST:a:b)%', '%METADATA(ROUTE:f:n)%', '%CLUSTER_METADATA(a:b)%', '%CLUSTER_METADATA(f)%', '%UPSTREAM_METADATA(a)%', '%UPSTREAM_METADATA(f:k)%', '%DYNAMIC_METADATA(f)%', '%DYNAMIC_METADATA(envoy.lb:k)%', '%FILTER_STATE(x:FIELD:y)%',
    '%REQ(:path?x-a):4%', '%RESP(x-session)%', '%REQ(x-session)%', '%RESP(x-limited)%', '%RESP(content-length?x-up)%', '%GRPC_STATUS(NUMBER)%', '%PATH(NQ:PATH):5%', '%PATH(WQ:ORIG_OR_PATH)%', '%REQ(x-forwarded-client-cert)%', '%REQ(x-envoy-external-address)%', '%RESP(x-ratelimit-remaining)%', '%RESP(etag)%',
]  # fmt: skip
SESSION = 'envoy.http.stateful_session.'
FACTS = {'a': {'b': 'fact', 'n': 7, 'deep': {'x': [1, 'two', None]}}, 'f': {'k': 'fk'}, 'envoy.lb': {'k': 'lb'}}
CLUSTER_OPTIONS = [
    {'http_protocol_options': {'enable_trailers': True}}, {'http_protocol_options': {'allow_chunked_length': True}}, {'common_http_protocol_options': {'max_requests_per_connection': 1}},
    {'common_http_protocol_options': {'max_headers_count': 10}}, {'http_protocol_options': {'header_key_format': {'stateful_formatter': {'name': 'p', 'typed_config': {'@type': TYPE + 'http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig', 'forward_reason_phrase': True}}}}},
    {'common_http_protocol_options': {'headers_with_underscores_action': 'DROP_HEADER'}}, {'common_http_protocol_options': {'headers_with_underscores_action': 'REJECT_REQUEST'}}, {'common_http_protocol_options': {'max_stream_duration': '9s'}},
    {'http_protocol_options': {'override_stream_error_on_invalid_http_message': True}}, {'http_protocol_options': {'accept_http_10': True}},
]  # fmt: skip
BREAKERS = [{'max_retries': 0}, {'max_retries': 1}, {'retry_budget': {'budget_percent': {'value': 0}, 'min_retry_concurrency': 1}}, {'max_requests': 0}, {'max_connections': 0}, {'max_pending_requests': 0}]
SESSIONS = ['@session a@', '@session c@', 'MTI3LjAuMC4xOjE=', 'x', '', '@cookie a@', '@cookie c@']


class More(Filters):
    # --- around the connection manager ---

    def hcm(self):
        self.around = around = {}
        if self.maybe(0.1):
            around['proxied'] = self.pick(['always', 'always', 'sometimes'])
        h = super().hcm()
        if self.maybe(0.1) and 'SESSION_ID' not in str(h) and 'CIPHER' not in str(h):
            around['tls'] = {'require': self.maybe(0.3), 'trust': self.maybe(0.8)}
            if self.maybe(0.6):
                h['forward_client_cert_details'] = self.pick(['FORWARD_ONLY', 'SANITIZE', 'ALWAYS_FORWARD_ONLY', 'APPEND_FORWARD', 'SANITIZE_SET'])
                h['set_current_client_cert_details'] = {k: True for k in self.some(['subject', 'dns', 'uri', 'cert', 'chain'], 0, 5)}
        if self.maybe(0.12):
            around['runtime'] = runtime = {k: self.pick(RUNTIME[k]) for k in self.some(sorted(RUNTIME), 1, 4)}
            if runtime.get('w.b'):
                runtime['w.a'] = 0  # otherwise it is chance which of the two is chosen
        if self.maybe(0.15):
            around['facts'] = self.some(['cluster', 'endpoint', 'listener'], 1, 3)
        if self.maybe(0.12):
            around['clusters'] = {n: self.pick(CLUSTER_OPTIONS[2:4] if n == 'b' else CLUSTER_OPTIONS) for n in self.some(['a', 'b'], 1, 2)}
        if self.maybe(0.06):
            around['breakers'] = {n: self.pick(BREAKERS) for n in self.some(['a', 'b', 'c'], 1, 2)}
        if around:
            h['around'] = around
        return h

    # --- requests ---

    def request(self):
        q = super().request()
        if 'raw' not in q and self.maybe(0.3):
            q['again'] = True  # on the connection of the request before, if it is still open and fits
        if 'proxied' in self.around and self.maybe(1.0 if self.around['proxied'] == 'always' else 0.6):
            address = self.pick(ADDRESSES)
            family = 'TCP6' if ':' in address else 'TCP4'
            q['proxy'] = '%s %s %s 5432 80' % (family, address, self.pick(['2001:db8::80', '::1'] if family == 'TCP6' else ['203.0.113.80', '127.0.0.1', '10.0.0.80']))
        if 'tls' in self.around:
            q['tls'] = self.pick(['client', 'client', 'client', 'stranger', ''])
            if q.get('protocol') == 'h2' and q.get('body') == 60000:
                q.pop('trailers', None)  # whether they come before an early answer has ended the stream is a matter of time
        if 'headers' in q:
            if 'stateful_session' in self.planned and self.maybe(0.7):
                value = self.pick(SESSIONS)
                q['headers'].append(['cookie', self.pick(['s=', 's="', 'a=1; s=']) + value] if self.maybe() else ['x-session', value])
            if ['Upgrade', 'websocket'] in q['headers'] and ['Connection', 'upgrade'] in q['headers'] and isinstance(q['respond'], dict) and self.maybe(0.6):
                q['respond'] = {'raw': 'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nx-up: raw\r\n\r\n', 'switch': True, 'body': 'answer'}
        return q

    # --- the list of filters ---

    def filters(self):
        out = super().filters()
        for f in out:
            if f['typed_config']['@type'].endswith('HeaderMutation') and self.maybe(0.3):
                f['typed_config']['most_specific_header_mutations_wins'] = self.maybe(0.8)
        return out

    def stateful_session(self):
        f = {'@type': HTTP + 'stateful_session.v3.StatefulSession', 'session_state': self.session_state()}
        if self.maybe(0.3):
            f['strict'] = True
        return f

    def session_state(self):
        """By its name: the type alone is not enough here."""
        if self.maybe():
            return {'name': SESSION + 'header', 'typed_config': {'@type': TYPE + 'http.stateful_session.header.v3.HeaderBasedSessionState', 'name': self.pick(['x-session', 'X-Session'])}}
        cookie = {'name': 's'}
        if self.maybe():
            cookie['path'] = self.pick(['/', '/a', '/api'])
        return {'name': SESSION + 'cookie', 'typed_config': {'@type': TYPE + 'http.stateful_session.cookie.v3.CookieBasedSessionState', 'cookie': cookie}}

    def override(self, kind):
        if kind == 'stateful_session':
            return {'@type': HTTP + 'stateful_session.v3.StatefulSessionPerRoute', **self.pick([{'disabled': True}, {'stateful_session': {'session_state': self.session_state()}}])}
        return super().override(kind)

    def header_to_metadata(self):
        f = super().header_to_metadata()
        for rule in f.get('request_rules', []) + f.get('response_rules', []):
            for k in ('on_header_present', 'on_header_missing'):
                if k in rule and self.maybe(0.08):
                    rule[k].update(type='PROTOBUF_VALUE', encode='BASE64')
        return f

    def local_ratelimit(self):
        f = super().local_ratelimit()
        if self.maybe(0.15):
            f['vh_rate_limits'] = self.pick(['OVERRIDE', 'INCLUDE', 'IGNORE'])
        if self.maybe(0.1):
            f['stage'] = 1
        if self.maybe(0.15):
            f['rate_limits'] = [{'actions': r['actions']} for r in self.rate_limits()]
        if self.maybe(0.1):
            f['local_rate_limit_per_downstream_connection'] = True
        if self.maybe(0.15):
            f['always_consume_default_token_bucket'] = self.maybe()
        return f

    # --- logs ---

    def log_filter(self):
        if self.maybe(0.7):
            return super().log_filter()
        compare = {'op': self.pick(['GE', 'LE']), 'value': {'default_value': self.pick([0, 100000]), 'runtime_key': 'log'}}
        long = dict(compare, value={'default_value': 100000, 'runtime_key': 'long'})  # what less time says is a matter of chance
        kinds = [
            {'not_health_check_filter': {}}, {'duration_filter': {'comparison': long}}, {'traceable_filter': {}}, {'log_type_filter': {'types': ['DownstreamEnd'], 'exclude': self.maybe()}}, {'status_code_filter': {'comparison': dict(compare, value={'default_value': 404, 'runtime_key': 'k'})}},
            {'runtime_filter': {'runtime_key': 'log', 'percent_sampled': self.pick([{'numerator': 0}, {'numerator': 100}, {'numerator': 1000000, 'denominator': 'MILLION'}]), 'use_independent_randomness': self.maybe()}},
            {'metadata_filter': {'matcher': {'filter': self.pick(['a', 'f']), 'path': [{'key': self.pick(['b', 'k'])}], 'value': self.pick([{'string_match': {'exact': 'fact'}}, {'present_match': True}, {'string_match': {'prefix': ''}}, {'double_match': {'exact': 7}}])}, 'match_if_key_not_found': self.maybe()}},
            {'response_flag_filter': {}}, {'grpc_status_filter': {}}, {'header_filter': {'header': {'name': 'x-a', 'string_match': {'contains': '1'}, 'invert_match': True, 'treat_missing_header_as_empty': self.maybe()}}},
        ]  # fmt: skip
        if self.maybe(0.3):
            return {self.pick(['and_filter', 'or_filter']): {'filters': self.some(kinds, 2, 3)}}
        return self.pick(kinds)

    def access_log(self):
        out = super().access_log()
        shown = self.some(LOG_OPERATORS, 3, 9)
        if self.around.get('proxied') == 'always':
            shown += FROM_PROXY
        if self.maybe(0.5):
            f = {'text_format_source': {'inline_string': 'n=%REQ(x-n)% ' + ' | '.join(shown) + '\n'}}
            if self.maybe(0.2):
                f['text_format_source']['inline_string'] = f['text_format_source']['inline_string'].replace('\n', ' %REQ_WITHOUT_QUERY(:PATH)% %REQ_WITHOUT_QUERY(referer?x-a):5%\n')
                f['formatters'] = [{'name': 'f', 'typed_config': {'@type': TYPE + 'formatter.req_without_query.v3.ReqWithoutQuery'}}]
            if self.maybe(0.2):
                f['omit_empty_values'] = True
            x = {'log_format': f}
        else:
            values = {'n': 'n=%REQ(x-n)% ', **{self.pick(['k', 'z', 'A']) + str(i): v for i, v in enumerate(shown)}}
            x = self.pick([{'log_format': {'json_format': values, 'json_format_options': {'sort_properties': self.maybe()}}}, {'log_format': {'json_format': values}}, {'typed_json_format': values}, {'json_format': values}, {'format': 'n=%REQ(x-n)% ' + ' '.join(shown) + '\n'}])
        out.append({'name': 'log', 'typed_config': {'@type': TYPE + 'access_loggers.file.v3.FileAccessLog', 'path': '${dir}/access.log', **x}})
        return out

    # --- routes ---

    def additions(self, operators):
        out = super().additions(operators)
        if self.maybe(0.08):
            out[0]['header']['value'] = self.pick(MORE_OPERATORS + TLS_OPERATORS + ['%CLUSTER_METADATA(a:b)%', '%UPSTREAM_METADATA(a:b)%', '%METADATA(CLUSTER:f:k)%', '%METADATA(UPSTREAM_HOST:a:n)%', '%DYNAMIC_METADATA(a:b)%'])
        return out

    def forward(self, route):
        super().forward(route)
        a = route['route']
        if 'weighted_clusters' in a and self.maybe(0.2):
            w = a['weighted_clusters']
            if self.maybe() and 'header_name' not in w:
                w['use_hash_policy'] = True
                a['hash_policy'] = [{'connection_properties': {'source_ip': True}}, {'header': {'header_name': 'x-a'}}][: self.r.randint(1, 2)]
                if not self.maybe(0.1):
                    w['clusters'][1]['weight'] = 0 if self.maybe() else 5
                    w.pop('total_weight', None)
            else:
                w['runtime_key_prefix'] = 'w'
        if 'retry_policy' in a and self.maybe(0.2):
            a['retry_policy']['rate_limited_retry_back_off'] = {'reset_headers': [{'name': 'x-second', 'format': self.pick(['SECONDS', 'UNIX_TIMESTAMP'])}], 'max_interval': '0.01s'}
        if self.maybe(0.05):
            a['metadata_match'] = {'filter_metadata': {'envoy.lb': {'stage': self.pick(['one', 'two'])}}}
        if self.maybe(0.02):
            a['request_mirror_policies'] = [{'cluster_header': self.pick(['x-a', 'x-cluster', 'x-mirror'])}]
        if 'stateful_session' in self.planned and self.maybe(0.5) and 'cluster' in a:
            a['cluster'] = self.pick(['ring', 'maglev'])
            a['hash_policy'] = [{'header': {'header_name': 'x-a'}}, {'connection_properties': {'source_ip': True}}]

    def direct_response(self, route, i):
        super().direct_response(route, i)
        if self.maybe(0.04):
            route['direct_response']['body'] = {'environment_variable': 'HOME'}

    def match(self):
        m = super().match()
        if self.maybe(0.02):
            m['filter_state'] = [{'key': 'x', 'string_match': {'exact': 'why'}}]
        if self.maybe(0.02):
            m['dynamic_metadata'] = [{'filter': 'a', 'path': [{'key': 'b'}], 'value': self.pick([{'string_match': {'exact': 'x'}}, {'null_match': {}}, {'present_match': False}]), 'invert': self.maybe()}]
        return m

    def route_config(self):
        config = super().route_config()
        for v in config['virtual_hosts']:
            if self.maybe(0.06):
                v['metadata'] = {'filter_metadata': {'f': {'k': 'vk', 'n': 2}}}
            if self.maybe(0.03):
                v['request_body_buffer_limit'] = self.pick([10, 100000])
        return config

    # --- matchers ---

    def single(self):
        """A predicate whose matcher is not a string's. Of inputs Envoy takes only headers here."""
        inputs = [
            ({'@type': HEADER_INPUT, 'header_name': 'x-a'}, {'custom_match': {'name': 'h', 'typed_config': {'@type': TYPE + 'matching.input_matchers.consistent_hashing.v3.ConsistentHashing', 'threshold': self.pick([1, 2]), 'modulo': 3, 'seed': 5}}}),
            ({'@type': HEADER_INPUT, 'header_name': 'x-a'}, {'custom_match': {'name': 'r', 'typed_config': {'@type': TYPE + 'matching.input_matchers.runtime_fraction.v3.RuntimeFraction', 'seed': 3, 'runtime_fraction': {'default_value': {'numerator': self.pick([0, 30, 100])}, 'runtime_key': 'none'}}}}),
            ({'@type': HEADER_INPUT, 'header_name': 'x-forwarded-for'}, {'custom_match': {'name': 'ip', 'typed_config': {'@type': TYPE + 'matching.input_matchers.ip.v3.Ip', 'stat_prefix': 'ip', 'cidr_ranges': [{'address_prefix': self.pick(['127.0.0.0', '10.0.0.0']), 'prefix_len': 8}]}}}),
        ]  # fmt: skip
        config, match = self.pick(inputs)
        return {'single_predicate': {'input': {'name': 'input', 'typed_config': config}, **match}}

    def predicate(self, depth=2):
        return self.single() if self.maybe(0.15) else super().predicate(depth)

    def matcher(self, leaf, depth=2):
        m = super().matcher(leaf, depth)
        if 'matcher_tree' in m and self.maybe(0.2):
            ranges = [{'ranges': [{'address_prefix': p, 'prefix_len': n}], 'on_match': self.on_match(leaf, depth), 'exclusive': self.maybe(0.3)} for p, n in self.some([('127.0.0.0', 8), ('10.0.0.0', 8), ('10.1.0.0', 16), ('0.0.0.0', 0), ('2001:db8::', 32)], 1, 3)]
            m['matcher_tree'] = {
                'input': self.input(self.pick(['x-forwarded-for', 'x-a'])),
                'custom_match': {'name': 'm', 'typed_config': {'@type': 'type.googleapis.com/xds.type.matcher.v3.IPMatcher', 'range_matchers': ranges}},
            }
        return m
