"""The processor's and torch's state, whatever callers and threads have set: the same bytes, and theirs again."""

import ctypes
import itertools
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from fractions import Fraction

import numpy as np
import pytest
import torch
from numba import njit

import mdlcodec
from mdlcodec.errors import InexactComputation
from mdlcodec.exact import array_answers, processor_state, threads
from mdlcodec.exact.known_answers import NUMBERS, rounds_right
from mdlcodec.exact.new_thread import in_new_thread
from mdlcodec.exact.processor_state import check_state, entry, right_state
from mdlcodec.exact.shared_work import entry as shared_entry
from mdlcodec.exact.shared_work import share
from mdlcodec.exact.threads import in_right_state
from mdlcodec.sender.own_state import in_own_state, torch_threads_are_right
from mdlcodec.sender.pooled_convolution import LANES, ConvolvePool

C = processor_state._library
IS_GLIBC_X86 = sys.platform == "linux" and os.uname().machine == "x86_64" and C is not None
pytestmark = pytest.mark.skipif(
    not IS_GLIBC_X86, reason="how a state is set wrong is known for x86-64 Linux alone"
)

FLUSH, ZERO_INPUTS, CLEAN, FLAGS = 0x8000, 0x40, 0x1F80, 0x3F
ROUNDINGS = (0, 0x2000, 0x4000, 0x6000)
STATES = [
    CLEAN | rounding | flush | zero
    for rounding, flush, zero in itertools.product(ROUNDINGS, (0, FLUSH), (0, ZERO_INPUTS))
]
WRONG = STATES[1:]


def control(value=None):
    """The control and status register of this thread; it becomes ``value``."""
    environment = (ctypes.c_char * 256)()
    C.fegetenv(ctypes.byref(environment))
    before = int.from_bytes(environment[28:32], "little")
    if value is not None:
        environment[28:32] = value.to_bytes(4, "little")
        C.fesetenv(ctypes.byref(environment))
    return before & ~FLAGS


@contextmanager
def state(value):
    before = control(value)
    try:
        yield
    finally:
        control(before)


def subnormal_data(net="kernel"):
    shape = (24, 4, 4) if net == "cnn" else (24, 3)
    x = np.random.default_rng(3).integers(0, 50, size=shape).astype(np.int32).view(np.float32)
    return x, (x.reshape(24, -1)[:, 0].view(np.int32) > 25).astype(int)


@pytest.mark.parametrize("value", WRONG, ids=hex)
def test_every_library_sees_a_wrong_state(value):
    with state(value):
        seen = (
            processor_state._plain_answers(),
            array_answers.numpy_is_right(),
            array_answers.torch_is_right(),
            rounds_right(NUMBERS),
        )
    assert seen == (False,) * 4
    check_state()


@pytest.mark.parametrize("value", STATES, ids=hex)
def test_the_state_is_set_and_the_callers_comes_back(value):
    with state(value):
        with right_state():
            inside = control()
            check_state()
        after = control()
        with pytest.raises(KeyError), right_state():
            raise KeyError
        assert control() == after == value
    assert inside == CLEAN


def test_a_state_that_is_lost_on_the_way_is_refused():
    with pytest.raises(InexactComputation, match="flushes subnormal"), right_state():
        control(CLEAN | FLUSH)
    assert control() == CLEAN
    with pytest.raises(InexactComputation, match="flushes subnormal"):
        in_right_state(lambda item: control(CLEAN | ZERO_INPUTS))(0)
    control(CLEAN)


def test_where_nothing_can_be_set_a_wrong_state_is_refused(monkeypatch):
    monkeypatch.setattr(processor_state, "_library", None)
    with state(CLEAN | FLUSH):
        with pytest.raises(InexactComputation, match="flushes subnormal"):
            mdlcodec.inspect(b"")


@pytest.mark.parametrize("pattern", [array_answers._SINGLE, array_answers._DOUBLE])
def test_the_known_answers_are_the_nearest(pattern):
    kind = np.float32 if pattern.dtype == np.uint32 else np.float64
    a, b, *answers = ([Fraction(float(v)) for v in row.view(kind)] for row in pattern)
    exact = [[x + y, x * y, x / y] for x, y in zip(a, b, strict=True)]
    for place, values in enumerate(exact):
        for operation, value in enumerate(values):
            answer = pattern[2 + operation, place : place + 1].view(kind)[0]
            around = [np.nextafter(answer, kind(-np.inf)), np.nextafter(answer, kind(np.inf))]
            error = abs(Fraction(float(answer)) - value)
            assert all(error <= abs(Fraction(float(other)) - value) for other in around)
            assert answers[operation][place] == Fraction(float(answer))


@pytest.mark.parametrize("net", ["kernel", "cnn", "mlp"])
def test_a_file_is_the_same_in_every_state(net):
    x, y = subnormal_data(net)
    clean = mdlcodec.encode(x, y, net=net, preset=1)
    for value in (CLEAN | FLUSH, STATES[-1]):
        with state(value):
            assert mdlcodec.encode(x, y, net=net, preset=1) == clean
    with state(STATES[-1]):
        decoded = mdlcodec.decode(clean, x)
    assert decoded.tobytes() == y.tobytes()


def test_subnormal_labels_survive():
    labels = np.array([-1e-310, -2e-310, 0.0, 1e-310, -0.0, 3.0])
    clean = mdlcodec.encode(np.arange(6.0), labels, code="uniform")
    with state(CLEAN | FLUSH | ZERO_INPUTS):
        blob = mdlcodec.encode(np.arange(6.0), labels, code="uniform")
        decoded = mdlcodec.decode(blob, np.arange(6.0))
    assert blob == clean
    assert decoded.tobytes() == labels.tobytes()


def test_threads_of_ours_are_set_right():
    rounded = []
    with ThreadPoolExecutor(1, initializer=control, initargs=(CLEAN | FLUSH,)) as pool:
        list(pool.map(in_right_state(lambda item: rounded.append(rounds_right(NUMBERS))), range(2)))
    assert rounded == [True, True]


@njit(nogil=True)
def _answers(out, first, last):
    for i in range(first, last):
        for _ in range(20_000):
            out[i] = rounds_right(NUMBERS)


@njit(nogil=True)
def _answers_shared(job, count, each, *arguments):
    return share(job, *shared_entry(_answers, arguments), count, each)


@pytest.fixture
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_threads_that_began_in_a_wrong_state(three_threads, monkeypatch):
    crews = {}
    monkeypatch.setattr(threads, "_crews", crews)
    seen = []

    def work():  # torch's threads are those of the thread that calls it
        with state(STATES[-1]):
            crews[3] = threads._Crew(2)
            seen.append(torch_threads_are_right())
        seen.append(torch_threads_are_right())
        in_own_state(lambda: seen.append(torch_threads_are_right()))
        for _ in range(3):
            out = np.zeros(60, np.bool_)
            threads.in_parts(_answers, _answers_shared, (out,), 60, 5)
            assert out.all()

    in_new_thread(work)
    assert seen == [False, False, True]


def test_a_state_that_threads_lose_is_refused(three_threads):
    @njit
    def spoilt(out, first, last):
        for i in range(first, last):
            out[i] = 1.0
            set_rounding(0xC00)

    @njit
    def spoilt_shared(job, count, each, *arguments):
        return share(job, *shared_entry(spoilt, arguments), count, each)

    set_rounding = C.fesetround
    set_rounding.argtypes = [ctypes.c_int]

    def work():
        with pytest.raises(InexactComputation, match="flushes subnormal"):
            threads.in_parts(spoilt, spoilt_shared, (np.zeros(12),), 12, 2)

    in_new_thread(work)


@pytest.fixture(params=["no_grad", "inference_mode", "float64", "bfloat16", "meta", "autocast"])
def host(request):
    """What a host may set of torch."""
    name = request.param
    if name in ("float64", "bfloat16"):
        torch.set_default_dtype(getattr(torch, name))
        yield
        assert torch.get_default_dtype() == getattr(torch, name)
        torch.set_default_dtype(torch.float32)
        return
    contexts = {
        "no_grad": torch.no_grad,
        "inference_mode": torch.inference_mode,
        "meta": lambda: torch.device("meta"),
        "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    }
    with contexts[name]():
        yield
        if name == "meta":
            assert torch.zeros(1).is_meta
        elif name != "autocast":
            assert not torch.is_grad_enabled()


def test_a_training_has_a_state_of_its_own(host):
    @entry
    def slope():
        x = torch.ones(3, requires_grad=True)
        (torch.ones(2, 3) @ x).sum().backward()
        return x.grad.dtype, x.grad.tolist()

    seen = []
    in_own_state(lambda: seen.append(torch.ones(1, requires_grad=True).exp().requires_grad))
    assert slope() == (torch.float32, [2.0] * 3)
    assert seen == [True]


def test_numpy_that_raises_at_underflow():
    x, y = subnormal_data()
    with np.errstate(all="raise"):
        blob = mdlcodec.encode(x, y, net="kernel", preset=1)
        assert np.geterr()["under"] == "raise"
    assert blob == mdlcodec.encode(x, y, net="kernel", preset=1)


@entry
def _torch_sum():
    x = torch.ones(1 << 18, requires_grad=True)
    (x * 0.5).sum().backward()
    return float(x.grad.sum())


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_computes_with_several_threads(three_threads):
    assert _torch_sum() == 1 << 17
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # ends it where it waits for threads that it has not
        os._exit(0 if _torch_sum() == 1 << 17 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_pooled_convolutions_have_threads_in_a_forked_process(three_threads):
    x, weight = torch.ones(2, 1, 6, 6, LANES), torch.ones(1, 1, 5, 5)
    assert ConvolvePool.apply(x, weight).unique().tolist() == [25.0]
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        os._exit(0 if ConvolvePool.apply(x, weight).unique().tolist() == [25.0] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_torch_threads_of_this_process():
    assert torch_threads_are_right()
