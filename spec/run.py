#!/usr/bin/python3
"""Runs the cases of spec/cases against Weir (default) or a real Envoy (SUT=envoy), as black boxes. See README.md.

spec/run.py                      every case
spec/run.py routing http1/bad    files whose path contains one of the words
spec/run.py --print FILE         also shows what came back
spec/run.py --bootstrap FILE     the configuration a file stands for"""

import argparse, glob, multiprocessing, os, re, sys, time, traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import yaml
import bootstrap, sut
from matching import Mismatch, Skip, check_keys
from stage import Stage


def load(path):
    with open(path) as f:
        file = yaml.safe_load(f)
    file['path'] = os.path.relpath(path, HERE + '/cases')
    return file


def known_differences():
    with open(HERE + '/differences.md') as f:
        return set(re.findall(r'^## ([\w-]+)', f.read(), re.M))


def run_file(job):
    """All cases of a file: a list of (outcome, name, reason)."""
    path, name, verbose, only = job
    results = []
    label = os.path.relpath(path, HERE + '/cases').removesuffix('.yaml')
    try:
        file = load(path)
        check_keys(file)
    except (yaml.YAMLError, ValueError) as e:
        return [('FAIL', label, str(e).replace('\n', ' '))]
    cases = [c for c in file['cases'] if not only or re.search(only, c['name'])]
    try:
        known = known_differences()
        stage, broken = None, None
        for case in cases:
            title = '%s: %s' % (label, case['name'])
            if case.get('differs') and case['differs'] not in known:
                results.append(('FAIL', title, 'differences.md has no entry %s' % case['differs']))
                continue
            if case.get('only', name) != name or file.get('only', name) != name:
                results.append(('skip', title, 'only for ' + case.get('only', file.get('only', ''))))
                continue
            if verbose:
                print('   ', title)
            try:
                if broken:
                    raise broken
                if stage is None:
                    stage = Stage(file, name, verbose)
                    try:
                        stage.start()
                    except RuntimeError as e:
                        broken = Skip('the file\'s configuration does not start')
                        raise e
                stage.run_case(case)
                results.append(('pass', title, ''))
            except Skip as e:
                results.append(('FAIL' if e is broken else 'skip', title, str(e)))
            except Mismatch as e:
                results.append(('FAIL', title, str(e)))
            except Exception as e:
                said = ''
                if stage and stage.sut.process and stage.sut.process.poll() is not None:
                    said = '; it ended with %s: %s' % (stage.sut.process.returncode, stage.sut.said()[-600:])
                detail = traceback.format_exc() if verbose else ''
                results.append(('FAIL', title, '%s: %s%s%s' % (type(e).__name__, e, said, detail)))
            gone = stage is not None and (stage.sut.process is None or stage.sut.process.poll() is not None)
            if stage is not None and (gone or case.get('fresh')):
                said = stage.stop()
                stage = None
                if said and results[-1][0] == 'pass' and not case.get('fresh'):
                    results[-1] = ('FAIL', title, 'it died: ' + said[-600:])
        if stage is not None:
            stage.stop()
    except Exception as e:
        results.append(('FAIL', label, '%s: %s' % (type(e).__name__, e)))
    return results


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('words', nargs='*', help='only files whose path contains one of these')
    ap.add_argument('--sut', default=os.environ.get('SUT') or 'weir', choices=['weir', 'envoy'])
    ap.add_argument('--case', help='only cases whose name matches this regex')
    ap.add_argument('--print', action='store_true', help='show what came back')
    ap.add_argument('--bootstrap', action='store_true', help='only print the configuration')
    ap.add_argument('--quiet', action='store_true', help='one line only for what did not pass')
    ap.add_argument('-j', type=int, default=4, help='files at a time')
    a = ap.parse_args()
    paths = sorted(glob.glob(HERE + '/cases/**/*.yaml', recursive=True))
    paths = [p for p in paths if not a.words or any(w in p for w in a.words)]
    if a.bootstrap:
        for p in paths:
            names = ('port', 'port2', 'admin', 'dir', *load(p).get('upstreams', {}))
            print(bootstrap.render(load(p), {n: '/tmp' if n == 'dir' else 10000 + i for i, n in enumerate(names)}))
        return 0
    binary = sut.binary_of(a.sut)
    if not os.path.exists(binary):
        sys.exit('%s does not exist; `make build` makes it' % binary)
    start = time.monotonic()
    jobs = [(p, a.sut, a.print, a.case) for p in paths]
    count = {'pass': 0, 'FAIL': 0, 'skip': 0}
    pool = None if a.print or a.j == 1 else multiprocessing.Pool(a.j)
    for results in map(run_file, jobs) if pool is None else pool.imap(run_file, jobs):
        for outcome, title, why in results:
            count[outcome] += 1
            if not a.quiet or outcome == 'FAIL':
                print('%s  %s%s' % (outcome, title, '  (%s)' % why if why else ''), flush=True)
    print('%s, %.1f s' % (a.sut, time.monotonic() - start))
    print('%d passed, %d failed, %d skipped' % (count['pass'], count['FAIL'], count['skip']))
    return 1 if count['FAIL'] or not sum(count.values()) else 0


if __name__ == '__main__':
    sys.exit(main())
