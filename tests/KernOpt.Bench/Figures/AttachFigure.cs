namespace KernOpt.Bench.Figures;

/// <summary>From the start of the kernopt process to the first probe that counts in redis-server, warm. Arguments: [runs].</summary>
internal static class AttachFigure
{
    public static async Task<int> RunAsync(string[] arguments)
    {
        var runs = arguments.Length > 0 ? int.Parse(arguments[0]) : 10;
        using var server = await RedisServer.StartAsync();
        using var ended = new CancellationTokenSource();
        var load = Task.Run(async () => { while (!ended.IsCancellationRequested) await server.BenchmarkAsync("-t", "set,get", "-n", "200000", "-c", "20"); });
        await Task.Delay(1000);
        var hot = await Kernopt.RunAsync("hot", "--pid", $"{server.Pid}", "--for", "2s", "--json");
        var names = hot.Result.GetProperty("functions").EnumerateArray().Select(f => f.GetProperty("function").GetString()!);
        var times = new List<double>();
        foreach (var name in names)
        {
            for (var i = 0; times.Count < runs && i < runs; i++)
            {
                var started = TimeProvider.System.GetUtcNow();
                var run = await Kernopt.RunAsync("values", "--pid", $"{server.Pid}", name, "--for", "50ms", "--one-in", "1", "--json");
                if (run.ExitCode != 0 || !run.Result.TryGetProperty("firstCallAt", out var at)) break;
                times.Add((at.GetDateTimeOffset() - started).TotalMilliseconds);
            }
            if (times.Count >= runs) break;
        }
        await ended.CancelAsync();
        await load;
        if (times.Count == 0)
        {
            Console.WriteLine($"no function that takes a probe is hot: {hot}");
            return 1;
        }
        times.Sort();
        Console.WriteLine($"from the start of the process to the first counted call: {times.Count} runs, median {times[times.Count / 2]:0} ms, longest {times[^1]:0} ms");
        return times.Count == runs && times[^1] < 1000 ? 0 : 1;
    }
}
