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
    """One line a scenario, one column a proxy, HAProxy = 1: the table of the project's README."""
    rows, scenarios = load_rows(path)
    by_scenario = {sc: [r for r in rows if r['scenario'] == sc] for sc in scenarios}
    names = [n for n in dict.fromkeys(r['proxy'] for r in rows) if n not in ('direct', BASE)]
    names = [n for n in names if any(ratio(rs, n) is not None for rs in by_scenario.values())]
    out = ['| scenario | %s µs | ' % BASE + ' | '.join(names) + ' |', '|---|' + '---|' * (1 + len(names))]
    for sc in scenarios:
        rs = [r for r in by_scenario[sc] if 'na' not in r]
        base = [r['proxy_us'] for r in rs if r['proxy'] == BASE and clean(r)]
        cells = ['%.2f' % x if (x := ratio(rs, n)) is not None else '–' for n in names]
        out += ['| %s | %s | ' % (sc, '%.1f' % statistics.median(base) if base else '–') + ' | '.join(cells) + ' |']
    return '\n'.join(out)
