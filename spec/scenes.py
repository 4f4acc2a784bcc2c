#!/usr/bin/python3
"""Weir beside Envoy in random scenes of failure: retries, limits, health, faults, timeouts over back ends that fail as they are told.

    spec/scenes.py --seed 1 --configs 20         # six scenes each
    spec/scenes.py --left envoy --right envoy    # the tool against itself
    spec/scenes.py --seed 3 --first 7 --configs 1

What comes back, what reached the back ends, the access log, the cluster's statistics and its line of health in /clusters must be equal.
A difference is looked for a second time, then shrunk and printed. Exit status 1 when there was one."""

import argparse, base64, collections, concurrent.futures, copy, json, os, re, signal, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import yaml
import bootstrap, client, sut, upstreams
from generate_scenes import Scenes
from generate_scenes_more import MoreScenes
from scene_bootstrap import whole
from sides import Side, differences, only

STATS = re.compile(r'cluster\.c\d+(m\d)?\..*|http\.ingress\.(fault\.\w+|downstream_rq_\w+|rq_\w+|no_\w+)|(lrl|http\.ingress\.lrl)\..*|.*http_local_rate_limit.*|vhost\..*|.*(admission_control|adaptive_concurrency)\..*|.*bandwidth_limit\.(request|response)_enabled|connection_limit\..*|dns_cache\.names\..*|cluster_manager\.(active|cluster_added).*')
# A matter of time, of which connection was free, or of how fields were packed.
NOT_COMPARED = re.compile(r'.*(_bytes_(total|buffered)|update_\w+|health_check\.\w+|_flow_control_\w+|_rq_time|version|membership_change|lb_(local|recalculate)\w*|original_dst\w*|bind_errors|init_fetch_timeout|config_reload\w*|min_rtt_msecs|sample_rtt_msecs|gradient|burst_queue_size)')
BY_CHANCE = re.compile(NOT_COMPARED.pattern + r'|.*(upstream_cx_\w+|upstream_rq_pending_total|outlier_detection\..*|membership_healthy|\.remaining_\w+)')
PER_HOST = re.compile(r'(c\d+(?:m\d)?)::([^:]*:?[^:]*)::(\w+)::(.*)')
HOST_LINES = {'health_flags', 'weight', 'canary', 'priority', 'success_rate', 'local_origin_success_rate'}
HOST_COUNTS = {'rq_error', 'rq_success', 'rq_timeout', 'rq_total', 'cx_connect_fail'}


def chance(scene):
    return len(scene['ends']) > 1 and not scene['by_host']


class End:
    """Mixed into an upstream: its answers may come from a queue that it shares with others."""

    queue = None
    health = 200

    def record(self, **what):
        if what['path'].startswith('/hc') or what['path'].startswith('/grpc.health'):
            headers = [['content-type', 'application/grpc'], ['grpc-status', '0' if self.health == 200 else '14']] if what['path'].startswith('/grpc') else []
            told = {'degraded': [['x-envoy-degraded', 'true']], 'fail': [['x-envoy-immediate-health-check-fail', 'true']]}.get(self.health, [])
            return {'status': 200 if told else self.health, 'headers': headers + told, 'body': ''}
        answers = self.queue if self.queue is not None else [{}]
        with self.scene_lock:
            self.seen_by_all.append(dict(what, upstream=self.name, headers=list(what['headers'])))
            return dict(answers.pop(0) if len(answers) > 1 else answers[0])


class H1End(End, upstreams.H1Upstream):
    pass


class H2End(End, upstreams.H2Upstream):
    pass


class Place(Side):
    """One proxy with the back ends of all scenes of a configuration."""

    def __init__(self, name):
        self.name, self.proxy, self.kept, self.ends = name, None, None, []
        self.values = {'port': sut.free_port(), 'admin': sut.free_port()}

    def open_ends(self, scenes):
        for us in self.ends:
            for u in us:
                u.stop()
        self.ends = []
        self.values = {k: self.values[k] for k in ('port', 'admin')}
        for i, scene in enumerate(scenes):
            us, seen = [], []
            for j, kind in enumerate(scene['ends']):
                port = sut.free_port()
                u = {'h1': H1End, 'h2': H2End}[kind]('end%d' % j, port) if kind in ('h1', 'h2') else upstreams.start('end%d' % j, kind, port)
                u.scene_lock, u.seen_by_all = getattr(u, 'lock', None), seen
                self.values['end_%d_%d' % (i, j)] = u.port
                us.append(u)
            for u in us:
                u.scene_lock = getattr(us[0], 'lock', None) or u.scene_lock
            self.ends.append(us)

    def start(self, configuration):
        self.close_proxy()
        self.open_ends(configuration['scenes'])
        self.proxy = sut.Sut(self.name)
        self.labels = {str(p): '<%s>' % (k if not k.startswith('end_') or configuration['scenes'][int(k.split('_')[1])]['by_host'] else 'end') for k, p in self.values.items()}
        for p, label in list(self.labels.items()):
            if 'end' in label:
                self.labels[session(p, 'session')] = self.labels[session(p, 'cookie')] = '<session %s>' % label.strip('<>')
        text = yaml.safe_dump(bootstrap.fill_all(whole(configuration), dict(self.values, dir=self.proxy.dir)), sort_keys=False)
        try:
            self.proxy.start(text, self.values['admin'], args=['--service-node', 'node', '--service-cluster', 'here'])
        except RuntimeError as e:
            self.close_proxy()
            return str(e)
        return None

    def common(self, text):
        return super_common(self.labels, text)

    def step(self, number, scene, step, at):
        """What came of one step, in a form that can be compared."""
        ends = self.ends[number]
        for j, u in enumerate(ends):
            if 'health' in step:
                u.health = step['health'][j]
            if scene['by_host']:
                u.queue = list(step['answers'][j])
        if not scene['by_host']:
            queue = list(step['answers'])
            for u in ends:
                u.queue = queue
        seen = ends[0].seen_by_all
        seen.clear()
        if 'health' in step:
            time.sleep(0.6)
        time.sleep(step.get('pause', 0))
        headers = [[k, self.filled(v, number)] for k, v in step['headers']]
        requests = [dict(step, host='s%d.test' % number, headers=headers + [['x-n', '%d.%d.%d' % (number, at, k)]], timeout=4.0) for k in range(step.get('at_once', 1))]
        with concurrent.futures.ThreadPoolExecutor(len(requests)) as pool:
            running = []
            for q in requests:
                running.append(pool.submit(self.request, q))
                if len(requests) > 1:
                    time.sleep(0.03)
            answers = [r.result() for r in running]
        time.sleep(0.02)
        out = {'%s %d' % (k, i) if i else k: v for i, a in enumerate(answers) for k, v in a.items()}
        tries = collections.defaultdict(list)
        for s in seen:
            tries[str(upstreams.lookup(s['headers'], 'x-n'))].append(s)
        for name in tries:
            for s in tries[name][1:]:
                self.forget_time_left(s)
        out['seen'] = [self.arrived(s, scene) for name in sorted(tries) for s in tries[name]]
        return out

    def request(self, q):
        try:
            c = client.connect(q['protocol'], self.values['port'], 4.0)
        except OSError as e:
            return {'connect': str(e)}
        try:
            r = c.request(q)
        finally:
            c.close()
        return {'status': r.status, 'reason': r.reason, 'body': self.common(r.body), 'complete': r.complete, 'reset': r.reset > 0, 'headers': self.compared(r.headers), 'trailers': self.compared(r.trailers), 'slow': round(r.seconds / 0.4) if r.seconds > 0.6 else 0}

    def filled(self, value, number):
        """Addresses of ends, as they are or as sessions have them."""
        return re.sub(r'\$\{(end|session|cookie)_(\d)\}', lambda m: session(self.values['end_%d_%s' % (number, m.group(2))], m.group(1)), value)

    def arrived(self, s, scene):
        a = self.what_arrived(s)
        if not scene['by_host']:
            a['upstream'] = 'end'
        return a

    def admin(self, path):
        c = client.H1Connection(self.values['admin'])
        body = c.request({'path': path}).body
        c.close()
        return body

    def stats(self, number, scene):
        """Of one scene and of all; without connections where chance chooses among endpoints."""
        found = dict(l.split(': ', 1) for l in self.admin('/stats').splitlines() if ': ' in l)
        of_others = re.compile(r'cluster\.c(?!%d(m\d)?\.)\d+(m\d)?\.|vhost\.s(?!%d\.)' % (number, number))
        left_out = BY_CHANCE if chance(scene) else NOT_COMPARED
        return {k: int(v) for k, v in found.items() if STATS.fullmatch(k) and not of_others.match(k) and not left_out.fullmatch(k) and v.isdigit()}

    def hosts(self, number, scene):
        if chance(scene) and scene['about'] == 'outlier':
            return []
        lines = []
        for l in self.admin('/clusters').splitlines():
            m = PER_HOST.match(l)
            if m and re.fullmatch(r'c%d(m\d)?' % number, m.group(1)) and (m.group(3) in HOST_LINES or (not chance(scene) and m.group(3) in HOST_COUNTS)):
                lines.append(self.common(l))
        return sorted(lines)

    def log(self, number):
        with open(self.proxy.dir + '/access.log', errors='replace') as f:
            return sorted(self.common(l.rstrip('\n')) for l in f if 'n=%d.' % number in l)

    def close(self):
        self.close_proxy()
        self.open_ends([])


def session(port, kind):
    """What stands for an end in a stateful session, or just its port."""
    address = b'127.0.0.1:%d' % int(port)
    return str(port) if kind == 'end' else base64.b64encode(address if kind == 'session' else b'\x0a' + bytes([len(address)]) + address).decode()


def super_common(labels, text):
    for port, label in labels.items():
        text = text.replace(port, label)
    return re.sub(r'[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}', '<uuid>', text)


class Both:
    def __init__(self, left, right):
        self.left, self.right = Place(left), Place(right)
        self.pool = concurrent.futures.ThreadPoolExecutor(2)

    def both(self, what):
        return [f.result() for f in [self.pool.submit(what, p) for p in (self.left, self.right)]]

    def start(self, configuration):
        return self.both(lambda p: p.start(configuration))

    def play(self, number, scene):
        """The first difference of a scene: the number of the step and what differs, or None."""
        before = self.both(lambda p: p.stats(number, scene))
        for at, step in enumerate(scene['steps']):
            found = differences(*self.both(lambda p: p.step(number, scene, step, at)))
            found += self.counted(number, scene, before)
            if found:
                return at, found
        return None

    def counted(self, number, scene, before):
        end = time.monotonic() + 0.6
        while True:
            left, right = ({k: v - b.get(k, 0) for k, v in now.items()} for now, b in zip(self.both(lambda p: p.stats(number, scene)), before))
            found = [('statistic ' + k.replace('.c%d.' % number, '.c.'), left.get(k, 0), right.get(k, 0)) for k in sorted(left.keys() | right.keys()) if left.get(k, 0) != right.get(k, 0)]
            x, y = self.both(lambda p: p.hosts(number, scene))
            if x != y:
                found.append(('/clusters', only(x, y), only(y, x)))
            x, y = self.both(lambda p: p.log(number))
            if x != y:
                found.append(('access log', only(x, y), only(y, x)))
            if not found or time.monotonic() > end:
                return found
            time.sleep(0.05)

    def again(self, configuration, scene):
        """The same for one scene on a fresh start."""
        if any(self.start(dict(configuration, scenes=[scene]))):
            return None
        return self.play(0, scene)

    def close(self):
        self.left.close()
        self.right.close()


# --- making it smaller ---


def smaller(scene):
    for i in range(len(scene['steps']) - 1):
        yield dict(scene, steps=scene['steps'][:i] + scene['steps'][i + 1 :])
    if 'at_once' in scene['steps'][-1]:
        yield dict(scene, steps=scene['steps'][:-1] + [{k: v for k, v in scene['steps'][-1].items() if k != 'at_once'}])
    for path in removable({k: scene[k] for k in ('host', 'route', 'cluster')}):
        made = copy.deepcopy(scene)
        at = made
        for p in path[:-1]:
            at = at[p]
        del at[path[-1]]
        yield made
    last = scene['steps'][-1]
    for i in range(1, len(last['headers'])):
        yield dict(scene, steps=scene['steps'][:-1] + [dict(last, headers=last['headers'][:i] + last['headers'][i + 1 :])])
    if not scene['by_host'] and len(scene['ends']) > 1:
        yield dict(scene, ends=scene['ends'][:-1], cluster=dict(scene['cluster'], priorities=scene['cluster']['priorities'][:-1]))


def removable(x, path=()):
    later = []
    for k, v in list(x.items()) if isinstance(x, dict) else list(enumerate(x)):
        here = path + (k,)
        if path and k not in ('@type', 'name', 'typed_config', 'priorities', 'cluster', 'lb_policy') and 'priorities' not in path[-1:]:
            yield here
        if isinstance(v, (dict, list)):
            later.append((v, here))
    for v, here in later:
        yield from removable(v, here)


def shrink(both, configuration, scene, found, seconds):
    end = time.monotonic() + seconds
    kinds = {k for k, _, _ in found}
    progress = True
    while progress and time.monotonic() < end:
        progress = False
        for s in smaller(scene):
            if time.monotonic() > end:
                break
            try:
                seen = both.again(configuration, s)
            except (OSError, KeyError, IndexError):
                continue
            if seen and {k for k, _, _ in seen[1]} & kinds:
                scene, progress = dict(s, steps=s['steps'][: seen[0] + 1]), True
                break
    return scene


def short(x):
    x = str(x)
    return x if len(x) < 900 else x[:900] + '…'


def show(left, right, scene, found, configuration):
    for k, x, y in found:
        print('    %s\n      %-6s %s\n      %-6s %s' % (k, left, short(x), right, short(y)))
    print(re.sub('(?m)^', '    ', yaml.safe_dump({k: v for k, v in scene.items() if k != 'steps'}, sort_keys=False, width=160, default_flow_style=None)).rstrip())
    for s in scene['steps']:
        print('    step ' + re.sub(r'([xy])\1{50,}', r'\1…', json.dumps(s)))
    print('    manager ' + json.dumps(configuration['manager']), flush=True)


def plain(difference):
    """Without the number of the scene."""
    return re.sub(r"(\bn=|'c|cluster=c|end_)\d+", r'\1', str(difference))


def signature(found):
    kinds = {re.sub(r'\d+', '', k) for k, _, _ in found}
    words = re.findall(r'[a-z]+=\S+| [A-Z]{2,5} |upstream_\w+', ' '.join(str(only(x, y)) + str(only(y, x)) for k, x, y in found if k == 'access log'))
    return tuple(sorted(kinds))[:3] + tuple(sorted({w for w in words if not w.startswith('n=')}))[:6]


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--seed', type=int, default=1)
    ap.add_argument('--first', type=int, default=0, metavar='N')
    ap.add_argument('--configs', type=int, default=10)
    ap.add_argument('--scenes', type=int, default=6, help='in a configuration')
    ap.add_argument('--left', default='weir', choices=['weir', 'envoy'])
    ap.add_argument('--right', default='envoy', choices=['weir', 'envoy'])
    ap.add_argument('--shrink', type=float, default=30, metavar='SECONDS')
    ap.add_argument('--most', type=int, default=10, help='stop after so many differences')
    ap.add_argument('--plain', action='store_true', help='only what generate_scenes.py draws')
    ap.add_argument('--all', action='store_true', help='also show differences that look like one shown before')
    a = ap.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    both, start = Both(a.left, a.right), time.monotonic()
    scenes = shown = refused = once = 0
    known = set()
    try:
        for n in range(a.configs):
            seed = a.seed * 1000 + a.first + n
            configuration = (Scenes if a.plain else MoreScenes)(seed).configuration(a.scenes)
            answers = both.start(configuration)
            if any(answers):
                refused += 1
                if bool(answers[0]) != bool(answers[1]):
                    shown += 1
                    print('DIFFERENCE seed %d: only one takes the configuration\n  %s' % (seed, [short(x)[-400:] for x in answers]), flush=True)
                else:
                    print('seed %d: refused by both: %s' % (seed, short(answers[1])[-300:]), flush=True)
                continue
            found = []
            for i, scene in enumerate(configuration['scenes']):
                scenes += 1
                if seen := both.play(i, scene):
                    found.append((i, *seen))
            for i, at, what in found:
                scene = dict(configuration['scenes'][i], steps=configuration['scenes'][i]['steps'][: at + 1])
                seen = both.again(configuration, scene)
                if not seen or not {plain(d) for d in what} & {plain(d) for d in seen[1]}:
                    once += 1
                    print('seed %d, scene %d: seen once only: %s' % (seed, i, short(what)[:300]), flush=True)
                    continue
                if signature(seen[1]) in known and not a.all:
                    print('seed %d, scene %d (%s): like one before: %s' % (seed, i, scene['about'], signature(seen[1])), flush=True)
                    continue
                known.add(signature(seen[1]))
                shown += 1
                print('DIFFERENCE seed %d, scene %d, step %d (%s)' % (seed, i, at, ', '.join(sorted({k for k, _, _ in seen[1]}))), flush=True)
                small = shrink(both, configuration, dict(scene, steps=scene['steps'][: seen[0] + 1]), seen[1], a.shrink)
                last = both.again(configuration, small)
                show(a.left, a.right, small, (last or seen)[1], configuration)
            if shown >= a.most:
                break
    except KeyboardInterrupt:
        print('stopped')
    finally:
        both.close()
    print('%d scenes, %d configurations refused, %d differences (%d more seen once only), seed %d, %.0f s' % (scenes, refused, shown, once, a.seed, time.monotonic() - start))
    return 1 if shown else 0


if __name__ == '__main__':
    sys.exit(main())
