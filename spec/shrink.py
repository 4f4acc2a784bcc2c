"""Makes a configuration and a request smaller as long as they still show the difference."""

import copy, time

KEEP = {
    'name', 'domains', 'match', 'header', 'prefix', 'path', 'virtual_hosts', 'routes', 'status', 'weight', 'validate_clusters', '@type', 'typed_config', 'hash_policy',
    'log_format', 'text_format_source', 'json_format', 'typed_json_format', 'access_log',
}  # fmt: skip


def smaller_requests(q):
    for k in ('chunked', 'body', 'protocol', 'trailers', 'respond'):
        if k in q:
            yield {x: y for x, y in q.items() if x != k}
    if 'raw' in q:
        lines = q['raw'].split('\r\n')
        for i in range(1, len(lines)):
            if lines[i]:
                yield dict(q, raw='\r\n'.join(lines[:i] + lines[i + 1 :]))
        return
    for i in range(len(q.get('headers', []))):
        if 'switch' in q.get('respond', {}) and q['headers'][i][0] in ('Upgrade', 'Connection'):
            continue  # it would become an upgrade that nobody asked for
        yield dict(q, headers=q['headers'][:i] + q['headers'][i + 1 :])
    respond = q.get('respond', {})
    if isinstance(respond, list):
        yield from (dict(q, respond=r) for r in respond)
        return
    for k in ('chunked', 'status', 'trailers', 'delay'):
        if k in respond:
            yield dict(q, respond={x: y for x, y in respond.items() if x != k})
    for i in range(len(respond.get('headers', []))):
        yield dict(q, respond=dict(respond, headers=respond['headers'][:i] + respond['headers'][i + 1 :]))
    if '?' in q.get('path', ''):
        yield dict(q, path=q['path'].split('?')[0])
    if q.get('method') not in ('GET', None):
        yield dict(q, method='GET')


def smaller_configs(hcm):
    config = hcm['route_config']
    options = [k for k in hcm if k != 'route_config']
    if len(options) > 3:  # half of them at once
        for half in (options[: len(options) // 2], options[len(options) // 2 :]):
            yield {x: y for x, y in hcm.items() if x not in half}
    for k in options:
        yield {x: y for x, y in hcm.items() if x != k}
    hosts = config['virtual_hosts']
    for i in range(len(hosts)):
        if len(hosts) > 1:
            yield dict(hcm, route_config=dict(config, virtual_hosts=[hosts[i]]))
    for i in range(len(hosts)):
        routes = hosts[i]['routes']
        for half in (routes[: len(routes) // 2], routes[len(routes) // 2 :]):
            if len(routes) > 1:
                yield dict(hcm, route_config=dict(config, virtual_hosts=hosts[:i] + [dict(hosts[i], routes=half)] + hosts[i + 1 :]))
    for path in removable(hcm, ()):
        smaller = copy.deepcopy(hcm)
        at = smaller
        for p in path[:-1]:
            at = at[p]
        del at[path[-1]]
        yield smaller


def removable(x, path):
    """Paths of what may be taken away: larger things first."""
    later = []
    items = x.items() if isinstance(x, dict) else enumerate(x)
    for k, v in items:
        here = path + (k,)
        if k not in KEEP and (isinstance(k, str) or path[-1] != 'domains') and len(path) > 1:
            yield here
        if isinstance(v, (dict, list)):
            later.append((v, here))
    for v, here in later:
        yield from removable(v, here)


def still(pair, hcm, q, kinds):
    """Is there still such a difference with this configuration?"""
    try:
        if any(pair.configure(hcm)):
            return False
    except (OSError, KeyError, TypeError, AttributeError):  # it has become no configuration at all
        return False
    return {k for k, _, _ in pair.compare(q)} & kinds


def shrink(pair, hcm, q, kinds, seconds):
    """Takes away what the difference does not need, for at most so long."""
    end = time.monotonic() + seconds
    progress = True
    pair.configure(hcm)
    while progress and time.monotonic() < end:
        progress = False
        for smaller in smaller_requests(q):
            if time.monotonic() < end and {k for k, _, _ in pair.compare(smaller)} & kinds:
                q, progress = smaller, True
                break
    progress = True
    while progress and time.monotonic() < end:
        progress = False
        for smaller in smaller_configs(hcm):
            if time.monotonic() > end:
                break
            if still(pair, smaller, q, kinds):
                hcm, progress = smaller, True
                break
    return hcm, q
