"""llama.cpp's server with the bundled model, in a process of its own: prints its address.

python llama_cpp.py MODEL.gguf [exact]: with "exact" neither cache nor attention is in float16
"""

from __future__ import annotations

import sys
import time

import xllamacpp


def main(model: str, cache: str = "") -> None:
    params = xllamacpp.CommonParams()
    params.model.path = model
    params.model_alias = ["smollm2"] if isinstance(params.model_alias, list) else {"smollm2"}
    params.hostnames = ["127.0.0.1"] if hasattr(params, "hostnames") else []
    params.port = 0
    params.n_ctx = 8192
    params.n_parallel = 4
    params.cpuparams.n_threads = 1
    params.warmup = False
    if cache == "exact":
        params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
        flash = xllamacpp.llama_flash_attn_type
        params.flash_attn_type = flash.LLAMA_FLASH_ATTN_TYPE_DISABLED
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main(*sys.argv[1:])
