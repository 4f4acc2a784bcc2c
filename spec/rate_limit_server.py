#!/usr/bin/python3
"""Global rate limits with the real rate limit server and a real Redis: what they count, and that traffic goes on when one of them
hangs or dies. Weir and a real Envoy are asked the same, one after the other, and must agree.

    spec/rate_limit_server.py          # part of `make spec`; WEIR and ENVOY name the binaries

The server is Go; it is built once into build/ratelimit (see tools/setup-ratelimit.sh), which takes some minutes."""

import http.client, json, os, shutil, signal, socket, subprocess, sys, tempfile, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import bootstrap
import sut

SERVER = os.environ.get('RATELIMIT', sut.REPO + '/build/ratelimit/service_cmd')

# What the server allows. A minute is long enough for counts not to start again in the middle (see a_new_minute).
LIMITS = """
domain: weir
descriptors:
- {key: three, rate_limit: {unit: minute, requests_per_unit: 3}}
- {key: shadow, shadow_mode: true, rate_limit: {unit: minute, requests_per_unit: 1}}
- {key: free, rate_limit: {unlimited: true}}
- key: tenant
  rate_limit: {unit: minute, requests_per_unit: 4}
  descriptors:
  - {key: user, value: small, rate_limit: {unit: minute, requests_per_unit: 1}}
  - {key: user, rate_limit: {unit: hour, requests_per_unit: 2}}
- {key: cost, rate_limit: {unit: minute, requests_per_unit: 10}}
- {key: remote_address, rate_limit: {unit: day, requests_per_unit: 2}}
"""

SERVICE = {'transport_api_version': 'V3', 'grpc_service': {'envoy_grpc': {'cluster_name': 'limiter'}}}
HTTP_LIMITS = bootstrap.TYPE + 'extensions.filters.http.ratelimit.v3.RateLimit'
TCP_LIMITS = bootstrap.TYPE + 'extensions.filters.network.ratelimit.v3.RateLimit'
TCP_PROXY = bootstrap.TYPE + 'extensions.filters.network.tcp_proxy.v3.TcpProxy'


def routes(run):
    """One path for each kind of limit; `run` keeps what one proxy counts apart from what the other does."""

    def key(name, value=run):
        return {'generic_key': {'descriptor_key': name, 'descriptor_value': value}}

    def route(prefix, *limits):
        return {'match': {'prefix': prefix}, 'route': {'cluster': 'back', 'rate_limits': list(limits)}}

    own_limits = {'@type': HTTP_LIMITS + 'PerRoute', 'rate_limits': [{'hits_addend': {'number': 4}, 'actions': [key('cost')]}]}
    user = {'request_headers': {'header_name': 'x-user', 'descriptor_key': 'user'}}
    return [
        route('/three', {'actions': [key('three')]}),
        route('/shadow', {'actions': [key('shadow')]}),
        route('/free', {'actions': [key('free')]}),
        route('/tenant', {'actions': [key('tenant')]}, {'actions': [key('tenant'), user]}),
        route('/ignored', {'hits_addend': {'number': 4}, 'actions': [key('cost', 'route-' + run)]}),
        dict(route('/cost'), typed_per_filter_config={'limits': own_limits}),
        route('/from', {'actions': [{'remote_address': {}}]}),
        route('/strict', {'stage': 1, 'actions': [key('shadow')]}),
        route('/'),
    ]


def limits(stage, denies):
    return {
        '@type': HTTP_LIMITS, 'domain': 'weir', 'stage': stage, 'failure_mode_deny': denies, 'timeout': '0.3s',
        'enable_x_ratelimit_headers': 'DRAFT_VERSION_03', 'rate_limit_service': SERVICE,
    }  # fmt: skip


def listener(port, *filters):
    chain = {'filters': [{'name': 'f%d' % i, 'typed_config': config} for i, config in enumerate(filters)]}
    return {'name': 'on-%d' % port, 'address': bootstrap.address(port), 'filter_chains': [chain]}


def config(ports, run, log):
    line = {'text_format_source': {'inline_string': '%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n'}}
    http = {
        '@type': bootstrap.HCM, 'stat_prefix': 'front', 'use_remote_address': True,
        'access_log': [{'name': 'file', 'typed_config': {'@type': bootstrap.FILE_LOG, 'path': log, 'log_format': line}}],
        'route_config': {'virtual_hosts': [{'name': 'all', 'domains': ['*'], 'routes': routes(run)}]},
        'http_filters': [
            {'name': 'limits', 'typed_config': limits(0, False)}, {'name': 'strict', 'typed_config': limits(1, True)},
            {'name': 'router', 'typed_config': {'@type': bootstrap.ROUTER}},
        ],
    }  # fmt: skip
    strangers = {
        '@type': TCP_LIMITS, 'stat_prefix': 'strangers', 'domain': 'weir', 'timeout': '0.3s', 'rate_limit_service': SERVICE,
        'descriptors': [{'entries': [{'key': 'three', 'value': 'tcp-' + run}]}],
    }  # fmt: skip
    passed_on = {'@type': TCP_PROXY, 'stat_prefix': 'tcp', 'cluster': 'back'}
    return json.dumps({
        'admin': {'address': bootstrap.address(ports['admin'])},
        'static_resources': {
            'listeners': [listener(ports['port'], http), listener(ports['tcp'], strangers, passed_on)],
            'clusters': [bootstrap.cluster('back', 'h1', ports['back']), bootstrap.cluster('limiter', 'h2', ports['limiter'])],
        },
    })


STATS = ('cluster.back.ratelimit.', 'ratelimit.strangers.', 'cluster.back.upstream_rq_429')
TIMEOUTS = 'cluster.limiter.upstream_rq_timeout'
CHANCE = tuple('cluster.back.ratelimit.' + what for what in ('ok', 'error', 'failure_mode_allowed'))


class Backend(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do_GET(self):
        self.send_response(200)
        self.send_header('content-length', '2')
        self.end_headers()
        self.wfile.write(b'ok')

    def log_message(self, *_):
        pass


class Services:
    """Redis and the rate limit server, which can be held, ended and started again."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix='weir-ratelimit-')
        self.redis_port, self.port, self.http, self.debug = (sut.free_port() for _ in range(4))
        os.makedirs(self.dir + '/runtime/ratelimit/config')
        with open(self.dir + '/runtime/ratelimit/config/weir.yaml', 'w') as f:
            f.write(LIMITS)
        self.redis = self.server = None

    def spawn(self, command, **env):
        with open(self.dir + '/output', 'ab') as output:
            return subprocess.Popen(command, cwd=self.dir, env={**os.environ, **env}, stdout=output, stderr=output)

    def start_redis(self):
        self.redis = self.spawn(['redis-server', '--port', str(self.redis_port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'])
        wait_for(self.redis_port)

    def start_server(self):
        self.server = self.spawn(
            [SERVER], USE_STATSD='false', LOG_LEVEL='error', REDIS_SOCKET_TYPE='tcp', REDIS_POOL_SIZE='1', REDIS_URL='127.0.0.1:%d' % self.redis_port,
            RUNTIME_ROOT=self.dir + '/runtime', RUNTIME_SUBDIRECTORY='ratelimit', RUNTIME_WATCH_ROOT='false', HOST='127.0.0.1',
            PORT=str(self.http), GRPC_HOST='127.0.0.1', GRPC_PORT=str(self.port), DEBUG_HOST='127.0.0.1', DEBUG_PORT=str(self.debug),
        )
        wait_for(self.port)

    @staticmethod
    def end(process):
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()

    def close(self):
        self.end(self.server)
        self.end(self.redis)
        shutil.rmtree(self.dir, ignore_errors=True)


def wait_for(port, limit=20.0):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        try:
            socket.create_connection(('127.0.0.1', port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError('nobody listens on port %d' % port)


def a_new_minute(seconds):
    """The server counts in minutes of the clock: one that is about to end would end in the middle of a scene."""
    left = 60 - time.time() % 60
    if left < seconds:
        time.sleep(left + 0.1)


def ask(port, path, **headers):
    """Status, and what the answer says of limits; how long they last is not compared, only whether it is said."""
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=10)
    try:
        connection.request('GET', path, headers={name.replace('_', '-'): value for name, value in headers.items()})
        answer = connection.getresponse()
        answer.read()
        said = {name: answer.getheader(name) for name in ('x-envoy-ratelimited', 'x-ratelimit-limit', 'x-ratelimit-remaining')}
        reset = answer.getheader('x-ratelimit-reset')
        said['x-ratelimit-reset'] = reset and ('in time' if 0 <= int(reset) <= 86400 else reset)
        return (answer.status, {name: value for name, value in said.items() if value is not None})
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__
    finally:
        connection.close()


def until_limits_work(port):
    """Connections are made again in their own time; a limit that only watches shows when."""
    end = time.monotonic() + 10
    while time.monotonic() < end and 'x-ratelimit-limit' not in ask(port, '/shadow')[1]:
        time.sleep(0.1)


def stats_of(admin, names):
    connection = http.client.HTTPConnection('127.0.0.1', admin, timeout=10)
    connection.request('GET', '/stats')
    lines = connection.getresponse().read().decode().splitlines()
    return sorted(line for line in lines if line.startswith(names))


def scenes(ports, services):
    """What is seen, in order. Each scene leaves the services as it found them."""
    port = ports['port']
    yield 'three a minute', [ask(port, '/three') for _ in range(5)]
    yield 'a limit that only watches', [ask(port, '/shadow') for _ in range(3)]
    yield 'unlimited', [ask(port, '/free') for _ in range(3)]
    yield 'the nearer of two limits', [ask(port, '/tenant', x_user=user) for user in ('small', 'small', 'big', 'big', 'big')]
    yield 'four hits a request', [ask(port, '/cost') for _ in range(3)]
    yield 'hits that a route cannot count', [ask(port, '/ignored') for _ in range(3)]
    yield 'by address', [ask(port, '/from', x_forwarded_for='10.1.2.3') for _ in range(3)]
    yield 'nobody is asked', [ask(port, '/')]
    yield 'connections', [ask(ports['tcp'], '/') for _ in range(5)]

    services.server.send_signal(signal.SIGSTOP)
    time.sleep(0.3)
    yield 'the server hangs', [ask(port, '/three'), ask(port, '/strict'), ask(ports['tcp'], '/')]
    yield 'which is waited for in vain', stats_of(ports['admin'], TIMEOUTS)
    services.server.send_signal(signal.SIGCONT)
    time.sleep(0.5)
    yield 'it wakes up', [ask(port, '/free'), ask(port, '/strict')]

    services.end(services.redis)
    time.sleep(0.2)
    yield 'Redis is gone', [ask(port, '/three')[0], ask(port, '/strict')[0]]
    services.start_redis()
    until_limits_work(port)
    yield 'Redis is back, and has forgotten', [ask(port, '/three') for _ in range(4)]

    services.end(services.server)
    time.sleep(0.2)
    yield 'the server is gone', [ask(port, '/three'), ask(port, '/strict'), ask(ports['tcp'], '/')]
    services.start_server()
    until_limits_work(port)
    yield 'it is back', [ask(port, '/three'), ask(port, '/strict')]
    # How often was asked in vain while connections were made again is chance, so what let those requests through is not compared.
    yield 'counted', [line for line in stats_of(ports['admin'], STATS) if not line.startswith(CHANCE)]
    time.sleep(0.2)
    with open(ports['log']) as log:
        yield 'logged', [line.strip() for line in log if '200 - via_upstream' not in line]


def watch(name, services, back):
    """[(scene, what was seen)] of one proxy."""
    proxy = sut.Sut(name)
    ports = {what: sut.free_port() for what in ('admin', 'port', 'tcp')}
    ports.update(back=back, limiter=services.port, log=proxy.dir + '/access.log')
    try:
        proxy.start(config(ports, '%s-%d' % (name, os.getpid()), ports['log']), ports['admin'])
        a_new_minute(25)
        return list(scenes(ports, services))
    finally:
        proxy.stop()


def main():
    missing = [name for name in (SERVER, 'redis-server') if shutil.which(name) is None]
    if missing:
        print('rate_limit_server: skipped, for there is no %s (tools/setup-ratelimit.sh)' % missing[0])
        return 0
    began = time.monotonic()
    backend = ThreadingHTTPServer(('127.0.0.1', 0), Backend)
    threading.Thread(target=backend.serve_forever, daemon=True).start()
    seen = {}
    for name in ('weir', 'envoy'):
        services = Services()  # each its own: the limit by address knows no name
        try:
            services.start_redis()
            services.start_server()
            seen[name] = watch(name, services, backend.server_port)
        finally:
            services.close()
    backend.shutdown()
    wrong = 0
    for (scene, weir), (_, envoy) in zip(seen['weir'], seen['envoy']):
        if os.environ.get('SHOW'):
            print('%s: %s' % (scene, weir))
        if weir == envoy:
            continue
        wrong += 1
        print('rate_limit_server: %s\n  Weir:  %s\n  Envoy: %s' % (scene, weir, envoy))
    print('rate_limit_server: %d scenes, %d differ, %.0f s' % (len(seen['weir']), wrong, time.monotonic() - began))
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
