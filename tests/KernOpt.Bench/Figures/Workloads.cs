using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace KernOpt.Bench.Figures;

/// <summary>A real program under a real load.</summary>
internal abstract class RunningWorkload(IDisposable server) : IAsyncDisposable
{
    public abstract int Pid { get; }
    public abstract bool IsAlive { get; }
    public int Errors { get; protected set; }

    /// <summary>Puts load on it for this time; answers work done per second.</summary>
    public abstract Task<double> LoadAsync(TimeSpan time);

    public virtual ValueTask DisposeAsync()
    {
        server.Dispose();
        return ValueTask.CompletedTask;
    }

    protected static async Task<string> OutputOfAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return output + await errors;
    }

    protected static double Number(string text, string pattern) =>
        Regex.Match(text, pattern) is { Success: true } match ? double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) : 0;
}

internal sealed record Workload(string Name, Func<Task<RunningWorkload>> StartAsync);

internal static class Workloads
{
    public static IReadOnlyList<Workload> All { get; } =
    [
        new("redis-server", async () => new RedisWorkload(await RedisServer.StartAsync())),
        new("nginx", NginxWorkload.StartAsync),
        new("postgres", PostgresWorkload.StartAsync),
        new("lua5.4", LuaWorkload.StartAsync),
    ];
}

internal sealed class RedisWorkload(RedisServer server) : RunningWorkload(server)
{
    private int requests = 100_000;

    public override int Pid => server.Pid;
    public override bool IsAlive => server.IsAlive;

    public override async Task<double> LoadAsync(TimeSpan time)
    {
        var clock = Stopwatch.StartNew();
        var (rates, errors) = await server.BenchmarkAsync("-t", "set,get,lpush,sadd,zadd", "-n", $"{requests}", "-P", "8", "-c", "20", "-r", "100000");
        if (errors.Length > 0 || rates.Count < 5) Errors++;
        requests = (int)Math.Clamp(requests * (time / clock.Elapsed), 20_000, 5_000_000);
        return rates.Count == 0 ? 0 : rates.Count / rates.Values.Sum(r => 1 / r);
    }
}

internal sealed class NginxWorkload(RunningTarget server, int port) : RunningWorkload(server)
{
    public override int Pid => server.Pid;
    public override bool IsAlive => server.IsAlive;

    public static async Task<RunningWorkload> StartAsync()
    {
        var port = 20_000 + Environment.ProcessId % 20_000;
        var folder = Directory.CreateDirectory(Path.Combine(Scratch.Folder, "nginx")).FullName;
        await File.WriteAllTextAsync(Path.Combine(folder, "index.html"), new string('x', 2000));
        var configuration = Path.Combine(folder, "nginx.conf");
        await File.WriteAllTextAsync(configuration, $$"""
            daemon off; master_process off; pid {{folder}}/pid; error_log {{folder}}/error.log; user root;
            events { worker_connections 256; }
            http { access_log off; gzip on; gzip_min_length 100; gzip_types text/plain; types { text/plain html; } server { listen 127.0.0.1:{{port}}; root {{folder}}; location / { index index.html; } } }
            """);
        var server = new RunningTarget("nginx", "-c", configuration, "-p", folder);
        await Task.Delay(1000);
        return new NginxWorkload(server, port);
    }

    public override async Task<double> LoadAsync(TimeSpan time)
    {
        var output = await OutputOfAsync("wrk", "-t1", "-c16", $"-d{Math.Max(1, (int)time.TotalSeconds)}s", "-H", "Accept-Encoding: gzip", $"http://127.0.0.1:{port}/index.html");
        if (output.Contains("Socket errors", StringComparison.Ordinal) || output.Contains("Non-2xx", StringComparison.Ordinal)) Errors++;
        return Number(output, @"Requests/sec:\s+([\d.]+)");
    }
}

internal sealed class PostgresWorkload(RunningTarget server, RunningTarget client, int backend) : RunningWorkload(server)
{
    private const string Programs = "/usr/lib/postgresql/15/bin";

    public override int Pid => backend;
    public override bool IsAlive => server.IsAlive && client.IsAlive && Directory.Exists($"/proc/{backend}");

    public static async Task<RunningWorkload> StartAsync()
    {
        var folder = Directory.CreateTempSubdirectory("kernopt-postgres-").FullName;
        await OutputOfAsync("chown", "postgres", folder);
        await OutputOfAsync("runuser", "-u", "postgres", "--", $"{Programs}/initdb", "-D", $"{folder}/data", "-A", "trust");
        var server = new RunningTarget("runuser", "-u", "postgres", "--", $"{Programs}/postgres", "-D", $"{folder}/data", "-k", folder, "-c", "listen_addresses=", "-c", "fsync=off");
        await server.WaitForLineAsync(l => l.Contains("ready to accept connections", StringComparison.Ordinal), TimeSpan.FromSeconds(30));
        await OutputOfAsync("runuser", "-u", "postgres", "--", $"{Programs}/pgbench", "-h", folder, "-i", "-s", "2", "postgres");
        var client = new RunningTarget("runuser", "-u", "postgres", "--", $"{Programs}/pgbench", "-h", folder, "-S", "-c", "1", "-T", "600", "-P", "1", "postgres");
        await client.WaitForLineAsync(l => l.StartsWith("progress:", StringComparison.Ordinal), TimeSpan.FromSeconds(30));
        var backend = int.Parse((await OutputOfAsync("psql", "-h", folder, "-U", "postgres", "-Atc", "select pid from pg_stat_activity where application_name='pgbench'")).Trim(), CultureInfo.InvariantCulture);
        return new PostgresWorkload(server, client, backend);
    }

    /// <summary>From pgbench's own progress, one line a second; the first is left out, it began before.</summary>
    public override async Task<double> LoadAsync(TimeSpan time)
    {
        var before = client.Lines.Count;
        await Task.Delay(time + TimeSpan.FromSeconds(1.1));
        if (client.Lines.Any(l => l.Contains("error", StringComparison.OrdinalIgnoreCase))) Errors++;
        return client.Lines.Skip(before + 1).Select(l => Number(l, @"([\d.]+) tps")).DefaultIfEmpty(0).Average();
    }

    public override ValueTask DisposeAsync()
    {
        client.Dispose();
        return base.DisposeAsync();
    }
}

internal sealed class LuaWorkload(RunningTarget program) : RunningWorkload(program)
{
    private const string Script = """
        local function work()
          local t, s = {}, 0
          for i = 1, 2000 do t[i % 97 .. ''] = (t[i % 97 .. ''] or 0) + i end
          for k, v in pairs(t) do s = s + #k * v end
          local text = string.rep('the quick brown fox ', 20)
          for word in text:gmatch('%a+') do s = s + #word end
          return s
        end
        local expected, rounds, last = work(), 0, os.clock()
        while true do
          if work() ~= expected then print('WRONG') end
          rounds = rounds + 1
          if rounds % 20 == 0 and os.clock() - last >= 0.25 then print(rounds / (os.clock() - last)); io.flush(); rounds, last = 0, os.clock() end
        end
        """;

    public override int Pid => program.Pid;
    public override bool IsAlive => program.IsAlive;

    public static async Task<RunningWorkload> StartAsync()
    {
        var file = Path.Combine(Scratch.Folder, "work.lua");
        await File.WriteAllTextAsync(file, Script);
        return new LuaWorkload(new RunningTarget("lua5.4", file));
    }

    /// <summary>Rounds per CPU second by the program's own clock.</summary>
    public override async Task<double> LoadAsync(TimeSpan time)
    {
        var before = program.Lines.Count;
        await Task.Delay(time + TimeSpan.FromSeconds(0.3));
        Errors += program.Lines.Skip(before).Count(l => l.Contains("WRONG", StringComparison.Ordinal));
        return program.Lines.Skip(before + 1).Select(l => Number(l, @"^([\d.]+)")).DefaultIfEmpty(0).Average();
    }
}
