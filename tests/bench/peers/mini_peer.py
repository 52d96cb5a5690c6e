"""mini-swe-agent as it comes, in a container of its own. Arguments: the model's address, the sandbox image, a folder.

Each line of its input has it go through a whole session; it answers with the milliseconds that its tools took of that.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import yaml
from minisweagent.agents.default import DefaultAgent
from minisweagent.config import builtin_config_dir
from minisweagent.environments.docker import DockerEnvironment
from minisweagent.models.litellm_model import LitellmModel

MODEL = "anthropic/claude-sonnet-4-5-20250929"
"""One whose price it knows: an unknown one costs it a search for each reply."""


class TimedEnvironment(DockerEnvironment):
    """Counts what its commands take."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.took_s = 0.0

    def execute(self, action: dict[str, Any], cwd: str = "", *, timeout: int | None = None) -> dict[str, Any]:
        started_s = time.perf_counter()
        try:
            return super().execute(action, cwd, timeout=timeout)
        finally:
            self.took_s += time.perf_counter() - started_s


def session(address: str, environment: TimedEnvironment, folder: Path) -> float:
    config = yaml.safe_load((builtin_config_dir / "mini.yaml").read_text())
    config["model"]["model_kwargs"] |= {"api_base": address, "api_key": "of-no-use"}
    config["agent"].pop("mode")
    model = LitellmModel(model_name=MODEL, set_cache_control="default_end", **config["model"])
    agent = DefaultAgent(model, environment, output_path=folder / "trajectory.json", **config["agent"])
    before_s = environment.took_s
    found = agent.run("Go through the steps.")
    assert found["exit_status"] == "Submitted", found
    return 1000 * (environment.took_s - before_s)


def main() -> None:
    address, image, folder = sys.argv[1:]
    # It logs to its standard output.
    answers, sys.stdout = sys.stdout, sys.stderr
    config = yaml.safe_load((builtin_config_dir / "mini.yaml").read_text())["environment"]
    # With an init of its own it heeds the word to stop.
    environment = TimedEnvironment(image=image, run_args=["--rm", "--init", "--network", "none"], cwd="/tmp", **config)
    try:
        print(json.dumps("ready"), file=answers, flush=True)
        for _ in sys.stdin:
            print(json.dumps(session(address, environment, Path(folder))), file=answers, flush=True)
    finally:
        environment.cleanup()


if __name__ == "__main__":
    main()
