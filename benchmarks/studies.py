"""Studies of real models at full size: the result as data, without the places of its runs.

python -m benchmarks.studies convergence --model smollm2 --task bbq --data DIR --limit 200
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

RESULTS = Path(__file__).with_name("studies")


def main() -> None:
    name, *options = sys.argv[1:]
    command = [sys.executable, "-m", "selfcorrect", "study", name, *options, "--json"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    result = json.loads(done.stdout)
    result.pop("folders", None)
    for option, value in result.get("settings", {}).items():
        if isinstance(value, str) and Path(value).is_absolute():  # where a file lay isn't a result
            result["settings"][option] = Path(value).name
    model = options[options.index("--model") + 1].replace("/", "-").replace(":", "-")
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{name}-{model}.json"
    file.write_text(json.dumps(result, indent=1) + "\n")
    print(file)


if __name__ == "__main__":
    main()
