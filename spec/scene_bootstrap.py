"""The bootstrap of several scenes (scenes.py): a virtual host and a cluster each, or as many as its kind needs."""

import collections

import bootstrap
from draw import TYPE
from generate_scenes import HTTP

LOG = (
    'n=%REQ(x-n)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% tries=%UPSTREAM_REQUEST_ATTEMPT_COUNT% up=%UPSTREAM_HOST% cluster=%UPSTREAM_CLUSTER% why=%UPSTREAM_TRANSPORT_FAILURE_REASON%'
    ' grpc=%GRPC_STATUS% in=%BYTES_RECEIVED% out=%BYTES_SENT% ended=%CONNECTION_TERMINATION_DETAILS%\n'
)
TRY = 'try n=%REQ(x-n)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% up=%UPSTREAM_HOST% why=%UPSTREAM_TRANSPORT_FAILURE_REASON% count=%REQ(x-envoy-attempt-count)%\n'
CLUSTERS = TYPE + 'clusters.'
# Of those that may be set for a route; the chain has them where a scene does.
PER_ROUTE = {
    'fault': {'@type': HTTP + 'fault.v3.HTTPFault'},
    'local_ratelimit': {'@type': HTTP + 'local_ratelimit.v3.LocalRateLimit', 'stat_prefix': 'lrl'},
    'stateful_session': {'@type': HTTP + 'stateful_session.v3.StatefulSession'},
}
CACHE = {'name': 'names', 'dns_lookup_family': 'V4_ONLY'}


def file(text):
    return [{'name': 'l', 'typed_config': {'@type': bootstrap.FILE_LOG, 'path': '${dir}/access.log', 'log_format': {'text_format_source': {'inline_string': text}}}}]


def whole(configuration):
    manager, scenes = configuration['manager'], configuration['scenes']
    hosts, clusters = [], []
    for i, s in enumerate(scenes):
        hosts.append(dict(virtual_host(i, s), name='s%d' % i, domains=['s%d.test' % i]))
        clusters += clusters_of(i, s)
    router = bootstrap.router()
    router['typed_config'].update(manager['router'])
    if manager['tries']:
        router['typed_config']['upstream_log'] = file(TRY)
    used = {f for s in scenes for f in s['host'].get('typed_per_filter_config', {})}
    filters = [{'name': k, 'typed_config': v} for k, v in PER_ROUTE.items() if k in used]
    if manager.get('health_check'):
        filters.append({'name': 'health_check', 'typed_config': dict(manager['health_check'], **{'@type': HTTP + 'health_check.v3.HealthCheck'})})
    filters += [{'name': k, 'typed_config': v} for k, v in manager.get('filters', {}).items()]
    if any(s.get('kind') in ('dfp', 'sub_clusters') for s in scenes):
        filters.append({'name': 'proxy', 'typed_config': {'@type': HTTP + 'dynamic_forward_proxy.v3.FilterConfig', 'dns_cache_config': CACHE}})
    hcm = dict(manager['options'], virtual_hosts=hosts, http_filters=filters + [router], access_log=file(LOG))
    b = bootstrap.expand(hcm, {}, clusters=clusters)
    if 'connection_limit' in manager:
        limit = {'@type': TYPE + 'filters.network.connection_limit.v3.ConnectionLimit', **manager['connection_limit']}
        b['static_resources']['listeners'][0]['filter_chains'][0]['filters'].insert(0, {'name': 'connection_limit', 'typed_config': limit})
    return b


def virtual_host(i, s):
    route = {k: v for k, v in s['route'].items() if k not in ('cluster', 'weighted')}
    rule = {'match': {'prefix': '/'}, 'route': route}
    if s.get('kind') == 'weighted':
        weights = s['route'].get('weighted', [1, 1])
        route['weighted_clusters'] = {'clusters': [{'name': 'c%d' % i, 'weight': weights[0]}, {'name': 'c%dm0' % i, 'weight': weights[1]}], 'header_name': 'x-rand'}
    else:
        route['cluster'] = 'c%d' % i
    if s['by_host']:
        route['hash_policy'] = [{'header': {'header_name': 'x-key'}}]
    if s.get('kind') in ('dfp', 'sub_clusters'):
        rule['typed_per_filter_config'] = {'proxy': {'@type': HTTP + 'dynamic_forward_proxy.v3.PerRouteConfig', 'host_rewrite_header': 'x-go-to'}}
    return dict(s['host'], routes=[rule])


def clusters_of(i, s):
    kind, name = s.get('kind'), 'c%d' % i
    if kind == 'aggregate':
        both = [cluster(s, '%sm%d' % (name, n), i, part) for n, part in enumerate((range(s['parts']), range(s['parts'], len(s['ends']))))]
        for c in both:
            if 'breaks_parts' in s:
                c['circuit_breakers'] = s['breaks_parts']
        c = cluster(s, name, i, [])
        members = {'@type': CLUSTERS + 'aggregate.v3.ClusterConfig', 'clusters': [m['name'] for m in both]}
        return [own_choice(c, 'envoy.clusters.aggregate', members)] + both
    c = cluster(s, name, i, range(len(s['ends'])))
    if kind == 'weighted':
        return [c, cluster(s, name + 'm0', i, range(len(s['ends'])))]
    if kind == 'original_dst':
        for k in ('load_assignment', 'ring_hash_lb_config', 'maglev_lb_config'):
            c.pop(k, None)
        return [dict(c, type='ORIGINAL_DST', lb_policy='CLUSTER_PROVIDED', original_dst_lb_config={'use_http_header': True, 'http_header_name': 'x-go-to'})]
    if kind == 'dfp':
        return [own_choice(c, 'envoy.clusters.dynamic_forward_proxy', {'@type': CLUSTERS + 'dynamic_forward_proxy.v3.ClusterConfig', 'allow_insecure_cluster_options': True, 'dns_cache_config': CACHE})]
    if kind == 'sub_clusters':
        sub = {'lb_policy': 'ROUND_ROBIN', **({'max_sub_clusters': s['most']} if 'most' in s else {})}
        return [dict(own_choice(c, 'envoy.clusters.dynamic_forward_proxy', {'@type': CLUSTERS + 'dynamic_forward_proxy.v3.ClusterConfig', 'allow_insecure_cluster_options': True, 'sub_clusters_config': sub}), dns_lookup_family='V4_ONLY')]
    return [c]


def own_choice(c, kind, config):
    """A cluster that chooses in its own way, and has no endpoints of its own."""
    for k in ('load_assignment', 'type', 'ring_hash_lb_config', 'maglev_lb_config', 'outlier_detection'):
        c.pop(k, None)
    return dict(c, lb_policy='CLUSTER_PROVIDED', cluster_type={'name': kind, 'typed_config': config})


def cluster(s, name, i, which):
    c = {k: v for k, v in s['cluster'].items() if k not in ('options', 'priorities', 'policy')}
    c.update(name=name, type='STATIC')
    options = bootstrap.http_options(**({'http2_protocol_options': {}} if 'h2' in s['ends'] else {'http_protocol_options': {}}))
    options[bootstrap.HTTP_OPTIONS].update(s['cluster'].get('options') or {})
    c['typed_extension_protocol_options'] = options
    localities = collections.defaultdict(list)
    priorities = s['cluster']['priorities']
    least = min((priorities[j].get('priority', 0) for j in which), default=0)
    for j in which:
        p = priorities[j]
        metadata = dict(p.get('metadata', {}))
        if s['by_host']:
            metadata['hash_key'] = 'end%d' % j
        e = {'endpoint': {'address': bootstrap.address('${end_%d_%d}' % (i, j))}, 'health_status': p.get('health', 'UNKNOWN')}
        if metadata:
            e['metadata'] = {'filter_metadata': {'envoy.lb': metadata}}
        if 'weight' in p:
            e['load_balancing_weight'] = p['weight']
        localities[(p.get('priority', 0) - least, *p.get('locality', ('', 0)))].append(e)
    places = []
    for (priority, zone, weight), es in sorted(localities.items(), key=lambda item: item[0]):
        places.append({'priority': priority, 'lb_endpoints': es, **({'locality': {'zone': zone}, 'load_balancing_weight': weight} if zone else {})})
    c['load_assignment'] = {'cluster_name': name, 'endpoints': places}
    if 'policy' in s['cluster']:
        c['load_assignment']['policy'] = s['cluster']['policy']
    return c
