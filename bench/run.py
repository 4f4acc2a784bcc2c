#!/usr/bin/python3
"""Side-by-side proxy measurements on one machine, loopback only. See README.md.

CPU 0: load generator + backend.  CPU 1: the proxy under test, one worker.  Proxies run in turn A B C A B C ...
Main figure: CPU microseconds of the proxy (user+sys, all its processes and threads) per request."""

import argparse, json, os, shutil, signal, subprocess, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import envoycfg, peers, report
from accounting import TICK, cpu, cpudiff, get, listening, ready, rss, spawn, stop, sysstat, tree
from load import loadcmd, parse
from peers import BIN, CERTS, DIR, Mode, PLAIN, TLS, UP_H1, UP_H2C, UP_MTLS, UP_TLS_EC, UP_TLS_RSA, host, prefix
from scenarios import FLOOR, MODES, PROXIES, SCENARIOS

WORK = os.environ.get('BENCH_WORK', DIR + '/work')
LOADCPU, PROXYCPU = '0', '1'
SYSCALLS = '''epoll_wait epoll_pwait epoll_pwait2 epoll_ctl read write readv writev recvfrom sendto recvmsg sendmsg
    sendfile64 splice futex io_uring_enter clock_gettime ioctl sched_yield nanosleep accept4 connect close setsockopt
    timerfd_settime getpid'''.split()


def on_load_cpu(cmd):
    return ['taskset', '-c', LOADCPU] + cmd


class Bench:
    """Backends that stay up for the whole run, and one proxy at a time in front of them."""

    def __init__(self, a):
        self.a = a
        self.ext = dict(x.split('=', 1) for x in a.proxy or [])
        self.back = []
        self.bestfile = WORK + '/calib-best'
        os.makedirs(WORK, exist_ok=True)
        self.best = float(open(self.bestfile).read()) if os.path.exists(self.bestfile) else 1e9
        self.fill = {
            'rate': a.rate,
            'rate_hi': a.rate_hi,
            'hosts': DIR + '/hosts.txt',
            'prefixes': DIR + '/prefixes.txt',
        }

    def calib(self):
        """ns of a loopback send+wait+recv on the proxy's CPU now. On a shared host it flips between a fast and a slow phase."""
        cmd = ['taskset', '-c', PROXYCPU, BIN + '/calib', '0.08']
        try:
            v = json.loads(subprocess.run(cmd, capture_output=True, text=True).stdout)['io_ns']
        except (ValueError, KeyError):
            return 0
        if v < self.best:
            self.best = v
            peers.write(self.bestfile, str(v))
        return v

    def backends(self):
        peers.write(DIR + '/body100', 'b' * 100)
        peers.write(self.fill['hosts'], ''.join('%s /1k\n' % host(i) for i in range(10000)))
        peers.write(self.fill['prefixes'], ''.join('bench.local %sapi/v1/item\n' % prefix(i) for i in range(10000)))
        d = WORK + '/backend'
        text = open(HERE + '/configs/backend-nginx.conf.in').read()
        values = {'DIR': d, 'CERTS': CERTS, '1K': 'x' * 1024, '128': 'x' * 128}
        values.update(H2C=UP_H2C, MTLS=UP_MTLS, TLSEC=UP_TLS_EC, TLSRSA=UP_TLS_RSA)
        for k, v in values.items():
            text = text.replace('@%s@' % k, str(v))
        conf = peers.write(d + '/nginx.conf', text)
        self.back = [spawn([BIN + '/hb', str(UP_H1)], LOADCPU), spawn(['nginx', '-c', conf], LOADCPU, d + '/out.log')]
        time.sleep(0.5)
        for p in self.back:
            if p.poll() is not None:
                sys.exit('a backend did not start (port in use?), see %s/out.log' % d)

    def close(self):
        for p in self.back:
            stop(p)

    def command(self, name, m, d):
        shutil.rmtree(d, ignore_errors=True)
        os.makedirs(d, exist_ok=True)
        if name not in self.ext:
            return peers.PEERS[name](m, d)
        c = self.ext[name]
        if '{envoy}' in c:
            c = c.replace('{envoy}', envoycfg.envoy(m, d))
        for k, v in (('mode', m.name), ('dir', d), ('plain', PLAIN), ('tls', TLS), ('up', UP_H1), ('certs', CERTS)):
            c = c.replace('{%s}' % k, str(v))
        return ['sh', '-c', 'exec ' + c]

    def start(self, name, m, limit=60):
        """The running proxy, seconds until its first 200, and '' (or None, None and the reason)."""
        d = '%s/%s/%s' % (WORK, name, m.name)
        c = self.command(name, m, d)
        if c is None:
            return None, None, 'not available, or cannot do this'
        if shutil.which(c[0]) is None:
            return None, None, '%s is not installed' % c[0]
        for _ in range(100):  # the previous proxy must have let go of the port
            if not listening(TLS if m.down == 'tls' else PLAIN):
                break
            time.sleep(0.05)
        log = d + ('/access.log' if name == 'haproxy' and m.log else '/out.log')
        p = spawn(c, PROXYCPU, log)
        r, why = ready(m, p, limit)
        if r is None:
            stop(p)
            return None, None, why
        return p, r, ''

    def measure(self, name, sc, rnd):
        s = SCENARIOS[sc]
        m = MODES[s.mode]
        p = None
        if name != 'direct':
            p, _, why = self.start(name, m)
            if p is None:
                return {'na': why}
        port = s.direct if name == 'direct' else (TLS if m.down == 'tls' else PLAIN)
        seen = Mode('x', down='tls' if name == 'direct' and s.direct in (UP_TLS_EC, UP_TLS_RSA) else m.down)
        try:
            for _ in range(1 + self.a.retries):
                r = self.measure_once(p, port, s, seen)
                if 'na' in r or not (r['noisy'] or r['slow']):
                    break
            r.update(scenario=sc, proxy=name, round=rnd)
            return r
        finally:
            stop(p)

    def measure_once(self, p, port, s, m):
        before = self.calib()
        warm = loadcmd(s.load, m, port, self.a.warm, self.fill)
        subprocess.run(on_load_cpu(warm), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
        cmd = loadcmd(s.load, m, port, self.a.dur, self.fill)
        pids = tree(p.pid) if p else []
        backs = [q for b in self.back for q in tree(b.pid)]
        s0, b0, c0 = sysstat(), cpu(backs), cpu(pids)
        t0 = time.monotonic()
        q = subprocess.Popen(on_load_cpu(cmd), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        out = q.stdout.read()
        _, q.returncode, ru = os.wait4(q.pid, 0)
        c1, b1, s1 = cpu(pids), cpu(backs), sysstat()
        seconds = time.monotonic() - t0
        try:
            r = parse(cmd, out)
        except (ValueError, AttributeError, IndexError, KeyError) as e:
            return {'na': 'load generator: %s: %s' % (e, out[-300:])}
        n = max(1, r['requests'])
        used, sysf = cpudiff(c0, c1)
        r.update(
            rps=round(n / r['seconds'], 1),
            proxy_us=round(used * 1e6 / n, 3),
            proxy_util=round(used / seconds, 4),
            proxy_sys=round(sysf, 3),
            backend_us=round(cpudiff(b0, b1)[0] * 1e6 / n, 3),
            load_us=round((ru.ru_utime + ru.ru_stime) * 1e6 / n, 3),
            cpu0=round((s1['0'][0] - s0['0'][0]) / TICK / seconds, 3),
            cpu1=round((s1['1'][0] - s0['1'][0]) / TICK / seconds, 3),
            steal=round(sum(s1[k][1] - s0[k][1] for k in '01') / TICK / seconds, 3),
            rss_kb=rss(pids)[0],
            calib_ns=max(before, self.calib()),
        )
        r['slow'] = r['calib_ns'] > 1.12 * self.best
        r['other1'] = round(r['cpu1'] - r['proxy_util'], 3)
        r['noisy'] = r['other1'] >= 0.06 or r['steal'] >= 0.03
        return r

    def note(self, r):
        with open(self.a.out, 'a') as f:
            f.write(json.dumps(r) + '\n')

    def chosen(self, names):
        return [x for x in names if not self.a.peers or x in self.a.peers] + list(self.ext)

    def run(self, names):
        for sc in names:
            s = SCENARIOS[sc]
            dead = set()
            t0 = time.monotonic()
            print('## %s: %s' % (sc, s.text), flush=True)
            for rnd in range(self.a.rounds or s.rounds):
                for name in self.chosen(s.subjects):
                    if name in dead:
                        continue
                    r = self.measure(name, sc, rnd)
                    if 'na' in r:
                        dead.add(name)
                        print('   %-12s n/a (%s)' % (name, r['na']), flush=True)
                        self.note({'scenario': sc, 'proxy': name, 'na': r['na']})
                        continue
                    self.note(r)
                    self.show(r)
            print('   (%.0f s)' % (time.monotonic() - t0), flush=True)

    @staticmethod
    def show(r):
        text = '   r%d %-12s %9.0f rps  %7.2f us/req' % (r['round'], r['proxy'], r['rps'], r['proxy_us'])
        text += '  util %3.0f%% (sys %2.0f%%)' % (100 * r['proxy_util'], 100 * r['proxy_sys'])
        text += '  cpu0 %3.0f%% other1 %4.1f%%' % (100 * r['cpu0'], 100 * r['other1'])
        text += '  p50 %s p99 %s p999 %s' % tuple(r.get(k, '-') for k in ('p50_us', 'p99_us', 'p999_us'))
        text += ' err %s non2xx %s' % (r['errors'], r.get('non2xx', 0))
        print(text + (' NOISY' if r['noisy'] else '') + (' SLOW-PHASE' if r['slow'] else ''), flush=True)

    def memory(self):
        """RSS idle, with idle keep-alive connections (plain, TLS), with 10,000 clusters + routes; start-up times."""
        for rnd in range(self.a.rounds or 2):
            for name in self.chosen(PROXIES):
                r = {'scenario': 'memory', 'proxy': name, 'round': rnd}
                self.idle_connections(name, 'plain', MODES['plain'], 9000, r)
                self.idle_connections(name, 'tls', MODES['tls_ec'], 4000, r)
                for what in ('host_one', 'host_many', 'prefix_one'):
                    p, st, why = self.start(name, MODES[what], 120)
                    if p is None:
                        r[what] = why
                        continue
                    time.sleep(0.3)
                    r['start_%s_ms' % what] = round(st * 1e3, 1)
                    r['rss_%s_kb' % what], r['pss_%s_kb' % what] = rss(tree(p.pid))
                    stop(p)
                self.note(r)
                print(r, flush=True)

    def idle_connections(self, name, what, m, n, r):
        p, st, why = self.start(name, m)
        if p is None:
            r[what] = why
            return
        time.sleep(0.3)
        r['start_%s_ms' % what] = round(st * 1e3, 1)
        r['idle_%s_kb' % what], r['idle_%s_pss_kb' % what] = rss(tree(p.pid))
        open_ = []
        try:
            for _ in range(n):
                open_.append(get(TLS if m.down == 'tls' else PLAIN, m.down == 'tls', '/1k', timeout=5)[1])
        except OSError as e:
            r['conn_%s_error' % what] = str(e)
        time.sleep(0.5)
        now = rss(tree(p.pid))[0]
        r['conns_%s' % what] = len(open_)
        r['kb_per_conn_%s' % what] = round((now - r['idle_%s_kb' % what]) / max(1, len(open_)), 2)
        for s in open_:
            s.close()
        stop(p)

    def syscalls(self):
        """System calls a request, counted by perf at the tracepoints (does not slow the proxy much)."""
        m = MODES[self.a.sysmode]
        load = next(s.load for s in SCENARIOS.values() if s.mode == self.a.sysmode)
        port = TLS if m.down == 'tls' else PLAIN
        events = 'raw_syscalls:sys_enter,' + ','.join('syscalls:sys_enter_' + e for e in SYSCALLS)
        for name in self.chosen(FLOOR + PROXIES):
            p, _, why = self.start(name, m)
            if p is None:
                print(name, why)
                continue
            warm = on_load_cpu(loadcmd(load, m, port, 1, self.fill))
            subprocess.run(warm, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            pids = ','.join(map(str, tree(p.pid)))
            stat = ['perf', 'stat', '-x,', '-o', WORK + '/perfstat', '-e', events, '-p', pids]
            q = subprocess.Popen(stat, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            time.sleep(1.0)
            c = loadcmd(load, m, port, 3, self.fill)
            n = parse(c, subprocess.run(on_load_cpu(c), capture_output=True, text=True).stdout)['requests']
            q.send_signal(signal.SIGINT)
            q.wait()
            stop(p)
            per_request = {}
            for l in open(WORK + '/perfstat'):
                f = l.split(',')
                if len(f) > 2 and f[0].isdigit() and int(f[0]) > n * 0.005:
                    call = f[2].replace('raw_', '').replace('syscalls:sys_enter_', '').replace('syscalls:sys_enter', 'ALL')
                    per_request[call] = round(int(f[0]) / n, 3)
            self.note({'scenario': 'syscalls_' + m.name, 'proxy': name, 'rps': n / 3, 'per_request': per_request})
            print('%-12s %7.0f rps' % (name, n / 3), per_request, flush=True)


def write_configs():
    """Every peer's exact configuration under DIR/configs, to read (three routes where a run has 10,000)."""
    d = DIR + '/configs'
    shutil.rmtree(d, ignore_errors=True)
    for m in MODES.values():
        few = m if not m.routes else Mode(m.name, down=m.down, up=m.up, routes=(m.routes[0], 3, m.routes[2]))
        for n, configure in peers.PEERS.items():
            if not n.startswith('fwd') and n not in ('weir', 'envoy'):
                configure(few, '%s/%s/%s' % (d, n, m.name))
        envoycfg.envoy(few, '%s/envoy/%s' % (d, m.name))
    print(d)


def arguments():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('what', nargs='*', help='scenarios (default: all), memory, syscalls; or: table, ratios, list, configs')
    ap.add_argument(
        '--proxy', action='append', metavar='NAME=COMMAND',
        help="another proxy, repeatable; {envoy} = the mode's Envoy bootstrap (JSON), {mode} {dir} {plain} {tls} {up} {certs}",
    )  # fmt: skip
    names = lambda s: s.split(',') if s else ['-']
    ap.add_argument('--peers', type=names, help='only these built-in subjects, comma separated')
    ap.add_argument('--rounds', type=int, help='instead of each scenario\'s own number')
    ap.add_argument('--dur', type=float, default=4, help='seconds a measurement')
    ap.add_argument('--warm', type=float, default=1, help='seconds of load before it')
    ap.add_argument('--retries', type=int, default=3, help='repeat a disturbed measurement so often')
    ap.add_argument('--rate', type=float, default=5000, help='requests/s of scenario tail')
    ap.add_argument('--rate-hi', type=float, default=20000, help='requests/s of scenario tail_hi')
    ap.add_argument('--out', default=DIR + '/results.jsonl', help='results are appended here')
    ap.add_argument('--sysmode', default='plain', help='the mode of syscalls')
    return ap.parse_args()


def main():
    a = arguments()
    if a.what[:1] == ['table']:
        return print(report.table(a.out))
    if a.what[:1] == ['ratios']:
        return print(report.ratios(a.out))
    if a.what[:1] == ['list']:
        return print('\n'.join('%-11s %s' % (k, s.text) for k, s in SCENARIOS.items()))
    if a.what[:1] == ['configs']:
        return write_configs()
    unknown = [w for w in a.what if w not in SCENARIOS and w not in ('memory', 'syscalls')]
    if unknown:
        sys.exit('no scenario %s; `run.py list` names them' % ', '.join(unknown))
    subprocess.run(['make', '-s', '-C', HERE + '/tools', 'OUT=' + BIN], check=True)
    subprocess.run(['make', '-s', '-k', '-C', HERE + '/floor', 'OUT=' + BIN], stderr=subprocess.DEVNULL)
    subprocess.run([HERE + '/mkcerts.sh', CERTS], check=True)
    print('load before: %s; nproc %d' % (open('/proc/loadavg').read().strip(), os.cpu_count()))
    b = Bench(a)
    b.backends()
    try:
        b.run([w for w in a.what if w in SCENARIOS] or ([] if a.what else list(SCENARIOS)))
        if 'memory' in a.what or not a.what:
            b.memory()
        if 'syscalls' in a.what or not a.what:
            b.syscalls()
    finally:
        b.close()


if __name__ == '__main__':
    main()
