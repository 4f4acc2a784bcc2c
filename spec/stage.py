"""The running world of one case file: upstreams, the system under test, and the steps of its cases."""

import os, shlex, shutil, signal, subprocess, threading, time

import yaml
import bootstrap, client, sut, upstreams
from matching import Mismatch, Skip, check, check_headers, is_regex, short

SIGNALS = {'TERM': signal.SIGTERM, 'USR1': signal.SIGUSR1, 'INT': signal.SIGINT, 'HUP': signal.SIGHUP}
# Large things that a case may name: ${k7} is 7 KiB of x, ${headers15} fifteen header lines.
FILLERS = {'k%d' % n: 'x' * 1024 * n for n in (1, 7, 9, 70, 1100)}
FILLERS.update({'headers%d' % n: ''.join('x-%d: 1\r\n' % i for i in range(n)) for n in (15, 30)})


class Hammer(threading.Thread):
    """Sends requests all the time and remembers those that did not get the expected status."""

    def __init__(self, port, q):
        super().__init__(daemon=True)
        self.port, self.q, self.done, self.count, self.failures = port, q, False, 0, []

    def run(self):
        c = None
        while not self.done:
            try:
                if c is None or not self.q.get('keep', True):
                    c = client.connect(self.q.get('protocol', 'h1'), self.port)
                r = c.request(self.q)
                self.count += 1
                if r.status != self.q.get('status', 200) or not r.complete:
                    self.failures.append('%s %s %s' % (r.status, r.error, r.body[:100]))
                if r.status == 0 or 'close' in r.get('connection') or r.goaway >= 0:
                    c.close()
                    c = None
            except OSError as e:
                self.failures.append(repr(e))
                c = None
        if c:
            c.close()


class Stage:
    """The running world of one case file: upstreams, the system under test, and what a case has open."""

    def __init__(self, file, name, verbose):
        self.file, self.name, self.verbose = file, name, verbose
        self.sut = sut.Sut(name)
        ports = {k: sut.free_port() for k in ('port', 'port2', 'admin')}
        self.values = dict(FILLERS, dir=self.sut.dir, sut=self.sut.binary, **ports)
        self.ups = {}
        self.connections = {}
        self.hammer = None

    def start(self):
        if '${certs}' in str(self.file):
            self.values['certs'] = upstreams.certs()
            for name in ('client.sha256', 'client.spki', 'server.crt', 'server.key', 'ca.crt'):
                with open('%s/%s' % (self.values['certs'], name)) as f:
                    self.values[name] = f.read().strip()
        for name, kind in self.file.get('upstreams', {}).items():
            if kind == 'nginx' and not find_program('nginx'):
                raise Skip('nginx is not installed')
            self.ups[name] = upstreams.start(name, bootstrap.fill(kind, self.values), sut.free_port(), self.sut.dir)
            self.values[name] = self.ups[name].port
        for path, text in self.file.get('files', {}).items():
            self.write(path, text)
        config = bootstrap.render(self.file, self.values)
        args = [bootstrap.fill(str(a), self.values) for a in self.file.get('args', [])]
        self.sut.start(config, self.values['admin'], args)

    def write(self, path, content):
        """Makes a file the way that watchers see: written beside and renamed over."""
        if not isinstance(content, str):
            content = yaml.safe_dump(bootstrap.fill_all(content, self.values), sort_keys=False)
        else:
            content = bootstrap.fill(content, self.values)
        target = '%s/%s' % (self.sut.dir, path)
        with open(target + '.new', 'w') as f:
            f.write(content)
        os.rename(target + '.new', target)

    def stop(self):
        if self.hammer:
            self.hammer.done = True
        for c in self.connections.values():
            c.close()
        died = self.sut.process is not None and self.sut.process.poll() is not None and self.sut.process.returncode != 0
        said = self.sut.said() if died else ''
        self.sut.stop()
        for u in self.ups.values():
            u.stop()
        return said

    # -- cases

    def run_case(self, case):
        for u in self.ups.values():
            u.reset()
        steps = case.get('steps') or [case]
        try:
            for step in steps:
                self.step(step)
        finally:
            for c in self.connections.values():
                c.close()
            self.connections = {}
            if self.hammer:
                self.hammer.done = True
                self.hammer = None

    def step(self, step):
        expect = step.get('expect', {})
        if self.name == 'weir' and 'expect_weir' in step:
            expect = step['expect_weir']
        expect = bootstrap.fill_all(expect, self.values)
        if 'respond' in step:
            for name, script in (
                step['respond'] if step.get('each') else {u: step['respond'] for u in self.ups}
            ).items():
                self.ups[name].reset(script)
        elif 'request' in step or 'send' in step:
            for u in self.ups.values():
                u.reset(u.given)
        log_start = self.log_size()
        before = self.stats(expect['stats']) if 'stats' in expect else {}
        if 'write' in step:
            self.write(step['write'], step['content'])
        if 'remove' in step:
            os.unlink('%s/%s' % (self.sut.dir, step['remove']))
        if 'rename' in step:
            os.rename(*('%s/%s' % (self.sut.dir, p) for p in step['rename']))
        if 'drop_connections' in step:
            self.ups[step['drop_connections']].drop_connections()
        if 'tell' in step:
            for name, text in step['tell'].items():
                self.ups[name].tell(text)
        if 'signal' in step:
            self.sut.signal(SIGNALS[step['signal']])
        if 'wait' in step:
            time.sleep(step['wait'])
        if 'hammer' in step:
            self.run_hammer(step['hammer'])
        if 'stall' in step:
            self.stall(step['stall'], expect['grown_below_mb'])
        if 'connect' in step:
            self.connections[step['connect']] = client.connect(step.get('protocol', 'h1'), self.port(step))
        if 'command' in step:
            self.command(step, expect)
        if 'connections' in step:
            self.many_connections(step, expect['shares'])
        elif 'request' in step or 'send' in step:
            limit = time.monotonic() + step.get('eventually', 0)
            while True:
                try:
                    self.exchange(step, expect)
                    break
                except Mismatch:
                    if time.monotonic() > limit:
                        raise
                    time.sleep(0.03)
                    for u in self.ups.values():
                        u.reset(u.given)
        if 'stats' in expect:
            self.check_stats(expect['stats'], before)
        if 'log' in expect:
            self.check_log(expect['log'], log_start)
        if 'logged' in expect:  # by an earlier step of this case
            self.check_log(expect['logged'], 0)
        if 'file' in expect:
            for path, want in expect['file'].items():
                full = '%s/%s' % (self.sut.dir, path)
                self.eventually(
                    lambda: check('file ' + path, want, open(full).read() if os.path.exists(full) else '(absent)')
                )
        if 'goaways' in expect:
            got = len(self.connections[step['connection']].wait_goaway(expect['goaways'], 8))
            check('number of GOAWAY frames', expect['goaways'], got)
        if 'exit' in expect and 'command' not in step:
            check('exit code', expect['exit'], self.sut.wait_exit(expect.get('within', 10)))
        if 'refuses' in expect:
            self.eventually(lambda: check('new connections refused', True, self.refuses()), 5)

    def eventually(self, f, limit=3.0):
        end = time.monotonic() + limit
        while True:
            try:
                return f()
            except Mismatch:
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)

    def refuses(self):
        try:
            c = client.H1Connection(self.values['port'], 1)
            c.close()
            return False
        except OSError:
            return True

    def port(self, step):
        to = step.get('to', 'port')
        return self.values[to]

    def connection(self, step, protocol):
        """The case's named connection, or a new one for this step alone."""
        name = step.get('connection')
        if name is None:
            return client.connect(protocol, self.port(step)), True
        if name not in self.connections:
            self.connections[name] = client.connect(protocol, self.port(step))
        return self.connections[name], False

    def exchange(self, step, expect):
        if 'repeat' in step:
            return self.repeat(step, expect)
        q = bootstrap.fill_all(step.get('request', {}), self.values)
        expects = expect if isinstance(expect, list) else [expect]
        c, temporary = self.connection(step, q.get('protocol', 'h1'))
        try:
            if 'send' in step:
                data = step['send'] if isinstance(step['send'], list) else [step['send']]
                c.send([bootstrap.fill(d, self.values) for d in data], step.get('pause', 0.0))
                if step.get('half_close'):
                    c.s.shutdown(1)
            for i, e in enumerate(expects):
                if 'send' in step and e.get('bytes') is not None:
                    self.check_bytes(c, e)
                    continue
                r = c.read(step.get('method', 'GET'), step.get('timeout', 5.0)) if 'send' in step else c.request(q)
                as_expected = e.get('status', r.status) == r.status
                if i == len(expects) - 1 and 'closed' in e and not r.closed and as_expected:
                    r.closed = c.wait_closed(3.0 if e['closed'] else 0.3)
                self.show(step, r)
                self.check_response(e, r)
        finally:
            if temporary:
                c.close()

    def check_bytes(self, c, e):
        """Raw bytes of a connection that is not HTTP."""
        got, c.r.buf = c.r.buf, b''
        c.s.settimeout(3)
        want = str(e['bytes'])
        try:
            while len(got) < len(want) or is_regex(want):
                d = c.s.recv(65536)
                if not d:
                    break
                got += d
        except OSError:
            pass
        check('bytes', want, got.decode('latin-1'))
        if 'closed' in e:
            check('closed', e['closed'], c.wait_closed(3.0 if e['closed'] else 0.3))
        self.check_upstream(e)

    def repeat(self, step, expect):
        """Many times the same request; `distribution` bounds the share of each upstream."""
        counts, statuses, n = {}, {}, step['repeat']
        q = bootstrap.fill_all(step['request'], self.values)
        c = client.connect(q.get('protocol', 'h1'), self.port(step))
        for u in self.ups.values():
            u.reset({'body': u.name})
        for _ in range(n):
            r = c.request(q)
            counts[r.body] = counts.get(r.body, 0) + 1
            statuses[r.status] = statuses.get(r.status, 0) + 1
        c.close()
        if self.verbose:
            print('     ', counts, statuses)
        for name, (low, high) in expect['distribution'].items():
            share = counts.get(name, 0) / n
            if not low <= share <= high:
                raise Mismatch('%s got %.3f of %d, expected %s to %s (%s)' % (name, share, n, low, high, statuses))

    def stall(self, what, limit):
        """Clients that ask for much and read nothing, or send much to an upstream that reads nothing: memory must not grow."""
        before = self.rss_mb()
        upload = what.get('upload', 0)
        head = '%s %s HTTP/1.1\r\nhost: a\r\n' % ('PUT' if upload else 'GET', what.get('path', '/'))
        head += 'content-length: %d\r\n\r\n' % upload if upload else '\r\n'
        for i in range(what['connections']):
            c = client.connect('h1', self.values['port'])
            c.s.sendall(head.encode())
            c.s.settimeout(0.2)
            try:
                c.s.sendall(b'x' * upload)
            except OSError:
                pass
            self.connections['stalled %d' % i] = c
        time.sleep(0.5)
        grown = self.rss_mb() - before
        if self.verbose:
            print('      grown by %.1f MiB' % grown)
        if grown > limit:
            raise Mismatch('grew by %.1f MiB, expected less than %s' % (grown, limit))

    def rss_mb(self):
        with open('/proc/%d/statm' % self.sut.process.pid) as f:
            return int(f.read().split()[1]) * os.sysconf('SC_PAGE_SIZE') / 2**20

    def many_connections(self, step, shares):
        """Raw bytes over so many connections; `shares` bounds how many of them got each answer."""
        counts, n = {}, step['connections']
        for _ in range(n):
            c = client.connect('h1', self.port(step))
            c.send(step['send'])
            got = c.s.recv(65536).decode('latin-1')
            counts[got] = counts.get(got, 0) + 1
            c.close()
        for answer, (low, high) in shares.items():
            if not low <= counts.get(answer, 0) / n <= high:
                raise Mismatch(
                    '%r came %d times of %d, expected a share of %s to %s'
                    % (answer, counts.get(answer, 0), n, low, high)
                )

    def show(self, step, r):
        if not self.verbose:
            return
        print(
            '      status=%s complete=%s closed=%s reset=%s goaway=%s interim=%s error=%r %.3fs'
            % (r.status, r.complete, r.closed, r.reset, r.goaway, r.interim, r.error, r.seconds)
        )
        print('      headers=%s' % r.headers)
        print('      body=%r trailers=%s' % (short(r.body), r.trailers))
        for u in self.ups.values():
            for s in u.seen:
                print(
                    '      upstream %s: %s %s %s body=%r trailers=%s'
                    % (u.name, s['method'], s['path'], s.get('headers'), short(s.get('body')), s.get('trailers'))
                )

    def check_response(self, e, r):
        status = e.get('status')
        if status is not None and r.status != status:
            raise Mismatch(
                'status is %s (%s%s), expected %s'
                % (r.status, short(r.body).strip(), r.error and ' ' + r.error, status)
            )
        check_headers('response', e.get('headers', {}), r.headers)
        if 'header_names' in e:
            check('response header names', sorted(e['header_names']), sorted(k for k, _ in r.headers))
        if 'body' in e:
            check('body', '' if e['body'] is None else e['body'], r.body)
        if 'body_length' in e:
            check('body length', e['body_length'], len(r.body))
        if 'trailers' in e:
            check_headers('trailers', e['trailers'], r.trailers)
        for k in ('reason', 'interim', 'closed', 'complete', 'reset', 'goaway', 'error', 'version'):
            if k in e:
                check(k, e[k], getattr(r, k))
        if 'seconds' in e and not e['seconds'][0] <= r.seconds <= e['seconds'][1]:
            raise Mismatch('took %.3f s, expected %s to %s' % (r.seconds, *e['seconds']))
        self.check_upstream(e)

    def check_upstream(self, e):
        if 'upstream' not in e:
            return
        want = e['upstream']
        if want == 'none':
            time.sleep(0.02)
            seen = [s for u in self.ups.values() for s in u.seen]
            if seen:
                raise Mismatch('an upstream saw %s %s, expected none' % (seen[0]['method'], seen[0]['path']))
            return
        everywhere = lambda: [s for u in self.ups.values() for s in u.seen]
        if isinstance(want, list):  # of each upstream for itself
            for one in want:
                if one.get('count') == 0:
                    time.sleep(0.05)
                self.eventually(lambda: self.check_seen(one, self.ups[one['name']].seen), 1.0)
        else:
            self.eventually(lambda: self.check_seen(want, everywhere()), 1.0)

    def check_seen(self, want, seen):
        if want.get('count') == 0 and not seen:
            return
        if not seen:
            raise Mismatch('no upstream saw a request')
        s = seen[-1]
        for k in ('method', 'path', 'body', 'protocol', 'reset', 'head', 'proxy'):
            if k in want:
                check('upstream ' + k, '' if want[k] is None else want[k], s.get(k, ''))
        if 'name' in want:
            check('upstream', want['name'], s['upstream'])
        for k, v in want.get('tls', {}).items():
            check('upstream tls ' + k, v, s.get('tls', {}).get(k, '(no TLS)'))
        if 'count' in want:
            check('number of requests upstream', want['count'], len(seen))
        if 'body_length' in want:
            check('upstream body length', want['body_length'], len(s['body']))
        check_headers('upstream request', want.get('headers', {}), s.get('headers', []))
        if 'header_names' in want:
            names = [k for k, _ in s['headers']]
            check('upstream header names', sorted(want['header_names']), sorted(names))
        if 'trailers' in want:
            check_headers('upstream trailers', want['trailers'], s['trailers'])

    # -- around the exchange

    def run_hammer(self, h):
        if h == 'stop':
            time.sleep(0.2)  # what the change left behind shows itself a little later
            self.hammer.done = True
            self.hammer.join()
            count, failures, self.hammer = self.hammer.count, self.hammer.failures, None
            if failures:
                raise Mismatch('%d of %d requests failed: %s' % (len(failures), count, failures[:3]))
            if count < 5:
                raise Mismatch('only %d requests were made' % count)
        else:
            self.hammer = Hammer(self.values['port'], h)
            self.hammer.start()
            time.sleep(0.05)

    def command(self, step, expect):
        argv = shlex.split(bootstrap.fill(step['command'], self.values))
        if not find_program(argv[0]):
            raise Skip('%s is not installed' % argv[0])
        p = subprocess.run(argv, capture_output=True, text=True, timeout=30, cwd=self.sut.dir)
        if self.verbose:
            print('      exit %d\n%s%s' % (p.returncode, p.stdout, p.stderr))
        check('exit code of ' + argv[0], expect.get('exit', 0), p.returncode)
        for k in ('stdout', 'stderr'):
            for want in expect[k] if isinstance(expect.get(k), list) else [expect[k]] if k in expect else []:
                check(k, want, getattr(p, k))
        self.check_upstream(expect)

    def admin(self, path):
        c = client.H1Connection(self.values['admin'])
        r = c.request({'path': path})
        c.close()
        return r

    def stats(self, names):
        out = {}
        for l in self.admin('/stats').body.splitlines():
            k, _, v = l.partition(': ')
            if k in names:
                out[k] = v
        return out

    def check_stats(self, want, before):
        """A number is the change since the step began, '=N' the value, null absent."""

        def once():
            now = self.stats(want)
            for name, v in want.items():
                if v is None:
                    check('stat ' + name, None, now.get(name))
                elif str(v).startswith('='):
                    check('stat ' + name, str(v)[1:], now.get(name))
                else:
                    check('change of ' + name, v, int(now.get(name, 0)) - int(before.get(name, 0)))

        self.eventually(once)

    def log_path(self):
        return self.sut.dir + '/access.log'

    def log_size(self):
        return os.path.getsize(self.log_path()) if os.path.exists(self.log_path()) else 0

    def check_log(self, want, start):
        wants = want if isinstance(want, list) else [want]

        def once():
            if not os.path.exists(self.log_path()):
                raise Mismatch('no access log')
            with open(self.log_path()) as f:
                f.seek(start)
                lines = f.read().splitlines()
            if len(lines) < len(wants):
                raise Mismatch('access log has %r, expected %r' % (lines, wants))
            for w, l in zip(wants, lines[-len(wants) :]):
                check('access log', w, l)

        # Envoy writes its log every ten seconds unless the buffer is full or the case files pass a shorter interval.
        self.eventually(once)


def find_program(name):
    return shutil.which(name) or shutil.which('/usr/sbin/' + name)
