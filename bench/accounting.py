"""Processes under measurement: start and stop them, and read what they cost from /proc."""

import os, re, signal, socket, ssl, subprocess, time
from peers import DIR, PLAIN, TLS, host, prefix

TICK = os.sysconf('SC_CLK_TCK')


def tree(pid):
    kids = {}
    for p in os.listdir('/proc'):
        if p.isdigit():
            try:
                s = open('/proc/%s/stat' % p).read()
            except OSError:
                continue
            kids.setdefault(int(s[s.rindex(')') + 2 :].split()[1]), []).append(int(p))
    out, todo = [], [pid]
    while todo:
        q = todo.pop()
        out.append(q)
        todo += kids.get(q, [])
    return out


def cpu(pids):
    """ns on CPU by thread (exact, from schedstat), and user/sys ticks by process (sampled split)."""
    t, u, s = {}, 0, 0
    for p in pids:
        try:
            for k in os.listdir('/proc/%d/task' % p):
                t[k] = int(open('/proc/%d/task/%s/schedstat' % (p, k)).read().split()[0])
            f = open('/proc/%d/stat' % p).read()
            f = f[f.rindex(')') + 2 :].split()
            u += int(f[11])
            s += int(f[12])
        except OSError:
            pass
    return t, u, s


def cpudiff(a, b):
    if set(a[0]) <= set(b[0]):
        ns = sum(v - a[0].get(k, 0) for k, v in b[0].items())
    else:
        ns = (b[1] + b[2] - a[1] - a[2]) * 1e9 / TICK
    du, ds = b[1] - a[1], b[2] - a[2]
    return ns / 1e9, ds / (du + ds) if du + ds else 0


def sysstat():
    r = {}
    for l in open('/proc/stat'):
        if re.match(r'cpu[01] ', l):
            v = list(map(int, l.split()[1:]))
            r[l[3]] = (sum(v[:3]) + v[5] + v[6], v[7])
    return r


def rss(pids):
    r = p = 0
    for q in pids:
        try:
            for l in open('/proc/%d/smaps_rollup' % q):
                if l.startswith('Rss:'):
                    r += int(l.split()[1])
                if l.startswith('Pss:'):
                    p += int(l.split()[1])
        except OSError:
            pass
    return r, p


def spawn(cmd, cpus, out=None, **kw):
    o = open(out, 'wb') if out else subprocess.DEVNULL
    return subprocess.Popen(
        ['taskset', '-c', cpus] + cmd,
        stdout=o,
        stderr=subprocess.STDOUT if out else subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        **kw
    )


def stop(p):
    if p is None:
        return
    pids = tree(p.pid)
    p.send_signal(signal.SIGTERM)
    try:
        p.wait(3)
    except subprocess.TimeoutExpired:
        p.kill()
        p.wait()
    for q in pids[1:]:
        for _ in range(30):
            try:
                os.kill(q, 0)
            except OSError:
                break
            time.sleep(0.05)
        else:
            try:
                os.kill(q, signal.SIGKILL)
            except OSError:
                pass


def get(port, tls=False, path='/1k', hst='bench.local', timeout=1.0):
    s = socket.create_connection(('127.0.0.1', port), timeout)
    if tls:
        c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        c.check_hostname = False
        c.verify_mode = ssl.CERT_NONE
        c.set_alpn_protocols(['http/1.1'])
        s = c.wrap_socket(s, server_hostname='bench.local')
    s.sendall(('GET %s HTTP/1.1\r\nHost: %s\r\n\r\n' % (path, hst)).encode())
    b = b''
    while True:
        d = s.recv(65536)
        if not d:
            break
        b += d
        h = b.find(b'\r\n\r\n')
        if h >= 0:
            n = re.search(rb'(?i)content-length: *(\d+)', b[:h])
            if n and len(b) - h - 4 >= int(n.group(1)):
                break
            if not n and b.endswith(b'0\r\n\r\n'):
                break
    return b, s


def listening(port):
    h = ':%04X' % port
    return any(
        f[1].endswith(h) and f[3] == '0A' for n in ('tcp', 'tcp6') for f in (l.split() for l in open('/proc/net/' + n))
    )


def ready(m, p, limit=60.0):
    t0 = time.monotonic()
    last = ''
    while time.monotonic() - t0 < limit:
        if p.poll() is not None:
            return None, 'exited with %s' % p.returncode
        try:
            if m.down == 'h2c':
                socket.create_connection(('127.0.0.1', PLAIN), 0.5).close()
                o = subprocess.run(
                    ['h2load', '-n', '1', '-c', '1', '-m', '1']
                    + (
                        ['-d', DIR + '/body100', '-H', 'content-type: application/grpc', '-H', 'te: trailers']
                        if m.up == 'h2c'
                        else []
                    )
                    + ['http://127.0.0.1:%d/1k' % PLAIN],
                    capture_output=True,
                    text=True,
                    timeout=5,
                ).stdout
                if ' 1 2xx' in o:
                    return time.monotonic() - t0, ''
                last = o[-300:]
            else:
                hst = host(m.routes[1] - 1) if m.routes and m.routes[0] == 'host' else 'bench.local'
                pth = prefix(m.routes[1] - 1) + 'x' if m.routes and m.routes[0] == 'prefix' else '/1k'
                b, s = get(TLS if m.down == 'tls' else PLAIN, m.down == 'tls', pth, hst)
                s.close()
                if b[9:12] == b'200':
                    return time.monotonic() - t0, ''
                last = b[:100]
                time.sleep(0.02)
        except (OSError, subprocess.TimeoutExpired) as e:
            last = e
        time.sleep(0.002)
    return None, 'not ready: %s' % (last,)
