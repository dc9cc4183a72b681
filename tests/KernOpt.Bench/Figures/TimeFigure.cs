using System.Globalization;
using System.Text.Json;

namespace KernOpt.Bench.Figures;

/// <summary>
/// How long calls last, by `probe --do time` and by two hand-placed rdtsc, in the same run: what they read, and what reading costs a call. Work of several lengths. Arguments: [turns].
/// </summary>
internal static class TimeFigure
{
    private const double Within = 0.15;

    private static readonly int[] Rounds = [20, 100, 1000];
    private static readonly TimeSpan Lines = TimeSpan.FromMilliseconds(100);

    public static async Task<int> RunAsync(string[] arguments)
    {
        var turns = arguments.Length > 0 ? int.Parse(arguments[0], CultureInfo.InvariantCulture) : 5;
        var isReached = true;
        foreach (var rounds in Rounds)
        {
            using var target = new RunningTarget(Scratch.Compile("timecost", "-O2"), $"{rounds}");
            await Task.Delay(1000);
            var all = new List<(double Bare, double ByHand, double Probed, double HandReads, double ProbeReads)>();
            for (var turn = 0; turn < turns; turn++)
            {
                var bare = await NextAsync(target, 10);
                using var probe = Kernopt.Start("probe", "--pid", $"{target.Pid}", "--at", "work", "--do", "time", "--for", "2s", "--quiet", "--json");
                var output = probe.StandardOutput.ReadToEndAsync();
                for (var waited = 0; TargetText.Differences(target.Pid).Count == 0 && waited < 300 && !probe.HasExited; waited++) await Task.Delay(Lines);
                var probed = await NextAsync(target, 10);
                await probe.WaitForExitAsync();
                if (probe.ExitCode != 0)
                {
                    Console.WriteLine(await probe.StandardError.ReadToEndAsync());
                    return 1;
                }
                using var report = JsonDocument.Parse(await output);
                all.Add((bare[0], bare[1], probed[0], probed[2], Mean(report.RootElement)));
            }
            var (hand, ours) = (Median(all.Select(a => a.ByHand - a.Bare)), Median(all.Select(a => a.Probed - a.Bare)));
            var reads = Median(all.Select(a => a.ProbeReads / a.HandReads));
            isReached &= reads is > 1 - Within and < 1 + Within && ours < hand * (1 + Within);
            Console.WriteLine($"a call of {Median(all.Select(a => a.Bare)):0.0} ns: by hand it reads {Median(all.Select(a => a.HandReads)):0.0} ns and costs {hand:0.0}; by kernopt {Median(all.Select(a => a.ProbeReads)):0.0} ns "
                + $"({reads:0.000} of the hand's) and costs {ours:0.0} ({ours / hand:0.00} of the hand's)");
        }
        return isReached ? 0 : 1;
    }

    private static double Mean(JsonElement report)
    {
        var data = report.GetProperty("result");
        return data.GetProperty("times").GetProperty("functions")[0].GetProperty("meanNanoseconds").GetDouble();
    }

    private static double Median(IEnumerable<double> values) => values.Order().ToList() is var sorted ? sorted[sorted.Count / 2] : 0;

    /// <summary>The median of each column of the next lines that the target prints, but for the first, which may be half of one and half of the other.</summary>
    private static async Task<double[]> NextAsync(RunningTarget target, int lines)
    {
        var before = target.Lines.Count;
        while (target.Lines.Count < before + 1 + lines) await Task.Delay(Lines);
        var rows = target.Lines.Skip(before + 1).Take(lines).Select(l => l.Split(' ').Select(n => double.Parse(n, CultureInfo.InvariantCulture)).ToArray()).ToList();
        return [.. Enumerable.Range(0, 3).Select(column => Median(rows.Select(r => r[column])))];
    }
}
