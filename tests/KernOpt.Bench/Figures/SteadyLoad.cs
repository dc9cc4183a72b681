namespace KernOpt.Bench.Figures;

/// <summary>redis-benchmark again and again, with pauses in which the server's memory can be read.</summary>
internal sealed class SteadyLoad : IDisposable
{
    private readonly RedisServer server;
    private volatile bool isEnding;
    private Task running;

    public SteadyLoad(RedisServer server)
    {
        this.server = server;
        running = RunAsync();
    }

    public string Errors { get; private set; } = "";

    public Task StopAsync()
    {
        isEnding = true;
        return running;
    }

    /// <summary>Waits for the client, which ends when it has done its work, or the server has ended.</summary>
    public void Dispose() => StopAsync().Wait(TimeSpan.FromSeconds(30));

    /// <summary>The server's memory with the load paused and the database emptied.</summary>
    public async Task<Memory> SettledAsync()
    {
        await StopAsync();
        await server.AskAsync("FLUSHALL");
        await server.AskAsync("MEMORY", "PURGE");
        await Task.Delay(500);
        var memory = Memory.Of(server.Pid);
        isEnding = false;
        running = RunAsync();
        return memory;
    }

    private async Task RunAsync()
    {
        while (!isEnding) Errors += (await server.BenchmarkAsync("-t", "set,get", "-n", "200000", "-c", "20")).Errors;
    }
}

/// <summary>Mappings of a process, and memory of it that is in use.</summary>
internal sealed record Memory(int Mappings, long ResidentKilobytes)
{
    public static Memory Of(int pid)
    {
        var resident = File.ReadLines($"/proc/{pid}/status").First(l => l.StartsWith("VmRSS:", StringComparison.Ordinal));
        return new(File.ReadLines($"/proc/{pid}/maps").Count(), long.Parse(resident.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]));
    }

    public override string ToString() => $"{Mappings} mappings and {ResidentKilobytes} KiB resident";
}
