"""Work shared between threads: every range once, errors are raised, other callers and forks are served."""

import os
import threading

import numpy as np
import pytest
import torch
from numba import njit

from mdlcodec.errors import InexactComputation
from mdlcodec.exact.shared_work import entry, share
from mdlcodec.exact.threads import Chain, in_parts, part_size, side_by_side


@njit(nogil=True)
def _count(out, fail_at, first, last):
    for i in range(first, last):
        if i == fail_at:
            raise ValueError("as asked")
        out[i] += 1


@njit(nogil=True)
def _count_shared(job, count, each, *arguments):
    return share(job, *entry(_count, arguments), count, each)


@pytest.fixture(autouse=True, params=[1, 2, 4])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize(("count", "each"), [(1, 1), (10, 3), (1000, 7), (12, 12), (5, 9)])
def test_every_place_is_worked_on_once(count, each):
    for _ in range(50):
        out = np.zeros(count, np.int64)
        in_parts(_count, _count_shared, (out, -1), count, each)
        assert (out == 1).all()


def test_an_error_in_a_part_is_raised():
    with pytest.raises((RuntimeError, ValueError), match=r"raised an error|as asked"):
        in_parts(_count, _count_shared, (np.zeros(100, np.int64), 50), 100, 10)
    out = np.zeros(100, np.int64)
    in_parts(_count, _count_shared, (out, -1), 100, 10)
    assert (out == 1).all()


def test_callers_in_several_threads():
    outs = [np.zeros(5000, np.int64) for _ in range(6)]

    def work(out):
        for _ in range(20):
            in_parts(_count, _count_shared, (out, -1), out.size, 100)

    callers = [threading.Thread(target=work, args=(out,)) for out in outs]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert all((out == 20).all() for out in outs)


def test_ranges_are_multiples_of_the_unit(threads):
    assert part_size(1000, 8, 10) >= 1000
    for count in (1, 9, 1000):
        each = part_size(count, 8, 1 << 40)
        assert each % 8 == 0
        assert threads == 1 or each <= max(8, count)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_works_too():
    in_parts(_count, _count_shared, (np.zeros(100, np.int64), -1), 100, 10)
    child = os.fork()
    if child == 0:
        out = np.zeros(100, np.int64)
        in_parts(_count, _count_shared, (out, -1), 100, 10)
        os._exit(0 if (out == 1).all() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_chains_side_by_side_are_run_to_their_ends_in_order():
    for count in (0, 1, 2, 7):
        ended = [[] for _ in range(count)]

        def task(number, ended=ended):
            out = np.zeros(1000, np.int64)
            in_parts(_count, _count_shared, (out, -1), out.size, 100)
            inner = Chain(lambda: in_parts(_count, _count_shared, (out, -1), out.size, 100))
            side_by_side([inner] * 3)
            assert (out == 4).all()
            ended[number].append(len(ended[number]))

        for _ in range(10):
            side_by_side([Chain(lambda number=number: task(number), 3 * number) for number in range(count)])
        assert ended == [list(range(30 * number)) for number in range(count)]


def test_chains_side_by_side_use_several_threads(threads):
    meeting = threading.Barrier(threads)
    side_by_side([Chain(lambda: meeting.wait(60))] * threads)


def test_a_task_that_fails_is_heard_of_and_threads_go_on():
    ended = []

    def fail():
        raise InexactComputation("as asked")

    for place in range(3):
        chains = [Chain(lambda: ended.append(1), 100), Chain(lambda: ended.append(1))]
        chains.insert(place, Chain(fail, 2))
        with pytest.raises(InexactComputation, match="as asked"):
            side_by_side(chains)
    del ended[:]
    side_by_side([Chain(lambda: ended.append(1))] * 5)
    assert len(ended) == 5


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_has_helpers_of_its_own():
    side_by_side([Chain(lambda: None)] * 4)
    child = os.fork()
    if child == 0:
        ended = []
        side_by_side([Chain(lambda: ended.append(1))] * 4)
        os._exit(0 if len(ended) == 4 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
