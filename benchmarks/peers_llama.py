"""The dialogues held by llama.cpp's server, in its own environment: as many slots as dialogues
at a time, all in this process.

The model's GGUF file is written again in float32 first, and keys and values are kept in float32,
so that both sides compute with the same precision. A dialogue stays in its slot for all of its
rounds, where the server finds what it has encoded (``cache_prompt``), and the next dialogue begins
there at once: no slot waits for another's round.
"""

from __future__ import annotations

import http.client
import json
import queue
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks import side

SLOTS = 16
#: tokens that a slot holds: more than a dialogue has
CONTEXT = 1024


def in_float32(packed: Path, plain: Path) -> None:
    """Write a GGUF file again with every weight in float32."""
    import gguf
    import numpy as np

    reader = gguf.GGUFReader(packed)
    left_out = ("general.architecture", "general.file_type", "general.quantization_version")
    writer = gguf.GGUFWriter(plain, reader.fields["general.architecture"].contents())
    for name, each in reader.fields.items():
        if name.startswith("GGUF.") or name in left_out:
            continue
        kind = each.types[0]
        inner = each.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(name, each.contents(), kind, sub_type=inner)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    for tensor in reader.tensors:
        weights = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        shape = [int(n) for n in reversed(tensor.shape)]
        writer.add_tensor(tensor.name, weights.astype(np.float32).reshape(shape))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _served(model: Path) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.hostnames = ["127.0.0.1"] if hasattr(params, "hostnames") else []
    params.port = 0
    params.n_parallel = SLOTS
    params.n_ctx = SLOTS * CONTEXT
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    params.warmup = False
    return xllamacpp.Server(params)


def main() -> None:
    args = side.arguments()
    texts = args.dialogues

    def load() -> tuple[side.Hold, dict[str, Any]]:
        import xllamacpp

        # Kept as long as the server is, which maps the file.
        folder = tempfile.TemporaryDirectory(prefix="gguf-")
        model = Path(folder.name) / "float32.gguf"
        in_float32(args.gguf, model)
        server = _served(model)
        where = urlsplit(server.listening_address).netloc

        def hold(first: Sequence[str], concurrency: int) -> side.Held:
            answers: list[list[str]] = [[] for _ in first]
            generated = [0] * len(first)
            waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
            for number in range(len(first)):
                waiting.put(number)

            def slot(number: int) -> None:
                line = http.client.HTTPConnection(where, timeout=3600)
                while True:
                    try:
                        mine = waiting.get_nowait()
                    except queue.Empty:
                        return
                    messages = [{"role": "user", "content": first[mine]}]
                    for _ in range(args.rounds):
                        asked = {
                            "messages": messages,
                            "max_tokens": args.max_new_tokens,
                            "temperature": 0,
                            "cache_prompt": True,
                            "id_slot": number,
                        }
                        head = {"Content-Type": "application/json"}
                        line.request("POST", "/v1/chat/completions", json.dumps(asked), head)
                        told = json.loads(line.getresponse().read())
                        text = told["choices"][0]["message"]["content"]
                        generated[mine] += told["usage"]["completion_tokens"]
                        answers[mine].append(text)
                        messages += [
                            {"role": "assistant", "content": text},
                            {"role": "user", "content": texts["review"]},
                        ]

            threads = [threading.Thread(target=slot, args=(n,)) for n in range(concurrency)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return side.Held(answers, sum(generated))

        about = {"xllamacpp": getattr(xllamacpp, "__version__", ""), "slots": SLOTS}
        hold.kept = folder, server  # type: ignore[attr-defined]
        return hold, about

    side.serve(load, texts["first"], args.warm_up)


if __name__ == "__main__":
    main()
