using KernOpt.Engine.Journaling;
using KernOpt.Engine.Sessions;
using KernOpt.Engine.Versions;
using KernOpt.Linux;

namespace KernOpt.Bench.Figures;

/// <summary>
/// tune on unmodified servers under load, then throughput with what was kept switched on and off in alternating windows. Arguments: [program ...].
/// </summary>
internal static class ThroughputFigure
{
    /// <summary>Odd, so that the median is one of them; with 97 % the median of all such ratios lies between the 14th and the 28th (binomial).</summary>
    private const int Pairs = 41, Low = 13, High = 27;

    private static readonly TimeSpan Window = TimeSpan.FromSeconds(1.5);

    public static async Task<int> RunAsync(string[] arguments)
    {
        var worst = 0;
        foreach (var workload in Workloads.All.Where(w => arguments.Length == 0 || arguments.Contains(w.Name)))
        {
            worst = Math.Max(worst, await OneAsync(workload));
        }
        return worst;
    }

    private static async Task<int> OneAsync(Workload workload)
    {
        await using var running = await workload.StartAsync();
        await Task.Delay(2000);
        var pid = $"{running.Pid}";
        using var ended = new CancellationTokenSource();
        var load = Task.Run(async () => { while (!ended.IsCancellationRequested) await running.LoadAsync(TimeSpan.FromSeconds(2)); });
        var tune = await Kernopt.RunAsync(TimeSpan.FromMinutes(5), "tune", "--pid", pid, "--for", "60s", "--json");
        await ended.CancelAsync();
        await load;
        if (tune.ExitCode != 0)
        {
            Console.WriteLine($"{workload.Name}: tune failed: {tune}");
            return 1;
        }
        var experiments = tune.Result.GetProperty("experiments").EnumerateArray().ToList();
        foreach (var row in experiments) Console.WriteLine($"  {workload.Name}: {row.GetProperty("function")} {row.GetProperty("technique")} {row.GetProperty("bindings")}: {row.GetProperty("outcome")} {EffectOf(row)} {row.GetProperty("why")}");
        foreach (var row in tune.Result.GetProperty("refusals").EnumerateArray()) Console.WriteLine($"  {workload.Name}: refused: {row}");
        var verdicts = experiments.Count(e => EffectOf(e) is not null);
        var ratios = await CompareAsync(running);
        await Kernopt.RunAsync("revert", "--pid", pid, "--all");
        ratios.Sort();
        var kept = experiments.Count(e => e.GetProperty("outcome").GetString() == "kept");
        Console.WriteLine($"{workload.Name}: {verdicts} verdicts, {kept} kept{(kept == 0 ? " (so that both arms are the original)" : "")}; throughput after/before in {Pairs} alternating windows: median {ratios[Pairs / 2]:0.000} (97 % interval {ratios[Low]:0.000} to {ratios[High]:0.000}; all {ratios[0]:0.000} to {ratios[^1]:0.000}), client errors {running.Errors}, alive {running.IsAlive}");
        return verdicts > 0 && ratios[Pairs / 2] >= 0.98 && running.Errors == 0 && running.IsAlive ? 0 : 1;
    }

    private static double? EffectOf(System.Text.Json.JsonElement experiment) =>
        experiment.TryGetProperty("effect", out var effect) && effect.ValueKind == System.Text.Json.JsonValueKind.Number ? effect.GetDouble() : null;

    /// <summary>After / before in pairs of windows. Switched from here: a command for each switch would itself take a part of each window's processors.</summary>
    private static async Task<List<double>> CompareAsync(RunningWorkload running)
    {
        using var target = ProcessTarget.Attach(running.Pid).Value;
        using var journal = Journal.InMemory().Value;
        using var session = Session.Open(target, journal).Value;
        var ratios = new List<double>();
        for (var i = 0; i < Pairs; i++)
        {
            var isFirstOn = Random.Shared.Next(2) == 0;
            var first = await WindowAsync(running, session, isFirstOn);
            var second = await WindowAsync(running, session, !isFirstOn);
            ratios.Add(isFirstOn ? first / second : second / first);
        }
        return ratios;
    }

    private static async Task<double> WindowAsync(RunningWorkload running, Session session, bool isOn)
    {
        if (!InstalledVersions.SwitchAll(session, isOn).Try(out _, out var why)) throw new InvalidOperationException($"{why}");
        return await running.LoadAsync(Window);
    }
}
