using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace KernOpt.Tests.Shared;

/// <summary>Debian's redis-server, unmodified, on a port of its own, without persistence.</summary>
internal sealed class RedisServer : IDisposable
{
    private readonly RunningTarget server;

    private RedisServer(RunningTarget server, int port)
    {
        this.server = server;
        Port = port;
    }

    public int Pid => server.Pid;
    public int Port { get; }
    public bool IsAlive => server.IsAlive;

    /// <param name="environment">Variables more, as NAME=VALUE.</param>
    public static async Task<RedisServer> StartAsync(params string[] environment)
    {
        var port = FreePort();
        var server = new RunningTarget("env", [.. environment, "redis-server", "--port", $"{port}", "--save", "", "--appendonly", "no", "--dir", Scratch.Folder]);
        await server.WaitForLineAsync(l => l.Contains("Ready to accept connections", StringComparison.Ordinal), TimeSpan.FromSeconds(20));
        return new RedisServer(server, port);
    }

    /// <summary>Runs redis-benchmark; answers requests per second by test, and its error output.</summary>
    public async Task<(IReadOnlyDictionary<string, double> Rates, string Errors)> BenchmarkAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo("redis-benchmark", ["-p", $"{Port}", "--csv", .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        var rates = (await output).Split('\n').Select(l => l.Split("\",\"")).Where(f => f.Length > 2 && double.TryParse(f[1], out _))
            .ToDictionary(f => f[0].Trim('"'), f => double.Parse(f[1]));
        return (rates, process.ExitCode == 0 ? errors : $"exit {process.ExitCode}: {errors}");
    }

    /// <summary>One command by redis-cli; answers its output.</summary>
    public async Task<string> AskAsync(params string[] command)
    {
        using var process = Process.Start(new ProcessStartInfo("redis-cli", ["-p", $"{Port}", .. command]) { RedirectStandardOutput = true })!;
        var answer = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return answer.Trim();
    }

    public void Dispose() => server.Dispose();

    private static int FreePort()
    {
        using var socket = new TcpListener(IPAddress.Loopback, 0);
        socket.Start();
        return ((IPEndPoint)socket.LocalEndpoint).Port;
    }
}
