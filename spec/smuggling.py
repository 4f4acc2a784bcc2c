#!/usr/bin/python3
"""Throws byte strings that two parsers could read differently at Weir in front of real servers, and proves that each of them saw exactly
the requests that Weir believes to have forwarded.

    spec/smuggling.py --seed 1 --strings 2000          # part of `make spec`, with fewer
    spec/smuggling.py --backends nginx,node

The servers are nginx, HAProxy, Node, Go and Python's own; those that are not installed are left out and named."""

import argparse, collections, os, re, shutil, socket, subprocess, sys, tempfile, threading, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import h2.config, h2.connection
import yaml
import bootstrap, sut
from ambiguous import Ambiguous

REQUEST = re.compile(r'^([^ ]+) (/.*)$')
NGINX = '''daemon off; master_process off; pid %(dir)s/pid; error_log /dev/null;
events { worker_connections 256; }
http { log_format line '$request_method $request_uri'; access_log %(dir)s/seen line; client_body_temp_path %(dir)s; proxy_temp_path %(dir)s;
fastcgi_temp_path %(dir)s; uwsgi_temp_path %(dir)s; scgi_temp_path %(dir)s; merge_slashes off;
server { listen 127.0.0.1:%(port)d; underscores_in_headers on; location / { client_max_body_size 1m; return 200 ok; } } }'''
HAPROXY = '''global
  log stdout format raw local0
defaults
  mode http
  timeout client 5s
  timeout http-request 5s
frontend f
  bind 127.0.0.1:%(port)d
  log global
  log-format "%%HM %%HU"
  http-request wait-for-body time 1s
  http-request return status 200 content-type text/plain string ok
'''


class Backend:
    """One real server, and what it says it has seen."""

    def __init__(self, name):
        self.name, self.port, self.dir = name, sut.free_port(), tempfile.mkdtemp(prefix='weir-spec-')
        self.seen_path = self.dir + '/seen'
        values = {'dir': self.dir, 'port': self.port}
        command = {
            'python': [sys.executable, HERE + '/backends/backend.py', str(self.port)], 'node': ['node', HERE + '/backends/backend.js', str(self.port)],
            'go': [self.dir + '/backend', str(self.port)], 'nginx': ['/usr/sbin/nginx', '-e', '/dev/null', '-p', self.dir, '-c', self.dir + '/conf'], 'haproxy': ['/usr/sbin/haproxy', '-db', '-f', self.dir + '/conf'],
        }[name]  # fmt: skip
        if name in ('nginx', 'haproxy'):
            with open(self.dir + '/conf', 'w') as f:
                f.write((NGINX if name == 'nginx' else HAPROXY) % values)
        if name == 'go':
            environment = dict(os.environ, GOCACHE=self.dir + '/cache', GO111MODULE='off')
            subprocess.run(['go', 'build', '-o', command[0], HERE + '/backends/backend.go'], check=True, env=environment)
        out = subprocess.DEVNULL if name == 'nginx' else open(self.seen_path, 'w')
        self.process = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL)
        for _ in range(500):
            try:
                socket.create_connection(('127.0.0.1', self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError(name + ' did not start')

    def stop(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


def available(name):
    return os.path.exists('/usr/sbin/' + name) if name in ('nginx', 'haproxy') else name == 'python' or shutil.which(name)


def same_spelling(text):
    """Servers write down bytes outside ASCII each in its own way."""
    return re.sub(r'\\x[0-9A-Fa-f]{2}|[^ -~]', '', text)


def requests_in(path):
    """What a log holds, by the number that all paths of one string begin with."""
    found = collections.defaultdict(list)
    with open(path, errors='replace') as f:
        for line in f:
            if m := REQUEST.match(line.rstrip('\n')):
                number = re.match(r'/(\d+)/', m.group(2))
                found[int(number.group(1)) if number else -1].append(same_spelling('%s %s' % m.groups()))
    return found


def listener(name, port):
    line = '%REQ(:METHOD)% %REQ(:PATH)%\t%UPSTREAM_HOST%\t%RESPONSE_CODE%\t%RESPONSE_FLAGS%\n'
    log = {'@type': bootstrap.FILE_LOG, 'path': '${dir}/%s.log' % name, 'log_format': {'text_format_source': {'inline_string': line}}}
    manager = {
        'routes': [{'match': {'prefix': '/'}, 'route': {'cluster': name, 'timeout': '1s'}}], 'stream_idle_timeout': '1s', 'request_timeout': '1s', 'stat_prefix': name,
        'http_protocol_options': {'accept_http_10': True, 'enable_trailers': True}, 'http2_protocol_options': {'override_stream_error_on_invalid_http_message': True},
        'access_log': [{'name': 'log', 'typed_config': log}],
    }  # fmt: skip
    return {'name': name, 'address': bootstrap.address(port), 'filter_chains': [{'filters': [bootstrap.hcm(manager)]}]}


def send_raw(port, data):
    with socket.create_connection(('127.0.0.1', port), 2) as s:
        s.settimeout(0.25)
        try:
            s.sendall(data.encode('latin-1'))
            while s.recv(65536):
                pass
        except OSError:
            pass


def send_http2(port, fields, body):
    c = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding='latin-1', validate_outbound_headers=False, normalize_outbound_headers=False, validate_inbound_headers=False))  # fmt: skip
    c.initiate_connection()
    c.send_headers(1, fields, end_stream=body is None)
    if body is not None:
        c.send_data(1, body.encode('latin-1'), end_stream=True)
    with socket.create_connection(('127.0.0.1', port), 2) as s:
        s.settimeout(0.25)
        try:
            s.sendall(c.data_to_send())
            while s.recv(65536):
                pass
        except OSError:
            pass


def forwarded(path):
    """What Weir forwarded, and how many requests it began to forward that may have been cut off."""
    whole, begun = collections.defaultdict(list), collections.defaultdict(list)
    with open(path, errors='replace') as f:
        for line in f:
            fields = line.rstrip('\n').split('\t')
            if len(fields) < 4 or fields[1] == '-' or not (m := REQUEST.match(fields[0])):
                continue
            number = re.match(r'/(\d+)/', m.group(2))
            (whole if fields[2] == '200' and fields[3] == '-' else begun)[int(number.group(1)) if number else -1].append(same_spelling(fields[0]))
    return whole, begun


def judge(backend, proxy, strings):
    """Sentences about what one side saw and the other did not."""
    whole, begun = forwarded('%s/%s.log' % (proxy.dir, backend.name))
    seen = requests_in(backend.seen_path)
    problems = []
    for n in sorted(set(whole) | set(seen)):
        missing = collections.Counter(whole[n]) - collections.Counter(seen[n])
        extra = collections.Counter(seen[n]) - collections.Counter(whole[n]) - collections.Counter(begun[n])
        if missing or extra:
            problems.append('%s saw %s, Weir forwarded %s (cut: %s) of %r' % (backend.name, seen[n], whole[n], begun[n], strings.get(n)))
    return problems, sum(len(v) for v in whole.values())


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--seed', type=int, default=1)
    ap.add_argument('--strings', type=int, default=400, help='how many, each to every server')
    ap.add_argument('--backends', default='nginx,haproxy,node,go,python')
    ap.add_argument('--sut', default='weir', choices=['weir', 'envoy'])
    a = ap.parse_args()
    wanted = a.backends.split(',')
    backends = [Backend(n) for n in wanted if available(n)]
    proxy = sut.Sut(a.sut)
    ports, strings, problems, total = {}, {}, [], 0
    try:
        ports = {b.name: sut.free_port() for b in backends}
        values = {'admin': sut.free_port(), 'dir': proxy.dir}
        clusters = [bootstrap.cluster(b.name, 'h1', b.port) for b in backends]
        config = bootstrap.expand(None, {}, [listener(n, p) for n, p in ports.items()], clusters)
        proxy.start(yaml.safe_dump(bootstrap.fill_all(config, values)), values['admin'])
        g = Ambiguous(a.seed)
        for n in range(a.strings):
            if g.maybe(0.75):
                strings[n] = g.http1(n)
                send, what = send_raw, (strings[n],)
            else:
                strings[n] = what = g.http2(n)
                send = send_http2
            threads = [threading.Thread(target=send, args=(p,) + tuple(what)) for p in ports.values()]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            if proxy.process.poll() is not None:
                problems.append('the proxy ended after string %d: %s' % (n, proxy.said()[-600:]))
                break
        time.sleep(1.5)
        for b in backends:
            found, count = judge(b, proxy, strings)
            problems += found
            total += count
    finally:
        proxy.stop()
        for b in backends:
            b.stop()
    for p in problems[:20]:
        print(p)
    left_out = [n for n in wanted if not available(n)]
    print(
        '%d ambiguous strings to %s, seed %d: %d requests forwarded, %s%s'
        % (len(strings), ', '.join(b.name for b in backends), a.seed, total, '%d problems' % len(problems) if problems else 'every one seen as meant', '; not installed: ' + ', '.join(left_out) if left_out else '')
    )
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
