"""A batch that processes share gives the bits that one process gives: here threads in lockstep."""

import threading

import numpy as np
import pytest
import torch

from mdlcodec.errors import InexactComputation
from mdlcodec.exact import loss, normalisation
from mdlcodec.exact.device import normalisation as device_normalisation
from mdlcodec.exact.device.engine import DeviceEngine
from mdlcodec.exact.device.functions import arithmetic_of
from mdlcodec.exact.device.products import Float64Products, Int8Products
from mdlcodec.exact.engines import ENGINES
from mdlcodec.exact.integers import DIGITS, Digits
from mdlcodec.exact.linear import Arithmetic, Convolution, Linear

WAIT = 60.0


class _Meeting:
    """Where processes put down what they have and take the others' up."""

    def __init__(self, shares):
        self.shares, self.barrier = shares, threading.Barrier(len(shares))
        self.places, self.calls = [None] * len(shares), [[] for _ in shares]


class _Member:
    """The Reduction of one of them."""

    def __init__(self, meeting, number):
        self._meeting, self._number = meeting, number

    def examples(self, here):
        assert here == self._meeting.shares[self._number]
        return sum(self._meeting.shares)

    def _together(self, what, values):
        meeting = self._meeting
        array = values.numpy() if isinstance(values, torch.Tensor) else values
        assert array.dtype == np.float64
        meeting.calls[self._number].append((what.__name__, array.shape))
        meeting.places[self._number] = array.copy()
        meeting.barrier.wait(WAIT)
        found = what(np.stack(meeting.places), axis=0)
        meeting.barrier.wait(WAIT)
        return torch.from_numpy(found) if isinstance(values, torch.Tensor) else found

    def maximum(self, values):
        assert not np.isnan(np.asarray(values)).any()
        return self._together(np.max, values)

    def total(self, integers):
        array = np.asarray(integers)
        assert np.array_equal(array, np.rint(array), equal_nan=True)
        return self._together(np.sum, integers)


def _shared(shares, work):
    """Results of work(rows, reduction) in threads that share a batch, and what they asked for."""
    meeting, found = _Meeting(shares), [None] * len(shares)
    ends = np.cumsum(shares)

    def run(number):
        rows = slice(int(ends[number]) - shares[number], int(ends[number]))
        try:
            found[number] = work(rows, _Member(meeting, number))
        except BaseException as error:
            found[number] = error
            meeting.barrier.abort()

    workers = [threading.Thread(target=run, args=(number,)) for number in range(len(shares))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for result in found:
        if isinstance(result, BaseException) and not isinstance(result, threading.BrokenBarrierError):
            raise result
    assert all(calls == meeting.calls[0] for calls in meeting.calls)
    return found, meeting.calls[0]


ENGINES_HERE = {
    **{name: lambda name=name: ENGINES[name] for name in ENGINES},
    "device float64": lambda: DeviceEngine(torch.device("cpu"), Float64Products()),
    "device int8": lambda: DeviceEngine(torch.device("cpu"), Int8Products(worth_digits=0)),
}


def _bytes(array):
    return None if array is None else np.asarray(array).tobytes()


def _operands(shape, outputs, kernel):
    random = np.random.default_rng(3)
    x = random.normal(size=shape) * np.exp2(random.integers(-20, 20, (shape[0], 1, 1, 1)))
    x[1] = 0
    w = random.normal(size=(outputs, kernel, kernel, shape[3]))
    return [a.astype(np.float32) for a in (x, w, random.normal(size=outputs))]


@pytest.mark.parametrize("name", ENGINES_HERE)
@pytest.mark.parametrize("digits", [DIGITS, Digits(2, 2, 2), Digits(1, 1, 1)])
@pytest.mark.parametrize(
    ("shape", "outputs", "kernel", "padding", "stride"),
    [((5, 5, 6, 4), 7, 3, 1, 1), ((5, 1, 1, 37), 10, 1, 0, 1), ((4, 5, 4, 17), 40, 2, 0, 2)],
)
@pytest.mark.parametrize("shares", [(1, 1), (3, 2), (1, 2, 2)])
def test_products(name, digits, shape, outputs, kernel, padding, stride, shares):
    shape = sum(shares), *shape[1:]
    x, w, bias = _operands(shape, outputs, kernel)
    engine = ENGINES_HERE[name]()
    array = getattr(engine, "array", np.asarray)
    y, saved = engine.forward(array(x), array(w), array(bias), padding, digits, stride)
    g = np.random.default_rng(4).normal(size=tuple(y.shape)).astype(np.float32)
    g[-1] *= 100
    dx, dw, db = engine.backward(saved, array(g), True)

    def work(rows, reduction):
        mine = ENGINES_HERE[name]()
        _, kept = mine.forward(array(x[rows]), array(w), array(bias), padding, digits, stride)
        into = np.empty(w.shape, np.float32), np.empty(outputs, np.float32)
        return rows, mine.backward(kept, array(g[rows]), True, into, reduction)

    found, calls = _shared(shares, work)
    assert calls == [("max", (2,)), ("sum", w.shape), ("sum", (outputs,))]
    for rows, (part, *whole) in found:
        assert _bytes(part) == _bytes(dx[rows])
        assert [_bytes(a) for a in whole] == [_bytes(dw), _bytes(db)]


def test_processes_with_different_engines_meet():
    x, w, bias = _operands((6, 5, 5, 3), 18, 3)
    y, saved = ENGINES["float64"].forward(x, w, bias, 1, DIGITS)
    expected = [_bytes(a) for a in ENGINES["float64"].backward(saved, y, False)]
    names = iter(("int16", "int8", "float64"))
    lock = threading.Lock()

    def work(rows, reduction):
        with lock:
            engine = ENGINES[next(names)]
        outputs, kept = engine.forward(x[rows], w, bias, 1, DIGITS)
        return engine.backward(kept, outputs, False, None, reduction)

    for found in _shared((2, 2, 2), work)[0]:
        assert [_bytes(a) for a in found] == expected


@pytest.mark.parametrize("name", ENGINES_HERE)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_one_process_finds_not_finite_is_an_error_in_all(name, bad):
    x, w, bias = _operands((4, 3, 3, 2), 5, 3)
    g = np.ones((4, 3, 3, 5), np.float32)
    g[3, 1, 1, 1] = bad

    def work(rows, reduction):
        engine = ENGINES_HERE[name]()
        array = getattr(engine, "array", np.asarray)
        _, kept = engine.forward(array(x[rows]), array(w), array(bias), 1, DIGITS)
        try:
            dw = engine.backward(kept, array(g[rows]), False, None, reduction)[1]
            getattr(engine, "read", np.asarray)(dw)
        except InexactComputation as error:
            return str(error)
        return None

    for found in _shared((2, 2), work)[0]:
        assert "NaN or infinite" in str(found)


@pytest.mark.parametrize("place", ["cpu", "device"])
@pytest.mark.parametrize("shape", [(5, 3, 4, 6), (5, 40), (5, 7, 1)])
def test_batch_normalisation(place, shape):
    there = place == "device"
    function = (device_normalisation if there else normalisation).BatchNormalisation
    array = torch.from_numpy if there else np.asarray
    random = np.random.default_rng(5)
    x, g = (random.normal(size=shape).astype(np.float32) for _ in range(2))
    x[0] *= 50
    gain, bias = (random.normal(size=shape[-1]).astype(np.float32) for _ in range(2))

    def run(rows, *reduction):
        statistics = np.zeros((2, shape[-1]), np.float32)
        y, saved = function.forward(
            array(x[rows]), array(gain), array(bias), array(statistics), 0.5, *reduction
        )
        dx, *others = function.backward(saved, array(g[rows]))
        return rows, [y, dx], [statistics, *others]

    _, parts, same = run(slice(None))
    for rows, own, shared in _shared((2, 3), run)[0]:
        assert [_bytes(a) for a in own] == [_bytes(a[rows]) for a in parts]
        assert [_bytes(a) for a in shared] == [_bytes(a) for a in same]


@pytest.mark.parametrize("there", [False, True])
def test_a_network_by_way_of_its_arithmetic(there):
    """Layers hand the arithmetic's reduction on; the loss's gradient is divided by the whole batch."""
    random = np.random.default_rng(6)
    x = random.normal(size=(6, 4, 4, 3)).astype(np.float32)
    w1, w2 = (random.normal(size=s).astype(np.float32) for s in ((5, 3, 3, 3), (4, 20)))
    b1, b2 = np.zeros(5, np.float32), np.zeros(4, np.float32)
    classes = np.arange(6) % 4

    def run(rows, reduction=None):
        options = {} if reduction is None else {"reduction": reduction}
        arithmetic = Arithmetic(ENGINES["int16"], **options)
        if there:
            engine = DeviceEngine(torch.device("cpu"), Float64Products())
            functions = arithmetic_of(engine).functions
            arithmetic = Arithmetic(engine, functions=functions, **options)
        array, cross_entropy = arithmetic.functions.array, arithmetic.functions.cross_entropy
        h, kept1 = Convolution.forward(array(x[rows]), array(w1), array(b1), 0, arithmetic)
        places = h.shape
        scores, kept2 = Linear.forward(h.reshape(len(h), -1), array(w2), array(b2), arithmetic)
        _, kept3 = cross_entropy.forward(scores, classes[rows], 0.1, arithmetic.reduction)
        (g,) = cross_entropy.backward(kept3)
        g, *last = Linear.backward(kept2, g)
        return [*last, *Convolution.backward(kept1, g.reshape(places), False)[1:]]

    expected = [_bytes(a) for a in run(slice(None))]
    for found in _shared((4, 2), run)[0]:
        assert [_bytes(a) for a in found] == expected


def test_the_loss_of_parts_adds_up():
    scores = np.random.default_rng(7).normal(size=(6, 4)).astype(np.float32)
    classes = np.arange(6) % 4
    whole = loss.CrossEntropy.forward(scores, classes, 0.0)[0]
    parts, _ = _shared(
        (2, 4),
        lambda rows, reduction: loss.CrossEntropy.forward(scores[rows], classes[rows], 0.0, reduction)[0],
    )
    assert abs(sum(parts) - whole) < 1e-12
