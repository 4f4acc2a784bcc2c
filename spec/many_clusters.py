#!/usr/bin/python3
"""Ten thousand clusters: what one costs in memory before and after it was used, and what a scrape of all their statistics costs
the scraper and the traffic. Not part of `make spec`.

    spec/many_clusters.py [--clusters 10000]"""

import argparse, http.client, os, socket, subprocess, threading, time

import sut


def config(ports, clusters):
    one = (
        '  - {{name: service-{0}, connect_timeout: 1s, load_assignment: {{cluster_name: s, endpoints: [{{lb_endpoints: '
        '[{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {1}}}}}}}}}]}}]}}}}\n'
    )
    return (
        """
admin: {address: {socket_address: {address: 127.0.0.1, port_value: %(admin)d}}}
static_resources:
  listeners:
  - name: front
    address: {socket_address: {address: 127.0.0.1, port_value: %(port)d}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: front
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - {match: {prefix: /direct}, direct_response: {status: 200}}
              - {match: {prefix: /}, route: {cluster_header: x-cluster}}
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
  clusters:
"""
        % ports
        + ''.join(one.format(i, ports['back']) for i in range(clusters))
    )


def serve(port):
    """Answers every request and closes, so that no connection counts as memory of its cluster."""
    back = socket.create_server(('127.0.0.1', port), backlog=512)

    def run():
        while True:
            connection, _ = back.accept()
            connection.recv(65536)
            connection.sendall(b'HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok')
            connection.close()

    threading.Thread(target=run, daemon=True).start()


def memory(proxy):
    """Bytes of its own that the process holds."""
    with open('/proc/%d/smaps_rollup' % proxy.process.pid) as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith('Private_Dirty'))


def use_all(port, clusters):
    connection = http.client.HTTPConnection('127.0.0.1', port)
    for i in range(clusters):
        connection.request('GET', '/', headers={'x-cluster': 'service-%d' % i})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status


def scrape(admin, path):
    began = time.monotonic()
    connection = http.client.HTTPConnection('127.0.0.1', admin, timeout=60)
    connection.request('GET', path)
    size = len(connection.getresponse().read())
    return time.monotonic() - began, size


class Pulse(threading.Thread):
    """Asks for something small all the time and keeps how long the answers took."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.over, self.took = port, False, []

    def run(self):
        connection = http.client.HTTPConnection('127.0.0.1', self.port)
        while not self.over:
            began = time.monotonic()
            connection.request('GET', '/direct')
            connection.getresponse().read()
            self.took.append(time.monotonic() - began)
            time.sleep(0.001)


def answers(port, during):
    """What `during` returns, and the times that answers took meanwhile, the slowest last."""
    pulse = Pulse(port)
    pulse.start()
    time.sleep(0.2)
    pulse.took.clear()
    result = during()
    pulse.over = True
    pulse.join()
    return result, sorted(pulse.took)


def scrape_often(admin, every, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        subprocess.run(['curl', '-s', '-o', '/dev/null', 'http://127.0.0.1:%d/stats/prometheus' % admin], check=True)
        time.sleep(every)


def start(clusters, ports):
    proxy = sut.Sut(os.environ.get('SUT', 'weir'))
    proxy.start(config(ports, clusters), ports['admin'])
    time.sleep(1)
    return proxy


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    arguments.add_argument('--clusters', type=int, default=10000)
    clusters = arguments.parse_args().clusters
    ports = {name: sut.free_port() for name in ('admin', 'port', 'back')}
    serve(ports['back'])
    proxy = start(1, ports)
    base = memory(proxy)
    proxy.stop()
    proxy = start(clusters, ports)
    try:
        idle = memory(proxy)
        use_all(ports['port'], clusters)
        time.sleep(1)
        used = memory(proxy)
        print('a cluster that nobody uses: %d bytes; one that was used takes %d bytes more' % ((idle - base) / clusters, (used - idle) / clusters))
        for path in ('/stats', '/stats?usedonly', '/stats/prometheus', '/stats?format=json'):
            (seconds, size), took = answers(ports['port'], lambda: scrape(ports['admin'], path))
            print('%-20s %.2f s, %.0f MB; the slowest answer meanwhile took %.1f ms' % (path, seconds, size / 1e6, took[-1] * 1000))
        _, took = answers(ports['port'], lambda: time.sleep(1))
        print('without a scrape, it took %.1f ms' % (took[-1] * 1000))
        for what, during in (
            ('without scrapes', lambda: time.sleep(20)),
            ('with a scrape every 5 s', lambda: scrape_often(ports['admin'], 5, 20)),
        ):
            _, took = answers(ports['port'], during)
            print('p99 %s: %.3f ms' % (what, took[len(took) * 99 // 100] * 1000))
    finally:
        proxy.stop()


if __name__ == '__main__':
    main()
