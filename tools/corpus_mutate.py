#!/usr/bin/python3
"""Configurations that are wrong on purpose: takes good ones (of a folder, and those of spec/cases) and breaks each in one place.

    tools/corpus_mutate.py OUT --count 400 --seed 1 [FOLDER]

A mutant is a good configuration with a field dropped, renamed, doubled, emptied or set to something else (also to what a field of
its name is known to be wrong with: corpus_values.py), with one added that does not fit, or with a mistake in its text. What broke it
is its first line. The same seed makes the same mutants. tools/corpus.py --mutants asks about them."""
import argparse
import copy
import glob
import os
import random
import re
import sys

import corpus_values
import yaml

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(REPO, 'spec'))

TYPE = 'type.googleapis.com/envoy.'
NUMBERS = [0, 1, -1, 99, 600, 70000, 4294967295, 4294967296, 1.5, 10**20, '7', 'x', True]
DURATIONS = ['0s', '-1s', '1', '1m', '5', 's', '1.5s', '0.0000000001s', '0.0009s', '400000000000s', 5, '1e3s', '']
TEXTS = ['', 'x y', 'a\nb', '(', '[a', '*', '*.a', 'a.*', '%', '%BAD%', '%REQ(', '%REQ(:PATH)%', 'UPPER', ':path', 'host', 'nowhere', '/',
         'x' * 300, '\0', 'ü', '0', '127.0.0.1', '::1', '300.1.1.1', '/dev/null', '{', '10.0.0.0/8', 'a,b', '^.*$', '\\1', '(?=a)',
         '(a{1000}){1000}']
OTHER_TYPES = [None, True, 7, 'text', [], {}, ['a'], {'a': 1}]
EXTENSIONS = ['extensions.filters.http.router.v3.Router', 'extensions.filters.network.tcp_proxy.v3.TcpProxy',
              'extensions.access_loggers.file.v3.FileAccessLog', 'config.cluster.v3.Cluster', 'extensions.filters.http.nothing.v3.Nothing',
              'extensions.upstreams.http.v3.HttpProtocolOptions', 'extensions.transport_sockets.raw_buffer.v3.RawBuffer']

# What may be added beside fields with these names: known fields with values of which some are good and some are not.
ADDITIONS = {
    'lb_policy load_assignment connect_timeout': [
        ('lb_policy', ['ROUND_ROBIN', 'LEAST_REQUEST', 'RANDOM', 'CLUSTER_PROVIDED', 'LOAD_BALANCING_POLICY_CONFIG', 'NOPE']),
        ('connect_timeout', ['0s', '-1s', '1s', '0.0001s', 'x']), ('dns_lookup_family', ['V4_ONLY', 'ALL', 'V5']),
        ('type', ['STATIC', 'STRICT_DNS', 'LOGICAL_DNS', 'EDS', 'ORIGINAL_DST', 'NOPE']), ('dns_refresh_rate', ['0s', '0.001s', '1s']),
        ('per_connection_buffer_limit_bytes', [0, 1, -1, 4294967296]), ('cleanup_interval', ['0s', '1s']), ('alt_stat_name', ['', 'a']),
        ('common_lb_config', [{'healthy_panic_threshold': {'value': v}} for v in (0, 50, 101, -1)] + [{'zone_aware_lb_config': {}, 'locality_weighted_lb_config': {}}]),
        ('circuit_breakers', [{'thresholds': [{'max_connections': v}]} for v in (0, 1, -1)] + [{'thresholds': [{'priority': 'LOW'}]}]),
        ('health_checks', [[{}], [{'timeout': '1s', 'interval': '1s', 'unhealthy_threshold': 1, 'healthy_threshold': 1}]]),
        ('upstream_connection_options', [{'tcp_keepalive': {'keepalive_probes': v}} for v in (0, 3, -1)]),
        ('max_requests_per_connection', [0, 1, -1]), ('ignore_health_on_host_removal', [True, 'yes']),
        ('http2_protocol_options', [{}, {'max_concurrent_streams': 0}]), ('metadata', [{}, {'filter_metadata': {'a': 1}}]),
        ('least_request_lb_config', [{'choice_count': 1}, {'choice_count': 2}]), ('eds_cluster_config', [{}, {'service_name': 'a'}])],
    'stat_prefix http_filters': [
        ('codec_type', ['AUTO', 'HTTP1', 'HTTP2', 'HTTP3', 'NOPE']), ('stream_idle_timeout', ['0s', '1s', '-1s']),
        ('request_timeout', ['0s', '-1s']), ('drain_timeout', ['0s', '-1s', '1s']), ('server_header_transformation', ['OVERWRITE', 'PASS_THROUGH', 'NO']),
        ('max_request_headers_kb', [0, 1, 8192, 8193]), ('xff_num_trusted_hops', [0, 3, -1]), ('via', ['', 'x', 'a b']),
        ('forward_client_cert_details', ['SANITIZE', 'APPEND_FORWARD', 'X']), ('merge_slashes', [True, 1]), ('server_name', ['', 'x', 'a\nb']),
        ('path_with_escaped_slashes_action', ['KEEP_UNCHANGED', 'REJECT_REQUEST', 'X']), ('normalize_path', [True, {'value': True}]),
        ('strip_port_mode', ['x']), ('strip_any_host_port', [True]), ('strip_matching_host_port', [True]),
        ('upgrade_configs', [[{'upgrade_type': 'websocket'}], [{'upgrade_type': ''}], [{'upgrade_type': 'a'}, {'upgrade_type': 'A'}]]),
        ('common_http_protocol_options', [{'idle_timeout': '0s'}, {'max_headers_count': 0}, {'max_stream_duration': '-1s'}, {'max_requests_per_connection': 0}]),
        ('http2_protocol_options', [{'max_concurrent_streams': 0}, {'initial_stream_window_size': 1}, {'initial_stream_window_size': 65535}, {'hpack_table_size': 0}]),
        ('internal_address_config', [{'cidr_ranges': [{'address_prefix': '10.0.0.0', 'prefix_len': v}]} for v in (8, 33, 200)] + [{'cidr_ranges': [{'address_prefix': 'x'}]}]),
        ('rds', [{'route_config_name': 'a'}, {'config_source': {'path': '/nonexistent'}}]), ('http_filters', [[]]),
        ('access_log', [[{'name': 'a'}], [{'name': 'envoy.access_loggers.file', 'typed_config': {'@type': TYPE + 'extensions.access_loggers.file.v3.FileAccessLog'}}]]),
        ('route_config', [{}, {'virtual_hosts': []}])],
    'domains routes': [
        ('domains', [[], ['*', '*'], ['a.*.b'], [''], ['A.com', 'a.com'], ['*.a', '*.a'], ['a', 'b*', '*c']]), ('require_tls', ['NONE', 'ALL', 'X']),
        ('routes', [[]]), ('include_request_attempt_count', [True]), ('retry_policy', [{'retry_on': '5xx'}, {'retry_on': 'nonsense'}, {'num_retries': -1}]),
        ('request_headers_to_add', [[{'header': {'key': k, 'value': v}}] for k, v in (('', 'a'), (':path', 'a'), ('host', 'a'), ('x-a', '%BAD%'), ('x a', 'b'), ('x-a', 'a\nb'))]),
        ('request_headers_to_remove', [['host'], [':path'], [''], ['x-a']]), ('virtual_clusters', [[{'name': 'a'}], [{'headers': [], 'name': 'a'}]]),
        ('rate_limits', [[{}], [{'actions': [{'remote_address': {}}]}]]), ('cors', [{}])],
    'match route': [
        ('match', [{}, {'prefix': ''}, {'prefix': '/a', 'path': '/a'}, {'safe_regex': {'regex': '('}}, {'safe_regex': {'regex': ''}}, {'path_separated_prefix': '/a/'},
                   {'path_separated_prefix': 'a'}, {'path_separated_prefix': '/a?b'}, {'connect_matcher': {}}, {'prefix': '/', 'headers': [{'name': ''}]},
                   {'prefix': '/', 'headers': [{'name': 'a', 'range_match': {'start': 5, 'end': 1}}]}, {'prefix': '/', 'headers': [{'name': 'a', 'string_match': {}}]},
                   {'prefix': '/', 'query_parameters': [{'name': ''}]}, {'prefix': '/', 'runtime_fraction': {}}, {'prefix': '/', 'grpc': {}}]),
        ('redirect', [{'path_redirect': '/a'}, {'response_code': 'OK'}, {'path_redirect': '/a', 'prefix_rewrite': '/b'}]), ('direct_response', [{'status': 99}, {'status': 600}, {'status': 200}]),
        ('name', ['', 'x']), ('decorator', [{'operation': ''}]), ('typed_per_filter_config', [{'a': {}}])],
    'cluster': [
        ('prefix_rewrite', ['/a', '', 'a\nb']), ('regex_rewrite', [{'pattern': {'regex': '('}, 'substitution': 'a'}, {'pattern': {'regex': 'a'}, 'substitution': '\\2'}, {}]),
        ('timeout', ['0s', '-1s', 'x']), ('cluster_header', ['x-a', '']), ('weighted_clusters', [{'clusters': []}]), ('host_rewrite_literal', ['a', 'a\nb']),
        ('auto_host_rewrite', [True, 'x']), ('hash_policy', [[{}], [{'header': {'header_name': ''}}], [{'cookie': {'name': 'a', 'ttl': '1s'}}]]),
        ('max_grpc_timeout', ['1s', '-1s']), ('cluster_not_found_response_code', ['NOT_FOUND', 'OK']), ('priority', ['HIGH', 'LOW']),
        ('upgrade_configs', [[{'upgrade_type': 'a'}, {'upgrade_type': 'a'}], [{'upgrade_type': 'CONNECT', 'connect_config': {}}], [{'upgrade_type': 'a', 'connect_config': {}}]]),
        ('retry_policy', [{'num_retries': 2}, {'per_try_timeout': '-1s'}, {'retry_back_off': {}}, {'retry_back_off': {'base_interval': '2s', 'max_interval': '1s'}}, {'retriable_status_codes': [999]}]),
        ('request_mirror_policies', [[{}], [{'cluster': 'nowhere'}], [{'cluster': 'a', 'cluster_header': 'b'}]]), ('idle_timeout', ['0s', '-1s'])],
    'filter_chains': [
        ('name', ['', 'x']), ('filter_chains', [[], [{}], [{'filters': []}]]), ('default_filter_chain', [{}]), ('listener_filters', [[{'name': 'a'}], []]),
        ('per_connection_buffer_limit_bytes', [0, 1]), ('tcp_backlog_size', [0, 5, -1]), ('connection_balance_config', [{}, {'exact_balance': {}}]),
        ('listener_filters_timeout', ['0s', '-1s']), ('traffic_direction', ['INBOUND', 'X']), ('bind_to_port', [False]), ('enable_reuse_port', [False, 'x']),
        ('additional_addresses', [[{}], [{'address': {'socket_address': {'address': '127.0.0.1', 'port_value': 0}}}]]),
        ('socket_options', [[{}], [{'level': 1, 'name': 1, 'int_value': 1}], [{'level': 1, 'name': 1, 'int_value': 1, 'state': 'X'}]]),
        ('use_original_dst', [True, False]), ('drain_type', ['MODIFY_ONLY', 'X']), ('access_log', [[{}]])],
    'port_value': [
        ('address', ['', 'localhost', '1.2.3', '::', '0.0.0.0']), ('port_value', [0, 65535, 65536, -1]), ('named_port', ['http']), ('protocol', ['TCP', 'UDP', 'X']),
        ('ipv4_compat', [True]), ('resolver_name', ['x'])],
    'static_resources admin': [
        ('admin', [{}, {'address': {}}, {'address': {'pipe': {'path': ''}}}]), ('node', [{'id': 5}, {'locality': {'zone': 'a'}}, {'metadata': {'a': [1]}}]),
        ('stats_flush_interval', ['0s', '0.5s', '300s', '-1s']), ('stats_config', [{'stats_tags': [{'tag_name': 'a', 'regex': '('}]}, {'stats_tags': [{'tag_name': ''}]},
         {'stats_matcher': {}}, {'use_all_default_tags': 5}, {'stats_tags': [{'tag_name': 'a', 'fixed_value': 'b'}, {'tag_name': 'a', 'fixed_value': 'c'}]}]),
        ('layered_runtime', [{'layers': [{'name': 'a'}]}, {'layers': [{'name': 'a', 'static_layer': {'x': [1]}}]}, {'layers': [{'name': 'a', 'static_layer': {}}, {'name': 'a', 'static_layer': {}}]},
         {'layers': [{'name': 'a', 'admin_layer': {}}, {'name': 'b', 'admin_layer': {}}]}, {'layers': [{'static_layer': {}}]}, {'layers': [{'name': 'a', 'static_layer': {'x': 1}}]}]),
        ('cluster_manager', [{}, {'local_cluster_name': 'nowhere'}, {'outlier_detection': {'event_log_path': '/dev/null'}}, {'upstream_bind_config': {}}]),
        ('overload_manager', [{}, {'resource_monitors': []}, {'actions': [{'name': 'x'}]}, {'refresh_interval': '0s'}]), ('watchdogs', [{}, {'main_thread_watchdog': {'miss_timeout': '0s'}}]),
        ('dynamic_resources', [{}, {'cds_config': {}}, {'cds_config': {'path': '/nonexistent'}}, {'lds_config': {'ads': {}}}]), ('default_regex_engine', [{'name': 'a'}]),
        ('header_prefix', ['x-foo', '']), ('use_tcp_for_dns_lookups', [True]), ('bootstrap_extensions', [[{'name': 'a'}]]), ('stats_sinks', [[{'name': 'a'}]])],
}


def places(node, path=()):
    """Every node of the tree with the way to it."""
    yield path, node
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield from places(value, path + (key,))


def at(tree, path):
    for key in path:
        tree = tree[key]
    return tree


def named(path):
    return ''.join('[%s]' % key if isinstance(key, int) else '.%s' % key for key in path).lstrip('.')


def is_duration(value):
    return isinstance(value, str) and re.fullmatch(r'-?[0-9.]+s', value)


def is_enum(value):
    return isinstance(value, str) and re.fullmatch(r'[A-Z][A-Z0-9_]+', value)


def another(rng, value):
    """A value for a scalar's place, mostly of the same sort."""
    if rng.random() < 0.2:
        return rng.choice(OTHER_TYPES)
    if is_duration(value):
        return rng.choice(DURATIONS)
    if is_enum(value):
        return rng.choice([value.lower(), value + 'S', 'NOPE', '', 77, 0, 1, None])
    if isinstance(value, bool):
        return rng.choice([not value, 'yes', 'maybe', 1, 'true'])
    if isinstance(value, (int, float)):
        return rng.choice(NUMBERS)
    return rng.choice(TEXTS)


def drop(rng, tree):
    found = [path for path, _ in places(tree) if path]
    path = rng.choice(found)
    del at(tree, path[:-1])[path[-1]]
    return 'without ' + named(path)


def change(rng, tree):
    found = [path for path, node in places(tree) if path and not isinstance(node, (dict, list)) and path[-1] != '@type']
    path = rng.choice(found)
    value = another(rng, at(tree, path))
    at(tree, path[:-1])[path[-1]] = value
    return '%s is %r' % (named(path), value)


def misspell(rng, tree):
    path = rng.choice([path for path, _ in places(tree) if path and isinstance(path[-1], str) and path[-1] != '@type'])
    outer, key = at(tree, path[:-1]), path[-1]
    wrong = rng.choice([key + 's', key[:-1], key.title(), re.sub(r'_(\w)', lambda m: m[1].upper(), key), key.replace('_', '-')])
    outer[wrong] = outer.pop(key)
    return '%s is called %s' % (named(path), wrong)


def double(rng, tree):
    found = [path for path, node in places(tree) if isinstance(node, list) and node]
    if not found:
        return None
    path = rng.choice(found)
    items = at(tree, path)
    item = rng.choice(items)
    items.insert(rng.randrange(len(items) + 1), copy.deepcopy(item))
    return 'an item of %s stands twice' % named(path)


def empty(rng, tree):
    found = [path for path, node in places(tree) if path and isinstance(node, (dict, list)) and node]
    path = rng.choice(found)
    value = rng.choice([{}, [], None, 'x'])
    at(tree, path[:-1])[path[-1]] = value
    return '%s is %r' % (named(path), value)


def retype(rng, tree):
    found = [path for path, _ in places(tree) if path and path[-1] == '@type']
    if not found:
        return None
    path = rng.choice(found)
    at(tree, path[:-1])['@type'] = TYPE + rng.choice(EXTENSIONS)
    return '%s is %s' % (named(path), at(tree, path))


def move(rng, tree):
    found = [path for path, _ in places(tree) if len(path) > 2 and isinstance(path[-1], str)]
    path = rng.choice(found)
    value = at(tree, path[:-1]).pop(path[-1])
    outer = next(at(tree, path[:n]) for n in range(len(path) - 2, -1, -1) if isinstance(at(tree, path[:n]), dict))
    outer[path[-1]] = value
    return '%s stands further out' % named(path)


def add(rng, tree):
    found = []
    for path, node in places(tree):
        if isinstance(node, dict):
            for keys, fields in ADDITIONS.items():
                if any(key in node for key in keys.split()):
                    found.append((path, fields))
    if not found:
        return None
    path, fields = rng.choice(found)
    name, values = rng.choice(fields)
    value = copy.deepcopy(rng.choice(values))
    at(tree, path)[name] = value
    return '%s.%s is %r' % (named(path), name, value)


def special(rng, tree):
    """A value that is of interest where a field of that name stands."""
    names = {path[-1] for path, _ in places(tree) if path and path[-1] in corpus_values.VALUES}
    if not names:
        return None
    name = rng.choice(sorted(names))  # rare names as often as frequent ones
    path = rng.choice([path for path, _ in places(tree) if path and path[-1] == name])
    value = copy.deepcopy(rng.choice(corpus_values.VALUES[name]))
    at(tree, path[:-1])[name] = value
    return '%s is %s' % (named(path), short(value))


def short(value):
    text = repr(value)
    return text if len(text) < 200 else text[:200] + '...'


def alternative(rng, tree):
    """Another field of a group of which one may stand: in its place or beside it."""
    found = []
    for path, node in places(tree):
        if isinstance(node, dict):
            found += [(path, name, group) for group in corpus_values.ALTERNATIVES for name in group if name in node]
    if not found:
        return None
    path, name, group = rng.choice(found)
    other = rng.choice([n for n in group if n != name])
    node = at(tree, path)
    node[other] = copy.deepcopy(group[other])
    if rng.random() < 0.4:
        del node[name]
        return '%s.%s instead of %s' % (named(path), other, name)
    return '%s.%s beside %s' % (named(path), other, name)


def same_name(rng, tree):
    """Two siblings get one name."""
    found = []
    for path, node in places(tree):
        if isinstance(node, list) and len(node) > 1 and all(isinstance(n, dict) and 'name' in n for n in node):
            found.append(path)
    if not found:
        return None
    items = at(tree, path := rng.choice(found))
    one, other = rng.sample(items, 2)
    other['name'] = one['name']
    return 'two of %s have one name' % named(path)


MUTATIONS = [(special, 90), (alternative, 25), (same_name, 5), (drop, 20), (change, 30), (misspell, 6), (double, 8), (empty, 8), (retype, 3), (move, 4), (add, 40)]


def spec_bootstraps():
    """The configurations of spec/cases, with free addresses filled in."""
    import bootstrap

    for path in sorted(glob.glob(os.path.join(REPO, 'spec/cases/**/*.yaml'), recursive=True)):
        with open(path) as f:
            file = yaml.safe_load(f)
        file['path'] = os.path.relpath(path, os.path.join(REPO, 'spec/cases'))
        names = ('port', 'port2', 'admin', 'dir', *file.get('upstreams', {}))
        try:
            yield file['path'], bootstrap.render(file, {n: '/tmp' if n == 'dir' else 10000 + i for i, n in enumerate(names)})
        except (KeyError, ValueError, TypeError):
            continue  # a file about the command line


def sources(folder):
    found = list(spec_bootstraps())
    for path in sorted(glob.glob(os.path.join(folder, '**/*.yaml'), recursive=True)) if folder else ():
        with open(path) as f:
            found.append((os.path.relpath(path, folder), f.read()))
    trees = []
    for name, text in found:
        try:
            tree = yaml.safe_load(text)
        except yaml.YAMLError:
            continue
        if isinstance(tree, dict) and 'static_resources' in tree:
            trees.append((name, tree))
    return trees


def make(out, count, seed, folder=None):
    """Writes mutants; returns nothing. Names say number, source and mutation."""
    rng = random.Random(seed)
    trees = sources(folder)
    os.makedirs(out, exist_ok=True)
    functions, weights = zip(*MUTATIONS)
    made = 0
    while made < count:
        name, tree = rng.choice(trees)
        tree = copy.deepcopy(tree)
        words = []
        for _ in range(rng.choice([0, 1, 1, 1, 1, 1, 2])):
            what = rng.choices(functions, weights)[0](rng, tree)
            if what:
                words.append(what)
        text = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)
        if rng.random() < 0.08:
            word, text = corpus_values.spoil(rng, text)
            words.append(word)
        with open(os.path.join(out, '%04d.yaml' % made), 'w', errors='surrogatepass') as f:
            f.write('# %s: %s\n' % (name, ascii('; '.join(words) or 'as it was')))
            f.write(text)
        made += 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('out')
    parser.add_argument('folder', nargs='?')
    parser.add_argument('--count', type=int, default=400)
    parser.add_argument('--seed', type=int, default=1)
    args = parser.parse_args()
    make(args.out, args.count, args.seed, args.folder)


if __name__ == '__main__':
    main()
