using System.Diagnostics;
using System.Net.Sockets;
using System.Text;

namespace KernOpt.Tests.Live.Live;

/// <summary>Debian's redis-server on a socket of its own in a folder of its own; killed and removed at the end.</summary>
internal sealed class RedisServer : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("kernopt-redis-").FullName;
    private readonly Process process;

    public RedisServer()
    {
        process = Process.Start(new ProcessStartInfo("/usr/bin/redis-server",
            ["--port", "0", "--unixsocket", SocketPath, "--save", "", "--dir", folder, "--loglevel", "warning"]) { RedirectStandardOutput = true })!;
        Wait.Until(() => File.Exists(SocketPath) && Ask("PING") == "+PONG");
    }

    public string SocketPath => Path.Combine(folder, "redis.sock");
    public int Pid => process.Id;
    public bool IsRunning => !process.HasExited;

    /// <summary>The first line of the answer to an inline command.</summary>
    public string Ask(string command)
    {
        try
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = 10_000 };
            socket.Connect(new UnixDomainSocketEndPoint(SocketPath));
            socket.Send(Encoding.ASCII.GetBytes(command + "\r\n"));
            var buffer = new byte[4096];
            return Encoding.ASCII.GetString(buffer, 0, socket.Receive(buffer)).Split("\r\n")[0];
        }
        catch (SocketException error)
        {
            return error.Message;
        }
    }

    /// <summary>redis-benchmark on this server's socket.</summary>
    public Process StartBenchmark(int requests, string tests = "set,get,lpush,lrange_100,hset")
        => Process.Start(new ProcessStartInfo("redis-benchmark", ["-s", SocketPath, "-n", $"{requests}", "-c", "20", "-t", tests, "-q"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;

    public void Dispose()
    {
        if (!process.HasExited) process.Kill();
        process.WaitForExit();
        process.Dispose();
        Directory.Delete(folder, recursive: true);
    }
}
