"""What a model's files claim is compared with their bytes before anything is made of it."""

from __future__ import annotations

import json
import resource
import shutil
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tiny
from selfcorrect.errors import UserError
from selfcorrect.models import load
from selfcorrect.models.local import files
from selfcorrect.models.local.gguf_header import check_header
from selfcorrect.scorers import load as scorer


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "good"
    tokens = tiny.tokenizer()
    tiny.network("llama", len(tokens)).save_pretrained(folder)
    tokens.save_pretrained(folder)
    return folder


@pytest.fixture
def folder(good: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(good, tmp_path / "model"))


@pytest.fixture(autouse=True)
def _little_memory() -> Iterator[None]:
    """Nothing here may need 4 GiB more than there are in use: it fails, where it would swap."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * 4096 + (4 << 30), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def _configured(folder: Path, **changed: Any) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changed}))


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no heads": ({"num_attention_heads": 0}, "num_attention_heads = 0, where a whole number"),
    "negative heads": ({"num_key_value_heads": -2}, "num_key_value_heads = -2"),
    "no layers": ({"num_hidden_layers": 0}, "num_hidden_layers = 0"),
    "a billion layers": ({"num_hidden_layers": 10**9}, "num_hidden_layers = 1,000,000,000, and"),
    "a wide one": ({"hidden_size": 2**40}, "hidden_size = 1,099,511,627,776, and its weights"),
    "a wider one": ({"hidden_size": 2**64}, "hidden_size = 18,446,744,073,709,551,616, where"),
    "a huge number": ({"hidden_size": 10**400}, "hidden_size = 1000000"),
    "negative words": ({"vocab_size": -1}, "vocab_size = -1"),
    "words enough": ({"vocab_size": 10**9}, "vocab_size = 1,000,000,000 and hidden_size = 32"),
    "a wide middle": ({"intermediate_size": 10**8}, "intermediate_size = 100,000,000"),
    "wide heads": ({"head_dim": 10**8}, "head_dim = 100,000,000"),
    "a long window": ({"max_position_embeddings": 2**64}, "max_position_embeddings = 18,446"),
    "a text": ({"hidden_size": "32"}, "hidden_size = '32', where a whole number"),
    "a fraction": ({"num_attention_heads": 4.5}, "num_attention_heads = 4.5"),
    "a truth": ({"vocab_size": True}, "vocab_size = True"),
    "a table": ({"num_hidden_layers": {"a": 1}}, "num_hidden_layers = {'a': 1}"),
    "by layer": ({"intermediate_size": [48, -7, 48]}, "intermediate_size = -7"),
    "within": ({"text_config": {"hidden_size": 0}}, "hidden_size = 0"),
    "within others": ({"vision_config": {"hidden_size": 2**50}}, "hidden_size = 1,125,"),
    "experts": ({"num_local_experts": 10**12}, "num_local_experts = 1,000,000,000,000, and"),
}


@pytest.mark.parametrize("case", sorted(WRONG))
def test_a_configuration_that_makes_no_sense(folder: Path, case: str) -> None:
    changed, says = WRONG[case]
    _configured(folder, **changed)
    for door in (lambda: load(str(folder), "float32"), lambda: files.locate(str(folder))):
        with pytest.raises(UserError) as caught:
            door()
        assert f"the configuration of {folder} has" in str(caught.value)
        assert says in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["classifier", "meanings:embedding", "meanings:nli"])
def test_scorers_have_the_same_door(folder: Path, kind: str) -> None:
    _configured(folder, hidden_size=2**39)
    with pytest.raises(UserError, match=r"has vocab_size = \d+ and hidden_size = 549"):
        scorer(f"{kind}:{folder}")


def test_a_value_that_only_the_engine_reads(folder: Path) -> None:
    _configured(folder, final_logit_softcapping="")
    with pytest.raises(UserError, match="can't be computed as its configuration says"):
        load(str(folder), "float32")


def _head(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Write another list at the head of the weights; the tensors stay."""
    file = folder / "model.safetensors"
    data = file.read_bytes()
    length = int.from_bytes(data[:8], "little")
    table = json.loads(data[8 : 8 + length])
    change(table)
    text = json.dumps(table).encode()
    file.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])


def _length(folder: Path, length: int) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(length.to_bytes(8, "little") + file.read_bytes()[8:])


def _one(**told: Any) -> Callable[[dict[str, Any]], object]:
    return lambda table: table["lm_head.weight"].update(told)


LYING: dict[str, tuple[Callable[[Path], object], str]] = {
    "a long list": (lambda d: _length(d, 2**63), "says that its list has 9,223,372"),
    "the longest list": (lambda d: _length(d, 2**64 - 1), "says that its list has 18,446"),
    "a short list": (lambda d: _length(d, 5), "doesn't begin with a list"),
    "a list of another kind": (
        lambda d: (d / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"[]"),
        "doesn't begin with a list",
    ),
    "deep": (
        lambda d: (d / "model.safetensors").write_bytes(
            (200_000).to_bytes(8, "little") + b"[" * 200_000
        ),
        "doesn't begin with a list",
    ),
    "a large tensor": (lambda d: _head(d, _one(shape=[2**20, 2**30])), "bytes for the tensor"),
    "a negative side": (lambda d: _head(d, _one(shape=[-1, 32])), "what can't be"),
    "a side of text": (lambda d: _head(d, _one(shape=["a"])), "what can't be"),
    "beyond the end": (
        lambda d: _head(d, _one(data_offsets=[0, 2**40])),
        "its list says 1,099,511,627,776",
    ),
    "backwards": (lambda d: _head(d, _one(data_offsets=[9, 1])), "what can't be"),
    "nowhere": (lambda d: _head(d, _one(data_offsets=None)), "what can't be"),
    "too few tensors": (lambda d: _head(d, lambda t: t.clear()), "its list says 0"),
    "a template of gigabytes": (
        lambda d: _hole(d / "chat_template.jinja", 1 << 33),
        "chat_template.jinja has 8,589,934,592 bytes",
    ),
    "a vocabulary of terabytes": (lambda d: _hole(d / "vocab.json", 1 << 40), "vocab.json has 1,0"),
    "a long configuration": (lambda d: _hole(d / "generation_config.json", 1 << 30), "has 1,073"),
}


def _hole(file: Path, size: int) -> None:
    with file.open("wb") as opened:
        opened.truncate(size)


@pytest.mark.parametrize("case", sorted(LYING))
def test_files_whose_bytes_say_otherwise(folder: Path, case: str) -> None:
    change, says = LYING[case]
    change(folder)
    with pytest.raises(UserError) as caught:
        load(str(folder), "float32")
    assert says in str(caught.value)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


_NUMBERS = st.one_of(
    st.integers(-(2**70), 2**70),
    st.sampled_from([0, -1, 1, 2**31, 2**32, 2**40, 2**63, 2**64, 10**18]),
)
_VALUES = st.one_of(
    _NUMBERS,
    st.floats(),
    st.none(),
    st.booleans(),
    st.text(max_size=5),
    st.lists(_NUMBERS, max_size=3),
    st.dictionaries(st.text(max_size=3), _NUMBERS, max_size=2),
)
_MORE = (
    "vocab_size", "rope_scaling", "rope_theta", "layer_types", "quantization_config", "dtype",
    "architectures", "n_inner", "use_cache", "num_labels", "id2label", "attn_implementation",
    "torch_dtype",
)  # fmt: skip
_KEYS = st.sampled_from(sorted({*_MORE, *(key for c in tiny.CONFIGS.values() for key in c)}))


def _loads_or_says(folder: Path) -> None:
    said = ""
    try:
        load(str(folder), "float32", "cpu")
    except UserError as error:
        said = str(error)
    assert "\n" not in said


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(changes=st.dictionaries(_KEYS, _VALUES, min_size=1, max_size=2), where=st.integers(0, 5))
def test_any_change_of_a_configuration(good: Path, changes: dict[str, Any], where: int) -> None:
    """It loads, or is refused in one sentence, in little memory."""
    folder = good.parent / "changed"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(good, folder)
    if where:
        _configured(folder, **changes)
    else:
        file = folder / "generation_config.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))
    _loads_or_says(folder)


# -- GGUF -----------------------------------------------------------------------------------------

SETTINGS = {
    "block_count": 2, "embedding_length": 32, "attention.head_count": 4, "context_length": 64,
    "attention.head_count_kv": 2, "feed_forward_length": 48, "vocab_size": 300,
}  # fmt: skip


def _gguf(file: Path, **changed: int) -> Path:
    made = gguf.GGUFWriter(file, "llama")
    for key, value in {**SETTINGS, **changed}.items():
        write = made.add_uint64 if value > 2**32 - 1 else made.add_uint32
        write(f"llama.{key}", value)
    made.add_array("tokenizer.ggml.tokens", ["a", "b"])
    for name in ("token_embd.weight", "output.weight", "blk.0.ffn_up.weight"):
        made.add_tensor(name, np.zeros((300, 32), dtype=np.float32))
    made.write_header_to_file()
    made.write_kv_data_to_file()
    made.write_tensors_to_file()
    made.close()
    return file


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"attention.head_count": 0}, r"attention\.head_count = 0, which can't be"),
        ({"block_count": 10**9}, "says that it has 1,000,000,000 blocks, and has 3 tensors"),
        ({"block_count": 0}, "block_count = 0"),
        ({"embedding_length": 2**40}, r"embedding_length = 1,099"),
        ({"embedding_length": 2**31}, "too few for that"),
        ({"vocab_size": 2**30}, "vocab_size = 1,073,741,824 and embedding_length = 32"),
        ({"context_length": 2**63}, "context_length = 9,223"),
        ({"feed_forward_length": 2**31}, "feed_forward_length = 2,147,483,648"),
        ({"attention.head_count": 2**20}, "1,048,576 heads of a width of 32"),
    ],
)
def test_a_gguf_header_that_makes_no_sense(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: dict[str, int], says: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file = _gguf(tmp_path / "some.gguf", **changed)
    with pytest.raises(UserError, match=says) as caught:
        files.locate(str(file))
    assert str(file) in str(caught.value)
    assert not list(tmp_path.glob("cache/**/*.safetensors"))


def test_a_gguf_header_that_is_well(tmp_path: Path) -> None:
    check_header(_gguf(tmp_path / "some.gguf"))


@pytest.mark.parametrize("sides", [(2**40, 2**20), (2**63, 1)])
def test_a_gguf_tensor_that_the_file_has_no_room_for(
    tmp_path: Path, sides: tuple[int, int]
) -> None:
    file = _gguf(tmp_path / "some.gguf")
    data = file.read_bytes()
    honest = struct.pack("<QQ", 32, 300)
    assert data.count(honest) == 3
    file.write_bytes(data.replace(honest, struct.pack("<QQ", *sides), 1))
    with pytest.raises(UserError, match="too few for a tensor of"):
        check_header(file)


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_any_change_of_a_gguf_header(tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    """It is read to its end, or refused in one sentence."""
    file = tmp_path_factory.getbasetemp() / "changed.gguf"
    whole = bytearray(_gguf(file).read_bytes())
    at = data.draw(st.integers(0, 900))
    whole[at : at + 8] = data.draw(st.binary(min_size=1, max_size=8))
    file.write_bytes(bytes(whole))
    said = ""
    try:
        check_header(file)
    except UserError as error:
        said = str(error)
    assert "\n" not in said
