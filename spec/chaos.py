#!/usr/bin/python3
"""What clients notice while back ends fail: real ones (nginx, HAProxy, a small one of our own) die, hang, reset, answer 503, flap
and come back under load; the share of good answers is printed for each way to fail, beside a real Envoy with the same configuration.

    spec/chaos.py                              # about a minute a system; not part of `make spec`
    spec/chaos.py --requests 2000 --only weir
    ENVOY=/path/to/envoy spec/chaos.py

The cluster has ten endpoints, retries, outlier detection and active health checks. Three endpoints at a time fail."""

import argparse, collections, concurrent.futures, json, os, signal, socket, subprocess, sys, tempfile, threading, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import sut

FAILING = 3
LEAST_GOOD = 0.9999


class Own:
    """An HTTP/1 server of ours that can be told to hang, to reset or to answer 503."""

    def __init__(self):
        self.port, self.mode, self.listener = sut.free_port(), 'well', None
        self.start()

    def start(self):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(('127.0.0.1', self.port))
        self.listener.listen(1024)
        self.open = set()
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def accept(self, listener):
        while True:
            try:
                s, _ = listener.accept()
            except OSError:
                return
            self.open.add(s)
            threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    def serve(self, s):
        try:
            buffer = b''
            while True:
                while b'\r\n\r\n' not in buffer:
                    d = s.recv(65536)
                    if not d:
                        return
                    buffer += d
                buffer = buffer.split(b'\r\n\r\n', 1)[1]
                if self.mode == 'hang':
                    time.sleep(30)
                    return
                if self.mode == 'reset':
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
                    return
                status = b'503 Broken' if self.mode == '503' else b'200 OK'
                s.sendall(b'HTTP/1.1 ' + status + b'\r\ncontent-length: 2\r\n\r\nok')
        except OSError:
            pass
        finally:
            self.open.discard(s)
            s.close()

    def fail(self, how):
        if how in ('die', 'flap'):
            # Whoever waits in accept() would go on holding the port.
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            for s in list(self.open):
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        else:
            self.mode = how

    def recover(self):
        if self.listener.fileno() < 0:
            self.start()
        self.mode = 'well'

    stop = lambda self: self.fail('die') if self.listener.fileno() >= 0 else None


class Program:
    """nginx or HAProxy: it can be killed, and stopped so that it hangs."""

    def __init__(self, folder, kind):
        self.port, self.kind = sut.free_port(), kind
        self.file = os.path.join(folder, '%s%d.conf' % (kind, self.port))
        if kind == 'nginx':
            text = 'daemon off; master_process off; pid %s.pid; error_log /dev/null; events {} http { access_log off; server { listen 127.0.0.1:%d; location / { return 200 ok; } } }\n' % (self.file, self.port)
        else:
            text = 'defaults\n mode http\n timeout client 60s\nfrontend f\n bind 127.0.0.1:%d\n http-request return status 200 content-type text/plain string ok\n' % self.port
        with open(self.file, 'w') as f:
            f.write(text)
        self.start()

    def start(self):
        command = ['nginx', '-c', self.file] if self.kind == 'nginx' else ['haproxy', '-f', self.file]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def fail(self, how):
        if how == 'hang':
            self.process.send_signal(signal.SIGSTOP)
        else:
            self.process.kill()
            self.process.wait()

    def recover(self):
        if self.process.poll() is not None:
            self.start()
        else:
            self.process.send_signal(signal.SIGCONT)

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def config(port, admin, ends):
    retries = {'retry_on': '5xx,reset,connect-failure', 'num_retries': 3, 'per_try_timeout': '0.5s', 'host_selection_retry_max_attempts': 5,
               'retry_host_predicate': [{'name': 'envoy.retry_host_predicates.previous_hosts', 'typed_config': {'@type': 'type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate'}}]}  # fmt: skip
    manager = {'@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', 'stat_prefix': 'chaos',
               'http_filters': [{'name': 'envoy.filters.http.router', 'typed_config': {'@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router'}}],
               'route_config': {'virtual_hosts': [{'name': 'all', 'domains': ['*'], 'routes': [{'match': {'prefix': '/'}, 'route': {'cluster': 'ends', 'timeout': '5s', 'retry_policy': retries}}]}]}}  # fmt: skip
    at = lambda p: {'address': {'socket_address': {'address': '127.0.0.1', 'port_value': p}}}
    cluster = {'name': 'ends', 'connect_timeout': '0.5s', 'circuit_breakers': {'thresholds': [{'max_retries': 1000}]},
               'outlier_detection': {'consecutive_5xx': 3, 'interval': '1s', 'base_ejection_time': '1s', 'max_ejection_percent': 50},
               'health_checks': [{'timeout': '0.5s', 'interval': '0.5s', 'no_traffic_interval': '0.5s', 'unhealthy_threshold': 2, 'healthy_threshold': 1, 'http_health_check': {'path': '/'}}],
               'load_assignment': {'cluster_name': 'ends', 'endpoints': [{'lb_endpoints': [{'endpoint': at(e.port)} for e in ends]}]}}  # fmt: skip
    return {'admin': at(admin), 'static_resources': {'clusters': [cluster], 'listeners': [dict(at(port), name='main', filter_chains=[{'filters': [{'name': 'http', 'typed_config': manager}]}])]}}  # fmt: skip


def load(port, requests, clients=8):
    """Asks over connections that stay open; returns how often each outcome was seen."""

    def client(count):
        seen, s, f = collections.Counter(), None, None
        for _ in range(count):
            try:
                if s is None:
                    s = socket.create_connection(('127.0.0.1', port), 10)
                    f = s.makefile('rb')
                s.sendall(b'GET / HTTP/1.1\r\nhost: chaos\r\n\r\n')
                status, length = f.readline().split(b' ')[1].decode(), 0
                while (line := f.readline()) not in (b'\r\n', b''):
                    if line.lower().startswith(b'content-length:'):
                        length = int(line.split(b':')[1])
                f.read(length)
                seen[status] += 1
            except (OSError, IndexError) as e:
                seen[type(e).__name__] += 1
                s = None
        return seen

    total = collections.Counter()
    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        for seen in pool.map(client, [requests // clients] * clients):
            total += seen
    return total


def flap(ends, stop):
    while not stop.wait(0.4):
        for e in ends:
            e.fail('flap')
        stop.wait(0.4)
        for e in ends:
            e.recover()


def run(name, requests, folder):
    ends = [Program(folder, 'nginx') for _ in range(3)] + [Program(folder, 'haproxy') for _ in range(3)] + [Own() for _ in range(4)]
    port, admin = sut.free_port(), sut.free_port()
    system = sut.Sut(name)
    rates = {}
    try:
        system.start(json.dumps(config(port, admin, ends)), admin, config_name="chaos.json")
        time.sleep(2)
        for how, victims in (('nothing', []), ('die', [0, 3, 6]), ('hang', [1, 4, 7]), ('reset', [6, 7, 8]), ('503', [7, 8, 9]), ('flap', [2, 5, 8])):  # fmt: skip
            victims, stop = [ends[i] for i in victims], threading.Event()
            if how == 'flap':
                flapping = threading.Thread(target=flap, args=(victims, stop))
                flapping.start()
            else:
                for v in victims:
                    v.fail(how)
            seen = load(port, requests)
            stop.set()
            if how == 'flap':
                flapping.join()
            for v in victims:
                v.recover()
            rates[how] = seen['200'] / max(1, sum(seen.values()))
            print('%-6s %-8s %8.4f %%  %s' % (name, how, 100 * rates[how], dict(seen)), flush=True)
            time.sleep(3)
    finally:
        system.stop()
        for e in ends:
            e.stop()
    return rates


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--requests', type=int, default=6000, help='for each way to fail')
    parser.add_argument('--only', help='weir or envoy')
    options = parser.parse_args()
    names = [options.only] if options.only else ['weir'] + (['envoy'] if sut.find_envoy() else [])
    with tempfile.TemporaryDirectory() as folder:
        rates = {name: run(name, options.requests, folder) for name in names}
    bad = [how for how, rate in rates.get('weir', {}).items() if rate < min(LEAST_GOOD, rates.get('envoy', rates['weir'])[how])]
    if bad:
        sys.exit('weir loses more than it may when back ends: ' + ', '.join(bad))


if __name__ == '__main__':
    main()
