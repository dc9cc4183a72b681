using Xunit;

namespace KernOpt.Tests.System;

/// <summary>Debian's redis-server under redis-benchmark while its hot functions are moved, outlined and put back.</summary>
public sealed class RedisTests
{
    [Fact]
    public async Task HotFunctions_MovedAndOutlinedUnderLoad_NeverFailAClient()
    {
        using var server = await RedisServer.StartAsync();
        var pid = $"{server.Pid}";
        using var ended = new CancellationTokenSource();
        var load = LoadAsync(server, ended.Token);
        try
        {
            var relocated = await Kernopt.RunAsync("relocate", "--pid", pid, "--all", "--for", "2s", "--json");
            Assert.True(relocated.ExitCode == Expect.Done, $"{relocated}");
            Assert.NotEmpty(relocated.Result.GetProperty("installed").EnumerateArray());
            await Expect.RevertedAsync(server.Pid);

            var hot = await Kernopt.RunAsync("hot", "--pid", pid, "--for", "2s", "--json");
            var names = hot.Result.GetProperty("functions").EnumerateArray().Select(f => f.GetProperty("function").GetString()!).Take(8).ToList();
            var runs = new List<Kernopt>();
            foreach (var name in names)
            {
                runs.Add(await Kernopt.RunAsync("outline", "--pid", pid, name, "--for", "1s", "--json"));
                if (runs[^1].ExitCode == Expect.Done) break;
            }
            Assert.True(runs[^1].ExitCode == Expect.Done, string.Join('\n', runs));
            await Expect.RevertedAsync(server.Pid);
        }
        finally
        {
            await ended.CancelAsync();
        }
        Assert.All(await load, errors => Assert.Equal("", errors));
        Assert.Equal("PONG", await server.AskAsync("PING"));
    }

    private static async Task<List<string>> LoadAsync(RedisServer server, CancellationToken ended)
    {
        var errors = new List<string>();
        while (!ended.IsCancellationRequested) errors.Add((await server.BenchmarkAsync("-t", "set,get,lpush,lpop", "-n", "50000", "-r", "10000")).Errors);
        return errors;
    }
}
