#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What is in the files that pping wrote, for test_files.sh. Files that were cut short
are read as far as they go.

  files.py events FILE...                how many events they hold
  files.py cut FILE                      the same of one that a full disk has cut
  files.py runs FILE...                  their run records must be of one run, in order
  files.py kill_later PID... FILE...     each at a moment of its own, which is written to its FILE, ns
  files.py killed PLAIN KILL-NS FILE...  all that PLAIN has of the time until a second before
                                         the kill must be in FILEs
  files.py kernel PID                    how many events that pping's programs have handed over"""

import json
import os
import random
import re
import subprocess
import sys
import time

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
SECOND = 10**9


def content(path):
    """(bytes, whether the file is whole)"""
    name = path.removesuffix(".part")
    tool = {".zst": "zstd", ".gz": "gzip"}.get(os.path.splitext(name)[1])
    if not tool:
        return open(path, "rb").read(), True
    with open(path, "rb") as file:
        run = subprocess.run([tool, "-dc"], stdin=file, capture_output=True)
    return run.stdout, run.returncode == 0


def records(path):
    data, whole = content(path)
    if data.startswith(b"[") and not whole:
        data = data[2:].replace(b",\n", b"\n") + b"\n"
    lines = data.split(b"\n")
    if whole and data.startswith(b"["):
        return json.loads(data), True
    assert not whole or lines[-1] == b"", f"{path} ends within a line"
    return [json.loads(line) for line in lines[:-1]], whole


def is_event(record):
    return "rtt" in record or "flow_event" in record


def events(paths):
    count = 0
    for path in paths:
        rows, whole = records(path)
        assert whole, f"{path} is not whole"
        count += sum(map(is_event, rows))
    print(count)


def cut(path):
    rows, whole = records(path)
    ended = rows and rows[-1].get("run") == "end"
    print(f"{sum(map(is_event, rows))} events, {'whole' if whole else 'cut short'}, "
          f"{'with' if ended else 'without'} a record of its end")
    assert rows and rows[0]["run"] == "begin"
    assert whole != path.endswith(".part")
    if ended:
        assert rows[-1]["file_events"] == sum(map(is_event, rows)), rows[-1]


def runs(paths):
    total = 0
    # several may have ended within a tick of the clock that files have
    files = sorted(((records(path)[0], path) for path in paths), key=lambda file: file[0][0]["file"])
    for number, (rows, path) in enumerate(files, 1):
        begin, end = rows[0], rows[-1]
        here = sum(map(is_event, rows))
        total += here
        assert begin["run"] == "begin" and begin["file"] == number, (path, begin)
        assert begin["version"] and begin["kernel"] == os.uname().release, begin
        assert end["run"] == "end" and end["file"] == number, (path, end)
        assert end["file_events"] == here and end["total_events"] == total, (end, here, total)
        assert end["last"] == (number == len(paths)), end
        assert not any("run" in row for row in rows[1:-1]), path
        times = [row["timestamp"] for row in rows]
        assert times == sorted(times), f"{path} is not in order of time"
    assert end["total_handed_over"] == total and not end["total_lost"], end


def by_flow(rows):
    flows = {}
    for row in rows:
        if "rtt" in row:
            key = row["src_ip"], row["src_port"], row["dest_ip"], row["dest_port"]
            flows.setdefault(key, []).append(row["timestamp"])
    return flows


def turns(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return re.search(r"^voluntary_ctxt_switches:\s*(\d+)", status.read(), re.M)[1]


def kill_later(words):
    """Each at a moment of its own, after a second in which the machine let it run.

    pping wakes every 40 ms; what it could not write because it was not let run is not its fault."""
    pids, paths = [int(word) for word in words[:len(words) // 2]], words[len(words) // 2:]
    start = time.monotonic()
    left = {pid: path for pid, path in zip(pids, paths)}
    moment = {pid: random.uniform(1.3, 2.7) for pid in pids}
    seen = {pid: turns(pid) for pid in pids}
    when, held = dict.fromkeys(pids, start), dict.fromkeys(pids, 0.0)
    while left:
        time.sleep(0.01)
        for pid, path in list(left.items()):
            now, count = time.monotonic(), turns(pid)
            if count != seen[pid]:
                if now - when[pid] > 0.2:
                    held[pid] = now
                seen[pid], when[pid] = count, now
            steady = now - held[pid] > 1.2 and now - when[pid] < 0.1
            if now - start > moment[pid] and (steady or now - start > 8):
                stamp = time.time_ns()
                os.kill(pid, 9)
                with open(path, "w", encoding="ascii") as out:
                    out.write(str(stamp))
                del left[pid]


def killed(plain, kill, paths):
    """two programs look at a packet one after the other: their times are not the same"""
    near = 1600000
    kill, rows, halves = int(kill), [], 0
    for path in paths:
        got, whole = records(path)
        halves += not whole
        assert whole or path.endswith(".part"), f"{path} is not whole"
        assert not whole or path.endswith(".part") or got[-1].get("run") == "end", path
        rows += got
    own = by_flow(rows)
    assert own, "nothing at all"
    begin = min(t[0] for t in own.values()) + 50000000
    end = kill - SECOND
    wanted = found = 0
    there = by_flow(records(plain)[0])
    for key, times in there.items():
        mine, i = sorted(own.get(key, [])), 0
        for t in times:
            if not begin <= t <= end:
                continue
            wanted += 1
            while i < len(mine) and mine[i] < t - near:
                i += 1
            if i < len(mine) and mine[i] <= t + near:
                found += 1
                i += 1
    last = max(t[-1] for t in own.values())
    print(f"{len(paths)} files, {halves} in progress; {found} of {wanted} events of more than a second "
          f"before; the last is {(kill - last) / 1e9:.3f} s before")
    assert halves <= 1, "more than one in progress"
    assert found >= wanted * 0.995, "events are missing"
    latest = max((t for times in there.values() for t in times if t <= end), default=0)
    assert last >= latest - near, "the last second is more than that"


def counter_index(name):
    text = open(os.path.join(TOP, "pping.h")).read()
    text = text[text.index("#define PPING_VERDICTS"):text.index("struct pping_pressure")]
    return re.findall(r"\bX\((\w+),", text).index(name)


def kernel(pid):
    index = counter_index("EVENTS_EMITTED")
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        found = re.search(r"^map_id:\s+(\d+)", open(f"/proc/{pid}/fdinfo/{fd}").read(), re.M)
        if not found:
            continue
        info = json.loads(subprocess.run(["bpftool", "-j", "map", "show", "id", found[1]],
                                         capture_output=True, check=True).stdout)
        if info["name"] != "counters":
            continue
        dump = json.loads(subprocess.run(["bpftool", "-j", "map", "dump", "id", found[1]],
                                         capture_output=True, check=True).stdout)
        total = 0
        for cpu in dump[0]["values"]:
            raw = bytes(int(byte, 16) for byte in cpu["value"])
            total += int.from_bytes(raw[8 * index:8 * index + 8], sys.byteorder)
        print(total)
        return
    sys.exit("no map of counters")


if __name__ == "__main__":
    word, *rest = sys.argv[1:]
    if word == "events":
        events(rest)
    elif word == "cut":
        cut(*rest)
    elif word == "runs":
        runs(rest)
    elif word == "kill_later":
        kill_later(rest)
    elif word == "killed":
        killed(rest[0], rest[1], rest[2:])
    elif word == "kernel":
        kernel(*rest)
    else:
        sys.exit(__doc__)
