using System.Diagnostics;

namespace KernOpt.Bench.Figures;

/// <summary>
/// kill -9 of KernOpt at random instants during tune: the target must be alive and right each time, and a fresh revert must bring back its text. The policy
/// is the aggressive one with everything made short, so that threads are borrowed and code goes in and out several times a second. Arguments: [kills] [seed].
/// </summary>
internal static class KillFigure
{
    private const string Policy = """
        version: 1
        mode: act
        techniques: { specialize: true, outline: true, relocate: true, callSites: true }
        thresholds: { minimumShare: 1%, minimumCallsPerSecond: 10, minimumSamples: 20 }
        sampling: { profileTime: 200ms, valuesOneIn: 8 }
        comparison: { window: 20ms, maximumDuration: 1s, minimumBlocks: 6, looks: 2 }
        coolDown: { afterLoss: 1s, afterRollback: 1s }
        regression: { interval: 500ms }
        """;

    public static async Task<int> RunAsync(string[] arguments)
    {
        var kills = arguments.Length > 0 ? int.Parse(arguments[0]) : 200;
        var seed = arguments.Length > 1 ? int.Parse(arguments[1]) : 1;
        var random = new Random(seed);
        var program = Scratch.Compile("hotfilter", "-O2", "-s");
        var policy = Path.Combine(Scratch.Folder, "often.yaml");
        await File.WriteAllTextAsync(policy, Policy);
        int alive = 0, right = 0, restored = 0, changed = 0;
        for (var i = 0; i < kills; i++)
        {
            using var target = new RunningTarget(program);
            await target.WaitForLineAsync(_ => true, TimeSpan.FromSeconds(10));
            var tune = Kernopt.Start("tune", "--pid", $"{target.Pid}", "--policy", policy, "--for", "30s", "--quiet", "--json");
            await DelayAsync(random, target.Pid);
            tune.Kill();
            await tune.WaitForExitAsync();
            await Task.Delay(100);
            var list = await Kernopt.RunAsync("list", "--pid", $"{target.Pid}", "--json");
            changed += list.ExitCode == 0 && list.Result.GetProperty("changedPlaces").GetInt32() > 0 ? 1 : 0;
            var revert = await Kernopt.RunAsync("revert", "--pid", $"{target.Pid}", "--all", "--json");
            var line = target.Lines.Count;
            await target.WaitForLineAsync(_ => target.Lines.Count > line + 1, TimeSpan.FromSeconds(10));
            alive += target.IsAlive ? 1 : 0;
            right += target.Lines[^1].Split(' ')[2] == "0" ? 1 : 0;
            var isRestored = revert.ExitCode == 0 && revert.Result.GetProperty("textIsOriginal").GetBoolean();
            restored += isRestored ? 1 : 0;
            if (!isRestored) Console.WriteLine($"kill {i}: {revert}");
            if ((i + 1) % 5 == 0) Console.WriteLine($"{i + 1} kills: {alive} alive, {right} right, {restored} restored ({changed} had changed places when killed)");
        }
        Console.WriteLine($"{kills} kills (seed {seed}): {alive} targets alive, {right} with right answers, {restored} restored byte for byte; {changed} had changed places when killed");
        return alive == kills && right == kills && restored == kills ? 0 : 1;
    }

    /// <summary>
    /// One kill in four from the start of the process on; the others from when its memory is in the target, half of these within the first 200 ms, where threads are
    /// borrowed and the first code goes in.
    /// </summary>
    private static async Task DelayAsync(Random random, int pid)
    {
        var kind = random.Next(8);
        var share = random.NextDouble();
        if (kind < 2)
        {
            await Task.Delay(TimeSpan.FromSeconds(2 * share));
            return;
        }
        for (var waited = Stopwatch.StartNew(); waited.Elapsed.TotalSeconds < 20 && !(await File.ReadAllTextAsync($"/proc/{pid}/maps")).Contains("memfd:kernopt", StringComparison.Ordinal);) await Task.Delay(1);
        await Task.Delay(TimeSpan.FromSeconds((kind < 5 ? 0.2 : 2.5) * share));
    }
}
