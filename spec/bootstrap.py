"""Bootstraps for the cases: whole ones from a text with ${placeholders}, or made from the short form `http:`.

The short form is what a case is about; everything around it is always the same: an admin listener on ${admin}, one
listener `main` on ${port} with an HTTP connection manager whose fields `http:` gives, and a cluster for every upstream.
"""

import copy, re
import yaml

TYPE = 'type.googleapis.com/envoy.'
HCM = TYPE + 'extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'
ROUTER = TYPE + 'extensions.filters.http.router.v3.Router'
FILE_LOG = TYPE + 'extensions.access_loggers.file.v3.FileAccessLog'
HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'


def fill(text, values):
    """Puts the values of ${name} in; an unknown name is an error."""

    def one(m):
        if m.group(1) not in values:
            raise KeyError('no value for ${%s}' % m.group(1))
        return str(values[m.group(1)])

    return re.sub(r'\$\{([\w.:-]+)\}', one, text)


def fill_all(x, values):
    """The same in every string of a YAML value; a string that becomes a number stays a string except for ports."""
    if isinstance(x, str):
        filled = fill(x, values)
        return int(filled) if re.fullmatch(r'\$\{[\w.:-]+\}', x) and filled.isdigit() else filled
    if isinstance(x, list):
        return [fill_all(v, values) for v in x]
    if isinstance(x, dict):
        return {fill_all(k, values): fill_all(v, values) for k, v in x.items()}
    return x


def address(port):
    return {'socket_address': {'address': '127.0.0.1', 'port_value': port}}


def endpoints(cluster, *ports):
    return {
        'cluster_name': cluster,
        'endpoints': [{'lb_endpoints': [{'endpoint': {'address': address(p)}} for p in ports]}],
    }


def http_options(**explicit):
    return {
        HTTP_OPTIONS: {
            '@type': TYPE + 'extensions.upstreams.http.v3.HttpProtocolOptions',
            'explicit_http_config': explicit,
        }
    }


def cluster(name, kind, port):
    kind = kind.split()[0]
    c = {
        'name': name, 'type': 'STATIC', 'connect_timeout': '1s', 'load_assignment': endpoints(name, port),
    }  # fmt: skip
    if kind in ('h2', 'h2s'):
        c['typed_extension_protocol_options'] = http_options(http2_protocol_options={})
    if kind in ('h1s', 'h2s', 's_server'):
        c['transport_socket'] = transport('Upstream', {})
    return c


TLS = TYPE + 'extensions.transport_sockets.tls.v3.'


def transport(kind, fields):
    """A TLS transport socket; `kind` is Downstream or Upstream."""
    config = dict({'@type': TLS + kind + 'TlsContext'}, **copy.deepcopy(fields))
    return {'name': 'envoy.transport_sockets.tls', 'typed_config': config}


def router():
    return {'name': 'envoy.filters.http.router', 'typed_config': {'@type': ROUTER}}


def hcm(fields):
    """The connection manager as a network filter."""
    config = {'@type': HCM, 'stat_prefix': 'ingress', 'delayed_close_timeout': '0.1s', 'http_filters': [router()]}
    config.update(copy.deepcopy(fields))
    routes = config.pop('routes', None)
    if routes is not None:
        config['route_config'] = {
            'name': 'local',
            'virtual_hosts': [{'name': 'all', 'domains': ['*'], 'routes': routes}],
        }
    if 'virtual_hosts' in config:
        config['route_config'] = {'name': 'local', 'virtual_hosts': config.pop('virtual_hosts')}
    if 'log_format' in config:
        log = {'@type': FILE_LOG, 'path': '${dir}/access.log'}
        text = config.pop('log_format')
        if text is not None:
            log['log_format'] = {'text_format_source': {'inline_string': text}}
        config['access_log'] = [{'name': 'envoy.access_loggers.file', 'typed_config': log}]
    return {'name': 'envoy.filters.network.http_connection_manager', 'typed_config': config}


def expand(short, upstreams, listeners=None, clusters=(), extra=None, tls=None, upstream_tls=None, main_fields=None):
    """A whole bootstrap as a value. `upstreams` maps names to kinds; `clusters` replaces those of the same name."""
    chain = {'filters': [hcm(short or {})]}
    if tls is not None:
        chain['transport_socket'] = transport('Downstream', tls)
    main = listeners or [
        dict({'name': 'main', 'address': address('${port}'), 'filter_chains': [chain]}, **(main_fields or {}))
    ]
    named = {c['name'] for c in clusters}
    made = [cluster(n, k, '${%s}' % n) for n, k in upstreams.items() if n not in named]
    for c in made:
        if c['name'] in (upstream_tls or {}):
            c['transport_socket'] = transport('Upstream', upstream_tls[c['name']])
    b = {
        'admin': {'address': address('${admin}')},
        'static_resources': {'listeners': main, 'clusters': made + list(clusters)},
    }
    for k, v in (extra or {}).items():
        if k == 'static_resources':
            b[k].update(v)
        else:
            b[k] = v
    return b


def text(short, clusters, values, **more):
    """The bootstrap of a script as YAML text: the short form, its clusters, and the values of ${admin} and ${port}."""
    return yaml.safe_dump(fill_all(expand(short, {}, clusters=clusters, **more), values), sort_keys=False)


def render(file, values):
    """The bootstrap of a case file as YAML text."""
    if 'bootstrap' in file:
        b = file['bootstrap']
    else:
        b = expand(
            file.get('http'),
            file.get('upstreams', {}),
            file.get('listeners'),
            file.get('clusters') or (),
            file.get('extra'),
            file.get('tls'),
            file.get('upstream_tls'),
            file.get('main'),
        )
    if isinstance(b, str):
        return fill(b, values)
    return yaml.safe_dump(fill_all(b, values), sort_keys=False)
