#!/usr/bin/python3
"""Prometheus reads what the admin port shows: promtool finds no fault with it, and a real Prometheus scrapes it and answers
queries about it. Part of `make spec`; takes a few seconds."""

import json, os, shutil, subprocess, sys, tempfile, time, urllib.parse, urllib.request

import bootstrap
import sut


def config(ports):
    short = {
        'stat_prefix': 'front',
        'virtual_hosts': [{
            'name': 'all', 'domains': ['*'],
            'virtual_clusters': [{'name': 'things', 'headers': [{'name': ':path', 'string_match': {'prefix': '/down'}}]}],
            'routes': [{'match': {'prefix': '/down'}, 'route': {'cluster': 'a.b:80|v1'}}, {'match': {'prefix': '/'}, 'direct_response': {'status': 200}}],
        }],
    }  # fmt: skip
    return bootstrap.text(short, [bootstrap.cluster('a.b:80|v1', 'h1', ports['closed'])], ports)


# What is asked of the real one, and the answer after 20 good requests and 3 that fail. The name of a cluster ends at its first
# dot, as Envoy's tags have it.
QUERIES = {
    'sum(envoy_http_downstream_rq_xx{envoy_http_conn_manager_prefix="front",envoy_response_code_class="2"})': 20,
    'sum(envoy_http_downstream_rq_xx{envoy_http_conn_manager_prefix="front",envoy_response_code_class="5"})': 3,
    'sum({__name__=~"envoy_cluster_.*upstream_rq",envoy_response_code="503"})': 6,  # with external.*
    'max(envoy_server_live)': 1,
    'max(up)': 1,
}


class Failed(Exception):
    pass


def fetch(url):
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.read().decode()


def ask(port, query):
    answer = json.loads(fetch('http://127.0.0.1:%d/api/v1/query?%s' % (port, urllib.parse.urlencode({'query': query}))))
    result = answer['data']['result']
    return float(result[0]['value'][1]) if result else None


def make_traffic(port):
    for path, count in (('/', 20), ('/down', 3)):
        for _ in range(count):
            try:
                fetch('http://127.0.0.1:%d%s' % (port, path))
            except urllib.error.HTTPError:
                pass


def check_text(admin, query):
    text = fetch('http://127.0.0.1:%d/stats/prometheus%s' % (admin, query))
    checked = subprocess.run(['promtool', 'check', 'metrics'], input=text, text=True, capture_output=True)
    # Its advice about names ("counters should end in _total") is about Envoy's names, not about the text.
    if checked.returncode not in (0, 3) or 'error' in checked.stderr.lower().split('\n')[0]:
        raise Failed('promtool check metrics%s: %s' % (query, checked.stderr[:600]))
    return text.count('\n')


def check_scrapes(admin):
    folder = tempfile.mkdtemp(prefix='weir-prometheus-')
    port = sut.free_port()
    with open(folder + '/prometheus.yml', 'w') as f:
        f.write(
            'global: {scrape_interval: 500ms, scrape_timeout: 400ms}\nscrape_configs:\n- job_name: weir\n'
            '  metrics_path: /stats/prometheus\n  static_configs: [{targets: ["127.0.0.1:%d"]}]\n' % admin
        )
    command = ['prometheus', '--config.file=prometheus.yml', '--storage.tsdb.path=data', '--log.level=error']
    with open(folder + '/output', 'w') as output:
        process = subprocess.Popen(command + ['--web.listen-address=127.0.0.1:%d' % port], cwd=folder, stdout=output, stderr=output)
    try:
        end = time.monotonic() + 20
        wrong = {query: 'no answer' for query in QUERIES}
        while wrong and time.monotonic() < end:
            time.sleep(0.2)
            if process.poll() is not None:
                raise Failed('Prometheus ended: ' + open(folder + '/output').read()[-600:])
            try:
                answers = {query: ask(port, query) for query in QUERIES}
            except OSError:
                continue
            wrong = {query: answer for query, answer in answers.items() if answer != QUERIES[query]}
        if wrong:
            raise Failed('Prometheus says: ' + ', '.join('%s is %s, not %s' % (q, a, QUERIES[q]) for q, a in wrong.items()))
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def main():
    missing = [name for name in ('prometheus', 'promtool') if shutil.which(name) is None]
    if missing:
        print('prometheus: skipped, for %s is not installed (tools/setup-tests.sh prometheus)' % missing[0])
        return 0
    began = time.monotonic()
    ports = {name: sut.free_port() for name in ('admin', 'port', 'closed')}
    proxy = sut.Sut(os.environ.get('SUT', 'weir'))
    try:
        proxy.start(config(ports), ports['admin'])
        make_traffic(ports['port'])
        lines = sum(check_text(ports['admin'], query) for query in ('', '?usedonly', '?text_readouts', '?histogram_buckets=summary'))
        check_scrapes(ports['admin'])
    except Failed as failure:
        print('prometheus: %s' % failure)
        return 1
    finally:
        proxy.stop()
    print('prometheus: promtool accepts %d lines, Prometheus answers %d queries, %.1f s' % (lines, len(QUERIES), time.monotonic() - began))
    return 0


if __name__ == '__main__':
    sys.exit(main())
