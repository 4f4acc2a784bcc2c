#!/usr/bin/python3
"""testssl.sh looks at a listener whose TLS options are the defaults, and must find nothing above "low" in its protocols, ciphers,
forward secrecy, defaults of the server, and none of the published attacks. Part of `make spec`; takes about a minute.

What it says of the certificate's authority, of DNS and of HTTP's headers is about a deployment, not about a proxy."""

import json, os, shutil, subprocess, sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import sut

KIND = 'type.googleapis.com/envoy.extensions.'
SECTIONS = ['--protocols', '--std', '--fs', '--server-preference', '--server-defaults', '--vulnerable']
DEPLOYMENT = ('cert_', 'DNS_', 'HSTS', 'security_headers', 'OCSP_', 'BREACH')
BAD = ('MEDIUM', 'HIGH', 'CRITICAL', 'FATAL')
AT_LEAST = 60  # findings; fewer mean that it could not look


def config(folder, admin, front):
    at = lambda port: {'socket_address': {'address': '127.0.0.1', 'port_value': port}}
    tls = {'@type': KIND + 'transport_sockets.tls.v3.DownstreamTlsContext', 'common_tls_context': {
        'alpn_protocols': ['h2', 'http/1.1'],
        'tls_certificates': [{'certificate_chain': {'filename': folder + '/server.crt'}, 'private_key': {'filename': folder + '/server.key'}}]}}
    http_manager = {'@type': KIND + 'filters.network.http_connection_manager.v3.HttpConnectionManager', 'stat_prefix': 'front',
                    'route_config': {'virtual_hosts': [{'name': 'all', 'domains': ['*'], 'routes': [
                        {'match': {'prefix': '/'}, 'direct_response': {'status': 200, 'body': {'inline_string': 'hello'}}}]}]},
                    'http_filters': [{'name': 'router', 'typed_config': {'@type': KIND + 'filters.http.router.v3.Router'}}]}
    chain = {'transport_socket': {'name': 'tls', 'typed_config': tls}, 'filters': [{'name': 'http', 'typed_config': http_manager}]}
    return json.dumps({'admin': {'address': at(admin)}, 'static_resources': {
        'listeners': [{'name': 'front', 'address': at(front), 'filter_chains': [chain]}]}})


def main():
    if shutil.which('testssl') is None:
        print('testssl.sh: skipped, for it is not installed (tools/setup-tests.sh testssl)')
        return
    proxy, admin, front = sut.Sut(os.environ.get('SUT', 'weir')), sut.free_port(), sut.free_port()
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '90', '-subj',
                    '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', 'server.key', '-out', 'server.crt'],
                   cwd=proxy.dir, check=True, capture_output=True)
    try:
        proxy.start(config(proxy.dir, admin, front), admin)
        report = proxy.dir + '/report.json'
        words = ['testssl', '--warnings', 'off', '--color', '0', '--quiet', '--jsonfile', report, *SECTIONS, '127.0.0.1:%d' % front]
        ran = subprocess.run(words, capture_output=True, text=True, timeout=600)
        findings = json.load(open(report))
    finally:
        proxy.stop()
    bad = [f for f in findings if f['severity'] in BAD and not f['id'].startswith(DEPLOYMENT)]
    for finding in bad:
        print('FAILED %(id)s: %(severity)s: %(finding)s' % finding)
    if len(findings) < AT_LEAST:
        bad.append(None)
        print('FAILED: testssl.sh looked at %d things only\n%s' % (len(findings), ran.stdout[-2000:]))
    print('testssl.sh: %d findings, %d above "low"' % (len(findings), len(bad)))
    sys.exit(1 if bad else 0)


if __name__ == '__main__':
    main()
