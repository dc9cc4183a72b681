namespace KernOpt.Bench.Figures;

/// <summary>
/// Attach, relocate --all hot functions, revert, N times on one redis-server under load: text, mappings and memory afterwards. Memory is read with the load paused and
/// the database emptied, before the first cycle, after a tenth of them (by then the allocator has its size), and after the last. Arguments: [cycles].
/// </summary>
internal static class CycleFigure
{
    /// <summary>What may come and go in the allocator of the server; a leak of one page a cycle is 360 KiB in the nine tenths of 100 cycles that count.</summary>
    private const long AllowedKilobytes = 256;

    public static async Task<int> RunAsync(string[] arguments)
    {
        var cycles = arguments.Length > 0 ? int.Parse(arguments[0]) : 100;
        using var server = await RedisServer.StartAsync();
        using var load = new SteadyLoad(server);
        await Task.Delay(2000);
        var before = await load.SettledAsync();
        var warm = before;
        int installed = 0, restored = 0;
        for (var i = 1; i <= cycles; i++)
        {
            var relocate = await Kernopt.RunAsync("relocate", "--pid", $"{server.Pid}", "--all", "--for", "1s", "--json");
            if (relocate.ExitCode == 0) installed += relocate.Result.GetProperty("installed").GetArrayLength();
            else Console.WriteLine($"cycle {i}: {relocate}");
            var revert = await Kernopt.RunAsync("revert", "--pid", $"{server.Pid}", "--all", "--json");
            var isRestored = revert.ExitCode == 0 && revert.Result.GetProperty("textIsOriginal").GetBoolean();
            restored += isRestored ? 1 : 0;
            if (!isRestored) Console.WriteLine($"cycle {i}: {revert}");
            if (i == Math.Max(1, cycles / 10)) warm = await load.SettledAsync();
            if (i % 10 == 0) Console.WriteLine($"{i} cycles: {installed} versions installed, {restored} restored, under load {Memory.Of(server.Pid)}");
        }
        var after = await load.SettledAsync();
        await load.StopAsync();
        Console.WriteLine($"{cycles} cycles: {installed} versions installed, text restored {restored} times, server alive {server.IsAlive}, client errors: {(load.Errors.Length == 0 ? "none" : load.Errors)}");
        Console.WriteLine($"emptied and without load: {before} before, {warm} after a tenth of the cycles, {after} at the end");
        return installed >= cycles && restored == cycles && server.IsAlive && load.Errors.Length == 0
            && after.Mappings == warm.Mappings && after.ResidentKilobytes - warm.ResidentKilobytes <= AllowedKilobytes ? 0 : 1;
    }
}
