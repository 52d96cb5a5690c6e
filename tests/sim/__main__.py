"""`python -m tests.sim`: run schedules, replay one, or look for the planted bugs."""

import argparse
import random
import sys

from tests.sim import fixed_hash


def main() -> int:
    """Returns 1 where an invariant broke or a planted bug was not found."""
    arguments = _arguments()
    if arguments.planted is not None:
        return _planted(arguments.planted, most=arguments.most)
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(10**9)
    if arguments.n == 1:
        return _replay(seed, whole=arguments.whole)
    return _many(seed, arguments)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make simulate")
    parser.add_argument("--n", type=int, default=1000, help="how many schedules")
    parser.add_argument("--seed", type=int, help="the first schedule's; each next one's is one higher")
    parser.add_argument("--seconds", type=float, help="stop after so long, with as many schedules as that allows")
    parser.add_argument("--least", type=int, default=0, help="but not before so many schedules")
    parser.add_argument("--go-on", action="store_true", help="look for further breaches after the first")
    parser.add_argument("--digests", action="store_true", help="print each schedule's trace as a hash")
    parser.add_argument("--planted", nargs="*", help="look for planted bugs instead: these, or all")
    parser.add_argument("--most", type=int, default=1000, help="within how many schedules a planted bug must be found")
    parser.add_argument("--whole", action="store_true", help="with one schedule: the whole trace")
    return parser.parse_args()


def _replay(seed: int, *, whole: bool) -> int:
    from tests.sim.simulation import simulate

    report = simulate(seed, whole_trace=whole)
    for line in report.trace:
        print(line)
    print(f"schedule {seed}: {report.steps} steps, {report.virtual_s:.0f} s of its time, trace {report.digest}")
    if report.breach:
        _tell_breach(seed, report.breach, steps=report.steps)
        return 1
    return 0


def _many(seed: int, asked: argparse.Namespace) -> int:
    from tests.sim import many

    print(f"up to {asked.n} schedules from seed {seed}", flush=True)
    tally = many.run(
        range(seed, seed + asked.n),
        stop_at_breach=not asked.go_on,
        within_s=asked.seconds,
        least=asked.least,
        tell=lambda words: print(words, flush=True),
    )
    if asked.digests:
        for each, digest in sorted(tally.digests.items()):
            print(f"trace {each} {digest}")
    for report in tally.breaches:
        print("\n".join(report.trace))
        _tell_breach(report.seed, report.breach, steps=report.steps)
    print(f"{tally.schedules} schedules in {tally.wall_s:.0f} s: {tally.per_s:.1f}/s; {len(tally.breaches)} breaches")
    return 1 if tally.breaches else 0


def _planted(bugs: list[str], *, most: int) -> int:
    from tests.sim import many, planted

    missed = 0
    for bug, found in many.all_found(bugs or list(planted.BUGS), most=most):
        if found is None:
            missed += 1
            print(f"{bug}: NOT found within {most} schedules", flush=True)
        else:
            print(f"{bug}: found within {found[0]} ({found[1].in_a_line[:110]})", flush=True)
    return 1 if missed else 0


def _tell_breach(seed: int, breach: str, *, steps: int) -> None:
    print(f"\nBREACH in schedule {seed} at step {steps}: {breach}\nreplay: make simulate SEED={seed} N=1")


if __name__ == "__main__":
    fixed_hash.ensure("tests.sim")
    sys.exit(main())
