#!/usr/bin/python3
"""What is logged and counted of clients that break HTTP/2, or do too much of it.

    spec/frames.py                      # part of `make spec`
    spec/frames.py flood                # only scenes whose name contains one of the words

Each scene has a connection of its own. It says how the requests on it end in the access log, what else is counted, and whether the connection is ended.
How (with which GOAWAY, or none) is the subject of conformance.py: there Weir is stricter than Envoy."""

import collections, os, socket, struct, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import yaml
import bootstrap, sut
from conformance import CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, HOST, PING, PRIORITY, PUSH_PROMISE, RST, SETTINGS, WINDOW_UPDATE, block, frame, number, setting
from metadata import LOG, Peer, eventually, get

PADDED = 8
DIRECT, UP = '/direct', '/hang'


def head(stream, path=UP, end=False, fields=()):
    fields = [(':method', 'POST'), (':path', path), (':scheme', 'http'), (':authority', 'a.test'), *fields]
    return frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, block(*fields))


def reset(stream):
    return frame(RST, 0, stream, number(8))


def given_up(first, count):
    return b''.join(head(2 * i + 1, end=True) + reset(2 * i + 1) for i in range(first, first + count))


BROKEN = '0 DPE codec_error:The_user_callback_function_failed'
LEFT = '0 DC downstream_remote_disconnect'
GIVEN_UP = '0 DR http2.remote_reset'
CUT = '0 - too_many_premature_resets'
ERROR = {'http.m.downstream_cx_protocol_error': 1}
RAPID = {'http.m.downstream_rq_too_many_premature_resets': 1}
A = head(1)
HALF = block((':method', 'GET'))
PRIO = frame(PRIORITY, 0, 1, number(0) + b'a')


def flood(name, words):
    return {'http2.' + name: 1, 'http.m.downstream_cx_protocol_error': 0}, '0 DPE codec_error:' + words


EMPTY, EMPTY_OTHERS = flood('inbound_empty_frames_flood', 'Too_many_consecutive_frames_with_an_empty_payload')
EMPTY_ONE = '0 DPE http2.inbound_empty_frames_flood'
PRIORITIES, PRIORITY_LOG = flood('inbound_priority_frames_flood', 'Too_many_PRIORITY_frames')
UPDATES, UPDATES_LOG = flood('inbound_window_update_frames_flood', 'Too_many_WINDOW_UPDATE_frames')
CONTROL, CONTROL_LOG = flood('outbound_control_flood', 'Too_many_control_frames_in_the_outbound_queue.')

# Name; what is sent (numbers are pauses); lines of the access log, with how many of each; what is counted; whether the connection is ended.
SCENES = [
    ('DATA on a stream that nobody opened', [A, frame(DATA, 0, 5, b'x')], {BROKEN: 1}, ERROR, True),
    ('DATA on stream 0', [A, frame(DATA, 0, 0, b'x')], {BROKEN: 1}, ERROR, True),
    ('HEADERS on stream 0', [A, head(0)], {BROKEN: 1}, ERROR, True),
    ('a RST_STREAM of a wrong length', [A, frame(RST, 0, 1, b'abc')], {BROKEN: 1}, ERROR, True),
    ('a PRIORITY of a wrong length', [A, frame(PRIORITY, 0, 1, b'abc')], {BROKEN: 1}, ERROR, True),
    ('a SETTINGS of a wrong length', [A, frame(SETTINGS, 0, 0, b'abc')], {BROKEN: 1}, ERROR, True),
    ('a PING of a wrong length', [A, frame(PING, 0, 0, b'abc')], {BROKEN: 1}, ERROR, True),
    ('a GOAWAY of a wrong length', [A, frame(GOAWAY, 0, 0, b'1234')], {BROKEN: 1}, ERROR, True),
    ('a WINDOW_UPDATE of a wrong length', [A, frame(WINDOW_UPDATE, 0, 1, b'abc')], {BROKEN: 1}, ERROR, True),
    ('a window beyond 2^31-1', [A, frame(WINDOW_UPDATE, 0, 0, number(0x7FFFFFFF))], {BROKEN: 1}, ERROR, True),
    ('a window of a stream beyond 2^31-1', [A, 0.2, frame(WINDOW_UPDATE, 0, 1, number(0x7FFFFFFF))], {GIVEN_UP: 1}, {'http2.tx_reset': 1, 'http.m.downstream_cx_protocol_error': 0}, False),
    ('an initial window beyond 2^31-1', [A, setting(4, 0x80000000)], {BROKEN: 1}, ERROR, True),
    ('CONTINUATION of nothing', [A, frame(CONTINUATION, END_HEADERS, 1, b'')], {BROKEN: 1}, ERROR, True),
    ('a PUSH_PROMISE', [A, frame(PUSH_PROMISE, END_HEADERS, 1, number(2))], {BROKEN: 1}, ERROR, True),
    ('a stream with an even number', [A, head(2)], {BROKEN: 1}, ERROR, True),
    ('a stream with a smaller number', [head(5), head(3)], {BROKEN: 1}, ERROR, True),
    ('a block that cannot be read', [A, frame(HEADERS, END_HEADERS, 3, b'\xff' * 6)], {BROKEN: 2}, ERROR, True),
    ('an index that is none', [A, frame(HEADERS, END_HEADERS, 3, b'\x80')], {BROKEN: 2}, ERROR, True),
    ('more padding than payload', [A, frame(DATA, PADDED, 1, b'\x16abc')], {BROKEN: 1}, ERROR, True),
    ('a frame that is too large', [A, frame(DATA, 0, 1, b'x' * 16385)], {BROKEN: 1}, ERROR, True),
    ('something within a head', [A, 0.1, frame(HEADERS, 0, 3, b''), frame(DATA, 0, 1, b'x')], {BROKEN: 2}, ERROR, True),
    ('a second head that ends nothing', [A, 0.2, A], {BROKEN: 1}, dict(ERROR, **{'http2.rx_messaging_error': 0}), True),
    ('all of them are cut off', [A, head(3), head(5), frame(PING, 0, 0, b'abc')], {BROKEN: 3}, dict(ERROR, **{'http.m.downstream_rq_rx_reset': 3}), True),
    ('more CONTINUATION frames than one would expect', [A, 0.1, frame(HEADERS, END_STREAM, 3, block((':method', 'POST'), (':path', DIRECT), (':scheme', 'http'), (':authority', 'a.test')))
        + b''.join(frame(CONTINUATION, END_HEADERS if i == 59 else 0, 3, block(('x%d' % i, 'y'))) for i in range(60))], {LEFT: 1, '200 - direct_response': 1}, {}, False),
    ('too many of them for the fields they bring', [A, 0.1, frame(HEADERS, 0, 3, HALF) + frame(CONTINUATION, 0, 3, b'\0\1a\1b') * 200 + frame(CONTINUATION, END_HEADERS, 3, b'\0\1a\1b')],
     {LEFT: 1, '0 DR http2.too_many_headers': 1}, {'http2.header_overflow': 1}, False),
    ('a flood of empty DATA', [A + head(3)] + [frame(DATA, 0, 1)] * 4, {EMPTY_ONE: 1, EMPTY_OTHERS: 1}, EMPTY, True),
    ('a flood of empty CONTINUATION', [0.1, A + frame(HEADERS, 0, 3, HALF) + frame(CONTINUATION, 0, 3) * 4], {EMPTY_ONE: 1, EMPTY_OTHERS: 1}, EMPTY, True),
    ('empty DATA now and then', [A, frame(DATA, 0, 1), frame(DATA, 0, 1, b'x'), frame(DATA, 0, 1), frame(DATA, END_STREAM, 1)], {LEFT: 1}, {'http2.inbound_empty_frames_flood': 0}, False),
    ('a flood of PRIORITY', [A + head(3) + PRIO * 400], {PRIORITY_LOG: 2}, PRIORITIES, True),
    ('a flood of PRIORITY on no stream', [PRIO * 400], {}, PRIORITIES, True),
    ('a flood of WINDOW_UPDATE', [A + frame(WINDOW_UPDATE, 0, 1, number(1)) * 60], {UPDATES_LOG: 1}, UPDATES, True),
    ('a flood of PING', [A + frame(PING, 0, 0, b'12345678') * 3000], {CONTROL_LOG: 1}, CONTROL, True),
    ('a flood of SETTINGS', [A + frame(SETTINGS, 0, 0) * 3000], {CONTROL_LOG: 1}, CONTROL, True),
    ('requests that are given up at once', [A, 0.2, given_up(1, 260)], {GIVEN_UP: 250, CUT: 1}, dict(RAPID, **ERROR, **{'http.m.downstream_rq_total': 251, 'http.m.downstream_rq_rx_reset': 251, 'http2.rx_reset': 250}), True),
    ('or little by little', [A, given_up(1, 100), 0.2, given_up(101, 100), 0.2, given_up(201, 60)], {GIVEN_UP: 250, CUT: 1}, dict(RAPID, **{'http.m.downstream_rq_rx_reset': 251}), True),
    ('too few of them', [A, given_up(1, 249)], {GIVEN_UP: 249, LEFT: 1}, {'http.m.downstream_rq_too_many_premature_resets': 0}, False),
    ('fewer than half', [b''.join(head(2 * i + 1, DIRECT, True) for i in range(300)), 0.4, given_up(300, 251)], {'200 - direct_response': 300, GIVEN_UP: 251}, {'http.m.downstream_rq_too_many_premature_resets': 0}, False),
    ('requests that an error ends count as given up', [b''.join(head(2 * i + 1) for i in range(300)), 0.4, frame(PING, 0, 0, b'abc')], {BROKEN: 250, CUT: 50}, dict(RAPID, **ERROR), True),
    ('those that end with their connection do not', [b''.join(head(2 * i + 1) for i in range(300)), 0.4], {LEFT: 300}, {'http.m.downstream_rq_too_many_premature_resets': 0, 'http.m.downstream_rq_rx_reset': 300}, False),
    ('a request that is answered before it is given up in the same read', [head(1, DIRECT) + reset(1)], {'200 - direct_response': 1}, {}, False),
    ('a RST_STREAM that comes too late is not counted', [head(1, DIRECT), 0.2, reset(1)], {'200 - direct_response': 1}, {'http2.rx_reset': 0, 'http2.tx_reset': 1}, False),
]  # fmt: skip

# Options of HTTP/2, values of the runtime, and scenes with them.
LIMITS = '''max_outbound_control_frames: 10, max_inbound_priority_frames_per_stream: 2, max_concurrent_streams: 3,
            max_inbound_window_update_frames_per_data_frame_sent: 1, max_consecutive_inbound_frames_with_empty_payload: 3'''
UPDATE = frame(WINDOW_UPDATE, 0, 1, number(1))
GROUPS = [
    ('', '', SCENES),
    (LIMITS, '', [
        ('as many PRIORITY frames as may be', [A, 0.2, PRIO * 4], {LEFT: 1}, {'http2.inbound_priority_frames_flood': 0}, False),
        ('one PRIORITY frame more', [A, 0.2, PRIO * 5], {PRIORITY_LOG: 1}, PRIORITIES, True),
        ('as many WINDOW_UPDATE frames as may be', [A, 0.2, UPDATE * 7], {LEFT: 1}, {'http2.inbound_window_update_frames_flood': 0}, False),
        ('one WINDOW_UPDATE frame more', [A, 0.2, UPDATE * 8], {UPDATES_LOG: 1}, UPDATES, True),
        ('as many empty frames as may be', [A, 0.2, frame(DATA, 0, 1) * 3 + frame(DATA, 0, 1, b'x')], {LEFT: 1}, {'http2.inbound_empty_frames_flood': 0}, False),
        ('one empty frame more', [A, 0.2, frame(DATA, 0, 1) * 4], {EMPTY_ONE: 1}, EMPTY, True),
        ('a few PINGs', [A, 0.2, frame(PING, 0, 0, b'12345678') * 5], {LEFT: 1}, {'http2.outbound_control_flood': 0}, False),
        ('too many PINGs', [A, 0.2, frame(PING, 0, 0, b'12345678') * 20], {CONTROL_LOG: 1}, CONTROL, True),
        ('as many streams as may be', [0.2, A + head(3) + head(5)], {LEFT: 3}, {'http2.stream_refused_errors': 0}, False),
        ('one stream more', [0.2, A + head(3) + head(5) + head(7)], {BROKEN: 3}, ERROR, True),
    ]),
    ('max_outbound_frames: 50', '', [
        ('answers that nobody reads', [b''.join(head(2 * i + 1, DIRECT, True) for i in range(400))], None, {'http2.outbound_flood': 1, 'http.m.downstream_cx_protocol_error': 0}, True),
    ]),
    ('', 'overload.premature_reset_total_stream_count: 20', [
        ('a fair number may be smaller', [given_up(1, 12)], {GIVEN_UP: 10}, RAPID, True),
        ('a smaller share does not matter', [b''.join(head(2 * i + 1, DIRECT, True) for i in range(12)), 0.3, given_up(12, 11)], {'200 - direct_response': 12, GIVEN_UP: 11}, {'http.m.downstream_rq_too_many_premature_resets': 0}, False),
    ]),
    ('', 'overload.premature_reset_total_stream_count: 6, overload.premature_reset_min_stream_lifetime_seconds: 0', [
        ('what lasted a second was no haste', [b''.join(head(2 * i + 1) for i in range(5)), 1.1, b''.join(reset(2 * i + 1) for i in range(5))], {GIVEN_UP: 5}, {'http.m.downstream_rq_too_many_premature_resets': 0}, False),
        ('what did not was', [b''.join(head(2 * i + 1) for i in range(5)), 0.1, b''.join(reset(2 * i + 1) for i in range(5))], {GIVEN_UP: 3, CUT: 2}, RAPID, True),
    ]),
]  # fmt: skip


def config(values, upstream, options, runtime):
    """`options`: of HTTP/2."""
    short = {
        'stat_prefix': 'm', 'codec_type': 'HTTP2', 'delayed_close_timeout': '0.05s', 'http2_protocol_options': options, 'log_format': LOG,
        'routes': [{'match': {'path': DIRECT}, 'direct_response': {'status': 200, 'body': {'inline_string': 'hi'}}}, {'match': {'prefix': '/'}, 'route': {'cluster': 'up'}}],
    }  # fmt: skip
    layers = {'layered_runtime': {'layers': [{'name': 'static', 'static_layer': runtime}]}}
    up = dict(bootstrap.cluster('up', 'h1', upstream), connect_timeout='5s')
    return bootstrap.text(short, [up], values, extra=layers)


class Proxy:
    def __init__(self, upstream, options, runtime):
        self.port, self.admin = sut.free_port(), sut.free_port()
        self.sut = sut.Sut(os.environ.get('SUT', 'weir'))
        values = {'port': self.port, 'admin': self.admin, 'dir': self.sut.dir}
        self.sut.start(config(values, upstream, *(yaml.safe_load('{%s}' % text) for text in (options, runtime))), self.admin)
        self.read = 0

    def stats(self):
        lines = (line.partition(': ') for line in get(self.admin, '/stats?filter=http').splitlines())
        return {name: int(value) for name, _, value in lines if value.isdigit()}

    def logged(self):
        if not os.path.exists(self.sut.dir + '/access.log'):
            return {}
        with open(self.sut.dir + '/access.log') as f:
            return collections.Counter(f.read().splitlines()[self.read :])


def play(proxy, sent, lines, counted, ends):
    """What came otherwise than it must; '' if nothing did."""
    before = proxy.stats()
    c = Peer(socket.create_connection((HOST, proxy.port)), False)
    for what in sent:
        time.sleep(what) if isinstance(what, float) else c.send(what)
    if ends and not eventually(lambda: c.closed):
        return 'the connection lives on'
    if not ends:
        time.sleep(0.3)
        if c.closed:
            return 'the connection is ended'
    c.hang_up()
    eventually(lambda: proxy.logged() == lines)
    said = proxy.logged()
    proxy.read += sum(said.values())
    if lines is not None and said != lines:
        return 'the log says ' + str(dict(said))
    change = lambda: {name: proxy.stats().get(name, 0) - before.get(name, 0) for name in counted}
    return '' if eventually(lambda: change() == counted) else 'counted are ' + str(change())


def main():
    words = sys.argv[1:]
    failed = ran = 0
    hanging = socket.socket()
    hanging.bind((HOST, 0))
    hanging.listen(500)
    for options, runtime, scenes in GROUPS:
        scenes = [scene for scene in scenes if not words or any(word in scene[0] for word in words)]
        if not scenes:
            continue
        proxy = Proxy(hanging.getsockname()[1], options, runtime)
        for name, *scene in scenes:
            ran += 1
            instead = play(proxy, *scene) or ('' if proxy.sut.process.poll() is None else 'it exited')
            if instead:
                failed += 1
                print('FAIL  frames, %s: %s' % (name, instead))
        proxy.sut.stop()
    print('frames: %d passed, %d failed' % (ran - failed, failed))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
