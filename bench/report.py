"""Tables out of results.jsonl: the long ones with every figure, and the short one of ratios."""

import json, statistics
from scenarios import SCENARIOS

BASE = 'haproxy'  # ratios are to this one
COLUMNS = [
    'subject', 'n', 'CPU µs/request, median (min–max)', '× haproxy (paired by round)', 'req/s', 'req per CPU-s',
    'proxy CPU %', 'of it kernel %', 'CPU 0 %', 'p50 µs', 'p99 µs', 'p99.9 µs', 'errors',
]  # fmt: skip


def load_rows(path):
    with open(path) as f:
        rows = [json.loads(line) for line in f]
    return rows, list(dict.fromkeys(r['scenario'] for r in rows if 'rps' in r and 'round' in r))


def clean(r):
    """Neither disturbed by another process nor measured in a slow phase of the host."""
    return not r.get('slow') and not r.get('noisy')


def ratio(rows, name):
    """Median over rounds of this proxy's CPU per request over the base's in the same round, or None."""
    rows = [r for r in rows if 'na' not in r and clean(r)]
    base = {r['round']: r['proxy_us'] for r in rows if r['proxy'] == BASE}
    v = [r['proxy_us'] / base[r['round']] for r in rows if r['proxy'] == name and base.get(r['round'])]
    return statistics.median(v) if v and name != 'direct' else None


def spread(v, digits=1):
    d = digits
    return '%.*f (%.*f–%.*f)' % (d, statistics.median(v), d, min(v), d, max(v)) if v else '-'


def line(name, mine, rows):
    na = [r['na'] for r in mine if 'na' in r]
    mine = [r for r in mine if 'na' not in r]
    mine = [r for r in mine if clean(r)] or mine
    if not mine:
        return '| %s | 0 | n/a: %s |' % (name, na[0].replace('\n', ' ')[:80]) + ' |' * 10
    col = lambda k: [r[k] for r in mine if r.get(k) is not None]
    mid = lambda k: statistics.median(col(k))
    x = ratio(rows, name)
    if name == 'direct':
        cost = '(load %.1f + backend %.1f)' % (mid('load_us'), mid('backend_us'))
        per_second = util = kernel = '-'
    else:
        cost = spread(col('proxy_us'), 2)
        per_second = '%.0f' % (1e6 / mid('proxy_us')) if mid('proxy_us') else '-'
        util, kernel = '%.0f' % (100 * mid('proxy_util')), '%.0f' % (100 * mid('proxy_sys'))
    errors = sum(r.get('errors', 0) + r.get('non2xx', 0) for r in mine)
    cells = [name, len(mine), cost, '-' if x is None else '%.2f' % x, spread(col('rps'), 0), per_second, util, kernel]
    cells += ['%.0f' % (100 * mid('cpu0'))] + [spread(col(k), 0) for k in ('p50_us', 'p99_us', 'p999_us')] + [errors]
    return '| ' + ' | '.join(map(str, cells)) + ' |'


def table(path):
    rows, scenarios = load_rows(path)
    out = []
    for sc in scenarios:
        rs = [r for r in rows if r['scenario'] == sc]
        out += ['', '### %s: %s' % (sc, SCENARIOS[sc].text if sc in SCENARIOS else ''), '']
        out += ['| ' + ' | '.join(COLUMNS) + ' |', '|' + '---|' * len(COLUMNS)]
        out += [line(name, [r for r in rs if r['proxy'] == name], rs) for name in dict.fromkeys(r['proxy'] for r in rs)]
    return '\n'.join(out)


def ratios(path):
    """One line a scenario, one column a proxy, HAProxy = 1 (the table of the project's README); then memory and system calls."""
    rows, scenarios = load_rows(path)
    by_scenario = {sc: [r for r in rows if r['scenario'] == sc] for sc in scenarios}
    names = [n for n in dict.fromkeys(r['proxy'] for r in rows) if n not in ('direct', BASE)]
    names = [n for n in names if any(ratio(rs, n) is not None for rs in by_scenario.values())]
    out = [] if not scenarios else ['| scenario | %s µs | ' % BASE + ' | '.join(names) + ' |', '|---|' + '---|' * (1 + len(names))]
    for sc in scenarios:
        rs = [r for r in by_scenario[sc] if 'na' not in r]
        base = [r['proxy_us'] for r in rs if r['proxy'] == BASE and clean(r)]
        cells = ['%.2f' % x if (x := ratio(rs, n)) is not None else '–' for n in names]
        out += ['| %s | %s | ' % (sc, '%.1f' % statistics.median(base) if base else '–') + ' | '.join(cells) + ' |']
    return '\n'.join(out + memory(rows) + syscalls(rows))


def memory(rows):
    """Medians of `run.py memory`, one column a proxy."""
    rows = [r for r in rows if r['scenario'] == 'memory']
    names = list(dict.fromkeys(r['proxy'] for r in rows))
    if not names:
        return []
    lines = (
        ('RSS at rest, MiB', 'idle_plain_kb', 1 / 1024, 1),
        ('an idle plain connection, KiB', 'kb_per_conn_plain', 1, 2),
        ('an idle TLS connection, KiB', 'kb_per_conn_tls', 1, 1),
        ('RSS with 10,000 hosts to one cluster, MiB', 'rss_host_one_kb', 1 / 1024, 0),
        ('RSS with 10,000 prefixes, MiB', 'rss_prefix_one_kb', 1 / 1024, 0),
        ('RSS with 10,000 hosts and 10,000 clusters, MiB', 'rss_host_many_kb', 1 / 1024, 0),
        ('start with these, s', 'start_host_many_ms', 1 / 1000, 2),
    )
    out = ['', '| memory | ' + ' | '.join(names) + ' |', '|---|' + '---|' * len(names)]
    for text, key, factor, digits in lines:
        cells = []
        for n in names:
            v = [r[key] * factor for r in rows if r['proxy'] == n and key in r]
            cells.append('%.*f' % (digits, statistics.median(v)) if v else '–')
        out.append('| %s | ' % text + ' | '.join(cells) + ' |')
    return out


def syscalls(rows):
    """System calls a request, all of them and the commonest."""
    rows = [r for r in rows if r['scenario'].startswith('syscalls_')]
    if not rows:
        return []
    out = ['', '| system calls a request | all | of these |', '|---|---|---|']
    for r in rows:
        calls = dict(r['per_request'])
        total = calls.pop('ALL', sum(calls.values()))
        most = sorted(calls.items(), key=lambda c: -c[1])[:5]
        out.append('| %s (%s) | %.2f | %s |' % (r['proxy'], r['scenario'][9:], total, ', '.join('%s %.2f' % c for c in most)))
    return out
