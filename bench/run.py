#!/usr/bin/env python3
"""Whole-process benchmarks of `runbook` against the floor and against other tools, in the same run.

    bench/run.py [--rounds N] [--steps N] [--peers]

Every contender of a workload runs once per round, in turn (A B C A B C ...), so that a noisy machine is noisy for all.
Printed are medians, and their ratios to the floor: a C loop that only spawns, captures and waits. `runbook` keeps its
full signed and durable log meanwhile; the log of its last run is verified. --peers installs make, just, go-task and
doit (PyPI) into target/bench and measures them too.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORK = ROOT / "target" / "bench"
RUNBOOK = ROOT / "target" / "release" / "runbook"


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--steps", type=int, default=1000)
    options.add_argument("--peers", action="store_true")
    args = options.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    build()
    failed = False
    failed |= steps_workload(args, "simple command", "/bin/true", ["/bin/sh", "-c", "/bin/true"], 1.5, args.peers)
    bash = ["/bin/bash", "--noprofile", "--norc", "-euo", "pipefail", "-c", "/bin/true | /bin/true"]
    failed |= steps_workload(args, "pipeline in bash", "/bin/true | /bin/true", bash, 1.5, False)
    failed |= startup(args)
    failed |= big_output()
    failed |= check_time(args)
    failed |= verify_speed(args)
    failed |= list_speed(args)
    sys.exit(1 if failed else 0)


def build():
    subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=ROOT, check=True)
    subprocess.run(["cc", "-O2", "-o", WORK / "floor", ROOT / "bench" / "floor.c"], check=True)


def environment():
    """A state directory of its own on a real disk: a tmpfs would make syncing free."""
    return {**os.environ, "XDG_STATE_HOME": str(WORK / "state"), "XDG_CONFIG_HOME": str(WORK / "config")}


def write_steps(name, script, count):
    lines = [f"runbook: v1\nname: {name}\ntarget: none\nsteps:\n"]
    for i in range(count):
        lines.append(f"  - id: s{i}\n    shell: {json.dumps(script)}\n    undo: {{ none: a benchmark }}\n")
    path = WORK / f"{name}.yml"
    path.write_text("".join(lines))
    return path


def steps_workload(args, title, script, floor_argv, limit, peers):
    name = title.replace(" ", "-")
    runbook = write_steps(name, script, args.steps)
    contenders = {
        "floor": [WORK / "floor", str(args.steps), *floor_argv],
        "runbook": [RUNBOOK, "run", runbook, "--no-input"],
    }
    if peers:
        contenders.update(peer_commands(args.steps))
    medians = measure(contenders, args.rounds)
    verify = subprocess.run([RUNBOOK, "verify"], env=environment(), capture_output=True, text=True)
    print(f"\n{args.steps} steps, {title} ({script})")
    for contender, median in medians.items():
        print(f"  {contender:<10} {median * 1000:9.1f} ms   {median / medians['floor']:6.2f} x floor")
    ratio = medians["runbook"] / medians["floor"]
    return report("ratio", f"{ratio:.2f}", f"<= {limit}", ratio <= limit) | report(
        "its log", "verified" if verify.returncode == 0 else verify.stdout.strip(), "verified", verify.returncode == 0
    )


def measure(contenders, rounds):
    times = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, command in contenders.items():
            began = time.perf_counter()
            done = subprocess.run([str(c) for c in command], env=environment(), cwd=WORK, capture_output=True, text=True)
            times[name].append(time.perf_counter() - began)
            if done.returncode != 0:
                sys.exit(f"{name} failed with {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return {name: statistics.median(values) for name, values in times.items()}


def peer_commands(count):
    tools = WORK / "peers"
    if not (tools / "bin" / "doit").exists():
        subprocess.run([sys.executable, "-m", "venv", tools], check=True)
        packages = ["rust-just", "go-task-bin", "doit"]
        subprocess.run([tools / "bin" / "pip", "install", "--quiet", *packages], check=True)
    (WORK / "peer.just").write_text("default:\n" + "    @/bin/true\n" * count)
    (WORK / "peer.yml").write_text("version: '3'\nsilent: true\ntasks:\n  default:\n    cmds:\n" + "      - /bin/true\n" * count)
    (WORK / "peer_doit.py").write_text(
        f"def task_s():\n    for i in range({count}):\n        yield {{'name': str(i), 'actions': ['/bin/true']}}\n"
    )
    commands = {
        "just": [tools / "bin" / "just", "--justfile", WORK / "peer.just"],
        "go-task": [tools / "bin" / "task", "--taskfile", WORK / "peer.yml"],
        "doit": [tools / "bin" / "doit", "-f", WORK / "peer_doit.py"],
    }
    if shutil.which("make"):
        (WORK / "peer.mk").write_text(".PHONY: all\nall:\n" + "\t@/bin/true\n" * count)
        commands["make"] = ["make", "-f", WORK / "peer.mk"]
    return {name: argv for name, argv in commands.items() if pathlib.Path(shutil.which(str(argv[0])) or "/none").exists()}


def startup(args):
    """From exec to the moment the first step runs, which prints the clock."""
    runbook = WORK / "startup.yml"
    runbook.write_text("runbook: v1\nname: startup\ntarget: none\nsteps:\n  - id: now\n    shell: date +%s%N\n    effect: read\n")
    took = []
    for _ in range(args.rounds * 4):
        began = time.time_ns()
        subprocess.run([RUNBOOK, "run", runbook, "--no-input"], env=environment(), cwd=WORK, capture_output=True, check=True)
        run = json.loads(subprocess.run([RUNBOOK, "runs", "-n", "1", "--output", "json"], env=environment(), capture_output=True, check=True).stdout)
        out = subprocess.run([RUNBOOK, "logs", run[0]["run"], "main.now"], env=environment(), capture_output=True, check=True).stdout
        took.append((int(out) - began) / 1e6)
    median = statistics.median(took)
    print("\nstart of the process to the first step's own clock")
    return report("median", f"{median:.1f} ms", "< 10 ms", median < 10)


def big_output():
    """200 MB from one step: how much the process grows over one that prints nothing."""
    peaks = {}
    for name, script in {"quiet": "true", "loud": "yes | head -c 200M || true"}.items():
        runbook = WORK / f"{name}.yml"
        runbook.write_text(
            f"runbook: v1\nname: {name}\ntarget: none\nsteps:\n  - id: out\n    shell: set +o pipefail; {script}\n    effect: read\n"
        )
        probe = (
            "import resource, subprocess, sys; p = subprocess.Popen(sys.argv[1:], stdout=-3, stderr=-3);"
            "_, status, use = __import__('os').wait4(p.pid, 0); print(status, use.ru_maxrss)"
        )
        out = subprocess.run(
            [sys.executable, "-c", probe, RUNBOOK, "run", runbook, "--no-input"], env=environment(), cwd=WORK, capture_output=True, text=True, check=True
        )
        status, peak = out.stdout.split()
        if status != "0":
            sys.exit(f"the {name} run failed: {out.stdout} {out.stderr}")
        peaks[name] = int(peak) / 1024
    grown = peaks["loud"] - peaks["quiet"]
    print("\n200 MB of output from one step")
    return report("growth", f"{grown:.1f} MiB", "< 16 MiB", grown < 16)


def check_time(args):
    runbook = write_steps("thousand", "/bin/true", 1000)
    medians = measure({"check": [RUNBOOK, "check", runbook]}, args.rounds)
    took = medians["check"] * 1000
    print("\ncheck of a 1000-step file")
    return report("median", f"{took:.1f} ms", "< 50 ms", took < 50)


def verify_speed(args):
    """`verify` of a run with much output against `sha256sum` of the same files, by the processor time of one core."""
    size = 400_000_000
    runbook = WORK / "much.yml"
    runbook.write_text(
        f"runbook: v1\nname: much\ntarget: none\nsteps:\n  - id: out\n    shell: set +o pipefail; yes | head -c {size} || true\n    effect: read\n"
    )
    subprocess.run([RUNBOOK, "run", runbook, "--no-input"], env=environment(), cwd=WORK, capture_output=True, check=True)
    run = newest_run()
    contenders = {"sha256sum": ["sha256sum", *sorted((run / "out").iterdir())], "verify": [RUNBOOK, "verify", run.name]}
    seconds = {name: [] for name in contenders}
    peaks = {}
    for _ in range(args.rounds):
        for name, argv in contenders.items():
            took, peaks[name] = processor_time(argv)
            seconds[name].append(took)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    shutil.rmtree(run)
    print(f"\nverify of {size // 1_000_000} MB of output")
    for name, median in medians.items():
        speed = size / 1e6 / median
        print(f"  {name:<10} {speed:9.0f} MB/s   {median / medians['sha256sum']:6.2f} x sha256sum   {peaks[name]:6.1f} MiB")
    speed = size / 1e6 / medians["verify"]
    return report("speed", f"{speed:.0f} MB/s", ">= 200 MB/s", speed >= 200) | report(
        "memory", f"{peaks['verify']:.1f} MiB", "< 64 MiB", peaks["verify"] < 64
    )


def processor_time(argv):
    """Seconds of processor time, and the peak of memory in MiB, of one process that must succeed."""
    process = subprocess.Popen([str(a) for a in argv], env=environment(), cwd=WORK, stdout=subprocess.DEVNULL)
    _, status, use = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{argv[0]} failed with {status}")
    return use.ru_utime + use.ru_stime, use.ru_maxrss / 1024


def list_speed(args):
    """`runs` of 10,000 runs, a damaged one among them, against `find` looking at the same logs."""
    many = 10_000
    runbook = write_steps("listed", "/bin/true", 3)
    subprocess.run([RUNBOOK, "run", runbook, "--no-input"], env=environment(), cwd=WORK, capture_output=True, check=True)
    log = (newest_run() / "run.jsonl").read_bytes()
    state = WORK / "many"
    shutil.rmtree(state, ignore_errors=True)
    runs = state / "runbook" / "runs"
    for number in range(many):
        run = runs / run_id(1_790_000_000_000 + number * 60_000, number)
        run.mkdir(parents=True)
        (run / "run.jsonl").write_bytes(log if number else b"garbage")
    contenders = {
        "find": ["find", runs, "-name", "run.jsonl", "-size", "+0"],
        "runs": [RUNBOOK, "runs", "-n", many, "--output", "json"],
        "runs -n 20": [RUNBOOK, "runs"],
    }
    times = {name: [] for name in contenders}
    for _ in range(max(args.rounds, 20)):
        for name, argv in contenders.items():
            began = time.perf_counter()
            out = subprocess.run([str(a) for a in argv], env={**environment(), "XDG_STATE_HOME": str(state)}, capture_output=True, check=True)
            times[name].append((time.perf_counter() - began) * 1000)
            if name == "runs":
                rows = json.loads(out.stdout)
                damaged = sum(row["state"] == "damaged" for row in rows)
                if (len(rows), damaged) != (many, 1):
                    sys.exit(f"{len(rows)} runs were listed, {damaged} of them damaged")
    shutil.rmtree(state)
    print(f"\nlist of {many} runs, one of them damaged")
    floor = statistics.median(times["find"])
    for name, values in times.items():
        median, p95 = statistics.median(values), statistics.quantiles(values, n=20)[-1]
        print(f"  {name:<10} {median:9.1f} ms   {median / floor:6.2f} x find   p95 {p95:.1f} ms")
    p95 = statistics.quantiles(times["runs"], n=20)[-1]
    return report("p95", f"{p95:.0f} ms", "< 200 ms", p95 < 200)


def newest_run():
    return max((WORK / "state" / "runbook" / "runs").iterdir())


def run_id(unix_ms, number):
    """A run id as the tool makes them: a UUID of version 7 in Crockford's base32."""
    bits = unix_ms << 80 | 7 << 76 | 2 << 62 | number
    return "".join("0123456789ABCDEFGHJKMNPQRSTVWXYZ"[bits >> shift & 31] for shift in range(125, -1, -5))


def report(what, found, wanted, good):
    print(f"  {what}: {found} (wanted {wanted}) {'ok' if good else 'MISSED'}")
    return not good


if __name__ == "__main__":
    main()
