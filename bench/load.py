"""Load generators: the command line for a scenario, and what their output says."""

import json, re
from peers import BIN, DIR


def loadcmd(load, m, port, dur, fill):
    tls = m.down == 'tls'
    w = load.format(**fill).split()
    url = ('https' if tls else 'http') + '://127.0.0.1:%d' % port
    if w[0] == 'lg':
        return [BIN + '/lg', '-p', str(port), '-d', str(dur)] + w[1:]
    if w[0] == 'hs':
        return [BIN + '/hs', '-p', str(port), '-d', str(dur)]
    if w[0] == 'wrk':
        return ['wrk', '-t', '1', '--latency', '-d', '%ds' % max(1, round(dur))] + w[1:3] + [url + w[3]]
    if w[0] == 'h2load':
        return (
            ['h2load', '-t', '1', '-D', str(max(1, round(dur)))]
            + w[1:5]
            + (
                ['-d', DIR + '/body100', '-H', 'content-type: application/grpc', '-H', 'te: trailers']
                if 'POST' in w
                else []
            )
            + [url + w[5]]
        )
    raise ValueError(load)


def us(s):
    n, u = re.match(r'([\d.]+)(\w+)', s).groups()
    return float(n) * {'us': 1, 'ms': 1e3, 's': 1e6}[u]


def parse(cmd, out):
    if cmd[0].endswith('/lg') or cmd[0].endswith('/hs'):
        return json.loads(out.strip().splitlines()[-1])
    if cmd[0] == 'wrk':
        r = {
            'requests': int(re.search(r'(\d+) requests in', out).group(1)),
            'seconds': us(re.search(r'requests in ([\d.]+\w+)', out).group(1)) / 1e6,
            'errors': 0,
        }
        for k, f in (('50%', 'p50_us'), ('90%', 'p90_us'), ('99%', 'p99_us')):
            r[f] = us(re.search(r'%s\s+([\d.]+\w+)' % k, out).group(1))
        e = re.search(r'Non-2xx or 3xx responses: (\d+)', out)
        r['non2xx'] = int(e.group(1)) if e else 0
        e = re.search(r'Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)', out)
        r['errors'] = sum(map(int, e.groups())) if e else 0
        return r
    r = re.search(
        r'requests: (\d+) total, (\d+) started, (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored', out
    )
    c = re.search(r'status codes: (\d+) 2xx', out)
    d = re.search(r'finished in ([\d.]+\w+)', out)
    t = re.search(r'time for request:\s+(\S+)\s+(\S+)\s+(\S+)', out)
    tls = re.search(r'TLS Protocol: (.*)\nCipher: (.*)\n', out)
    return {
        'requests': int(r.group(4)),
        'errors': int(r.group(5)),
        'non2xx': max(0, int(r.group(4)) - int(c.group(1))),
        'seconds': us(d.group(1)) / 1e6,
        'mean_us': us(t.group(3)),
        'tls': ' '.join(tls.groups()) if tls else '',
    }
