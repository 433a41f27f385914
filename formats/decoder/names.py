"""Names of tensors (formats/network.md, "Text" and "Primer")."""

from functools import cache

from decoder.frame import Damaged
from decoder.logistic_mixing import Mixture

PRIMER = """conv1.weight conv1.bias conv2.weight conv2.bias fc1.weight fc1.bias fc2.weight fc2.bias conv1/weights
conv1/biases conv1.kernel dense.kernel layer1.0.conv1.weight layer1.0.bn1.weight layer1.0.bn1.bias
layer1.0.bn1.running_mean layer1.0.bn1.running_var layer1.0.bn1.num_batches_tracked features.0.weight
classifier.weight linear.bias encoder.layers.0.self_attn.in_proj_weight embedding.weight norm.weight ip1.0
ip1.1""".split()


class Given:
    """Stands for a coder where bits are known: the primer."""

    def __init__(self):
        self.bits = []

    def bit(self, p):
        """The next bit that is known."""
        return self.bits.pop(0)


class Text:
    """Bytes of names, under six contexts, after a history."""

    def __init__(self, history, mixture):
        self.history, self.mixture = history, mixture

    def copied(self):
        """A text that learns on its own from here on."""
        return Text(list(self.history), self.mixture.copied())

    @classmethod
    @cache
    def primed(cls):
        """After the primer."""
        text, given = cls([0] * 8, Mixture([22938] * 6, 4, (4, 24), 60)), Given()
        for byte in b"".join(name.encode() + b"\0" for name in PRIMER):
            given.bits = [byte >> (7 - i) & 1 for i in range(8)]
            text.byte(given)
        return text

    def match(self):
        """Longest match of up to 8 bytes, the latest of equals, and the byte that followed."""
        h, best, following = self.history, 0, 0
        end = len(h)
        for place in range(end - 1, max(0, end - 1024) - 1, -1):
            length = 0
            while length < 8 and length < place and h[place - 1 - length] == h[end - 1 - length]:
                length += 1
            if length > best:
                best, following = length, h[place]
        return best, following

    def byte(self, coder):
        """The next byte."""
        hashes = []
        for context, order in enumerate((1, 2, 3, 4, 6)):
            h = context + 1
            for back in range(1, order + 1):
                h = (h * 771 + self.history[-back] + 1) * 2654435 % (1 << 32)
            hashes.append(h)
        length, following = self.match()
        node = 1
        for depth in range(8):
            chosen = [((h + node * 40503) * 2654435 % (1 << 32) >> 8) % (1 << 16) for h in hashes]
            agrees = length and (following | 256) >> (8 - depth) == node
            chosen.append(1 + 2 * length + (following >> (7 - depth) & 1) if agrees else 0)
            node = 2 * node + self.mixture.decode(coder, chosen, (), min(length, 3))
        self.history.append(node - 256)
        return node - 256

    def name(self, coder, size):
        """The name of so many bytes."""
        name = bytes(self.byte(coder) for _ in range(size))
        self.history.append(0)
        try:
            return name.decode("utf-8")
        except UnicodeDecodeError:
            raise Damaged("a name is not UTF-8") from None
