"""Random options of the connection manager, and what the access log shows."""

import copy

from draw import TYPE
from generate_routes import OPERATORS, RESPONSE_OPERATORS, Routes

# Of these the access log of a configuration shows some; what differs from run to run is not among them.
LOGGED = [
    '%REQ(:METHOD)%', '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%', '%PROTOCOL%', '%RESPONSE_CODE%', '%RESPONSE_FLAGS%', '%RESPONSE_FLAGS_LONG%',
    '%RESPONSE_CODE_DETAILS%', '%BYTES_RECEIVED%', '%BYTES_SENT%', '%UPSTREAM_HOST%', '%UPSTREAM_CLUSTER%', '%UPSTREAM_CLUSTER_RAW%', '%ROUTE_NAME%',
    '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%', '%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%', '%DOWNSTREAM_LOCAL_ADDRESS%', '%DOWNSTREAM_LOCAL_PORT%',
    '%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%', '%REQ(:AUTHORITY)%', '%REQ(HOST)%', '%REQ(X-FORWARDED-FOR)%', '%REQ(USER-AGENT)%', '%RESP(X-UP)%', '%RESP(content-type)%',
    '%GRPC_STATUS%', '%GRPC_STATUS_NUMBER%', '%GRPC_STATUS(SNAKE_STRING)%', '%UPSTREAM_REQUEST_ATTEMPT_COUNT%', '%REQ(:SCHEME)%', '%REQ(x-a):3%', '%REQ(x-none?x-list)%', '%TRAILER(x-t)%',
    '%QUERY_PARAM(q)%', '%PATH(NQ)%', '%PATH(WQ:PATH)%', '%PATH(NQ:ORIG_OR_PATH)%', '%VIRTUAL_CLUSTER_NAME%', '%UPSTREAM_REMOTE_ADDRESS%', '%UPSTREAM_REMOTE_PORT%',
    '%UPSTREAM_PROTOCOL%', '%UPSTREAM_TRANSPORT_FAILURE_REASON%', '%CONNECTION_TERMINATION_DETAILS%', '%REQUESTED_SERVER_NAME%', '%FILTER_CHAIN_NAME%', '%ACCESS_LOG_TYPE%',
    '%LOCAL_REPLY_BODY%', '%DYNAMIC_METADATA(a:b)%', '%FILTER_STATE(x)%', '%UPSTREAM_METADATA(a)%', '%CUSTOM_FLAGS%', '%RESP(:STATUS)%',
    '%RESP(location)%', '%RESP(server)%', '%REQ(cookie)%', '%REQ(te)%', '%REQ(x-forwarded-proto)%', '%REQ(x-envoy-internal)%', '%REQ(x-forwarded-host)%', '%REQ(connection)%',
    '%REQ(content-length)%', '%REQ(transfer-encoding)%', '%RESP(transfer-encoding)%', '%RESP(content-length)%', '%RESP(set-cookie)%', '%REQ(x-envoy-expected-rq-timeout-ms)%',
    '%UPSTREAM_HOST_NAME%', '%UPSTREAM_HOST_NAME_WITHOUT_PORT%', '%UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%', '%DOWNSTREAM_TLS_VERSION%', '%REQ(via)%', '%RESP(via)%', '%HOSTNAME%',
    '%METADATA(ROUTE:f:k)%', '%METADATA(ROUTE:f)%', '%METADATA(VIRTUAL_HOST:f)%', '%METADATA(CLUSTER:f:k)%', '%METADATA(DYNAMIC:a:b)%', '%METADATA(UPSTREAM_HOST:a)%', '%CLUSTER_METADATA(a)%', '%REQUEST_HEADERS_BYTES%',
    '%DOWNSTREAM_TLS_CIPHER%', '%DOWNSTREAM_TLS_SESSION_ID%', '%DOWNSTREAM_PEER_ISSUER%', '%DOWNSTREAM_PEER_URI_SAN%', '%DOWNSTREAM_LOCAL_SUBJECT%', '%DOWNSTREAM_TRANSPORT_FAILURE_REASON%', '%UPSTREAM_TLS_VERSION%', '%UPSTREAM_PEER_SUBJECT%',
    '%PATH(WQ:ORIG):7%', '%QUERY_PARAM(a):2%', '%FILTER_STATE(x:PLAIN)%', '%FILTER_STATE(x:TYPED):5%', '%DYNAMIC_METADATA(a)%', '%DYNAMIC_METADATA(envoy.filters.http.rbac)%', '%DYNAMIC_METADATA(envoy.common)%', '%UPSTREAM_METADATA(a:b:c)%', '%UPSTREAM_HOST_NAME%', '%RESP(x-a?x-up):2%', '%TRAILER(grpc-status?x-t)%', '%GRPC_STATUS(CAMEL_STRING)%', '%GRPC_STATUS(NUMBER)%',
    '%REQ(x-envoy-attempt-count)%', '%RESP(x-envoy-attempt-count)%', '%RESP(x-envoy-ratelimited)%', '%REQ(x-envoy-original-host)%', '%RESP(proxy-status)%', '%REQ(x-request-id)%', '%DOWNSTREAM_DIRECT_LOCAL_ADDRESS_WITHOUT_PORT%', '%BYTES_RETRANSMITTED%', '%RESPONSE_TRAILERS_BYTES%', '%TRACE_ID%', '%REQ(x-b?x-a):1%',
]  # fmt: skip
N = 'n=%REQ(x-n)% '
FIXED = (
    N + '%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%'
    ' in=%BYTES_RECEIVED% out=%BYTES_SENT% up=%UPSTREAM_HOST% cluster=%UPSTREAM_CLUSTER% route=%ROUTE_NAME%'
    ' remote=%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% host=%REQ(:AUTHORITY)% xff=%REQ(X-FORWARDED-FOR)%\n'
)
FILE = TYPE + 'access_loggers.file.v3.FileAccessLog'
OPTIONS = {
    'use_remote_address': [True], 'skip_xff_append': [True], 'xff_num_trusted_hops': [0, 1, 2], 'server_name': ['weird'],
    'server_header_transformation': ['APPEND_IF_ABSENT', 'PASS_THROUGH', 'OVERWRITE'], 'via': ['v-test'], 'generate_request_id': [False],
    'preserve_external_request_id': [True], 'always_set_request_id_in_response': [True], 'normalize_path': [True, False],
    'merge_slashes': [True], 'strip_matching_host_port': [True], 'strip_any_host_port': [True], 'add_user_agent': [True],
    'path_with_escaped_slashes_action': ['KEEP_UNCHANGED', 'REJECT_REQUEST', 'UNESCAPE_AND_REDIRECT', 'UNESCAPE_AND_FORWARD', 'IMPLEMENTATION_SPECIFIC_DEFAULT'],
    'strip_trailing_host_dot': [True], 'proxy_100_continue': [True], 'append_x_forwarded_port': [True], 'append_local_overload': [True],
    'codec_type': ['AUTO', 'AUTO', 'HTTP1', 'HTTP2'], 'stream_error_on_invalid_http_message': [True],
    'scheme_header_transformation': [{'scheme_to_overwrite': 'https'}, {'scheme_to_overwrite': 'http'}, {'match_upstream': True}],
    'represent_ipv4_remote_address_as_ipv4_mapped_ipv6': [True], 'forward_client_cert_details': ['FORWARD_ONLY', 'SANITIZE', 'ALWAYS_FORWARD_ONLY', 'APPEND_FORWARD'],
    'internal_address_config': [{'cidr_ranges': [{'address_prefix': '10.0.0.0', 'prefix_len': 8}, {'address_prefix': '127.0.0.0', 'prefix_len': 8}]}, {'unix_sockets': True}],
    'upgrade_configs': [[{'upgrade_type': 'websocket'}], [{'upgrade_type': 'CONNECT'}], [{'upgrade_type': 'foo'}, {'upgrade_type': 'websocket', 'enabled': False}]],
    'http2_protocol_options': [{'allow_connect': True}, {'override_stream_error_on_invalid_http_message': True}, {'max_concurrent_streams': 5}],
    'set_current_client_cert_details': [{'subject': True, 'dns': True}, {'uri': True, 'cert': True, 'chain': True}], 'stream_idle_timeout': ['0s', '30s'], 'request_timeout': ['0s', '30s'], 'request_headers_timeout': ['20s'],
    'access_log_options': [{'flush_access_log_on_new_request': True}, {'access_log_flush_interval': '30s'}], 'drain_timeout': ['1s'], 'max_request_headers_kb': [1, 2, 60], 'add_proxy_protocol_connection_state': [False],
    'proxy_status_config': [{}, {'remove_details': True}, {'set_recommended_response_code': True, 'literal_proxy_name': 'me'}, {'remove_response_flags': True, 'remove_connection_termination_details': True}],
}  # fmt: skip


class Options(Routes):
    def common_http(self):
        o = {}
        if self.maybe(0.5):
            o['headers_with_underscores_action'] = self.pick(['REJECT_REQUEST', 'DROP_HEADER', 'ALLOW'])
        if self.maybe(0.3):
            o['max_headers_count'] = self.pick([12, 20])
        if self.maybe(0.15):
            o['max_requests_per_connection'] = self.pick([1, 2])
        if self.maybe(0.1):
            o['max_stream_duration'] = '8s'
        return o

    def http1(self):
        o = {}
        if self.maybe(0.4):
            o['accept_http_10'] = True
            if self.maybe(0.3):
                o['default_host_for_http_10'] = 'old.test'
        if self.maybe(0.3):
            o['enable_trailers'] = True
        if self.maybe(0.2):
            o['allow_absolute_url'] = self.maybe(0.7)
        if self.maybe(0.2):
            o['allow_chunked_length'] = True
        if self.maybe(0.2):
            o['header_key_format'] = self.pick([{'proper_case_words': {}}, {'stateful_formatter': self.extension('http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig')}])
        if self.maybe(0.05):
            o['allow_custom_methods'] = True
        return o

    def format(self):
        kind = self.pick(['text', 'json', 'json', 'text type'])
        if kind.startswith('text'):
            f = {'text_format_source': {'inline_string': ' '.join(self.some(RESPONSE_OPERATORS, 1, 3)) + ' %LOCAL_REPLY_BODY% %RESPONSE_CODE%\n'}}
            return dict(f, content_type='text/html; charset=UTF-8') if kind == 'text type' else f
        values = {'k%d' % i: v for i, v in enumerate(self.some(RESPONSE_OPERATORS, 1, 4))}
        return {'json_format': dict(values, status='%RESPONSE_CODE%', message='%LOCAL_REPLY_BODY%', nested={'a': '%REQ(:PATH)%', 'n': 1})}

    def log_filter(self):
        compare = {'op': self.pick(['EQ', 'GE', 'LE']), 'value': {'default_value': self.pick([200, 404, 400, 500, 503]), 'runtime_key': 'k'}}
        kinds = [
            {'status_code_filter': {'comparison': compare}}, {'header_filter': {'header': self.header_match()}},
            {'response_flag_filter': {'flags': self.some(['NR', 'UH', 'NC', 'DPE', 'UPE', 'UF'])}}, {'grpc_status_filter': {'statuses': ['UNIMPLEMENTED', 'UNAVAILABLE'], 'exclude': self.maybe()}},
        ]  # fmt: skip
        x = self.pick(kinds + [None, None])
        return x or {self.pick(['and_filter', 'or_filter']): {'filters': [self.pick(kinds), self.pick(kinds)]}}

    def local_reply(self):
        c = {}
        if self.maybe(0.7):
            c['body_format'] = self.format()
        mappers = []
        for _ in range(self.r.randint(0, 2)):
            m = {'filter': self.log_filter()}
            if self.maybe(0.5):
                m['status_code'] = self.pick([200, 404, 418, 503])
            if self.maybe(0.4):
                m['body'] = {'inline_string': 'mapped %REQ(:PATH)%'}
            if self.maybe(0.3):
                m['body_format_override'] = self.format()
            if self.maybe(0.4):
                m['headers_to_add'] = self.additions(RESPONSE_OPERATORS)
            mappers.append(m)
        if mappers:
            c['mappers'] = mappers
        return c

    def detection(self):
        return self.pick(
            [
                self.extension('http.original_ip_detection.xff.v3.XffConfig', xff_num_trusted_hops=self.pick([0, 1])),
                self.extension('http.original_ip_detection.xff.v3.XffConfig', xff_trusted_cidrs={'cidrs': [{'address_prefix': '10.0.0.0', 'prefix_len': 8}, {'address_prefix': '127.0.0.1', 'prefix_len': 32}]}, skip_xff_append=self.maybe()),
                self.extension('http.original_ip_detection.custom_header.v3.CustomHeaderConfig', header_name='x-user', allow_extension_to_set_address_as_trusted=self.maybe()),
                self.extension('http.original_ip_detection.custom_header.v3.CustomHeaderConfig', header_name='x-user', reject_with_status={'code': 'Forbidden'}),
            ]
        )

    def changes(self, operators):
        out = []
        for _ in range(self.r.randint(1, 3)):
            out.append({'remove': self.pick(['x-a', 'x-up', 'server', 'user-agent'])} if self.maybe(0.3) else {'append': self.additions(operators)[0]})
        return out

    def filters(self):
        f = []
        if self.maybe(0.6):
            changes = {'request_mutations': self.changes(OPERATORS), 'response_mutations': self.changes(RESPONSE_OPERATORS)}
            f.append(self.extension('filters.http.header_mutation.v3.HeaderMutation', mutations={k: changes[k] for k in self.some(sorted(changes), 1, 2)}))
        router = self.extension('filters.http.router.v3.Router')
        if self.maybe(0.5):
            router['typed_config']['suppress_envoy_headers'] = True
        return f + [router]

    def access_log(self):
        """One log that is always the same, and one that shows something else each time."""
        path = '${dir}/access.log'
        logs = [{'@type': FILE, 'path': path, 'log_format': {'text_format_source': {'inline_string': FIXED}}}]
        shown = self.some(LOGGED, 4, 14)
        if self.maybe():
            more = {'text_format_source': {'inline_string': N + ' | '.join(shown) + '\n'}}
        else:
            more = {'json_format': {'n': 'n=%REQ(x-n)% ', **{'k%d' % i: v + self.pick(['', '', ' ', 'x']) for i, v in enumerate(shown)}, 'list': ['%PROTOCOL%', 5, True, {'a': shown[0]}]}}
        if self.maybe(0.2):
            more['omit_empty_values'] = True
        logs.append({'@type': FILE, 'path': path, 'log_format': more})
        out = [{'name': 'log', 'typed_config': log} for log in logs]
        if self.maybe(0.15):
            out[1]['filter'] = self.log_filter()
        return out

    def without_overrides(self, config):
        for v in config['virtual_hosts']:
            v.pop('typed_per_filter_config', None)
            config.pop('typed_per_filter_config', None)
            for r in v['routes'] + v.get('led_to', []):
                r.pop('typed_per_filter_config', None)

    def hcm(self):
        h = {'route_config': self.route_config()}
        for k, v in OPTIONS.items():
            if self.maybe(0.08):
                h[k] = self.pick(v)
        made = {
            'common_http_protocol_options': self.common_http, 'http_protocol_options': self.http1, 'local_reply_config': self.local_reply,
            'original_ip_detection_extensions': lambda: [self.detection() for _ in range(self.r.randint(1, 2))], 'http_filters': self.filters,
            'early_header_mutation_extensions': lambda: [self.extension('http.early_header_mutation.header_mutation.v3.HeaderMutation', mutations=self.changes(OPERATORS))],
            'request_id_extension': lambda: {} if self.maybe(0.1) else {'typed_config': {'@type': TYPE + 'request_id.uuid.v3.UuidRequestIdConfig', 'pack_trace_reason': self.maybe(), **({'use_request_id_for_trace_sampling': False} if self.maybe(0.2) else {})}},
            # All or nothing: ids that are made here are a matter of chance.
            'tracing': lambda: {k: {'value': self.pick([0, 100])} for k in self.some(['client_sampling', 'random_sampling', 'overall_sampling'], 0, 2)},
        }  # fmt: skip
        for k, make in made.items():
            if self.maybe(0.25 if k in ('http_protocol_options', 'common_http_protocol_options', 'http_filters') else 0.12) or (k == 'http_filters' and self.planned):
                h[k] = make()
        if 'strip_matching_host_port' in h:
            h.pop('strip_any_host_port', None)
        if 'original_ip_detection_extensions' in h:
            h.pop('use_remote_address', None)
            h.pop('xff_num_trusted_hops', None)
        if 'http_filters' not in h or len(h['http_filters']) == 1:
            self.without_overrides(h['route_config'])
        h['access_log'] = self.access_log()
        self.config = copy.deepcopy(h['route_config'])
        for v in h['route_config']['virtual_hosts']:
            v.pop('led_to', None)
        self.scoped = self.maybe(0.06)
        if self.scoped:
            h['scoped_with'] = self.scopes()
        return h
