using System.Diagnostics;
using System.Globalization;

namespace KernOpt.Bench.Figures;

/// <summary>
/// What a counter at the entry of one function costs a call, by KernOpt and by what else there is for a running, unmodified program: kernel uprobes by perf and by bpftrace, and gdb's breakpoints. One program
/// after the other on the same target in one run; wall time per call of a single thread, so that time in the kernel, or stopped, counts. Arguments: [SECONDS of each].
/// </summary>
internal static class PeersFigure
{
    private const string Function = "leaf";

    private sealed record Peer(string Name, string Program, Func<int, string, string[]> Arguments);

    private static readonly Peer[] Peers =
    [
        new("kernopt probe --do count", Path.Combine(Repository.Root, "kernopt"), (pid, _) => ["probe", "--pid", $"{pid}", "--at", Function, "--do", "count", "--for", "600s", "--quiet"]),
        new("perf stat, uprobe", "perf", (pid, _) => ["stat", "-e", $"{PerfEvent}:{Function}", "-p", $"{pid}"]),
        new("bpftrace, uprobe { @ = count() }", "bpftrace", (pid, program) => ["-p", $"{pid}", "-e", $"uprobe:{program}:{Function} {{ @ = count(); }}"]),
        new("gdb, breakpoint with an ignore count", "gdb", (pid, _) => ["-q", "-batch", "-p", $"{pid}", "-ex", $"break {Function}", "-ex", "ignore 1 1000000000", "-ex", "continue"]),
    ];

    private const string PerfEvent = "probe_callcost";

    /// <summary>A peer has this long until the target is seen to be slower, or it is taken to count from then on.</summary>
    private static readonly TimeSpan Starting = TimeSpan.FromSeconds(20);

    public static async Task<int> RunAsync(string[] arguments)
    {
        var seconds = arguments.Length > 0 ? int.Parse(arguments[0], CultureInfo.InvariantCulture) : 10;
        var program = Scratch.Compile("callcost", "-O2");
        // Its first run builds it.
        await Kernopt.RunAsync(TimeSpan.FromMinutes(30), "--version");
        await Tool.RunAsync("perf", "probe", "-q", "-x", program, Function);
        try
        {
            var isAhead = true;
            double? ours = null;
            foreach (var peer in Peers)
            {
                using var target = new RunningTarget(program, "1");
                await Task.Delay(1000);
                var bare = await CostAsync(target, seconds);
                using var process = Start(peer, target.Pid, program);
                await Task.Delay(Starting);
                if (process.HasExited)
                {
                    Console.WriteLine($"{peer.Name}: did not start: {(await process.StandardError.ReadToEndAsync()).Trim()}");
                    isAhead = false;
                    continue;
                }
                var with = await CostAsync(target, seconds);
                Signals.Send(process.Id, Signals.Interrupt);
                await process.WaitForExitAsync();
                await Task.Delay(1000);
                var after = await CostAsync(target, seconds);
                var more = with - bare;
                ours ??= more;
                if (peer != Peers[0]) isAhead &= more > ours;
                Console.WriteLine($"{peer.Name}: bare {bare:0.00} ns a call, {with:0.00} with it, {after:0.00} after it: {more:+0.00;-0.00} ns{(target.IsAlive ? "" : "; the target has died")}");
            }
            return isAhead ? 0 : 1;
        }
        finally
        {
            await Tool.RunAsync("perf", "probe", "-q", "-d", $"{PerfEvent}:*");
        }
    }

    private static Process Start(Peer peer, int pid, string program)
    {
        // What is started from a shell's background would ignore the interrupt that ends it.
        var start = new ProcessStartInfo("env", ["--default-signal=INT", peer.Program, .. peer.Arguments(pid, program)]) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        var process = Process.Start(start) ?? throw new InvalidOperationException($"{peer.Program} did not start");
        process.OutputDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        return process;
    }

    /// <summary>Wall time of a call in nanoseconds, by the calls that the target says it has made.</summary>
    private static async Task<double> CostAsync(RunningTarget target, int seconds)
    {
        var (calls, clock) = (Calls(target), Stopwatch.StartNew());
        await Task.Delay(TimeSpan.FromSeconds(seconds));
        var (now, elapsed) = (Calls(target), clock.Elapsed);
        return now == calls ? double.PositiveInfinity : elapsed.TotalNanoseconds / (now - calls);
    }

    private static long Calls(RunningTarget target) => long.Parse(target.Lines[^1].Split(' ')[1], CultureInfo.InvariantCulture);
}
