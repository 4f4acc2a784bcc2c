"""The same modes as an Envoy v3 bootstrap (JSON, static_resources), for an Envoy-compatible proxy under test."""

import json
from peers import PLAIN, TLS, UP_H1, UP_H2C, UP_MTLS, CERTS, host, prefix, write


def cluster(name, m):
    port = {'h1': UP_H1, 'h2c': UP_H2C, 'mtls': UP_MTLS}[m.up]
    proto = {'explicit_http_config': {'http2_protocol_options': {}} if m.up == 'h2c' else {'http_protocol_options': {}}}
    c = {
        'name': name,
        'type': 'STATIC',
        'connect_timeout': '5s',
        'lb_policy': 'ROUND_ROBIN',
        'circuit_breakers': {
            'thresholds': [{'max_connections': 100000, 'max_pending_requests': 100000, 'max_requests': 100000}]
        },
        'typed_extension_protocol_options': {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': dict(
                {'@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions'}, **proto
            )
        },
        'load_assignment': {
            'cluster_name': name,
            'endpoints': [
                {
                    'lb_endpoints': [
                        {'endpoint': {'address': {'socket_address': {'address': '127.0.0.1', 'port_value': port}}}}
                    ]
                }
            ],
        },
    }
    if m.guarded:
        c['outlier_detection'] = {'split_external_local_origin_errors': True}
        c['circuit_breakers']['thresholds'][0].update(max_retries=1000, track_remaining=True)
    if m.up == 'mtls':
        c['transport_socket'] = {
            'name': 'envoy.transport_sockets.tls',
            'typed_config': {
                '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
                'sni': 'ec.bench.local',
                'common_tls_context': {
                    'tls_params': {
                        'tls_minimum_protocol_version': 'TLSv1_3',
                        'tls_maximum_protocol_version': 'TLSv1_3',
                    },
                    'tls_certificates': [
                        {
                            'certificate_chain': {'filename': CERTS + '/client.crt'},
                            'private_key': {'filename': CERTS + '/client.key'},
                        }
                    ],
                    'validation_context': {'trusted_ca': {'filename': CERTS + '/ca.crt'}},
                },
            },
        }
    return c


def envoy(m, d):
    if m.routes:
        kind, n, to = m.routes
        name = lambda i: 'b%05d' % (i if to == 'many' else 0)
        clusters = [cluster('b%05d' % i, m) for i in range(n if to == 'many' else 1)]
        if kind == 'host':
            vhosts = [
                {
                    'name': 'v%05d' % i,
                    'domains': [host(i)],
                    'routes': [{'match': {'prefix': '/'}, 'route': {'cluster': name(i)}}],
                }
                for i in range(n)
            ]
        else:
            vhosts = [
                {
                    'name': 'v',
                    'domains': ['*'],
                    'routes': [{'match': {'prefix': prefix(i)}, 'route': {'cluster': name(i)}} for i in range(n)],
                }
            ]
    else:
        clusters = [cluster('b', m)]
        vhosts = [{'name': 'v', 'domains': ['*'], 'routes': [{'match': {'prefix': '/'}, 'route': {'cluster': 'b'}}]}]
        if m.guarded:
            vhosts[0]['retry_policy'] = {'retry_on': '5xx,reset,connect-failure', 'num_retries': 2}
    hcm = {
        '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
        'stat_prefix': 'in',
        'codec_type': 'HTTP2' if m.down == 'h2c' else 'AUTO',
        'use_remote_address': True,
        'stream_idle_timeout': '3600s',
        'route_config': {'name': 'r', 'virtual_hosts': vhosts},
        'http_filters': [
            {
                'name': 'envoy.filters.http.router',
                'typed_config': {'@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router'},
            }
        ],
    }
    if m.log:
        hcm['access_log'] = [
            {
                'name': 'envoy.access_loggers.file',
                'typed_config': {
                    '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog',
                    'path': d + '/access.log',
                },
            }
        ]
    chain = {'filters': [{'name': 'envoy.filters.network.http_connection_manager', 'typed_config': hcm}]}
    if m.down == 'tls':
        chain['transport_socket'] = {
            'name': 'envoy.transport_sockets.tls',
            'typed_config': {
                '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
                'common_tls_context': {
                    'alpn_protocols': ['h2', 'http/1.1'],
                    'tls_params': {
                        'tls_minimum_protocol_version': 'TLSv1_2',
                        'tls_maximum_protocol_version': 'TLSv1_3',
                    },
                    'tls_certificates': [
                        {
                            'certificate_chain': {'filename': '%s/%s.crt' % (CERTS, m.cert)},
                            'private_key': {'filename': '%s/%s.key' % (CERTS, m.cert)},
                        }
                    ],
                },
            },
        }
    cfg = {
        'static_resources': {
            'listeners': [
                {
                    'name': 'l',
                    'address': {
                        'socket_address': {'address': '127.0.0.1', 'port_value': TLS if m.down == 'tls' else PLAIN}
                    },
                    'filter_chains': [chain],
                }
            ],
            'clusters': clusters,
        }
    }
    return write(d + '/envoy.json', json.dumps(cfg, indent=1))
