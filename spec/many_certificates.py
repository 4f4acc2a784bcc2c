#!/usr/bin/python3
"""A thousand filter chains, each with a certificate of its own: how long they take to load, what they cost in memory, and whether
each name gets its own. Not part of `make spec`.

    spec/many_certificates.py [--chains 1000]"""

import argparse, concurrent.futures, os, re, socket, ssl, subprocess, tempfile, time

import sut

TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext'
TCP = 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy'
INSPECTOR = 'type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector'


def certificate(folder, i):
    key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', '%s/%d.key' % (folder, i)]
    subprocess.run(['openssl', 'req', '-x509', *key, '-out', '%s/%d.crt' % (folder, i), '-days', '2', '-subj', '/CN=name-%d.test' % i], check=True, capture_output=True)


def config(folder, chains, ports):
    chain = (
        '    - filter_chain_match: {{server_names: [name-{0}.test]}}\n'
        '      transport_socket: {{name: tls, typed_config: {{"@type": {1}, common_tls_context: {{tls_certificates: '
        '[{{certificate_chain: {{filename: {2}/{0}.crt}}, private_key: {{filename: {2}/{0}.key}}}}]}}}}}}\n'
        '      filters: [{{name: t, typed_config: {{"@type": {3}, stat_prefix: t, cluster: c}}}}]\n'
    )
    return (
        'admin: {address: {socket_address: {address: 127.0.0.1, port_value: %(admin)d}}}\n'
        'static_resources:\n'
        '  clusters: [{name: c, load_assignment: {cluster_name: c, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: %(admin)d}}}}]}]}}]\n'
        '  listeners:\n'
        '  - address: {socket_address: {address: 127.0.0.1, port_value: %(port)d}}\n'
        '    listener_filters: [{name: i, typed_config: {"@type": %(inspector)s}}]\n'
        '    filter_chains:\n' % dict(ports, inspector=INSPECTOR)
    ) + ''.join(chain.format(i, TLS, folder, TCP) for i in range(chains))


def name_served(port, name):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(('127.0.0.1', port)) as connection, context.wrap_socket(connection, server_hostname=name) as tls:
        der = tls.getpeercert(True)
    found = re.search(rb'name-\d+\.test', der)
    return found.group().decode() if found else None


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    arguments.add_argument('--chains', type=int, default=1000)
    chains = arguments.parse_args().chains
    ports = {name: sut.free_port() for name in ('admin', 'port')}
    with tempfile.TemporaryDirectory() as folder:
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as several:
            list(several.map(lambda i: certificate(folder, i), range(chains)))
        proxy = sut.Sut(os.environ.get('SUT', 'weir'))
        began = time.monotonic()
        proxy.start(config(folder, chains, ports), ports['admin'], ['--concurrency', '1'])
        seconds = time.monotonic() - began
        try:
            with open('/proc/%d/status' % proxy.process.pid) as status:
                resident = next(int(line.split()[1]) for line in status if line.startswith('VmRSS'))
            print('%d chains with a certificate each: ready after %.2f s, %.0f MB resident' % (chains, seconds, resident / 1024))
            for i in range(0, chains, max(1, chains // 50)):
                name = 'name-%d.test' % i
                assert name_served(ports['port'], name) == name, name
        finally:
            proxy.stop()


main()
