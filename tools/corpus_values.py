"""For corpus_mutate.py: what may stand under a field of a certain name, good or bad; fields that exclude each other; and mistakes
in the text itself."""

TYPE = 'type.googleapis.com/envoy.'
REGEXES = ['(', ')', '[', '[a', '*a', 'a**', 'a{2,1}', 'a{1001}', '(?<n>a)', '(?P<n>a)', '(?P<n>a)(?P<n>b)', '(?=a)', '(?!a)', '(?i)a', '\\', '\\p{Greek}', '\\p{Foo}', '\\1', '\\Q(\\E', '\\C', '[[:alpha:]]', '[[:foo:]]', '[b-a]',
           '', '.*', 'a|', '|', '(?:a', 'a\\b', '\\z', '\\Z', '\\d+', '\\x{110000}', '((a{100}){100}){100}', 'ü', 'a\nb', '^$', 'a' * 5000, '(a+)+$', 5, True]
SUBSTITUTIONS = ['', 'a', '\\0', '\\1', '\\9', '\\10', '\\', '\\a', '\\\\', '$1', '%REQ(a)%', 'a\nb', ' ']
FORMATS = ['%', '%%', '100%', '%a', 'a%b%c', '%REQ%', '%REQ()%', '%REQ(%', '%REQ(a', '%REQ(a)', '%REQ(a?b)%', '%REQ(a?b?c)%', '%REQ(a):5%', '%REQ(a):-1%', '%REQ(a):x%', '%REQ(a):%', '%REQ(a):0%', '%REQ(a b)%', '%REQ(:nope)%', '%req(a)%', '%REQ (a)%', '%REQ(a)b%',
           '%RESP(a)%', '%TRAILER(a)%', '%PROTOCOL(a)%', '%PROTOCOL:5%', '%START_TIME%', '%START_TIME(%s)%', '%START_TIME(%E4Y)%', '%START_TIME(%3f)%', '%START_TIME(%f%9f)%', '%START_TIME(%', '%START_TIME()%', '%START_TIME(%Y\n)%', '%EMIT_TIME(%s)%',
           '%DYNAMIC_METADATA(a)%', '%DYNAMIC_METADATA(a:b:c)%', '%DYNAMIC_METADATA()%', '%DYNAMIC_METADATA%', '%CLUSTER_METADATA(a:b)%', '%UPSTREAM_METADATA(a:b)%', '%UPSTREAM_METADATA(["a", "b"])%', '%METADATA(ROUTE:a)%', '%METADATA(NOWHERE:a)%', '%METADATA(a)%', '%METADATA()%',
           '%FILTER_STATE(a)%', '%FILTER_STATE(a:PLAIN)%', '%FILTER_STATE(a:NOPE)%', '%FILTER_STATE(a:FIELD:b)%', '%FILTER_STATE(a:FIELD)%', '%FILTER_STATE()%', '%UPSTREAM_FILTER_STATE(a)%', '%GRPC_STATUS(X)%', '%GRPC_STATUS(CAMEL_STRING)%', '%GRPC_STATUS()%', '%GRPC_STATUS_NUMBER%',
           '%COMMON_DURATION(DS_RX_BEG:DS_RX_END:ms)%', '%COMMON_DURATION(a:b:ms)%', '%COMMON_DURATION(a:b:x)%', '%COMMON_DURATION(a:b)%', '%COMMON_DURATION%', '%ENVIRONMENT(A)%', '%ENVIRONMENT()%', '%ENVIRONMENT%', '%QUERY_PARAM(a)%', '%QUERY_PARAM()%', '%PATH%', '%PATH(WQ)%', '%PATH(X)%',
           '%PATH(WQ:ORIG)%', '%PATH(WQ:X)%', '%PATH(:)%', '%DOWNSTREAM_PEER_CERT_V_START%', '%DOWNSTREAM_PEER_CERT_V_START(%s)%', '%DOWNSTREAM_PEER_CERT_V_START(a%b)%', '%BYTES_SENT(5)%', '%RESPONSE_FLAGS_LONG%', '%CEL(a)%', '%CEL(request.path)%', '%HOSTNAME%', '%NOPE(a)%', '%TLS_JA3_FINGERPRINT%',
           '%DOWNSTREAM_REMOTE_ADDRESS_ENDPOINT_ID%', '%DOWNSTREAM_LOCAL_ADDRESS_ENDPOINT_ID%', '%REQ_WITHOUT_QUERY(:PATH)%', '%REQ_WITHOUT_QUERY(a?b?c)%', '%TRACE_ID%', '%TRACE_ID(5)%', '%CUSTOM_FLAGS%', '%RESPONSE_CODE_DETAILS(A)%', '%RESPONSE_CODE_DETAILS(ALLOW_WHITESPACES)%', '%DOWNSTREAM_TLS_VERSION(a)%',
           '%UNIQUE_ID%', '%STREAM_ID%', '%CONNECTION_ID(1)%', '%VIRTUAL_CLUSTER_NAME%', '%UPSTREAM_HOSTS_ATTEMPTED%', '', ' ', '\n', '\0', 'ü', 5, True, {}, [], None]
DURATIONS = ['0s', '-0s', '+1s', '-1s', '1', '1m', '1h', '5', 's', '.5s', '5.s', '1.5s', ' 1s', '1s ', '1 s', '0.0000000001s', '0.000000001s', '0.0009s', '0.0010s', '1.123456789s', '1.1234567890s', '315576000000s', '315576000001s', '-315576000001s', '9223372036854775807s', '9223372036s', '1e3s', '0x1s', '1S', '', 5, 0, 1.5,
             {'seconds': 1}, {'nanos': 5}, {'seconds': 1, 'nanos': -1}, {'seconds': 1, 'nanos': 1000000000}, {'seconds': '7'}, {}, [], None, True]
NUMBERS = [0, 1, -1, 2, 100, 65535, 65536, 2147483647, 2147483648, 4294967295, 4294967296, 2**63 - 1, 2**63, 2**64, -2**31 - 1, 1.0, 1.5, 1e3, '7', '07', '0x7', '+7', '-7', '7.0', '1e2', ' 7', '', 'x', True, None, {}, {'value': 5}, [5], '.inf', float('inf'), float('nan')]
NAMES = ['', ' ', 'a b', 'a:b', ':path', ':nope', ':', 'host', 'Host', 'HOST', 'x-a', 'X-A', 'x_a', 'x\ta', 'x\na', 'x\0a', 'ü', 'a' * 20000, 'content-length', 'transfer-encoding', ':method', ':authority', ':scheme', ':status', '()', '"', 5, None, True]
TEXTS = ['', ' ', 'a\nb', 'a\r', '\0', '\x7f', 'ü', '\ud83d', 'a' * 17000, '%', '*', '/', '//', 'a', '.', '..', ':', '?', '#', '/a?b', '/a#b', '/a b', '[::1]', 5, True, None, [], {}]
BASE64 = ['', 'AA==', 'AA', 'A', 'AAA', '!!', 'AA==AA==', '-_-_', '+/+/', 'A A =', 'AAAA\n', 5, None]
DOMAINS = [[], [''], ['*'], ['*', '*'], ['*', 'a', 'A'], ['a.com', 'A.COM'], ['*.a', '*.A'], ['a.*', 'A.*'], ['**'], ['*a*'], ['a*b'], ['*.*'], ['a.com:80'], ['a.com:*'], ['*:80'], [' a'], ['a b'], ['a\nb'], ['/'], ['ü.de'], ['[::1]'], ['a', 5], [None], 'a', {}, ['-'], ['a' * 300], ['*-a'], ['a-*'], ['*.']]
ADDRESSES = ['', 'localhost', '127.1', '1.2.3.4', '1.2.3', '1.2.3.4.5', '256.1.1.1', '01.2.3.4', '::', '::1', '[::1]', '::1%lo', '::ffff:1.2.3.4', 'fe80::1', '1::2::3', '0.0.0.0', '255.255.255.255', ' 1.2.3.4', 'a.test', 'a..b', '*', '/tmp/x', '@x', 5, None]
CLUSTERS = ['nowhere', '', 'a b', 'x' * 300, 'A', 5, None, {}, ['a']]

# By the name of a field.
VALUES = {
    'regex': REGEXES, 'safe_regex': [{'regex': r} for r in REGEXES] + [{}, None, 'a', {'google_re2': {}}, {'google_re2': {}, 'regex': 'a'}], 'substitution': SUBSTITUTIONS, 'regex_rewrite': [{}, {'pattern': {}}, {'pattern': {'regex': 'a'}}, {'substitution': 'a'}],
    'inline_string': FORMATS, 'format': FORMATS, 'value': FORMATS + NUMBERS[:12], 'text_format': FORMATS, 'json_format': [{'a': f} for f in FORMATS] + [{}, {'a': {'b': '%BAD%'}}, {'a': ['%BAD%']}, {'': 'a'}, {'a': 5}, 'text', None],
    'timeout': DURATIONS, 'connect_timeout': DURATIONS, 'idle_timeout': DURATIONS, 'interval': DURATIONS, 'base_interval': DURATIONS, 'max_interval': DURATIONS, 'per_try_timeout': DURATIONS, 'fill_interval': DURATIONS, 'max_stream_duration': DURATIONS,
    'stream_idle_timeout': DURATIONS, 'base_ejection_time': DURATIONS, 'ttl': DURATIONS, 'fixed_delay': DURATIONS, 'dns_refresh_rate': DURATIONS, 'transport_socket_connect_timeout': DURATIONS, 'drain_timeout': DURATIONS, 'delayed_close_timeout': DURATIONS,
    'port_value': NUMBERS, 'weight': NUMBERS, 'numerator': NUMBERS, 'status': NUMBERS, 'num_retries': NUMBERS, 'max_connections': NUMBERS, 'priority': NUMBERS + ['HIGH', 'DEFAULT', 'high'], 'prefix_len': NUMBERS, 'max_tokens': NUMBERS, 'healthy_threshold': NUMBERS, 'http_status': NUMBERS,
    'max_request_bytes': NUMBERS, 'start': NUMBERS, 'end': NUMBERS, 'xff_num_trusted_hops': NUMBERS, 'max_request_headers_kb': NUMBERS, 'max_concurrent_streams': NUMBERS, 'initial_stream_window_size': NUMBERS, 'per_connection_buffer_limit_bytes': NUMBERS, 'load_balancing_weight': NUMBERS,
    'denominator': ['HUNDRED', 'TEN_THOUSAND', 'MILLION', 'hundred', 0, 1, 2, 3, -1, '1', 'PERCENT', None, 1.0], 'level': NUMBERS, 'name': NAMES, 'key': NAMES, 'header_name': NAMES, 'remove': NAMES, 'cookie': NAMES, 'stat_prefix': TEXTS, 'cluster_name': TEXTS, 'alt_stat_name': TEXTS,
    'prefix': TEXTS, 'path': TEXTS, 'path_separated_prefix': TEXTS + ['/a/', '/a//b', '/a', 'a', '/'], 'prefix_rewrite': TEXTS, 'path_redirect': TEXTS, 'host_redirect': TEXTS, 'host_rewrite_literal': TEXTS, 'exact': TEXTS, 'suffix': TEXTS, 'contains': TEXTS, 'body': TEXTS + [{}, {'inline_string': 'a'}, {'filename': '/nonexistent'}, {'filename': '/dev/null'}, {'environment_variable': 'NOPE'}, {'inline_bytes': 'A'}],
    'inline_bytes': BASE64, 'domains': DOMAINS, 'address': ADDRESSES, 'address_prefix': ADDRESSES, 'cluster': CLUSTERS, 'cluster_header': NAMES, 'hostname': ADDRESSES, 'upgrade_type': NAMES, 'retry_on': TEXTS + ['5xx', '5xx,nonsense', '5xx, reset'], 'server_name': TEXTS, 'via': TEXTS,
    'server_names': [[], [''], ['*'], ['*.a'], ['a.*'], ['*a'], ['A'], ['a', 'a'], [5], 'a', ['a b'], ['*.*.a']], 'filename': ['', '/nonexistent', '/dev/null', '/', '/etc/hostname', 5], 'type': ['STATIC', 'static', 0, 3, 77, '0', None, 'NOPE', 1.0], 'response_code': ['FOUND', 302, 0, 4, 9, 'OK', None],
    'path_template': ['/a', 'a', '', '/{a}', '/{a', '/{a}{b}', '/{a}/{a}', '/**', '/**/a', '/*/**', '/a**', '/{a=**}/b', '/{a=*}', '/{1a}', '/{a=}', '/{=*}', '/{a=b}', '//a', '/a/', '/a?b', '/%41', '/{a=*/b}', '/{a=**/b}', '/***', '/{a}/{b}/{c}/{d}/{e}/{f}', '/ü', 5],
    'path_template_rewrite': ['/a', 'a', '', '/{a}', '/{a', '/{x}', '/{a}/{b}', '/{a}{a}', '/*', '/{a=*}', '/{}', '/a?b', '//', 5], '@type': ['', 'envoy.config.cluster.v3.Cluster', TYPE + 'extensions.filters.http.router.v3.Router', 'foo/envoy.extensions.filters.http.router.v3.Router', 'type.googleapis.com/google.protobuf.Struct', 'type.googleapis.com/google.protobuf.Empty', 'type.googleapis.com/', 'type.googleapis.com/nope', 5, None, TYPE + 'extensions.filters.http.router.v2.Router', '/envoy.extensions.filters.http.router.v3.Router'],
    'append_action': ['APPEND_IF_EXISTS_OR_ADD', 'ADD_IF_ABSENT', 'OVERWRITE_IF_EXISTS', 0, 3, 4, 'NOPE', None], 'append': [True, False, {}, {'value': True}, 'true', 1, None], 'runtime_key': TEXTS, 'default_value': NUMBERS + [{}, {'numerator': 101}, {'numerator': 5, 'denominator': 'MILLION'}], 'value_match': [{}, {'exact': ''}, {'safe_regex': {'regex': '('}}, {'prefix': ''}],
    'filter_chain_match': [{}, {'destination_port': 0}, {'destination_port': 70000}, {'prefix_ranges': [{'address_prefix': 'x'}]}, {'prefix_ranges': [{'address_prefix': '10.0.0.0', 'prefix_len': 33}]}, {'server_names': ['*a']}, {'source_type': 'NOPE'}, {'application_protocols': ['']}, {'transport_protocol': 'nope'}, {'source_ports': [0]}],
    'load_assignment': [{}, {'cluster_name': ''}, {'cluster_name': 'other'}, {'cluster_name': 'a', 'endpoints': [{}]}, {'cluster_name': 'a', 'endpoints': [{'priority': 1}]}, {'cluster_name': 'a', 'endpoints': [{'priority': 129}]}, {'cluster_name': 'a', 'policy': {'overprovisioning_factor': 0}}, {'cluster_name': 'a', 'endpoints': [{'lb_endpoints': [{}]}]}, {'cluster_name': 'a', 'endpoints': [{'lb_endpoints': [{'endpoint': {}}]}]}],
}  # fmt: skip

# One of each stands where a mutant has another of its group, or beside it.
ALTERNATIVES = [
    {'prefix': '/', 'path': '/', 'safe_regex': {'regex': '.*'}, 'path_separated_prefix': '/a', 'connect_matcher': {}},
    {'route': {'cluster': 'a'}, 'redirect': {}, 'direct_response': {'status': 200}, 'non_forwarding_action': {}},
    {'cluster': 'a', 'cluster_header': 'x-a', 'weighted_clusters': {'clusters': [{'name': 'a', 'weight': 1}]}},
    {'string_match': {'exact': 'a'}, 'present_match': True, 'range_match': {'start': 1, 'end': 2}, 'exact_match': 'a', 'prefix_match': 'a', 'contains_match': 'a'},
    {'exact': 'a', 'suffix': 'a', 'contains': 'a', 'safe_regex': {'regex': 'a'}, 'prefix': 'a'},
    {'prefix_rewrite': '/a', 'regex_rewrite': {'pattern': {'regex': 'a'}, 'substitution': 'b'}, 'path_redirect': '/a'},
    {'host_rewrite_literal': 'a', 'auto_host_rewrite': True, 'host_rewrite_header': 'x-a', 'host_rewrite_path_regex': {'pattern': {'regex': 'a'}, 'substitution': 'b'}},
    {'https_redirect': True, 'scheme_redirect': 'https'}, {'inline_string': 'a', 'inline_bytes': 'AA==', 'filename': '/dev/null', 'environment_variable': 'HOME'},
    {'text_format_source': {'inline_string': 'a'}, 'json_format': {'a': 'b'}, 'text_format': 'a'}, {'route_config': {}, 'rds': {'route_config_name': 'a', 'config_source': {'ads': {}}}, 'scoped_routes': {'name': 'a'}},
    {'socket_address': {'address': '127.0.0.1', 'port_value': 1}, 'pipe': {'path': '/tmp/x'}, 'envoy_internal_address': {'server_listener_name': 'a'}}, {'port_value': 1, 'named_port': 'http'}, {'explicit_http_config': {'http_protocol_options': {}}, 'use_downstream_protocol_config': {}, 'auto_config': {}},
    {'http_protocol_options': {}, 'http2_protocol_options': {}}, {'type': 'STATIC', 'cluster_type': {'name': 'envoy.clusters.dynamic_forward_proxy'}}, {'endpoint': {'address': {'socket_address': {'address': '127.0.0.1', 'port_value': 1}}}, 'endpoint_name': 'a'},
    {'append_action': 'ADD_IF_ABSENT', 'append': True}, {'typed_config': {}, 'config_discovery': {'config_source': {'ads': {}}, 'type_urls': ['a']}}, {'http_health_check': {'path': '/'}, 'tcp_health_check': {}, 'grpc_health_check': {}}, {'static_layer': {}, 'admin_layer': {}, 'disk_layer': {'symlink_root': '/x'}},
    {'strip_matching_host_port': True, 'strip_any_host_port': True}, {'and_filter': {'filters': []}, 'status_code_filter': {}, 'not_health_check_filter': {}}, {'status': 200, 'grpc_status': 5}, {'remove': 'x-a', 'append': {'header': {'key': 'x-a', 'value': 'b'}}}, {'lb_subset_config': {}, 'lb_policy': 'MAGLEV'},
]  # fmt: skip


def spoil(rng, text):
    """A mistake, or only something unusual, in the text. What was done, and the text."""
    lines = text.split('\n')
    i = rng.randrange(len(lines))
    line = lines[i]
    kind = rng.choice(['tab', 'double key', 'document', 'merge', 'anchor', 'tag', 'cut', 'nul', 'latin', 'comment', 'bom', 'crlf', 'flow', 'indent', 'yes', 'unknown anchor', 'directive', 'quote', 'spaces', 'list key'])
    if kind == 'tab':
        lines[i] = '\t' + line
    elif kind == 'double key':
        lines.insert(i + 1, line)
    elif kind == 'document':
        lines.insert(rng.choice([0, i, len(lines)]), rng.choice(['---', '...', '--- a', '---\na: b']))
    elif kind == 'merge':
        lines.insert(0, rng.choice(['x: &x {admin: {}}\n<<: *x', '<<: {node: {id: a}}', '<<: a']))
    elif kind in ('anchor', 'tag', 'quote', 'flow', 'unknown anchor') and ': ' in line:
        key, value = line.split(': ', 1)
        put = {'anchor': '&a ' + value, 'tag': rng.choice(['!!str ', '!!int ', '!!binary ', '!foo ', '!!null ', '!!map ']) + value, 'quote': "'%s'" % value.replace("'", "''"), 'flow': rng.choice(['{', '[', '{}', '[]', '{a}', '"', "'", '|', '>', '- a', '?', '@a', '`a`', '"\\x41"', '"\\q"', '"\\ud800"', '~', 'null', '0o17', '0b1', '1_000', '12:30', '.5', '2001-01-01', 'y', 'on', 'NO', '=', '<<']), 'unknown anchor': '*nope'}[kind]
        lines[i] = key + ': ' + put
    elif kind == 'cut':
        lines = lines[:i]
    elif kind == 'nul':
        lines[i] = line + '\0'
    elif kind == 'latin':
        lines[i] = line + rng.choice(['\xff', '\u2028', '\x85', '\x1b', '\x7f', '\ufeff'])
    elif kind == 'comment':
        lines[i] = line + rng.choice([' # a', '# a', ' #'])
    elif kind == 'bom':
        lines[0] = '\ufeff' + lines[0]
    elif kind == 'crlf':
        return kind, '\r\n'.join(lines)
    elif kind == 'indent':
        lines[i] = rng.choice([' ' + line, line[1:]])
    elif kind == 'yes':
        return kind, text.replace(': true', rng.choice([': yes', ': on', ': True', ': TRUE', ': "true"', ': y', ': 1'])).replace(': false', rng.choice([': no', ': off', ': False', ': "false"', ': n', ': 0']))
    elif kind == 'directive':
        lines.insert(0, rng.choice(['%YAML 1.2\n---', '%YAML 1.1\n---', '%YAML 9.9\n---', '%TAG ! a\n---', '%FOO\n---']))
    elif kind == 'spaces':
        lines[i] = line.replace(': ', rng.choice([':   ', ' : ', ':', ':\t']), 1)
    elif kind == 'list key':
        lines.insert(i, rng.choice(['[a]: b', '{a: b}: c', '? a\n: b', 'true: a', '5: a', '"": a', '~: a']))
    return '%s in line %d' % (kind, i + 1), '\n'.join(lines)
