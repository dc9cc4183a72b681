namespace KernOpt.Bench.Figures;

/// <summary>
/// tune on unmodified servers under load, then throughput with what was kept switched on and off in alternating windows. Arguments: [program ...].
/// </summary>
internal static class ThroughputFigure
{
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
        foreach (var row in tune.Result.GetProperty("experiments").EnumerateArray()) Console.WriteLine($"  {workload.Name}: {row.GetProperty("function")} {row.GetProperty("technique")} {row.GetProperty("bindings")}: {row.GetProperty("outcome")} {(row.TryGetProperty("effect", out var e) ? e.ToString() : "")} {row.GetProperty("why")}");
        var ratios = new List<double>();
        for (var i = 0; i < 8; i++)
        {
            var isFirstOn = Random.Shared.Next(2) == 0;
            var first = await WindowAsync(running, pid, isFirstOn);
            var second = await WindowAsync(running, pid, !isFirstOn);
            ratios.Add(isFirstOn ? first / second : second / first);
        }
        await Kernopt.RunAsync("revert", "--pid", pid, "--all");
        ratios.Sort();
        var median = (ratios[3] + ratios[4]) / 2;
        Console.WriteLine($"{workload.Name}: throughput after/before in alternating windows: median {median:0.000} ({ratios[0]:0.000} to {ratios[^1]:0.000}), client errors {running.Errors}, alive {running.IsAlive}");
        return median >= 0.98 && running.Errors == 0 && running.IsAlive ? 0 : 1;
    }

    private static async Task<double> WindowAsync(RunningWorkload running, string pid, bool isOn)
    {
        await Kernopt.RunAsync("switch", "--pid", pid, isOn ? "on" : "off", "--quiet");
        return await running.LoadAsync(TimeSpan.FromSeconds(2));
    }
}
