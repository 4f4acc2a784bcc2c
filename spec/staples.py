#!/usr/bin/python3
"""OCSP stapling: which certificates are shown with what their issuer says of them, and which are not shown at all.

    spec/staples.py            # part of `make spec`; SUT=envoy asks a real Envoy

Certificates and OCSP responses are made with the openssl program, which is the client, too."""

import http.client, json, os, subprocess, sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import sut

REFUSED = 'refused'
# certificate, its staple, the policy: what clients of TLS 1.3 and 1.2 that ask for a staple get, and one that does not
CASES = [
    ('plain', None, 'STRICT_STAPLING', ('none', 'none', 'none')),
    ('plain', None, 'MUST_STAPLE', REFUSED),
    ('plain', 'plain.good', 'LENIENT_STAPLING', ('staple', 'staple', 'none')),
    ('plain', 'plain.undated', 'LENIENT_STAPLING', ('none', 'none', 'none')),
    ('plain', 'plain.undated', 'STRICT_STAPLING', ('failure', 'failure', 'none')),
    ('plain', 'plain.undated', 'MUST_STAPLE', ('failure', 'failure', 'none')),
    ('plain', 'needy.good', 'LENIENT_STAPLING', REFUSED),
    ('plain', 'authority.crt', 'LENIENT_STAPLING', REFUSED),
    ('needy', None, 'LENIENT_STAPLING', REFUSED),
    ('needy', 'needy.good', 'LENIENT_STAPLING', ('staple', 'staple', 'none')),
    ('needy', 'needy.undated', 'LENIENT_STAPLING', ('failure', 'failure', 'none')),
]


def openssl(folder, *words):
    subprocess.run(['openssl', *words], cwd=folder, check=True, capture_output=True)


def make_certificates(folder):
    """`plain`, and `needy`, which must be stapled (RFC 7633); of each a response that holds five days, and one without an end."""
    key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
    openssl(folder, 'req', '-x509', *key, '-days', '9', '-subj', '/CN=authority', '-keyout', 'authority.key', '-out', 'authority.crt')
    issuer = ['-CA', 'authority.crt', '-rsigner', 'authority.crt', '-rkey', 'authority.key']
    with open(folder + '/index', 'w') as f:
        f.write('V\t301231235959Z\t\t65\tunknown\t/CN=plain\nV\t301231235959Z\t\t66\tunknown\t/CN=needy\n')
    for number, (name, extension) in enumerate({'plain': '', 'needy': 'tlsfeature=status_request\n'}.items(), 0x65):
        with open(folder + '/extensions', 'w') as f:
            f.write('subjectAltName=DNS:a.example\n' + extension)
        openssl(folder, 'req', *key, '-subj', '/CN=' + name, '-keyout', name + '.key', '-out', 'request')
        openssl(folder, 'x509', '-req', '-in', 'request', '-CA', 'authority.crt', '-CAkey', 'authority.key', '-days', '9',
                '-set_serial', str(number), '-extfile', 'extensions', '-out', name + '.crt')
        openssl(folder, 'ocsp', '-issuer', 'authority.crt', '-cert', name + '.crt', '-reqout', 'question')
        answer = ['ocsp', '-index', 'index', *issuer, '-reqin', 'question', '-respout']
        openssl(folder, *answer, name + '.good', '-ndays', '5')
        openssl(folder, *answer, name + '.undated')


def config(folder, certificate, staple, policy, admin, front):
    kind = 'type.googleapis.com/envoy.extensions.'
    files = {'certificate_chain': {'filename': f'{folder}/{certificate}.crt'}, 'private_key': {'filename': f'{folder}/{certificate}.key'}}
    if staple:
        files['ocsp_staple'] = {'filename': f'{folder}/{staple}'}
    tls = {'@type': kind + 'transport_sockets.tls.v3.DownstreamTlsContext', 'ocsp_staple_policy': policy,
           'common_tls_context': {'tls_certificates': [files]}}
    http_manager = {'@type': kind + 'filters.network.http_connection_manager.v3.HttpConnectionManager', 'stat_prefix': 'front',
                    'route_config': {}, 'http_filters': [{'name': 'router', 'typed_config': {'@type': kind + 'filters.http.router.v3.Router'}}]}
    at = lambda port: {'socket_address': {'address': '127.0.0.1', 'port_value': port}}
    chain = {'transport_socket': {'name': 'tls', 'typed_config': tls}, 'filters': [{'name': 'http', 'typed_config': http_manager}]}
    return json.dumps({'admin': {'address': at(admin)}, 'static_resources': {
        'listeners': [{'name': 'front', 'stat_prefix': 'front', 'address': at(front), 'filter_chains': [chain]}]}})


def shake_hands(port, version, asks):
    words = ['openssl', 's_client', '-connect', '127.0.0.1:%d' % port, version] + (['-status'] if asks else [])
    said = subprocess.run(words, input=b'', capture_output=True, timeout=10).stdout.decode(errors='replace')
    if 'Server certificate' not in said:
        return 'failure'
    return 'staple' if 'OCSP Response Status: successful' in said else 'none'


def check(folder, certificate, staple, policy, expected):
    proxy, admin, front = sut.Sut(os.environ.get('SUT', 'weir')), sut.free_port(), sut.free_port()
    try:
        try:
            proxy.start(config(folder, certificate, staple, policy, admin, front), admin)
        except RuntimeError as error:
            assert expected == REFUSED, str(error)
            return
        assert expected != REFUSED, 'it was not refused'
        got = (shake_hands(front, '-tls1_3', True), shake_hands(front, '-tls1_2', True), shake_hands(front, '-tls1_3', False))
        assert got == expected, 'expected %r but got %r' % (expected, got)
        connection = http.client.HTTPConnection('127.0.0.1', admin, timeout=5)
        connection.request('GET', '/stats?filter=ocsp_staple')
        stats = dict(line.split('ssl.')[-1].split(': ') for line in connection.getresponse().read().decode().splitlines() if line)
        counted = {'requests': 2, 'responses': got.count('staple'), 'failed': got.count('failure'),
                   'omitted': got[:2].count('none')}
        for name, count in counted.items():
            assert stats['ocsp_staple_' + name] == str(count), (name, stats)
    finally:
        proxy.stop()


def main():
    keys = sut.Sut(os.environ.get('SUT', 'weir'))  # for its folder
    make_certificates(keys.dir)
    failed = 0
    for case in CASES:
        try:
            check(keys.dir, *case)
        except Exception as error:
            failed += 1
            print('FAILED %s with %s, %s: %s' % (*case[:3], error))
    keys.stop()
    print('OCSP staples: %d passed, %d failed' % (len(CASES) - failed, failed))
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()
