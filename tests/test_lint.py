"""The lint: what receivers repeat uses only arithmetic that is the same on every machine; the tree's arrows."""

import subprocess
import sys
from pathlib import Path

import pytest
from exactness import problems

import mdlcodec

PACKAGE = Path(mdlcodec.__file__).parent
# what a sender alone does, and what looks at files that are made; receivers repeat everything else
ALONE = ("sender", "observe", "studies", "report", "bounds", "cli", "sklearn.py")
REPEATED = sorted(path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] not in ALONE)


@pytest.mark.parametrize("path", REPEATED, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_inexact_arithmetic(path):
    assert problems(path.read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        "import math\ny = math.cos(1.0)",
        "import numpy as np\ny = np.exp(x)",
        "import numpy\ny = numpy.exp(x)",
        "import numpy as anything\ny = anything.exp(x)",
        "from numpy import exp",
        "from numpy import exp as rint",
        "y = x ** 0.5",
        "y **= 0.5",
        "y = pow(x, 0.5)",
        "y = sum(values)",
        "y = x.sum()",
        "y = x.sqrt()",
        "y = x.exp()",
        "y = x.add(z, alpha=2)",
        "y = a @ b",
        "import torch\ny = torch.randn(3)",
        "import torch\ny = torch.nn.functional.conv2d(x, w)",
        "import torch\nfunctional = torch.nn.functional\ny = functional.conv2d(x, w)",
        "from torch.nn import functional as f\ny = f.conv2d(x, w)",
        "import torch.nn.functional as f\ny = f.softmax(x)",
        "import torch\nadam = torch.optim.Adam([w])",
        "from torch.optim import Adam",
        "from torch import exp",
        "import scipy",
        "from scipy.special import erf",
        "import random",
        "import numpy as np\ny = np.random.default_rng(0)",
        "import numpy as np\ny = np.linalg.solve(a, b)",
        "from numba import njit\n@njit(fastmath=True)\ndef f(): pass",
        "from numba import njit\n@njit(parallel=True)\ndef f(): pass",
        "from numba import prange",
        "from math import exp",
        "import torch\ny = torch.Tensor.exp(x)",
        "import numpy as np\ny = np.ndarray.sum(x)",
        "import numpy as np\ny = np.float64.__pow__(x, 0.5)",
        "import numpy as np\ny = np.maximum.reduce(x)",
        "f = x.exp\ny = f()",
        "y = map(x.exp, z)",
        "s = sum\ny = s(values)",
        "y = map(sum, rows)",
        "p = pow",
        "import operator\ny = operator.pow(x, 0.5)",
        "y = eval('x ** 0.5')",
        "y = x.add(z, **{'alpha': 2})",
        "import numpy as np\ny = np.argsort(x)",
        "from .elementary import exp",
        "def f():\n    from math import exp as e\n    return e(1.0)",
    ],
)
def test_the_lint_sees(source):
    assert problems(source)


def test_the_lint_lets_exact_things_pass():
    lines = [
        "import numpy as np",
        "y = np.sqrt(x) * 2 ** 3",
        "z = sum(sizes)  # integers",
        "w = np.random.Philox(1)",
        "v = np.log2(p).sum()  # reported only",
        "u = x.reshape(-1).astype(np.float32)",
        "t = self.exp(x) if ours.update(y) else ours.prod",
    ]
    assert problems("\n".join(lines)) == ["line 7: .exp()"]


def test_the_tree_flows_one_way():
    """The contracts in pyproject.toml: layers, no circles, and who imports what senders alone do."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"]
    told = subprocess.run(
        [*command, "--no-cache", "--config", str(PACKAGE.parent / "pyproject.toml")],
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
    )
    assert told.returncode == 0, told.stdout
