#!/usr/bin/python3
"""The application at `/` of the admin port, in a real browser: every page shows what it is about, with traffic going through the
proxy, and no script fails.

    spec/page.py [--pictures FOLDER]      # pictures: light, dark and as wide as a phone, for a person to look at

Skipped with a word where Chromium is not installed (tools/setup-tests.sh browser)."""

import argparse, html, os, re, shutil, subprocess, sys, tempfile, threading, time, urllib.error, urllib.request

import bootstrap
import sut


def config(ports):
    routes = [
        {'name': 'to-broken', 'match': {'prefix': '/broken'}, 'route': {'cluster': 'broken-cluster'}},
        {'name': 'to-inner', 'match': {'prefix': '/inner'}, 'route': {'cluster': 'inner-cluster', 'prefix_rewrite': '/x'}},
        {'name': 'greets', 'match': {'prefix': '/'}, 'direct_response': {'status': 200, 'body': {'inline_string': 'hello'}}},
    ]
    short = {'stat_prefix': 'front', 'virtual_hosts': [{'name': 'the-shop', 'domains': ['*'], 'routes': routes}]}
    clusters = [bootstrap.cluster('broken-cluster', 'h1', ports['closed']), bootstrap.cluster('inner-cluster', 'h1', ports['port'])]
    front_door = {'main_fields': {'name': 'front-door'}, 'extra': {'node': {'id': 'node-7', 'cluster': 'demo'}}}
    return bootstrap.text(short, clusters, ports, **front_door)


# What must be found in the text of each page.
PAGES = {
    'overview': ['front-door', 'inner-cluster', 'broken-cluster', 'live', 'the-shop → to-broken'],
    'map': ['front-door', 'the-shop', 'to-inner', 'inner-cluster', '127.0.0.1:{port}'],
    'requests': ['/broken', 'to-inner', '503', 'UF'],
    'statistics': ['cluster.inner-cluster.upstream_rq_total', 'http.front.downstream_rq_total'],
    'configuration': ['static_clusters', 'static_listeners', 'bootstrap'],
    'commands': ['Fail health checks', 'stats/prometheus'],
}


class Traffic(threading.Thread):
    """Requests all the time, some of which fail."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.over = port, False

    def run(self):
        while not self.over:
            for path in ('/inner/a', '/x', '/broken', '/inner/b?c=d'):
                try:
                    urllib.request.urlopen('http://127.0.0.1:%d%s' % (self.port, path), timeout=2).read()
                except (urllib.error.HTTPError, OSError):
                    pass
                time.sleep(0.02)


def browser(profile, url, *more):
    """What Chromium says after about six of the page's seconds."""
    command = ['chromium', '--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--user-data-dir=' + profile]
    command += ['--virtual-time-budget=6000', '--enable-logging=stderr', *more, url]
    return subprocess.run(command, capture_output=True, text=True, errors='replace', timeout=60)


def text_of(dom):
    dom = re.sub(r'<(script|style)\b.*?</\1>', ' ', dom, flags=re.S)
    return html.unescape(re.sub(r'\s+', ' ', re.sub(r'<[^>]+>', ' ', dom)))


def check(profile, ports):
    wrong = []
    for page, wanted in PAGES.items():
        shown = browser(profile, 'http://127.0.0.1:%d/#%s' % (ports['admin'], page), '--dump-dom')
        for line in re.findall(r'CONSOLE.*', shown.stderr):
            wrong.append('%s: the browser says %s' % (page, line[:200]))
        text = text_of(shown.stdout)
        for each in wanted:
            if each.format(**ports) not in text:
                wrong.append('%s: does not show %s' % (page, each.format(**ports)))
        if page == 'overview' and not re.search(r'[1-9][\d.]* ?/s|[1-9]\d* (requests )?a second', text):
            wrong.append('overview: shows no rate: ' + text[:300])
    return wrong


def take_pictures(profile, ports, folder):
    os.makedirs(folder, exist_ok=True)
    for page in PAGES:
        for name, size, more in (
            ('light', '1280,900', ()),
            ('dark', '1280,900', ('--blink-settings=preferredColorScheme=0',)),
            ('phone', '400,860', ()),
        ):
            where = '%s/%s-%s.png' % (os.path.abspath(folder), page, name)
            browser(profile, 'http://127.0.0.1:%d/#%s' % (ports['admin'], page), '--screenshot=' + where, '--window-size=' + size, *more)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    arguments.add_argument('--pictures', help='a folder for screenshots')
    arguments = arguments.parse_args()
    if shutil.which('chromium') is None:
        print('page: skipped, for Chromium is not installed (tools/setup-tests.sh browser)')
        return 0
    began = time.monotonic()
    ports = {name: sut.free_port() for name in ('admin', 'port', 'closed')}
    proxy = sut.Sut('weir')
    profile = tempfile.mkdtemp(prefix='weir-page-')
    traffic = None
    try:
        proxy.start(config(ports), ports['admin'])
        traffic = Traffic(ports['port'])
        traffic.start()
        wrong = check(profile, ports)
        if arguments.pictures:
            take_pictures(profile, ports, arguments.pictures)
    finally:
        if traffic is not None:
            traffic.over = True
            traffic.join()
        proxy.stop()
        shutil.rmtree(profile, ignore_errors=True)
    for line in wrong:
        print('page: ' + line)
    print('page: %d pages, %d wrong, %.1f s' % (len(PAGES), len(wrong), time.monotonic() - began))
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
