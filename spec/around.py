"""What stands around a drawn connection manager: the listener, its TLS, runtime values, scopes, and clusters beside the usual ones."""

import bootstrap, upstreams
from draw import TYPE
from generate_more import FACTS


def put_into_scopes(hcm):
    """The route table becomes that of one scope, see Wider.scopes()."""
    table, scopes = hcm.pop('route_config'), hcm.pop('scoped_with')
    configurations = [
        {'name': 'scope %d' % i, 'key': {'fragments': [{'string_key': 's%d' % (i + 1)}]}, 'route_configuration': t}
        for i, t in enumerate([table] + scopes['others'])
    ]
    hcm['scoped_routes'] = {
        'name': 'scopes', 'scope_key_builder': {'fragments': [{'header_value_extractor': scopes['builder']}]},
        'scoped_route_configurations_list': {'scoped_route_configurations': configurations},
    }  # fmt: skip


def choosing_clusters():
    """Two endpoints each, whose metadata decide which one a request goes to."""
    stages = {'a': {'hash_key': 'first', 'stage': 'one', 'v': '1'}, 'c': {'hash_key': 'second', 'stage': 'two', 'v': '1'}}
    out = []
    for name, more in {
        'ring': {'lb_policy': 'RING_HASH', 'ring_hash_lb_config': {'minimum_ring_size': 64}},
        'maglev': {'lb_policy': 'MAGLEV', 'maglev_lb_config': {'table_size': 251}},
        'subset': {'lb_subset_config': {'fallback_policy': 'DEFAULT_SUBSET', 'default_subset': {'stage': 'two'}, 'subset_selectors': [{'keys': ['stage']}, {'keys': ['stage', 'v']}]}},
    }.items():
        endpoints = [
            {'endpoint': {'address': bootstrap.address('${%s}' % u)}, 'metadata': {'filter_metadata': {'envoy.lb': stages[u]}}} for u in stages
        ]
        out.append({'name': name, 'type': 'STATIC', 'connect_timeout': '1s', **more, 'load_assignment': {'cluster_name': name, 'endpoints': [{'lb_endpoints': endpoints}]}})
    return out


def surroundings(hcm):
    """What `around` of a drawn configuration means for the bootstrap: (of the listener, of its TLS, more, what clusters get)."""
    around = hcm.get('around', {})
    main, facts = {}, around.get('facts', [])
    if 'proxied' in around:
        filters = {'@type': TYPE + 'filters.listener.proxy_protocol.v3.ProxyProtocol'}
        if around['proxied'] == 'sometimes':
            filters['allow_requests_without_proxy_protocol'] = True
        main['listener_filters'] = [{'name': 'proxy', 'typed_config': filters}]
    if 'listener' in facts:
        main['metadata'] = {'filter_metadata': FACTS}
    tls = None
    if 'tls' in around:
        folder = upstreams.certs()
        tls = {'require_client_certificate': around['tls']['require'], 'common_tls_context': {'tls_certificates': [{'certificate_chain': {'filename': folder + '/server.crt'}, 'private_key': {'filename': folder + '/server.key'}}]}}
        if around['tls']['trust']:
            tls['common_tls_context']['validation_context'] = {'trusted_ca': {'filename': folder + '/ca.crt'}}
        main.setdefault('listener_filters', []).append({'name': 'tls', 'typed_config': {'@type': TYPE + 'filters.listener.tls_inspector.v3.TlsInspector'}})
    extra = {'layered_runtime': {'layers': [{'name': 'static', 'static_layer': around['runtime']}]}} if 'runtime' in around else {}

    def dress(c):
        """Metadata and options of a cluster."""
        name = c['name']
        if 'cluster' in facts:
            c['metadata'] = {'filter_metadata': FACTS}
        if 'endpoint' in facts:
            for e in c['load_assignment'].get('endpoints', []):
                for each in e['lb_endpoints']:
                    each.setdefault('metadata', {}).setdefault('filter_metadata', {}).update({'a': FACTS['a'], 'f': FACTS['f']})
        if name in around.get('clusters', {}):
            given = around['clusters'][name]
            explicit = {'http2_protocol_options': {}} if name == 'b' else {'http_protocol_options': given.get('http_protocol_options', {})}
            c['typed_extension_protocol_options'] = bootstrap.http_options(**explicit)
            if 'common_http_protocol_options' in given:
                c['typed_extension_protocol_options'][bootstrap.HTTP_OPTIONS]['common_http_protocol_options'] = given['common_http_protocol_options']
        if name in around.get('breakers', {}):
            c['circuit_breakers'] = {'thresholds': [around['breakers'][name]]}
        return c

    return main, tls, extra, dress
