"""Clients of others, each in an environment of its own, against a service that runs.

    python -m benchmarks.clients [--url http://127.0.0.1:8000] [--writer NAME] [--embedder NAME] [--only litellm]

What each does is a file of tests beside this one. Prints pytest's own report of each; ends with 1 if any test failed.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parents[1] / "build" / "clients"

# By the name of a file: what its environment has besides pytest.
CLIENTS = {
    "openai": ["openai>=2,<3"],  # the suite of the service itself has 3.x
    "langchain": ["langchain-openai>=1.7,<2", "langchain-tests>=1.1,<2"],
    "litellm": ["litellm>=1.110,<2"],
    "litellm_proxy": ["litellm[proxy]>=1.100,<2"],
    "schemathesis": ["schemathesis>=4.32,<5"],
    "text_generation": ["text-generation>=0.7,<1"],
    "llama_index": ["llama-index-llms-openai-like>=0.8,<1", "llama-index-embeddings-openai-like>=0.4,<1"],
}


def python_of(client: str) -> Path:
    """Return the interpreter of a client's environment, which is made if it is not there."""
    folder = ENVIRONMENTS / client
    python = folder / "bin" / "python"
    if not (folder / "installed").exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "pytest", *CLIENTS[client]], check=True)
        (folder / "installed").touch()
    return python


def ask(client: str, names: dict[str, str]) -> bool:
    """Run what a client asks, and return whether all of it was answered as it expects."""
    # Not with the settings of this project: its environment is another one.
    options = ["-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(HERE)]
    # LangChain keeps its connections from one test to the next, and so must the loop stay.
    loops = ("mode=auto", "default_fixture_loop_scope=session", "default_test_loop_scope=session")
    options += [part for one in loops for part in ("-o", f"asyncio_{one}")]
    file = HERE / f"{client}_check.py"
    print(f"== {client}", flush=True)
    done = subprocess.run([python_of(client), "-m", "pytest", *options, str(file)], env={**os.environ, **names})
    return done.returncode == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--writer", default="smollm2-instruct", help="a model that writes text")
    parser.add_argument("--embedder", default="article-summarizer", help="a model that embeds texts")
    parser.add_argument("--only", choices=sorted(CLIENTS), help="one of the clients")
    given = parser.parse_args()
    names = {"TESSERA_URL": given.url, "TESSERA_WRITER": given.writer, "TESSERA_EMBEDDER": given.embedder}
    failed = [client for client in ([given.only] if given.only else CLIENTS) if not ask(client, names)]
    sys.exit(f"not all was answered as these expect: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
