using System.Globalization;

namespace KernOpt.Bench.Figures;

/// <summary>
/// What code at a function's entry costs a call: threads that call it and a twin without a probe by turns, for microseconds each, so that both meet the machine in one state. By how much a call takes
/// longer than one of the twin, less by how much it does so before the probe is put in; and beside it, by how much a call of a third function does, into which an increment was spliced by hand.
/// Arguments: [turns].
/// </summary>
internal static class CostFigure
{
    /// <summary>Wanted at most, in ns; null where nothing is said.</summary>
    private static readonly (int Threads, string Action, string? When, double? Most)[] Probes =
    [
        (1, "count", null, 0.5),
        (2, "count", null, 2.5),
        (8, "count", null, 2.5),
        (1, "count", "arg1 == 7", null),
        (1, "values(arg0, arg1)", "every(1000)", 1),
        (1, "time", null, null),
        (1, "trace(arg0)", "every(1000)", null),
    ];

    private static readonly TimeSpan Lines = TimeSpan.FromMilliseconds(100);

    public static async Task<int> RunAsync(string[] arguments)
    {
        var turns = arguments.Length > 0 ? int.Parse(arguments[0], CultureInfo.InvariantCulture) : 5;
        var isReached = true;
        foreach (var (threads, action, when, most) in Probes)
        {
            using var target = new RunningTarget(Scratch.Compile("twincost", "-O2"), $"{threads}");
            await Task.Delay(1000);
            var differences = new List<(double Bare, double More, double ByHand)>();
            for (var turn = 0; turn < turns; turn++)
            {
                var (bare, twin, _) = await MediansAsync(target, 10);
                using var probe = Kernopt.Start([.. new[] { "probe", "--pid", $"{target.Pid}", "--at", "leaf", "--do", action, "--for", "60s", "--quiet" }, .. when is null ? Array.Empty<string>() : ["--when", when]]);
                for (var waited = 0; TargetText.Differences(target.Pid).Count == 0 && waited < 300 && !probe.HasExited; waited++) await Task.Delay(Lines);
                if (probe.HasExited)
                {
                    Console.WriteLine($"{action}: {await probe.StandardError.ReadToEndAsync()}");
                    return 1;
                }
                var (counted, twinThen, byHand) = await MediansAsync(target, 10);
                Signals.Send(probe.Id, Signals.Interrupt);
                await probe.WaitForExitAsync();
                // 0: it has counted some.
                if (probe.ExitCode != 0)
                {
                    Console.WriteLine($"{action}: kernopt ended with {probe.ExitCode}");
                    return 1;
                }
                differences.Add((bare, counted - twinThen - (bare - twin), byHand - twinThen));
            }
            var sorted = differences.Select(d => d.More).Order().ToList();
            var median = sorted[sorted.Count / 2];
            isReached &= most is null || median <= most;
            Console.WriteLine($"{threads} threads, {action}{(when is null ? "" : $" when {when}")}: bare call {differences.Select(d => d.Bare).Order().ElementAt(turns / 2):0.00} ns, "
                + $"{median:+0.00;-0.00} ns with it ({sorted[0]:0.00} to {sorted[^1]:0.00}), {differences.Select(d => d.ByHand).Order().ElementAt(turns / 2):+0.00;-0.00} spliced by hand{(most is null ? "" : $"; at most {most} wanted")}");
        }
        return isReached ? 0 : 1;
    }

    /// <summary>The medians of the columns of the next lines that the target prints, the first, which may be half of one and half of the other, left out.</summary>
    private static async Task<(double Leaf, double Twin, double ByHand)> MediansAsync(RunningTarget target, int lines)
    {
        var before = target.Lines.Count;
        while (target.Lines.Count < before + 1 + lines) await Task.Delay(Lines);
        var rows = target.Lines.Skip(before + 1).Take(lines).Select(l => l.Split(' ').Select(n => double.Parse(n, CultureInfo.InvariantCulture)).ToArray()).ToList();
        return (Median(rows.Select(r => r[0])), Median(rows.Select(r => r[1])), Median(rows.Select(r => r[2])));
    }

    private static double Median(IEnumerable<double> values) => values.Order().ToList() is var sorted ? sorted[sorted.Count / 2] : 0;
}
