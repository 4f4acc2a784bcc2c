#!/usr/bin/python3
"""Secrets from a management server (SDS over gRPC): certificates that come late, change, are bad, and a server that goes away.

    spec/sds.py                # part of `make spec`; SUT=envoy asks a real Envoy
    spec/sds.py bad            # only scenes whose name contains one of the words

The server is real gRPC; its messages are put together by hand, a field at a time."""

import concurrent.futures, hashlib, http.client, json, os, queue, socket, ssl, subprocess, sys, threading, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import grpc
import yaml
import sut

SECRET = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret'
METHOD = '/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets'
DELTA_METHOD = '/envoy.service.secret.v3.SecretDiscoveryService/DeltaSecrets'


# --- protobuf, as far as it is needed (https://protobuf.dev/programming-guides/encoding) ---


def varint(number):
    out = b''
    while number >= 128:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def field(number, content):
    content = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(content)) + content


def fields(message):
    """{number: [contents]} of a message that holds only texts, messages and small numbers."""
    found, at = {}, 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        key = number()
        size_or_value = number()
        if key & 7 == 2:
            found.setdefault(key >> 3, []).append(message[at:at + size_or_value])
            at += size_or_value
        else:
            found.setdefault(key >> 3, []).append(size_or_value)
    return found


def inline(text):
    return field(3, text)  # DataSource.inline_string


def certificate(name, chain, key):
    return field(1, name) + field(2, field(1, inline(chain)) + field(2, inline(key)))


def trust(name, ca):
    return field(1, name) + field(4, field(1, inline(ca)))


# --- the management server ---


class Server(grpc.GenericRpcHandler):
    """Answers each subscription with what it has, and with every change of it."""

    def __init__(self, address):
        self.secrets, self.version = {}, 0
        self.streams, self.lock = [], threading.Lock()
        self.requests = queue.Queue()
        self.grpc = grpc.server(concurrent.futures.ThreadPoolExecutor(16))
        self.grpc.add_generic_rpc_handlers((self,))
        self.grpc.add_insecure_port(address)
        self.grpc.start()

    def service(self, details):
        behaviour = {METHOD: self.stream, DELTA_METHOD: self.changes}.get(details.method)
        return behaviour and grpc.stream_stream_rpc_method_handler(behaviour)

    def set(self, name, secret):
        with self.lock:
            self.version += 1
            self.secrets[name] = secret
            for stream in self.streams:
                stream.put(('changed', name))

    def news_of(self, requests):
        """What is asked and what changes, until the stream ends."""
        news = queue.Queue()

        def read():
            try:
                for request in requests:
                    news.put(('asked', fields(request)))
            except Exception:
                pass
            news.put(('over', None))

        threading.Thread(target=read, daemon=True).start()
        with self.lock:
            self.streams.append(news)
        while True:
            kind, what = news.get()
            if kind == 'over':
                with self.lock:
                    self.streams.remove(news)
                return
            if kind == 'asked':
                self.requests.put(what)
            yield kind, what

    def changes(self, requests, context):
        wanted, nonces = set(), 0
        for kind, what in self.news_of(requests):
            names = [what]
            if kind == 'asked':
                wanted |= {name.decode() for name in what.get(3, [])}
                names = [name.decode() for name in what.get(3, [])]
            for name in names:
                if name in wanted and name in self.secrets:
                    nonces += 1
                    secret = field(1, 'v%d' % self.version) + field(2, field(1, SECRET) + field(2, self.secrets[name])) + field(3, name)
                    yield field(1, str(self.version)) + field(2, secret) + field(4, SECRET) + field(5, 'n%d' % nonces)

    def stream(self, requests, context):
        wanted, nonces = set(), 0
        for kind, what in self.news_of(requests):
            names = [what]
            if kind == 'asked':
                if 5 in what:  # the answer to an answer
                    continue
                wanted |= {name.decode() for name in what.get(3, [])}
                names = list(wanted)
            known = [self.secrets[name] for name in names if name in self.secrets]
            if known:
                nonces += 1
                resources = b''.join(field(2, field(1, SECRET) + field(2, secret)) for secret in known)
                yield field(1, str(self.version)) + resources + field(4, SECRET) + field(5, 'n%d' % nonces)

    def request(self, seconds=5):
        """The next one that came: version, names, nonce and error."""
        got = self.requests.get(timeout=seconds)
        text = lambda number: got[number][0].decode() if number in got else ''
        error = fields(got[6][0]).get(2, [b''])[0].decode() if 6 in got else ''
        return text(1), [name.decode() for name in got.get(3, [])], text(5), error

    def stop(self):
        self.grpc.stop(0).wait()


# --- the proxy, and whoever comes to it ---


CONFIG = '''
node: {{id: a-sidecar, cluster: a-mesh}}
admin: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {admin}}}}}}}
static_resources:
  listeners:
  - name: front
    address: {{socket_address: {{address: 127.0.0.1, port_value: {front}}}}}
    filter_chains:
    - transport_socket:
        name: tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            tls_certificate_sds_secret_configs:
            - name: server
              sds_config: &sds
                resource_api_version: V3
                initial_fetch_timeout: {wait}s
                api_config_source:
                  api_type: {kind}
                  transport_api_version: V3
                  grpc_services: [{{envoy_grpc: {{cluster_name: secrets}}}}]
            {trust}
      filters:
      - name: http
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: front
          route_config:
            virtual_hosts:
            - {{name: all, domains: ["*"], routes: [{{match: {{prefix: /}}, direct_response: {{status: 200, body: {{inline_string: well}}}}}}]}}
          http_filters:
          - {{name: router, typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}}}
  clusters:
  - name: secrets
    connect_timeout: 1s
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {{http2_protocol_options: {{}}}}
    load_assignment: {{cluster_name: secrets, endpoints: [{{lb_endpoints: [{{endpoint: {{address: {address}}}}}]}}]}}
'''
TRUST = '''validation_context_sds_secret_config: {name: trust, sds_config: *sds}
          require_client_certificate: true'''


class Stage:
    def __init__(self, over='pipe', with_trust=False, wait=10, lds=False, delta=False):
        self.proxy = sut.Sut(os.environ.get('SUT', 'weir'))
        self.admin, self.front = sut.free_port(), sut.free_port()
        if over == 'pipe':
            self.address, where = 'unix:%s/sds.sock' % self.proxy.dir, '{pipe: {path: %s/sds.sock}}' % self.proxy.dir
        else:
            port = sut.free_port()
            self.address = '127.0.0.1:%d' % port
            where = '{socket_address: {address: 127.0.0.1, port_value: %d}}' % port
        self.server = Server(self.address)
        text = CONFIG.format(admin=self.admin, front=self.front, address=where, wait=wait, trust=TRUST if with_trust else '',
                             kind='DELTA_GRPC' if delta else 'GRPC')
        self.config = yaml.safe_load(text)
        if lds:
            self.listener = self.config['static_resources'].pop('listeners')[0]
            path = self.proxy.dir + '/lds.yaml'
            self.config['dynamic_resources'] = {'lds_config': {'path_config_source': {'path': path}}}
            self.discover('server')

    def start(self):
        self.proxy.start(json.dumps(self.config), self.admin, wait=False)

    def discover(self, secret):
        """LDS says that the listener's certificate is that one."""
        tls = self.listener['filter_chains'][0]['transport_socket']['typed_config']['common_tls_context']
        tls['tls_certificate_sds_secret_configs'][0]['name'] = secret
        kind = {'@type': 'type.googleapis.com/envoy.config.listener.v3.Listener'}
        with open(self.proxy.dir + '/lds.new', 'w') as f:
            json.dump({'resources': [{**kind, **self.listener}]}, f)
        os.rename(self.proxy.dir + '/lds.new', self.proxy.dir + '/lds.yaml')

    def get(self, path):
        connection = http.client.HTTPConnection('127.0.0.1', self.admin, timeout=5)
        connection.request('GET', path)
        return connection.getresponse().read().decode()

    def ready(self):
        try:
            return self.get('/ready').strip()
        except OSError:
            return 'starting'

    def statistic(self, name):
        for line in self.get('/stats').splitlines():
            if line.startswith(name + ': '):
                return line[len(name) + 2:]

    def connect(self, client=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if client:
            context.load_cert_chain(*client)
        return context.wrap_socket(socket.create_connection(('127.0.0.1', self.front), 3))

    def shown(self, client=None):
        """The fingerprint of the certificate that a new connection gets; None if there is no connection."""
        try:
            with self.connect(client) as connection:
                connection.sendall(b'GET / HTTP/1.1\r\nhost: a\r\n\r\n')
                if not connection.recv(4096).startswith(b'HTTP/1.1 200'):
                    return None
                return hashlib.sha256(connection.getpeercert(True)).hexdigest()
        except OSError:
            return None

    def close(self):
        self.proxy.stop()
        self.server.stop()


class Identity:
    """A certificate that signed itself."""

    def __init__(self, folder, name):
        self.files = ['%s/%s.%s' % (folder, name, kind) for kind in ('crt', 'key')]
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
                        '-subj', '/CN=' + name, '-out', self.files[0], '-keyout', self.files[1]], check=True, capture_output=True)
        self.chain, self.key = (open(name).read() for name in self.files)
        self.fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(self.chain)).hexdigest()

    def secret(self, name):
        return certificate(name, self.chain, self.key)


def eventually(what, expected, seconds=8):
    end = time.monotonic() + seconds
    while True:
        got = what()
        if got == expected or time.monotonic() > end:
            assert got == expected, 'expected %r but got %r' % (expected, got)
            return
        time.sleep(0.05)


# --- scenes ---


def the_listener_waits_for_its_certificate(stage, one, two):
    stage.start()
    version, names, nonce, _ = stage.server.request()
    assert (version, names, nonce) == ('', ['server'], ''), (version, names, nonce)
    eventually(stage.ready, 'INITIALIZING')
    assert stage.shown() is None
    stage.server.set('server', one.secret('server'))
    eventually(stage.ready, 'LIVE')
    assert stage.shown() == one.fingerprint
    assert stage.server.request()[:3:2] == ('1', 'n1'), 'acknowledged'


def a_new_certificate_is_for_new_connections(stage, one, two):
    stage.server.set('server', one.secret('server'))
    stage.start()
    eventually(stage.shown, one.fingerprint)
    with stage.connect() as before:
        stage.server.set('server', two.secret('server'))
        eventually(stage.shown, two.fingerprint)
        before.sendall(b'GET / HTTP/1.1\r\nhost: a\r\n\r\n')
        assert before.recv(4096).startswith(b'HTTP/1.1 200'), 'the old connection goes on'
    assert stage.statistic('sds.server.update_success') == '2'


def a_bad_certificate_is_refused_and_the_old_one_stays(stage, one, two):
    stage.server.set('server', one.secret('server'))
    stage.start()
    eventually(stage.shown, one.fingerprint)
    stage.server.set('server', certificate('server', 'no certificate', one.key))
    requests = [stage.server.request() for _ in range(3)]
    version, _, nonce, error = requests[2]
    assert (version, nonce) == ('1', 'n2') and error, requests[2]
    assert stage.shown() == one.fingerprint
    assert stage.statistic('sds.server.update_rejected') == '1'
    assert one.key not in error
    stage.server.set('server', two.secret('server'))
    eventually(stage.shown, two.fingerprint)


def secrets_of_others_are_passed_over(stage, one, two):
    stage.server.set('server', one.secret('server'))
    stage.start()
    eventually(stage.shown, one.fingerprint)
    stage.server.set('other', two.secret('other'))
    requests = [stage.server.request() for _ in range(3)]
    assert requests[2][0] == '2' and not requests[2][3], 'acknowledged'
    assert stage.shown() == one.fingerprint
    assert stage.statistic('sds.server.update_success') == '1'


def a_server_that_was_away_is_asked_again(stage, one, two):
    stage.server.set('server', one.secret('server'))
    stage.start()
    eventually(stage.shown, one.fingerprint)
    stage.server.stop()
    eventually(lambda: stage.statistic('sds.server.control_plane.connected_state'), '0')
    assert stage.shown() == one.fingerprint, 'what is known stays'
    stage.server = Server(stage.address)
    stage.server.version = 6
    stage.server.set('server', two.secret('server'))
    eventually(stage.shown, two.fingerprint, seconds=15)
    version, _, nonce, _ = stage.server.request()
    assert (version, nonce) == ('1', ''), 'it says what it has'
    assert stage.statistic('sds.server.control_plane.connected_state') == '1'


def over_tcp_it_is_the_same(stage, one, two):
    stage.server.set('server', one.secret('server'))
    stage.start()
    eventually(stage.shown, one.fingerprint)


def whom_to_trust_comes_from_the_server_and_changes(stage, one, two):
    stage.server.set('server', one.secret('server'))
    stage.server.set('trust', trust('trust', one.chain))
    stage.start()
    eventually(lambda: stage.shown(one.files), one.fingerprint)
    assert stage.shown(two.files) is None
    stage.server.set('trust', trust('trust', two.chain))
    eventually(lambda: stage.shown(two.files), one.fingerprint)
    assert stage.shown(one.files) is None


def an_answer_that_does_not_come_is_not_waited_for_any_longer(stage, one, two):
    stage.start()
    eventually(stage.ready, 'LIVE')
    assert stage.shown() is None, 'there is no certificate'
    assert stage.statistic('sds.server.init_fetch_timeout') == '1'
    stage.server.set('server', one.secret('server'))
    eventually(stage.shown, one.fingerprint)


def a_changed_listener_waits_while_the_old_one_serves(stage, one, two):
    stage.server.set('server', one.secret('server'))
    stage.start()
    eventually(stage.shown, one.fingerprint)
    stage.discover('other')
    eventually(lambda: stage.statistic('listener_manager.total_listeners_warming'), '1')
    assert stage.shown() == one.fingerprint
    assert 'warming_state' in stage.get('/config_dump')
    stage.server.set('other', two.secret('other'))
    eventually(stage.shown, two.fingerprint)
    assert stage.statistic('listener_manager.total_listeners_warming') == '0'
    assert stage.statistic('listener_manager.listener_modified') == '1'


def only_changes_may_be_told(stage, one, two):
    asked = lambda: stage.server.requests.get(timeout=5)
    stage.server.set('server', one.secret('server'))
    stage.server.set('other', two.secret('other'))
    stage.start()
    eventually(stage.shown, one.fingerprint)
    first, taken = asked(), asked()
    assert (first[3], first.get(5), first.get(6)) == ([b'server'], None, None), first
    assert (taken.get(3), taken[6], taken.get(7)) == (None, [b'n1'], None), taken
    stage.server.set('other', one.secret('other'))
    stage.server.set('server', certificate('server', 'no certificate', one.key))
    refused = asked()
    assert refused[6] == [b'n2'] and 7 in refused, refused
    assert stage.shown() == one.fingerprint
    stage.server.set('server', two.secret('server'))
    eventually(stage.shown, two.fingerprint)
    assert asked()[6] == [b'n3']
    assert stage.statistic('sds.server.update_success') == '2'
    stage.server.stop()
    stage.server = Server(stage.address)
    again = stage.server.requests.get(timeout=15)
    assert again[3] == [b'server'] and fields(again[5][0]) == {1: [b'server'], 2: [b'v5']}, again
    assert stage.shown() == two.fingerprint, 'what is known stays'


SCENES = {
    the_listener_waits_for_its_certificate: {},
    a_new_certificate_is_for_new_connections: {},
    a_bad_certificate_is_refused_and_the_old_one_stays: {},
    secrets_of_others_are_passed_over: {},
    a_server_that_was_away_is_asked_again: {},
    over_tcp_it_is_the_same: {'over': 'tcp'},
    whom_to_trust_comes_from_the_server_and_changes: {'with_trust': True},
    only_changes_may_be_told: {'delta': True},
    an_answer_that_does_not_come_is_not_waited_for_any_longer: {'wait': 1},
    a_changed_listener_waits_while_the_old_one_serves: {'lds': True},
}


def main():
    os.environ.setdefault('GRPC_VERBOSITY', 'NONE')
    words = sys.argv[1:]
    failed = passed = 0
    keys = sut.Sut(os.environ.get('SUT', 'weir'))  # for its folder
    one, two = Identity(keys.dir, 'one'), Identity(keys.dir, 'two')
    for scene, options in SCENES.items():
        name = scene.__name__.replace('_', ' ')
        if words and not any(word in name for word in words):
            continue
        stage = Stage(**options)
        try:
            scene(stage, one, two)
            passed += 1
        except Exception as error:
            failed += 1
            print('FAILED %s: %s %s' % (name, type(error).__name__, error))
        finally:
            stage.close()
    keys.stop()
    print('secrets from a server: %d passed, %d failed' % (passed, failed))
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()
