"""What kernopt must do in a live kernel. Runs in the lab's guest, as root, from the repository's folder; needs tests/lab/fuzz.c compiled.

usage: checks.py FUZZ CALLS [CHECK...]
Prints "ok NAME" or "not ok NAME: why" for each check, and what was measured as "# TEXT".
"""
import fcntl
import hashlib
import json
import os
import signal
import struct
import subprocess
import sys
import threading
import time

KERNOPT = ["dotnet", "src/KernOpt.Cli/bin/kernopt/kernopt.dll"]
ENVIRONMENT = dict(os.environ, XDG_STATE_HOME="/tmp/state")
FUZZ, CALLS = sys.argv[1], sys.argv[2]


def kernopt(*arguments, expect=(0,)):
    run = subprocess.run([*KERNOPT, *arguments, "--json", "--quiet"], capture_output=True, text=True, env=ENVIRONMENT)
    assert run.returncode in expect, f"{' '.join(arguments)}: {run.returncode}: {run.stderr[-400:]}"
    return json.loads(run.stdout)["result"]


def symbols(*names):
    found = {}
    with open("/proc/kallsyms") as lines:
        for line in lines:
            address, _, name = line.split()[:3]
            if name in names:
                found.setdefault(name, int(address, 16))
    return [found[n] for n in names]


def text():
    """The kernel's own text as it is in memory, without kernopt: /proc/kcore is an ELF file of it."""
    start, end = symbols("_stext", "_etext")
    with open("/proc/kcore", "rb") as core:
        header = core.read(64)
        first, count = struct.unpack_from("<Q", header, 32)[0], struct.unpack_from("<H", header, 56)[0]
        for i in range(count):
            core.seek(first + 56 * i)
            _, _, offset, address, _, length = struct.unpack_from("<IIQQQQ", core.read(56))
            if address <= start and end <= address + length:
                core.seek(offset + start - address)
                return hashlib.sha1(core.read(end - start)).hexdigest()
    raise AssertionError("/proc/kcore has no text")


class Load:
    """Files, pipes, processes and faults, each round with an answer that is known."""

    def __enter__(self):
        self.rounds, self.wrong, self.ended = 0, [], False
        self.threads = [threading.Thread(target=self.work, args=(n,)) for n in range(2)]
        for thread in self.threads:
            thread.start()
        return self

    def work(self, number):
        try:
            self.loop(number)
        except Exception as why:
            self.wrong.append(repr(why))

    def loop(self, number):
        data = open("tests/lab/checks.py", "rb").read()
        copy = f"/tmp/copy{number}"
        while not self.ended:
            with open(copy, "wb") as file:
                file.write(data)
            if open(copy, "rb").read() != data:
                self.wrong.append("a file")
            os.rename(copy, copy + ".moved")
            os.unlink(copy + ".moved")
            if subprocess.run(["cat"], input=data, stdout=subprocess.PIPE, check=True).stdout != data:
                self.wrong.append("a pipe")
            self.rounds += 1

    def __exit__(self, *_):
        self.ended = True
        for thread in self.threads:
            thread.join()

    def check(self):
        assert not self.wrong and self.rounds > 0, f"{len(self.wrong)} of {self.rounds} answers wrong: {self.wrong[:3]}"


def nobody_may_open_it():
    os.chmod("/dev/kernopt", 0o666)
    try:
        run = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "python3", "-c", "open('/dev/kernopt')"], capture_output=True, text=True)
    finally:
        os.chmod("/dev/kernopt", 0o600)
    assert "Operation not permitted" in run.stderr, run.stderr


def nearly_all_functions_are_resolved():
    result = kernopt("inspect", "--kernel")
    modules = result["modules"]
    # Parts that the compiler has split off are no functions of their own.
    parts = sum(r["count"] for r in result["refusals"] if r["reason"].endswith("SplitOffPart"))
    functions, resolved, blocks = (sum(m[k] for m in modules) for k in ("functions", "resolved", "blocks"))
    print(f"# {resolved:,} of {functions - parts:,} functions resolved ({100 * resolved / (functions - parts):.2f} %), {blocks:,} blocks, {result['seconds']:.1f} s in the guest")
    assert functions > 30_000 and resolved >= 0.98 * (functions - parts)


def calls_are_counted_exactly():
    before = text()
    probe = subprocess.Popen([*KERNOPT, "probe", "--kernel", "--at", "__x64_sys_getppid", "--do", "count", "--for", "300s", "--json", "--quiet"], env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
    while driver_info()[6] == 0:
        assert probe.poll() is None, "kernopt ended by itself"
        time.sleep(0.05)
    # What passed before all was in is not counted.
    time.sleep(8)
    subprocess.run([CALLS, "300000"], check=True)
    probe.send_signal(signal.SIGINT)
    rows = json.loads(probe.communicate()[0])["result"]["rows"]
    assert [r["count"] for r in rows] == [600_000], rows
    assert text() == before


def blocks_are_counted_under_load():
    before = text()
    with Load() as load:
        result = kernopt("probe", "--kernel", "--at", "vmlinux!vfs_*:blocks", "--do", "count", "--for", "5s")
    load.check()
    places, hit = len(result["rows"]), sum(r["count"] > 0 for r in result["rows"])
    print(f"# {places:,} places, {hit:,} passed, {sum(r['count'] for r in result['rows']):,} passages, {load.rounds} rounds of the load")
    assert places > 800 and hit > 50
    assert text() == before


def driver_info():
    """version, cpus, text, text_end, boot, regions, changes: struct kernopt_info."""
    with open("/dev/kernopt") as file:
        return struct.unpack("<IIQQQQQ", fcntl.ioctl(file, 0x80304B00, bytes(48)))


def killed_kernopt_leaves_all_right():
    before = text()
    with Load() as load:
        for _ in range(int(os.environ.get("KILLS", "1"))):
            probe = subprocess.Popen([*KERNOPT, "probe", "--kernel", "--at", "vmlinux!vfs_*:entry", "--do", "count", "--for", "300s", "--quiet"], env=ENVIRONMENT, stdout=subprocess.DEVNULL)
            while driver_info()[6] < 20:
                assert probe.poll() is None, "kernopt ended by itself"
                time.sleep(0.05)
            probe.send_signal(signal.SIGKILL)
            probe.wait()
            time.sleep(1)
            assert driver_info()[6] >= 20 and text() != before, "nothing was changed"
            assert subprocess.run(["rmmod", "kernopt"], capture_output=True).returncode != 0, "the driver went while it had changes"
            kernopt("revert", "--kernel", "--all")
            assert driver_info()[5:] == (0, 0), driver_info()
            assert text() == before
    load.check()


def hostile_calls_change_nothing():
    before = text()
    run = subprocess.run([FUZZ, os.environ.get("FUZZ_CALLS", "2000"), str(time.time_ns())], capture_output=True, text=True)
    print(f"# {run.stdout.strip()}")
    assert run.returncode == 0, run.stderr
    assert text() == before


def driver_goes_and_comes():
    module = "/lab/driver/kernopt.ko"
    with Load() as load:
        for _ in range(int(os.environ.get("RELOADS", "1"))):
            subprocess.run(["rmmod", "kernopt"], check=True)
            subprocess.run(["insmod", module], check=True)
            kernopt("probe", "--kernel", "--at", "vfs_read", "--do", "count", "--for", "1s")
    load.check()


CHECKS = [nobody_may_open_it, nearly_all_functions_are_resolved, calls_are_counted_exactly, blocks_are_counted_under_load, killed_kernopt_leaves_all_right,
          hostile_calls_change_nothing, driver_goes_and_comes]

wanted = sys.argv[3:] or [c.__name__ for c in CHECKS]
failed = 0
for check in [c for c in CHECKS if c.__name__ in wanted]:
    name = check.__name__.replace("_", " ")
    began = time.time()
    try:
        check()
        print(f"ok {name} ({time.time() - began:.0f} s)", flush=True)
    except Exception as why:
        failed += 1
        print(f"not ok {name}: {type(why).__name__} {why}".replace("\n", " / "), flush=True)
sys.exit(failed > 0)
