"""bench/fuzzing: fields are the whole file, checksums are right again, and what is mishandled is noticed."""

import random
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from mdlcodec import container
from mdlcodec.descriptions.tensors.network_section import decode_network
from mdlcodec.errors import CorruptFile, LimitExceeded, MdlcodecError
from mdlcodec.files.checkpoints import CheckpointFile

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))

from fuzzing import cases, frames, worker
from fuzzing.archives import archive_of, changed_archive, members_of
from fuzzing.case import Case
from fuzzing.pictures import SIGNATURE, changed_picture, png
from fuzzing.seeds import archive, fields_of

GOLDEN = Path(__file__).parent / "golden"


def test_fields_are_the_whole_file():
    whole = 0
    for path in sorted(GOLDEN.rglob("*")):
        if path.suffix in (".mdl", ".bin"):
            blob = path.read_bytes()
            try:
                kind, fields = fields_of(blob)
            except MdlcodecError:  # bad ones
                continue
            whole += 1
            assert container.write_frame(kind, frames.body_of(fields)) == blob
            if "good" in path.parts:
                assert frames.body_of(frames.with_right_sizes(fields)) == blob[4:-4]
    assert whole > 30


def test_hostile_sections_are_read_as_far_as_they_are_described():
    rng, refused = random.Random(0), []
    for _ in range(40):
        try:
            decode_network(frames.hostile_section(rng), work=10**8, memory=10**7)
        except MdlcodecError as error:
            refused.append(type(error))
    assert min(refused.count(CorruptFile), refused.count(LimitExceeded)) > 5


def test_archives_and_images_are_whole_again():
    rng = random.Random(0)
    whole = archive(x=np.zeros(3), y=np.ones(3))
    assert members_of(archive_of(members_of(whole))) == members_of(whole)
    for _ in range(50):
        changed = changed_picture(rng, "png", png(3, 2, bytes(8)), b"other")
        assert changed.startswith(SIGNATURE) or len(changed) < 100
        assert changed_archive(rng, whole, whole, ".npy")


def test_states_are_of_the_same_work_again(tmp_path):
    checkpoint = CheckpointFile(tmp_path / "state")
    checkpoint.bind(bytes(32), 1 << 20)
    checkpoint.save({"a": np.zeros(5), "b": np.arange(3)})
    whole, rng, held = (tmp_path / "state").read_bytes(), random.Random(0), 0
    for _ in range(60):
        (tmp_path / "state").write_bytes(cases.mutated_state(rng, whole))
        try:
            checkpoint.bind(bytes(32), 1 << 20)
            held += 1
        except CorruptFile:
            pass
    assert held > 20


@pytest.fixture
def judged(tmp_path, monkeypatch):
    """What is wrong with how a command ended that did certain things."""

    def judge(error, *, written=None, quiet=True):
        class Command:
            def invoke(self, main, arguments):
                if written:
                    Path(written).touch()
                return CliRunner().invoke(main, arguments) if error is None else Ended(error)

        class Ended:
            def __init__(self, error):
                self.exception, self.exit_code = error, 1
                self.stdout, self.stderr = "", "mdlcodec: no\n" if quiet else "mdlcodec: \x1b\nno\n"

        monkeypatch.setattr(worker, "CliRunner", Command)
        case = Case("labels", ["list", "f.mdl", "--quiet"], {"f.mdl": b""}, 10**9, 10**9)
        return worker.judged(case, tmp_path).wrong

    return judge


def test_what_is_mishandled_is_noticed(judged):
    worker.SHOWN.clear()
    assert judged(CorruptFile("no")) == []
    assert "KeyError" in judged(KeyError("x"))[0]
    assert judged(CorruptFile("no"), written="left") == ["left behind: 'left'"]
    assert len(judged(CorruptFile("no"), quiet=False)) == 3


def test_cases_can_be_kept(tmp_path):
    case = Case("labels", ["list", "f.mdl"], {"f.mdl": b"x", "a/b": b""}, 5, 6, ["out"], "name")
    (tmp_path / "case.zip").write_bytes(case.written())
    assert Case.read(tmp_path / "case.zip") == case
