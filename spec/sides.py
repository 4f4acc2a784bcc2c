"""A proxy with upstreams of its own, and what came of a request in a form in which two of them can be compared."""

import base64, copy, json, os, re, socket, ssl, time
from itertools import zip_longest

import yaml
import bootstrap, client, sut, upstreams
from around import choosing_clusters, put_into_scopes, surroundings

HERE = os.path.dirname(os.path.abspath(__file__))
# Values that differ from run to run although both are right.
VOLATILE = {'date', 'x-envoy-upstream-service-time', 'server-timing', 'x-ratelimit-reset'}
BROKEN_H2 = re.compile(r'(Protocol|DenialOfService|FrameTooLarge)Error')  # of python-h2
KEPT = re.compile('Mon, 01 Jan 2024')
# Of x-envoy-expected-rq-timeout-ms, in the line of a request that was tried again.
TIME_LEFT = re.compile(r'(?<![\d.])(14[5-9]\d\d|15000|19[5-9]\d\d|20000|[123]9[89]\d|49\d)(?!\d)')
TELLS_TIME_LEFT = {'x-envoy-expected-rq-timeout-ms', 'grpc-timeout'}
# A counter of statuses that have no class; Envoy shows nothing else of that name then (odd-statuses in differences.md).
ODD_STATUS = re.compile(r'vhost\.[^.]+\.(?:vcluster|route)\.[^.]+')
UUID = re.compile(r'[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}')
# What is compared of the statistics.
STATS = re.compile(r'(http\.ingress|cluster\.(a|b|c|empty|refused|ring|maglev|subset)|vhost|listener|lrl|http[12])\..*')
# Of these the values are a matter of time, of connections, or of how a malformed request ends (see h2-fields in differences.md).
NOT_COMPARED = re.compile(
    r'.*\.(downstream_rq_(active|response_before_rq_complete)|upstream_rq_(active|pending_\w+|per_cx))|.*_rq_time|.*[._][rt]x_reset|.*_flow_control_\w+|.*\.upstream_cx_(\w*_notify|active)|cluster\.b\.upstream_cx_protocol_error'
    r'|.*_cx_\w*(bytes|destroy|length|overflow)\w*|.*\.downstream_cx_(delayed_close_timeout|total|active|http[12]\w+|idle_timeout)|.*\.(goaway_sent|response_flood|streams_active|pending_send_bytes)|.*\.default\.total_match_count|cluster\..*\.(membership|update|circuit_breakers|assignment|upstream_cx_(total|http\w+|connect\w*)).*'
)
UPSTREAMS = {'a': 'h1', 'b': 'h2', 'c': 'h1'}


class Side:
    """One proxy with its own upstreams and ports, on a configuration."""

    def __init__(self, name):
        self.name = name
        self.ups = {n: upstreams.start(n, kind, sut.free_port()) for n, kind in UPSTREAMS.items()}
        self.nobody = socket.socket()  # holds a port where nobody listens, so that nobody else does
        self.nobody.bind(('127.0.0.1', sut.free_port()))
        self.values = {'port': sut.free_port(), 'admin': sut.free_port(), 'refused': self.nobody.getsockname()[1], **{n: u.port for n, u in self.ups.items()}}
        self.proxy = None
        self.kept = None  # a connection that the next request may use: (connection, its kind)
        self.waits_s = 0.001  # after an answer, for what arrives later

    def configure(self, hcm):
        """Starts the proxy on the configuration. What it said if it refused, otherwise None."""
        said = self.start(hcm)
        return self.start(hcm) if said and said.startswith('not ready') else said  # the machine was busy

    def start(self, hcm):
        self.close_proxy()
        self.proxy = sut.Sut(self.name)
        empty = {'name': 'empty', 'type': 'STATIC', 'load_assignment': {'cluster_name': 'empty'}}
        named = bootstrap.cluster('c', 'h1', '${c}')
        named['type'] = 'STRICT_DNS'
        named['typed_extension_protocol_options'] = bootstrap.http_options(http_protocol_options={'enable_trailers': True, 'header_key_format': {'proper_case_words': {}}})
        named['load_assignment']['endpoints'][0]['lb_endpoints'][0]['endpoint']['address']['socket_address']['address'] = 'localhost'
        named['dns_lookup_family'] = 'V4_ONLY'
        refused = bootstrap.cluster('refused', 'h1', '${refused}')
        main, tls, extra, dress = surroundings(hcm)
        plain = [bootstrap.cluster(n, UPSTREAMS[n], '${%s}' % n) for n in ('a', 'b')]
        clusters = [dress(c) for c in [*plain, named, empty, refused, *choosing_clusters()]]
        config = bootstrap.expand({k: v for k, v in hcm.items() if k != 'around'}, UPSTREAMS, clusters=clusters, extra=extra, tls=tls, main_fields=main)
        text = yaml.safe_dump(bootstrap.fill_all(config, dict(self.values, dir=self.proxy.dir)), sort_keys=False)
        try:
            self.proxy.start(text, self.values['admin'])
        except RuntimeError as e:
            self.close_proxy()
            return str(e)
        return None

    def ask(self, q):
        """What came of a request, in a form that can be compared."""
        answers = q.get('respond', {'body': 'answer'})
        if self.waits_s > 0.01 and isinstance(answers, list):
            answers = answers[0]  # who would get which, the request or its copy, is a matter of time
        for u in self.ups.values():
            u.reset(answers)
        try:
            q = self.filled(q)
            c = self.connection(q)
        except OSError as e:
            return {'connect': 'failed' if 'tls' in q else str(e)}
        more = []
        try:
            if 'raw' in q:
                c.send(q['raw'])
                r = c.read('HEAD' if q['raw'].lstrip().startswith('HEAD') else 'GET', 1.0)
                more = [c.read('GET', 1.0) for _ in range(q.get('pipelined', 1) - 1)]
            else:
                r = c.request(dict(q, timeout=3.0))
        except BaseException:
            c.close()
            raise
        self.keep_or_close(c, q, r)
        if 'tls' in q and not r.status:  # a client certificate that is not liked may be refused when the client believes to be through
            return {'connect': 'failed'}
        time.sleep(self.waits_s)
        seen = [s for u in self.ups.values() for s in u.seen if 'reset' not in s]
        if self.waits_s > 0.01:  # copies come when they like
            for s in seen:
                self.forget_time_left(s)
            seen.sort(key=lambda s: (s['upstream'], 'x-envoy-internal' in str(s['headers']).lower(), s['path'], str(s['headers'])))
        for s in seen[1:]:
            self.forget_time_left(s)
        return {
            'status': r.status, 'reason': r.reason, 'version': r.version, 'reset': r.reset >= 0 and not (r.complete and r.reset == 0), 'complete': r.complete, 'interim': r.interim, 'not h2': BROKEN_H2.match(r.error) and r.error, 'body': self.common(r.body),
            'more': [(m.status, self.common(m.body), self.compared(m.headers)) for m in more if m.status],
            'headers': self.compared(r.headers), 'trailers': self.compared(r.trailers), 'seen': [self.what_arrived(s) for s in seen],
        }  # fmt: skip

    @staticmethod
    def kind(q):
        return q.get('protocol', 'h1'), q.get('tls'), q.get('proxy')

    def connection(self, q):
        """A new one, or the one of the request before."""
        c, kind = self.kept or (None, None)
        self.kept = None
        if c and q.get('again') and kind == self.kind(q):
            return c
        if c:
            c.close()
        return client.connect(q.get('protocol', 'h1'), self.values['port'], 3.0, **self.before(q))

    def keep_or_close(self, c, q, r):
        """As a careful client does: what was cut off, announced to end, or may go on (bodies-of-204) is not used again."""
        ends = 'raw' in q or r.status in (204, 304) or not r.complete or r.closed or r.reset >= 0 or r.goaway >= 0 or r.status == 101 or q.get('method') in ('CONNECT', 'HEAD')
        ends = ends or any('close' in v.lower() for k, v in r.headers + q.get('headers', []) if k.lower() in ('connection', 'proxy-connection'))
        if ends or r.version == 'HTTP/1.0':
            c.close()
        else:
            self.kept = c, self.kind(q)

    @staticmethod
    def before(q):
        """What comes on a connection before HTTP."""
        out = {}
        if 'proxy' in q:
            out['first'] = ('PROXY %s\r\n' % q['proxy']).encode()
        if 'tls' in q:
            out['tls'] = context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            context.set_alpn_protocols(['h2' if q.get('protocol') == 'h2' else 'http/1.1'])
            if q['tls']:
                context.load_cert_chain('%s/%s.crt' % (upstreams.certs(), q['tls']), '%s/%s.key' % (upstreams.certs(), q['tls']))
        return out

    def sessions(self):
        """Which texts name an endpoint, by a word that is the same for both sides."""
        for u in [*UPSTREAMS, 'refused']:
            address = ('127.0.0.1:%d' % self.values[u]).encode()
            yield '@session %s@' % u, base64.b64encode(address).decode()
            yield '@cookie %s@' % u, base64.b64encode(b'\n' + bytes([len(address)]) + address).decode()

    def filled(self, q):
        if '@' not in str(q.get('headers')):
            return q
        q = dict(q, headers=[list(h) for h in q['headers']])
        for word, text in self.sessions():
            for h in q['headers']:
                h[1] = h[1].replace(word, text)
        return q

    @staticmethod
    def forget_time_left(seen):
        """What is left of the time when a request is tried once more is not compared."""
        seen['headers'] = [(k, '*' if k.lower() in TELLS_TIME_LEFT else v) for k, v in seen['headers']]

    def log(self, left_out):
        """The lines of the access log, sorted: when a line is written is not compared. Without those of some requests."""
        path = self.proxy.dir + '/access.log'
        if not os.path.exists(path):
            return []
        with open(path, errors='replace') as f:
            lines = [TIME_LEFT.sub('<time left>', self.common(l.rstrip('\n'))) for l in f]
        return sorted(l for l in lines if number_of(l) not in left_out)

    def stats(self):
        c = client.H1Connection(self.values['admin'])
        body = c.request({'path': '/stats'}).body
        c.close()
        found = dict(l.split(': ', 1) for l in body.splitlines() if ': ' in l)
        return {self.common(k): v for k, v in found.items() if STATS.fullmatch(k) and not NOT_COMPARED.fullmatch(k) and v.isdigit() and v != '0'}

    def common(self, text):
        """Port numbers are each side's own, and generated identifiers."""
        text = UUID.sub(lambda m: m.group(0) if m.group(0).startswith('12345678') else '<uuid %s>' % m.group(0)[14], text)
        for word, coded in self.sessions():
            text = text.replace(coded, word)
        for k, v in self.values.items():
            text = text.replace(str(v), '<%s>' % k)
        return text

    def compared(self, headers):
        """Sorted by name; lines of one name keep their order."""
        out = []
        for k, v in headers:
            if k.lower() in VOLATILE and not KEPT.search(v):
                v = re.sub(r'[^,]*\d[^,]*', '*', v) if ',' in v and k.lower() != 'date' else '*'
            if k.lower() == 'x-envoy-expected-rq-timeout-ms' and re.fullmatch(r'1[0-4]\d{3}', v):
                v = '*'  # some time has gone
            out.append((k, self.common(v)))
        return sorted(out, key=lambda h: h[0])

    def what_arrived(self, s):
        return {
            'upstream': s['upstream'], 'method': s['method'], 'path': s['path'], 'headers': self.compared(s['headers']),
            'body': s['body'], 'trailers': self.compared(s['trailers']),
        }  # fmt: skip

    def close_proxy(self):
        if self.kept:
            self.kept[0].close()
            self.kept = None
        if self.proxy:
            if self.proxy.process:
                self.proxy.signal(9)
            self.proxy.stop()
            self.proxy = None

    def close(self):
        self.close_proxy()
        for u in self.ups.values():
            u.stop()


def answers_of(q):
    """What the upstreams will answer, one after the other."""
    answers = q.get('respond', {})
    return answers if isinstance(answers, list) else [answers]


def number_of(line):
    """Which request a line of the access log is about; None if it does not say so."""
    m = re.search(r'\bn=(\d+) ', line)
    return int(m.group(1)) if m else None


def only(x, y):
    """What x has and y has not."""
    y = list(y)
    out = []
    for h in x:
        if h in y:
            y.remove(h)
        else:
            out.append(h)
    return out


def differences(a, b):
    """Names of what is not equal, and the two values; lists are reduced to what only one side has."""
    out = []
    for k in a.keys() | b.keys():
        x, y = a.get(k), b.get(k)
        if x == y or k == 'not h2':
            continue
        if k == 'headers':
            x, y = only(x or [], y or []), only(y or [], x or [])
            if not x and not y:
                x, y = 'another order of lines of one name', ''
        if k == 'seen' and x and y and len(x) == len(y):
            for i, (p, r) in enumerate(zip(x, y)):
                which = 'upstream ' if i == 0 else 'upstream, try %d, ' % (i + 1)
                for f in (f for f in p if p[f] != r[f]):
                    more = (only(p[f], r[f]), only(r[f], p[f])) if f == 'headers' else (p[f], r[f])
                    out.append((which + f,) + more)
            continue
        out.append((k, x, y))
    return sorted(out, key=lambda d: d[0])


class Listed:
    """What spec/differences.md says about random requests:

    differential: request /REGEX/flags STATUS|STATUS   such requests (raw, or as JSON) are answered with that by Weir, whatever Envoy does
    differential: answer /REGEX/flags STATUS|STATUS    the same for raw answers of an upstream
    differential: KIND /REGEX/                         such a difference is right; looked for in LEFT | RIGHT"""

    def __init__(self):
        with open(HERE + '/differences.md') as f:
            found = re.findall(r'^ *differential: ([\w -]+?) /(.*)/(\w*)(?: ([\d|]+))? *$', f.read(), re.M)
        self.kinds, self.bytes = [], []
        for kind, pattern, flags, statuses in found:
            options = sum({'i': re.I, 's': re.S, 'm': re.M}[c] for c in flags)
            if statuses:
                self.bytes.append((kind, re.compile(pattern, options), [int(s) for s in statuses.split('|')]))
            else:
                self.kinds.append((kind, re.compile(pattern, options)))

    def status_of(self, q):
        """The statuses with which Weir alone may answer, or None if both must do the same."""
        for kind, pattern, statuses in self.bytes:
            text = ''.join(a.get('raw', '') for a in answers_of(q))
            if kind == 'request':
                text = q.get('raw') or json.dumps({k: v for k, v in q.items() if k != 'respond'}, sort_keys=True)
            if pattern.search(text):
                return statuses
        return None

    def has(self, kind, x, y):
        return any(re.match(k, kind) and pattern.search('%s | %s' % (x, y)) for k, pattern in self.kinds)


class Afterwards:
    """A pair whose comparison is what one request left in the logs and statistics; for shrinking."""

    def __init__(self, pair):
        self.pair, self.hcm = pair, None

    def configure(self, hcm):
        self.hcm = hcm
        return self.pair.configure(hcm)

    def compare(self, q):
        self.pair.configure(self.hcm)
        self.pair.left.ask(q), self.pair.right.ask(q)
        return self.pair.afterwards(set())


class Pair:
    def __init__(self, left, right):
        self.left, self.right = Side(left), Side(right)
        self.listed = Listed() if left != right else None
        self.passed_over = 0

    def unlisted(self, found):
        """Without what spec/differences.md describes."""
        kept = [d for d in found if not self.listed or not self.listed.has(*d)]
        self.passed_over += len(found) - len(kept)
        return kept

    def envoy_died(self):
        """Some configurations crash Envoy, which is no reason to do the same."""
        return any(s.name == 'envoy' and s.proxy and s.proxy.process.poll() is not None for s in (self.left, self.right))

    def configure(self, hcm):
        hcm = copy.deepcopy(hcm)
        self.mirrors = 'request_mirror_policies' in str(hcm)
        self.mapped = [m['status_code'] for m in hcm.get('local_reply_config', {}).get('mappers', []) if 'status_code' in m]
        self.left.waits_s = self.right.waits_s = 0.03 if self.mirrors else 0.001
        if 'scoped_with' in hcm:
            put_into_scopes(hcm)
        return self.left.configure(hcm), self.right.configure(hcm)

    def compare(self, q):
        left, right = self.ask_both(q)
        d = differences(left, right)
        # A slow machine can cut a connection short: only what happens again is a difference. And a client that breaks off because it
        # does not like an answer (python-h2 is strict) decides by chance how far the proxy comes.
        self.asked_again = bool(d) or bool(left.get('not h2')) or 'pipelined' in q
        return self.unlisted(differences(*self.ask_both(q))) if d else d

    def ask_both(self, q):
        """Envoy may stop in the middle of a pipeline (see pipelined-answers in differences.md); what comes after that is cut off."""
        left, right = self.left.ask(q), self.right.ask(q)
        x, y = left.get('more', []), right.get('more', [])
        if len(y) < len(x):
            del x[len(y) :]
            left['seen'], right['seen'] = [], []
        return left, right

    def wrong_alone(self, q):
        """A request that spec/differences.md has an answer for: whether Weir does not give it."""
        statuses = self.listed.status_of(q)
        left = self.left.ask(q)
        if left.get('status') in statuses + self.mapped or not differences(left, self.right.ask(q)):
            return []
        return [('status', left.get('status'), 'listed: %s' % statuses)]

    def first_wrong(self, hcm, asked):
        """The request after which the statistics or the logs are not the same, and how; None if they are this time."""
        self.configure(hcm)
        for q in asked:
            self.left.ask(q), self.right.ask(q)
            found = self.afterwards(set(), pause=0.0)
            if found:  # what is written late is no difference
                found = self.afterwards(set())
            if found:
                return q, found
        return None

    def once_more(self, hcm, asked):
        """Differences of the logs and statistics after the same requests to the configuration started anew."""
        self.configure(hcm)
        for q in asked:
            self.left.ask(q), self.right.ask(q)
        return self.afterwards(set())

    def afterwards(self, left_out, pause=0.15):
        """Differences of the access logs and of the statistics since the configuration was started."""
        for side in (self.left, self.right):
            if side.kept:  # what is logged at the end of a connection belongs to it
                side.kept[0].close()
                side.kept = None
        time.sleep(pause)
        left, right = self.left.log(left_out), self.right.log(left_out)
        out = [('access log', x, y) for x, y in zip_longest(only(left, right), only(right, left))]
        if left_out:
            return self.unlisted(out)
        left, right = self.left.stats(), self.right.stats()
        names = left.keys() | right.keys()
        hidden = tuple(n for n in names if ODD_STATUS.fullmatch(n))
        out += [
            ('statistic ' + k, left.get(k, '0'), right.get(k, '0'))
            for k in sorted(names)
            if left.get(k) != right.get(k) and not k.startswith(hidden)
        ]
        return self.unlisted(out)

    def close(self):
        self.left.close()
        self.right.close()
