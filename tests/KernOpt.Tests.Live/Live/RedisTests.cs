using KernOpt.Code.Graphs;
using KernOpt.Live;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Live.Live;

/// <summary>Debian's redis-server with many of its functions moved, under load.</summary>
public sealed class RedisTests(ITestOutputHelper output)
{
    private const int MostMoved = 600;

    [Fact]
    public void HundredsOfFunctionsMoved_UnderLoad_NoClientErrors_AndTextRestored()
    {
        using var redis = new RedisServer();
        using var subject = new Subject(redis.Pid);
        using var benchmark = redis.StartBenchmark(60_000);
        var (moved, refused) = MoveFunctions(subject);
        output.WriteLine($"{moved} functions moved; refused: {string.Join(", ", refused.Select(r => $"{r.Key.Name} {r.Value}"))}");
        Assert.True(moved > MostMoved / 2);
        Assert.Equal("+PONG", redis.Ask("PING"));
        var random = new Random(3);
        var versions = subject.Live.Versions.ToDictionary(v => v.RedirectId);
        for (var i = 0; i < 3; i++)
        {
            foreach (var redirect in subject.Live.Redirects.Where(r => versions.ContainsKey(r.Id)))
                redirect.Switch(random.Next(3) switch { 0 => Arm.Original, 1 => Arm.CountedVersion(versions[redirect.Id].Id), _ => Arm.Version(versions[redirect.Id].Id) });
            Thread.Sleep(100);
        }
        Assert.Contains(subject.Live.Versions, v => v.Calls > 0);
        Assert.True(subject.RevertAll().IsTextRestored);
        Assert.Empty(subject.TextDifferences);
        var said = benchmark.StandardOutput.ReadToEnd() + benchmark.StandardError.ReadToEnd();
        benchmark.WaitForExit();
        Assert.Equal(0, benchmark.ExitCode);
        Assert.DoesNotContain("rror", said);
        Assert.Equal("+PONG", redis.Ask("PING"));
    }

    private static (int Moved, Dictionary<Reason, int> Refused) MoveFunctions(Subject subject)
    {
        var refused = new Dictionary<Reason, int>();
        var moved = 0;
        var functions = subject.Image.MainProgram!.Functions;
        for (var i = 0; i < functions.Length && moved < MostMoved; i += 3)
        {
            var parsed = FunctionParser.Parse(functions[i], subject.Live.Source);
            var version = parsed.Then(graph => subject.Live.Sites.Choose(graph).Then(site => subject.Live.RedirectFunction(graph, site))
                .Then(redirect => subject.TryRelocate(redirect, graph).Then<Done>(v => redirect.Switch(Arm.Version(v.Id)))));
            if (version.IsDone) moved++;
            else refused[version.Refusal.Reason] = refused.GetValueOrDefault(version.Refusal.Reason) + 1;
        }
        return (moved, refused);
    }
}
