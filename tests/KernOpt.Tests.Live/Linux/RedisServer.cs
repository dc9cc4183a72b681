using System.Net;
using System.Net.Sockets;
using KernOpt.Linux.Native;
using Xunit;

namespace KernOpt.Tests.Live.Linux;

/// <summary>A redis-server of our own on a free port, without persistence; stopped at the end.</summary>
internal sealed class RedisServer : IDisposable
{
    private readonly TraceableChild process;
    private readonly int port;

    private RedisServer(TraceableChild process, int port)
    {
        this.process = process;
        this.port = port;
    }

    public int Pid => process.Pid;

    public static RedisServer Start()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        var port = ((IPEndPoint)probe.LocalEndpoint).Port;
        probe.Stop();
        var command = new[] { "redis-server", "--port", $"{port}", "--save", "", "--bind", "127.0.0.1", "--logfile", "/dev/null" };
        var server = new RedisServer(TraceableChild.Spawn(command).Value, port);
        Assert.True(SpinWait.SpinUntil(() => server.TryAsk("PING") == "PONG", TimeSpan.FromSeconds(20)), "redis-server did not start");
        return server;
    }

    /// <summary>One inline command; answers the simple string.</summary>
    public string Ask(string command)
    {
        using var client = new TcpClient("127.0.0.1", port);
        using var stream = client.GetStream();
        stream.ReadTimeout = 10_000;
        stream.Write(System.Text.Encoding.ASCII.GetBytes(command + "\r\n"));
        using var reader = new StreamReader(stream);
        return (reader.ReadLine() ?? "").TrimStart('+');
    }

    public void Dispose()
    {
        SystemCall.Kill(Pid, Signals.Kill);
        process.Exit.Wait();
    }

    private string? TryAsk(string command)
    {
        try
        {
            return Ask(command);
        }
        catch (SocketException)
        {
            return null;
        }
    }
}
