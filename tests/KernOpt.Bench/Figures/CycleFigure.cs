namespace KernOpt.Bench.Figures;

/// <summary>Attach, relocate --all hot functions, revert, N times on one redis-server under load: text, mappings and memory afterwards. Arguments: [cycles].</summary>
internal static class CycleFigure
{
    public static async Task<int> RunAsync(string[] arguments)
    {
        var cycles = arguments.Length > 0 ? int.Parse(arguments[0]) : 100;
        using var server = await RedisServer.StartAsync();
        using var ended = new CancellationTokenSource();
        var load = Task.Run(async () =>
        {
            var errors = "";
            while (!ended.IsCancellationRequested) errors += (await server.BenchmarkAsync("-t", "set,get,lpush,lpop,sadd,zadd", "-n", "100000", "-P", "8", "-c", "20")).Errors;
            return errors;
        });
        await Task.Delay(2000);
        var (mapsBefore, residentBefore) = Memory(server.Pid);
        int installed = 0, restored = 0;
        for (var i = 0; i < cycles; i++)
        {
            var relocate = await Kernopt.RunAsync("relocate", "--pid", $"{server.Pid}", "--all", "--for", "1s", "--json");
            if (relocate.ExitCode == 0) installed += relocate.Result.GetProperty("installed").GetArrayLength();
            else Console.WriteLine($"cycle {i}: {relocate}");
            var revert = await Kernopt.RunAsync("revert", "--pid", $"{server.Pid}", "--all", "--json");
            var isRestored = revert.ExitCode == 0 && revert.Result.GetProperty("textIsOriginal").GetBoolean();
            restored += isRestored ? 1 : 0;
            if (!isRestored) Console.WriteLine($"cycle {i}: {revert}");
            if ((i + 1) % 10 == 0) Console.WriteLine($"{i + 1} cycles: {installed} versions installed, {restored} restored, maps {Memory(server.Pid).Maps}, resident {Memory(server.Pid).ResidentKilobytes} KiB");
        }
        await ended.CancelAsync();
        var clientErrors = await load;
        var (mapsAfter, residentAfter) = Memory(server.Pid);
        Console.WriteLine($"{cycles} cycles: {installed} versions installed, text restored {restored} times, mappings {mapsBefore} -> {mapsAfter}, resident {residentBefore} -> {residentAfter} KiB, server alive {server.IsAlive}, client errors: {(clientErrors.Length == 0 ? "none" : clientErrors)}");
        return restored == cycles && server.IsAlive && clientErrors.Length == 0 ? 0 : 1;
    }

    private static (int Maps, long ResidentKilobytes) Memory(int pid)
    {
        var resident = File.ReadLines($"/proc/{pid}/status").First(l => l.StartsWith("VmRSS:", StringComparison.Ordinal));
        return (File.ReadLines($"/proc/{pid}/maps").Count(), long.Parse(resident.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]));
    }
}
