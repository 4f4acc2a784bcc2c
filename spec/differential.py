#!/usr/bin/python3
"""Weir beside Envoy: the same random configuration and the same bytes; what comes back and what reached the upstream must be equal.

    spec/differential.py --seed 1 --configs 20 --requests 100
    spec/differential.py --left envoy --right envoy      # the tool against itself: no differences

A difference is shrunk and printed with the seed that makes it. Exit status 1 when there was one."""

import argparse, collections, copy, json, os, re, sys, time
from itertools import zip_longest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import yaml
import bootstrap, client, sut, upstreams
from generate import Generator

# Values that differ from run to run although both are right.
VOLATILE = {'date', 'x-request-id', 'x-envoy-upstream-service-time', 'server-timing'}


# What is compared of the access log, at the end of each configuration.
LOG_FORMAT = (
    'n=%REQ(x-n)% %REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%'
    ' in=%BYTES_RECEIVED% out=%BYTES_SENT% up=%UPSTREAM_HOST% cluster=%UPSTREAM_CLUSTER% route=%ROUTE_NAME%'
    ' remote=%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% direct=%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%'
    ' local=%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT% host=%REQ(:AUTHORITY)% xff=%REQ(X-FORWARDED-FOR)% agent=%REQ(USER-AGENT)%'
    ' x-up=%RESP(X-UP)% type=%RESP(content-type)% grpc=%GRPC_STATUS% attempts=%UPSTREAM_REQUEST_ATTEMPT_COUNT% scheme=%REQ(:SCHEME)%\n'
)
# And of the statistics.
STATS = re.compile(
    r'http\.ingress\.(downstream_rq_(total|completed|[1-5]xx|http1_total|http2_total)|no_route|no_cluster|rq_direct_response|rq_redirect'
    r'|rq_total|downstream_cx_protocol_error|downstream_rq_rejected_via_ip_detection|downstream_rq_redirected_with_normalized_path)'
    r'|cluster\.(a|b|empty)\.(upstream_rq_(total|completed|[1-5]xx|[1-5]\d\d)|upstream_cx_none_healthy|(external|internal)\.upstream_rq_(completed|[1-5]xx|[1-5]\d\d))'
)


class Side:
    """One proxy with its own upstreams and ports, on a configuration."""

    def __init__(self, name):
        self.name = name
        self.ups = {'a': upstreams.start('a', 'h1', sut.free_port()), 'b': upstreams.start('b', 'h2', sut.free_port())}
        self.values = {'port': sut.free_port(), 'admin': sut.free_port(), **{n: u.port for n, u in self.ups.items()}}
        self.proxy = None

    def configure(self, hcm):
        """Starts the proxy on the configuration. What it said if it refused, otherwise None."""
        self.close_proxy()
        self.proxy = sut.Sut(self.name)
        empty = {'name': 'empty', 'type': 'STATIC', 'load_assignment': {'cluster_name': 'empty'}}
        config = bootstrap.expand(dict(hcm, log_format=LOG_FORMAT), {'a': 'h1', 'b': 'h2'}, clusters=[empty])
        text = yaml.safe_dump(bootstrap.fill_all(config, dict(self.values, dir=self.proxy.dir)), sort_keys=False)
        try:
            self.proxy.start(text, self.values['admin'])
        except RuntimeError as e:
            self.close_proxy()
            return str(e)
        return None

    def ask(self, q):
        """What came of a request, in a form that can be compared."""
        for u in self.ups.values():
            u.reset(q.get('respond', {'body': 'answer'}))
        try:
            c = client.connect(q.get('protocol', 'h1'), self.values['port'], 3.0)
        except OSError as e:
            return {'connect': str(e)}
        try:
            if 'raw' in q:
                c.send(q['raw'])
                r = c.read('GET', 1.5)
            else:
                r = c.request(dict(q, timeout=3.0))
        finally:
            c.close()
        time.sleep(0.001)
        seen = [s for u in self.ups.values() for s in u.seen if 'reset' not in s]
        return {
            'status': r.status, 'reset': r.reset >= 0, 'complete': r.complete, 'interim': r.interim, 'body': self.common(r.body),
            'headers': self.compared(r.headers), 'trailers': sorted(r.trailers), 'seen': [self.what_arrived(s) for s in seen],
        }  # fmt: skip

    def log(self):
        """The lines of the access log, sorted: when a line is written is not compared."""
        time.sleep(0.15)
        path = self.proxy.dir + '/access.log'
        if not os.path.exists(path):
            return []
        with open(path, errors='replace') as f:
            return sorted(self.common(l.rstrip('\n')) for l in f)

    def stats(self):
        c = client.H1Connection(self.values['admin'])
        body = c.request({'path': '/stats'}).body
        c.close()
        found = dict(l.split(': ', 1) for l in body.splitlines() if ': ' in l)
        return {k: v for k, v in found.items() if STATS.fullmatch(k) and v != '0'}

    def common(self, text):
        """Port numbers are each side's own."""
        for k, v in self.values.items():
            text = text.replace(str(v), '<%s>' % k)
        return text

    def compared(self, headers):
        out = []
        for k, v in headers:
            k = k.lower()
            if k in VOLATILE and not re.search('rid-1|Mon, 01 Jan 2024', v):
                v = '*'
            out.append((k, self.common(v)))
        return sorted(out)

    def what_arrived(self, s):
        return {
            'upstream': s['upstream'], 'method': s['method'], 'path': s['path'], 'headers': self.compared(s['headers']),
            'body': s['body'], 'trailers': sorted(s['trailers']),
        }  # fmt: skip

    def close_proxy(self):
        if self.proxy:
            self.proxy.signal(9)
            self.proxy.stop()
            self.proxy = None

    def close(self):
        self.close_proxy()
        for u in self.ups.values():
            u.stop()


def differences(a, b):
    """Names of what is not equal, and the two values; lists are reduced to what only one side has."""
    out = []
    for k in a.keys() | b.keys():
        x, y = a.get(k), b.get(k)
        if x == y:
            continue
        if k == 'headers':
            x, y = only(x or [], y or []), only(y or [], x or [])
        if k == 'seen' and x and y and len(x) == len(y) == 1:
            x, y = x[0], y[0]
            for f in x:
                if x[f] != y[f]:
                    p, r = (only(x[f], y[f]), only(y[f], x[f])) if f == 'headers' else (x[f], y[f])
                    out.append(('upstream ' + f, p, r))
            continue
        out.append((k, x, y))
    return sorted(out, key=lambda d: d[0])


def documented(q):
    """Is a difference in this request one of spec/differences.md?"""
    raw = q.get('raw', '')
    http10_chunked = re.search('(?is)^[^\\r]* HTTP/1.0 *\\r.*\\ntransfer-encoding:', raw)
    return len(re.findall('(?i)\\r\\nhost:', raw)) > 1 or '5\r\nhellohello' in raw or bool(http10_chunked)


def listed():
    """Differences that spec/differences.md describes with a line `differential: KIND /REGEX/`; the pattern is looked for in the two
    values, written as LEFT | RIGHT."""
    with open(HERE + '/differences.md') as f:
        return [(k, re.compile(r)) for k, r in re.findall(r'^ *differential: ([\w -]+?) /(.*)/ *$', f.read(), re.M)]


def only(x, y):
    y = list(y)
    out = []
    for h in x:
        if h in y:
            y.remove(h)
        else:
            out.append(h)
    return out


class Pair:
    def __init__(self, left, right):
        self.left, self.right = Side(left), Side(right)
        self.listed = listed() if left != right else []
        self.passed_over = 0

    def unlisted(self, found):
        """Without what spec/differences.md describes."""
        kept = [
            (k, x, y)
            for k, x, y in found
            if not any(re.match(kind, k) and pattern.search('%s | %s' % (x, y)) for kind, pattern in self.listed)
        ]
        self.passed_over += len(found) - len(kept)
        return kept

    def configure(self, hcm):
        return self.left.configure(hcm), self.right.configure(hcm)

    def compare(self, q):
        d = differences(self.left.ask(q), self.right.ask(q))
        # A slow machine can cut a connection short: only what happens again is a difference.
        return self.unlisted(differences(self.left.ask(q), self.right.ask(q))) if d else d

    def still(self, hcm, q, kinds):
        """Is there still such a difference with this configuration?"""
        try:
            if any(self.configure(hcm)):
                return False
        except OSError:
            return False
        return {k for k, _, _ in self.compare(q)} & kinds

    def afterwards(self):
        """Differences of the access logs and of the statistics since the configuration was started."""
        left, right = self.left.log(), self.right.log()
        out = [('access log', x, y) for x, y in zip_longest(only(left, right), only(right, left))]
        left, right = self.left.stats(), self.right.stats()
        out += [
            ('statistic ' + k, left.get(k, '0'), right.get(k, '0'))
            for k in sorted(left.keys() | right.keys())
            if left.get(k) != right.get(k)
        ]
        return self.unlisted(out)

    def close(self):
        self.left.close()
        self.right.close()


def smaller_requests(q):
    if 'raw' in q:
        lines = q['raw'].split('\r\n')
        for i in range(1, len(lines)):
            if lines[i]:
                yield {'raw': '\r\n'.join(lines[:i] + lines[i + 1 :])}
        return
    for k in ('chunked', 'body', 'protocol', 'trailers'):
        if k in q:
            yield {x: y for x, y in q.items() if x != k}
    for i in range(len(q.get('headers', []))):
        yield dict(q, headers=q['headers'][:i] + q['headers'][i + 1 :])
    respond = q.get('respond', {})
    for k in ('chunked', 'status'):
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
    for k in [k for k in hcm if k != 'route_config']:
        yield {x: y for x, y in hcm.items() if x != k}
    hosts = config['virtual_hosts']
    for i in range(len(hosts)):
        if len(hosts) > 1:
            yield dict(hcm, route_config=dict(config, virtual_hosts=hosts[:i] + hosts[i + 1 :]))
    for path in removable(config, ()):
        smaller = copy.deepcopy(config)
        at = smaller
        for p in path[:-1]:
            at = at[p]
        del at[path[-1]]
        yield dict(hcm, route_config=smaller)


KEEP = {
    'name',
    'domains',
    'match',
    'route',
    'redirect',
    'direct_response',
    'header',
    'prefix',
    'path',
    'safe_regex',
    'path_separated_prefix',
    'cluster',
    'virtual_hosts',
    'routes',
    'status',
    'clusters',
    'weight',
    'validate_clusters',
}


def removable(x, path):
    """Paths of what may be taken away: larger things first."""
    later = []
    items = x.items() if isinstance(x, dict) else enumerate(x)
    for k, v in items:
        here = path + (k,)
        if (
            k == 'routes'
            or (isinstance(k, int) and path and path[-1] == 'routes')
            or (isinstance(k, int) and path and path[-1] != 'domains')
            or (isinstance(k, str) and k not in KEEP)
        ):
            if k != 'routes':
                yield here
        if isinstance(v, (dict, list)):
            later.append((v, here))
    for v, here in later:
        yield from removable(v, here)


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
            if pair.still(smaller, q, kinds):
                hcm, progress = smaller, True
                break
    return hcm, q


def acceptable(pair, hcm):
    """Leaves out single options until both sides take the configuration, so that the rest of it can be compared."""
    for k in [k for k in hcm if k != 'route_config']:
        smaller = {x: y for x, y in hcm.items() if x != k}
        answers = pair.configure(smaller)
        if not any(answers):
            return smaller, answers
    bare = {'route_config': hcm['route_config']}
    return bare, pair.configure(bare)


def not_implemented(said):
    """The option that Weir refuses because it does not have it yet: not a difference, it says so itself."""
    found = re.search(r'typed_config\.(\w+): known to Envoy, but Weir does not', said or '')
    return found.group(1) if found else None


def show(left, right, hcm, q, found):
    print('  request: ' + json.dumps({k: v for k, v in q.items()}))
    for k, x, y in found:
        print('  %s\n    %-6s %s\n    %-6s %s' % (k, left, short(x), right, short(y)))
    print('  configuration:\n' + re.sub('(?m)^', '    ', yaml.safe_dump(hcm, sort_keys=False, width=140)))


def show_afterwards(a, seed, found, asked):
    print('DIFFERENCE seed %d, in the access log or the statistics' % seed)
    for k, x, y in found[:12]:
        print('  %s\n    %-6s %s\n    %-6s %s' % (k, a.left, short(x), a.right, short(y)))
        if m := re.match(r'n=(\d+) ', x or y or '') if k == 'access log' else None:
            print('    request: ' + json.dumps(asked[int(m.group(1))]))


def short(x):
    x = str(x)
    return x if len(x) < 600 else x[:600] + '…'


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--seed', type=int, default=1)
    ap.add_argument('--configs', type=int, default=20, help='how many configurations')
    ap.add_argument('--requests', type=int, default=60, help='how many requests to each')
    ap.add_argument('--left', default='weir', choices=['weir', 'envoy'])
    ap.add_argument('--right', default='envoy', choices=['weir', 'envoy'])
    ap.add_argument('--shrink', type=float, default=20, metavar='SECONDS', help='for one difference at most')
    ap.add_argument('--available', action='store_true', help='only say whether there is an Envoy to compare with')
    ap.add_argument('--most', type=int, default=10, help='stop after so many differences')
    a = ap.parse_args()
    if a.available:
        return 0 if os.path.exists(sut.find_envoy()) else 1
    for name in (a.left, a.right):
        if not os.path.exists(sut.binary_of(name)):
            sys.exit('%s does not exist' % sut.binary_of(name))
    pair = Pair(a.left, a.right)
    asked = refused = shown = 0
    kinds_seen = set()
    missing = collections.Counter()
    start = time.monotonic()
    try:
        for n in range(a.configs):
            seed = a.seed * 1000 + n
            g = Generator(seed)
            hcm = g.hcm()
            answers = pair.configure(hcm)
            while not answers[1] and (option := not_implemented(answers[0])) in hcm:
                missing[option] += 1
                hcm = {k: v for k, v in hcm.items() if k != option}
                answers = pair.configure(hcm)
            if bool(answers[0]) != bool(answers[1]):
                said = re.sub(r'\d+|weir-spec-\w+', '#', (answers[0] or answers[1]))[-300:]
                if said not in kinds_seen:
                    kinds_seen.add(said)
                    shown += 1
                    print('DIFFERENCE seed %d: only one takes the configuration' % seed)
                    for name, answer in ((a.left, answers[0]), (a.right, answers[1])):
                        print('  %s: %s' % (name, answer or 'runs'))
                hcm, answers = acceptable(pair, hcm)
                if answers[0] or answers[1]:
                    continue
            if answers[0]:
                refused += 1
                continue
            again = clean = False
            asked_here = []
            for _ in range(a.requests):
                q = g.request()
                if documented(q):
                    continue
                if 'raw' not in q:
                    q['headers'].append(['x-n', str(len(asked_here))])
                asked_here.append(q)
                if again:
                    pair.configure(hcm)
                    again = False
                asked += 1
                found = pair.compare(q)
                if not found:
                    continue
                kinds = {k for k, _, _ in found}
                signature = (
                    tuple(sorted(kinds)),
                    str(
                        [
                            [h[0] for h in x] + [h[0] for h in y] if k.endswith('headers') else (x, y)
                            for k, x, y in found
                        ]
                    )[:300],
                )
                if signature in kinds_seen:
                    continue
                kinds_seen.add(signature)
                shown += 1
                print('DIFFERENCE seed %d, request %d (%s)' % (seed, asked, ', '.join(sorted(kinds))), flush=True)
                small, sq = shrink(pair, hcm, q, kinds, a.shrink)
                pair.configure(small)
                show(a.left, a.right, small, sq, pair.compare(sq) or found)
                again = True
                if shown >= a.most:
                    break
            else:
                clean = not again
            if shown >= a.most:
                break
            if clean and (late := pair.afterwards()):
                late = [
                    d
                    for d in late
                    if (signature := d[0] + re.sub(r'\d+', '', str(d[1:]))[:60]) not in kinds_seen
                    and not kinds_seen.add(signature)
                ]
                if late:
                    shown += 1
                    show_afterwards(a, seed, late, asked_here)
    finally:
        pair.close()
    if missing:
        print('left out, for Weir does not implement them yet: ' + ', '.join('%s (%d)' % m for m in sorted(missing.items())))
    if pair.passed_over:
        print('%d differences are described in spec/differences.md' % pair.passed_over)
    print(
        '%d requests to %d configurations (%d refused by both), %d differences, seed %d, %.0f s'
        % (asked, n + 1, refused, shown, a.seed, time.monotonic() - start)
    )
    return 1 if shown else 0


if __name__ == '__main__':
    sys.exit(main())
