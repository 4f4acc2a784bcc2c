#!/usr/bin/python3
"""Weir beside Envoy: the same random configuration and the same bytes; what comes back and what reached the upstream must be equal.

    spec/differential.py --seed 1 --configs 20 --requests 100
    spec/differential.py --left envoy --right envoy      # the tool against itself: no differences

A difference is shrunk and printed with the seed that makes it. Exit status 1 when there was one."""

import argparse, collections, json, os, re, signal, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import yaml
import sut
from generate import Generator
from shrink import shrink
from sides import Afterwards, Pair, number_of


def acceptable(pair, hcm):
    """Leaves out single options until both sides take the configuration, so that the rest of it can be compared."""
    for k in [k for k in hcm if k != 'route_config']:
        smaller = {x: y for x, y in hcm.items() if x != k}
        answers = pair.configure(smaller)
        if not any(answers):
            return smaller, answers
    bare = {'route_config': hcm['route_config']}
    return bare, pair.configure(bare)


NOT_YET = re.compile(r'typed_config\.([\w.\[\]"/]+): known to Envoy, but Weir does not')


def without_missing(pair, hcm, answers, missing):
    """Takes out what Weir refuses because it does not have it yet: not a difference, it says so itself."""
    while not answers[1] and (found := NOT_YET.search(answers[0] or '')):
        path = re.findall(r'\w+', re.sub(r'\["?([^\]"]+)"?\]', r'.\1', found.group(1)))
        missing[re.sub(r'\[\d+\]', '', found.group(1)).split('.', 4)[-1]] += 1
        at = hcm
        for i, p in enumerate(path[:-1]):
            below = at[int(p)] if isinstance(at, list) else at.get(p)
            if not isinstance(below, (dict, list)):
                break
            at, last = below, path[i + 1]
        if len(path) == 1:
            last = path[0]
        if isinstance(at, list):
            del at[int(last)]
        else:
            if at.pop(last, None) is None:
                return hcm, answers
        answers = pair.configure(hcm)
    return hcm, answers


def short(x):
    x = str(x)
    return x if len(x) < 700 else x[:700] + '…'


def show(left, right, hcm, q, found):
    print('  request: ' + json.dumps(q)[:3000])
    for k, x, y in found:
        print('  %s\n    %-6s %s\n    %-6s %s' % (k, left, short(x), right, short(y)))
    print('  configuration:\n' + re.sub('(?m)^', '    ', yaml.safe_dump(hcm, sort_keys=False, width=140)), flush=True)


def show_afterwards(a, seed, found, asked):
    print('DIFFERENCE seed %d, in the access log or the statistics' % seed)
    for k, x, y in found[:12]:
        print('  %s\n    %-6s %s\n    %-6s %s' % (k, a.left, short(x), a.right, short(y)))
        n = number_of(x or y or '') if k == 'access log' else None
        if n is not None:
            print('    request: ' + json.dumps(asked[n])[:1500])
    sys.stdout.flush()


class Run:
    def __init__(self, arguments):
        self.a = arguments
        self.pair = Pair(arguments.left, arguments.right)
        self.asked = self.configs = self.refused = self.shown = self.crashes = self.once = 0
        self.signatures = set()
        self.missing = collections.Counter()
        self.reasons = collections.Counter()  # why both refuse

    def new(self, signature):
        """Whether it is the first difference that looks like this."""
        if signature in self.signatures:
            return False
        self.signatures.add(signature)
        self.shown += 1
        return True

    def one_configuration(self, seed):
        g = Generator(seed)
        hcm = g.hcm()
        self.configs += 1
        hcm, answers = without_missing(self.pair, hcm, self.pair.configure(hcm), self.missing)
        if bool(answers[0]) != bool(answers[1]):
            if self.new(re.sub(r'\d+|weir-spec-\w+', '#', (answers[0] or answers[1]))[-200:]):
                print('DIFFERENCE seed %d: only one takes the configuration' % seed)
                for name, answer in ((self.a.left, answers[0]), (self.a.right, answers[1])):
                    print('  %s: %s' % (name, answer or 'runs'), flush=True)
            hcm, answers = acceptable(self.pair, hcm)
        if answers[0] or answers[1]:
            self.refused += 1
            self.reasons[self.reason(answers[1])] += 1
            return
        self.requests(g, hcm, seed)

    @staticmethod
    def reason(answer):
        """How Envoy begins; after it comes the whole configuration."""
        said = re.sub(r'^.*?\] error `|\S+\.yaml|\d{4,}|weir-spec-\w+', '#', answer or '', flags=re.S)
        said = re.sub(r'static_resources\S+\.', '', said)
        return re.sub(r'\s+', ' ', said)[:200]

    def requests(self, g, hcm, seed):
        asked, alone, left_out = [], [], set()
        again = 0  # how often the configuration was started anew
        for _ in range(self.a.requests):
            q = g.request()
            if self.pair.listed and self.pair.listed.status_of(q):
                alone.append(q)
                continue
            if 'raw' not in q:
                q['headers'].append(['x-n', str(len(asked))])
            asked.append(q)
            self.asked += 1
            found = self.pair.compare(q)
            if self.pair.asked_again:
                left_out.add(len(asked) - 1 if 'raw' not in q else None)
            if found and self.pair.envoy_died():
                self.crashes += 1
                return
            if found and self.show(hcm, q, found, seed):
                again += 1
                self.pair.configure(hcm)
            if self.shown >= self.a.most or again >= 3:
                return
        late = [] if again else self.pair.afterwards(left_out)
        late = [d for d in late if self.new_late(d)]
        found = late and self.pair.first_wrong(hcm, asked)
        if late and not found and not {d[0] for d in late} & {d[0] for d in self.pair.once_more(hcm, asked)}:
            self.once += 1  # what happens again is a difference, what does not was a matter of time
            late = []
        if late:
            self.shown += 1
            show_afterwards(self.a, seed, late, asked)
        if found:
            print('  first seen after this request:')
            later = Afterwards(self.pair)
            hcm, q = shrink(later, hcm, found[0], {k for k, _, _ in found[1]}, self.a.shrink)
            later.configure(hcm)
            show(self.a.left, self.a.right, hcm, q, later.compare(q) or found[1])
        for q in alone:
            self.asked += 1
            if (found := self.pair.wrong_alone(q)) and self.new(str(found)):
                print('DIFFERENCE seed %d, from what is listed' % seed)
                show(self.a.left, self.a.right, hcm, q, found)

    def new_late(self, d):
        signature = d[0] + re.sub(r'\d+', '', str(d[1:]))[:60]
        return signature not in self.signatures and not self.signatures.add(signature)

    def show(self, hcm, q, found, seed):
        """Whether it was shrunk and shown."""
        kinds = {k for k, _, _ in found}
        what = [[h[0] for h in x] + [h[0] for h in y] if k.endswith('headers') else (x, y) for k, x, y in found]
        if not self.new((tuple(sorted(kinds)), str(what)[:300])):
            return False
        print('DIFFERENCE seed %d, request %d (%s)' % (seed, self.asked, ', '.join(sorted(kinds))), flush=True)
        small, sq = shrink(self.pair, hcm, q, kinds, self.a.shrink)
        self.pair.configure(small)
        show(self.a.left, self.a.right, small, sq, self.pair.compare(sq) or found)
        return True

    def run(self):
        start = time.monotonic()
        try:
            for n in range(self.a.configs):
                if self.shown >= self.a.most:
                    break
                self.one_configuration(self.a.seed * 1000 + self.a.first + n)
        except KeyboardInterrupt:
            print('stopped')
        finally:
            self.pair.close()
        if self.missing:
            print('left out, for Weir does not implement them yet: ' + ', '.join('%s (%d)' % m for m in sorted(self.missing.items())))
        if self.a.reasons:
            print('\n'.join('refused by both: %s (%d)' % r for r in self.reasons.items()))
        if self.crashes:
            print('%d configurations crashed Envoy' % self.crashes)
        if self.once:
            print('%d differences of logs or statistics were seen once and not again' % self.once)
        if self.pair.passed_over:
            print('%d differences are described in spec/differences.md' % self.pair.passed_over)
        print(
            '%d requests to %d configurations (%d refused by both), %d differences, seed %d, %.0f s'
            % (self.asked, self.configs, self.refused, self.shown, self.a.seed, time.monotonic() - start)
        )
        return 1 if self.shown else 0


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--seed', type=int, default=1)
    ap.add_argument('--first', type=int, default=0, metavar='N', help='begin with the configuration of this number')
    ap.add_argument('--configs', type=int, default=20, help='how many configurations')
    ap.add_argument('--requests', type=int, default=60, help='how many requests to each')
    ap.add_argument('--left', default='weir', choices=['weir', 'envoy'])
    ap.add_argument('--right', default='envoy', choices=['weir', 'envoy'])
    ap.add_argument('--shrink', type=float, default=20, metavar='SECONDS', help='for one difference at most')
    ap.add_argument('--reasons', action='store_true', help='say why configurations are refused by both')
    ap.add_argument('--available', action='store_true', help='only say whether there is an Envoy to compare with')
    ap.add_argument('--most', type=int, default=10, help='stop after so many differences')
    a = ap.parse_args()
    if a.available:
        return 0 if os.path.exists(sut.find_envoy()) else 1
    for name in (a.left, a.right):
        if not os.path.exists(sut.binary_of(name)):
            sys.exit('%s does not exist' % sut.binary_of(name))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    return Run(a).run()


if __name__ == '__main__':
    sys.exit(main())
