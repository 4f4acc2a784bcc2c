#!/usr/bin/python3
"""Calls of a real gRPC library through the proxy: every kind of call, over every combination of HTTP/1 and HTTP/2.

    spec/grpc_interop.py                        # part of `make spec`; SUT=envoy asks a real Envoy
    spec/grpc_interop.py streaming h1           # only cases, or ways, whose name contains one of the words

gRPC itself only speaks HTTP/2, so the other combinations are hops between listeners of the same proxy: `h2` is one hop, `h2-h1-h2` two, of
which the first turns HTTP/2 into HTTP/1 and the second does the opposite, `h2-h1-h1-h2` has a pure HTTP/1 hop in between. Trailers
pass HTTP/1 as chunked trailers."""

import concurrent.futures, os, sys, threading, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import grpc
import yaml
import bootstrap, sut

SERVICE = '/weir.Interop/'
LARGE = 3 << 20
PER_STREAM = 20


# --- the server ---


class Interop(grpc.GenericRpcHandler):
    """Messages are bytes."""

    def __init__(self):
        self.cancelled = threading.Event()

    def service(self, details):
        name = details.method.rsplit('/', 1)[1]
        kinds = {
            'unary': grpc.unary_unary_rpc_method_handler,
            'down': grpc.unary_stream_rpc_method_handler,
            'up': grpc.stream_unary_rpc_method_handler,
            'both': grpc.stream_stream_rpc_method_handler,
        }
        kind = name.split('_')[0]
        return kinds[kind](getattr(self, name)) if hasattr(self, name) else None

    def unary_echo(self, request, context):
        return request

    def unary_size(self, request, context):
        return str(len(request)).encode()

    def unary_large(self, request, context):
        return b'x' * int(request)

    def unary_metadata(self, request, context):
        got = dict(context.invocation_metadata())
        context.send_initial_metadata((('x-first', got.get('x-in', '')), ('x-raw-bin', got.get('x-in-bin', b''))))
        context.set_trailing_metadata((('x-last', 'end'), ('x-last-bin', b'\x00\xff')))
        return request

    def unary_fail(self, request, context):
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, 'no: 100% "wrong" \u00fc')

    def unary_slow(self, request, context):
        context.add_callback(self.cancelled.set)
        time.sleep(float(request))
        return b'late'

    def down_count(self, request, context):
        for i in range(int(request)):
            yield b'%d' % i

    def down_fail(self, request, context):
        yield b'one'
        context.abort(grpc.StatusCode.DATA_LOSS, 'lost')

    def down_endless(self, request, context):
        context.add_callback(self.cancelled.set)
        while context.is_active():
            yield b'more'
            time.sleep(0.01)

    def up_sum(self, requests, context):
        return b'%d' % sum(int(r) for r in requests)

    def up_early(self, requests, context):
        next(requests)
        return b'enough'

    def both_echo(self, requests, context):
        for request in requests:
            yield request

    def both_large(self, requests, context):
        for request in requests:
            yield request * 2


# --- the cases: each gets the channel's methods and raises what it does not like ---


def call(channel, name):
    kind = {'unary': channel.unary_unary, 'down': channel.unary_stream, 'up': channel.stream_unary, 'both': channel.stream_stream}
    return kind[name.split('_')[0]](SERVICE + name)


def expect(want, got):
    if want != got:
        raise AssertionError('expected %.80r, got %.80r' % (want, got))


def fails(code, f):
    try:
        f()
    except grpc.RpcError as e:
        expect(code, e.code())
        return e
    raise AssertionError('expected %s, got an answer' % code)


def unary(channel, server):
    expect(b'hello', call(channel, 'unary_echo')(b'hello', timeout=5))


def an_empty_message(channel, server):
    expect(b'', call(channel, 'unary_echo')(b'', timeout=5))


def large_messages(channel, server):
    expect(b'%d' % LARGE, call(channel, 'unary_size')(b'y' * LARGE, timeout=20))
    expect(LARGE, len(call(channel, 'unary_large')(b'%d' % LARGE, timeout=20)))


def server_streaming(channel, server):
    expect([b'%d' % i for i in range(PER_STREAM)], list(call(channel, 'down_count')(b'%d' % PER_STREAM, timeout=5)))


def server_streaming_of_nothing(channel, server):
    expect([], list(call(channel, 'down_count')(b'0', timeout=5)))


def client_streaming(channel, server):
    expect(b'%d' % sum(range(PER_STREAM)), call(channel, 'up_sum')((b'%d' % i for i in range(PER_STREAM)), timeout=5))


def client_streaming_answered_early(channel, server):
    def slow():
        for i in range(100):
            yield b'1'
            time.sleep(0.02)

    expect(b'enough', call(channel, 'up_early')(slow(), timeout=5))


def bidirectional_streaming(channel, server):
    """Ping-pong: each message is sent after the answer to the one before."""
    answered = threading.Semaphore(1)

    def requests():
        for i in range(PER_STREAM):
            if not answered.acquire(timeout=5):
                return
            yield b'%d' % i

    got = []
    for response in call(channel, 'both_echo')(requests(), timeout=10):
        got.append(response)
        answered.release()
    expect([b'%d' % i for i in range(PER_STREAM)], got)


def large_bidirectional_streaming(channel, server):
    piece = b'z' * (256 << 10)
    sizes = [len(r) for r in call(channel, 'both_large')((piece for _ in range(8)), timeout=20)]
    expect([2 * len(piece)] * 8, sizes)


def metadata(channel, server):
    sent = (('x-in', 'value with spaces'), ('x-in-bin', b'\x00\x01\xfe'))
    response, inner = call(channel, 'unary_metadata').with_call(b'm', metadata=sent, timeout=5)
    expect(b'm', response)
    first, last = dict(inner.initial_metadata()), dict(inner.trailing_metadata())
    expect(('value with spaces', b'\x00\x01\xfe'), (first.get('x-first'), first.get('x-raw-bin')))
    expect(('end', b'\x00\xff'), (last.get('x-last'), last.get('x-last-bin')))


def an_error_without_a_message(channel, server):
    e = fails(grpc.StatusCode.FAILED_PRECONDITION, lambda: call(channel, 'unary_fail')(b'', timeout=5))
    expect('no: 100% "wrong" \u00fc', e.details())


def an_error_after_messages(channel, server):
    got = []

    def read():
        for response in call(channel, 'down_fail')(b'', timeout=5):
            got.append(response)

    expect('lost', fails(grpc.StatusCode.DATA_LOSS, read).details())
    expect([b'one'], got)


def an_unknown_method(channel, server):
    fails(grpc.StatusCode.UNIMPLEMENTED, lambda: call(channel, 'unary_nothing')(b'', timeout=5))


def a_deadline(channel, server):
    server.cancelled.clear()
    start = time.monotonic()
    fails(grpc.StatusCode.DEADLINE_EXCEEDED, lambda: call(channel, 'unary_slow')(b'1', timeout=0.2))
    if time.monotonic() - start > 0.9:
        raise AssertionError('it took %.1f s' % (time.monotonic() - start))


def cancellation(channel, server):
    server.cancelled.clear()
    stream = call(channel, 'down_endless')(b'', timeout=10)
    expect(b'more', next(stream))
    stream.cancel()
    if not server.cancelled.wait(5):
        raise AssertionError('the server did not hear of it')


def compression(channel, server):
    expect(b'a' * 100000, call(channel, 'unary_echo')(b'a' * 100000, compression=grpc.Compression.Gzip, timeout=5))


def many_calls_at_once(channel, server):
    futures = [call(channel, 'unary_echo').future(b'%d' % i, timeout=10) for i in range(100)]
    expect([b'%d' % i for i in range(100)], [f.result() for f in futures])


CASES = [
    unary, an_empty_message, large_messages, server_streaming, server_streaming_of_nothing, client_streaming,
    client_streaming_answered_early, bidirectional_streaming, large_bidirectional_streaming, metadata, an_error_without_a_message,
    an_error_after_messages, an_unknown_method, a_deadline, cancellation, compression, many_calls_at_once,
]  # fmt: skip


# --- the proxy ---


def listener(name, port, cluster):
    manager = {
        '@type': bootstrap.HCM, 'stat_prefix': name, 'http_filters': [bootstrap.router()], 'http_protocol_options': {'enable_trailers': True},
        'route_config': {'virtual_hosts': [{'name': 'all', 'domains': ['*'], 'routes': [{'match': {'prefix': '/'}, 'route': {'cluster': cluster, 'timeout': '0s'}}]}]},
    }  # fmt: skip
    return {'name': name, 'address': bootstrap.address(port), 'filter_chains': [{'filters': [{'name': 'http', 'typed_config': manager}]}]}


def hop(name, port, protocol):
    options = {'http_protocol_options': {'enable_trailers': True}} if protocol == 'h1' else {'http2_protocol_options': {}}
    return {
        'name': name, 'load_assignment': bootstrap.endpoints(name, port), 'typed_extension_protocol_options': bootstrap.http_options(**options),
        'circuit_breakers': {'thresholds': [{'max_connections': 4096, 'max_requests': 4096, 'max_pending_requests': 4096}]},
    }  # fmt: skip


def ways(server_port):
    """The configuration, and the port of the first hop of each way."""
    listeners, clusters, ports = [], [], {}
    for way in ('h2', 'h2-h1-h2', 'h2-h1-h1-h2'):
        protocols = way.split('-')[1:] or ['h2']
        hops = [sut.free_port() for _ in protocols]
        ports[way] = hops[0]
        for i, protocol in enumerate(protocols):
            name = '%s %d' % (way, i)
            listeners.append(listener(name, hops[i], name))
            clusters.append(hop(name, hops[i + 1] if i + 1 < len(hops) else server_port, protocol))
    return {'static_resources': {'listeners': listeners, 'clusters': clusters}}, ports


def main():
    words = sys.argv[1:]
    handler = Interop()
    limits = [('grpc.max_receive_message_length', 64 << 20), ('grpc.max_send_message_length', 64 << 20), ('grpc.so_reuseport', 0)]
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(64), handlers=[handler], options=limits)
    server_port = server.add_insecure_port('127.0.0.1:0')
    server.start()
    config, ports = ways(server_port)
    admin = sut.free_port()
    config['admin'] = {'address': bootstrap.address(admin)}
    proxy = sut.Sut(os.environ.get('SUT', 'weir'))
    proxy.start(yaml.safe_dump(config), admin)
    failed = passed = 0
    try:
        for way, port in ports.items():
            with grpc.insecure_channel('127.0.0.1:%d' % port, options=limits) as channel:
                for case in CASES:
                    name = '%s over %s' % (case.__name__.replace('_', ' '), way)
                    if words and not any(w in name for w in words):
                        continue
                    try:
                        case(channel, handler)
                        passed += 1
                    except (AssertionError, grpc.RpcError, concurrent.futures.TimeoutError) as e:
                        failed += 1
                        print('FAIL  %s  (%s)' % (name, str(e).replace('\n', ' ')[:300]))
    finally:
        proxy.stop()
        server.stop(0)
    print('grpc: %d passed, %d failed' % (passed, failed))
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()
