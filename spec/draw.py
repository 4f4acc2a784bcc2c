"""Drawing from a seed."""

import random

TYPE = 'type.googleapis.com/envoy.extensions.'


class Draw:
    def __init__(self, seed):
        self.r = random.Random(seed)

    def maybe(self, p=0.5):
        return self.r.random() < p

    def pick(self, x):
        return self.r.choice(x)

    def some(self, x, least=0, most=3):
        return self.r.sample(x, min(len(x), self.r.randint(least, most)))

    def extension(self, kind, **fields):
        return {'name': kind.rsplit('.', 1)[1], 'typed_config': {'@type': TYPE + kind, **fields}}
