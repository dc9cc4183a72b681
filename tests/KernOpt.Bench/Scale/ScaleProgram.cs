using System.Diagnostics;

namespace KernOpt.Bench.Scale;

/// <summary>A program some modules of which get a counter before each basic block, and a load that knows the right answers.</summary>
internal interface ICheckedLoad : IAsyncDisposable
{
    int Pid { get; }

    bool IsAlive { get; }

    /// <summary>Works for a time; answers how many answers it has compared, and says which were wrong.</summary>
    Task<(long Answers, IReadOnlyList<string> Wrong)> RunAsync(TimeSpan time);
}

/// <param name="Name">For the command line.</param>
/// <param name="Modules">File names of the modules, as they are mapped; * stands for the rest of a version.</param>
/// <param name="StartAsync">With its load.</param>
/// <param name="Talk">Makes a program that does the same work for the same request, so that another tool can count it too; null where there is none.</param>
internal sealed record ScaleProgram(string Name, string[] Modules, Func<Task<ICheckedLoad>> StartAsync, Func<TalkingProgram>? Talk = null);

/// <summary>How a <see cref="Talker"/> is started, and what it is asked the n-th time.</summary>
internal sealed record TalkingProgram(string Program, IReadOnlyList<string> Arguments, Func<int, string> Request)
{
    public Talker Start() => Talker.Start(Program, Arguments);
}

/// <summary>Two processes of one program get the same requests, and one of them has the counters: their answers must be the same.</summary>
internal sealed class TwinLoad(TalkingProgram program) : ICheckedLoad
{
    private readonly Talker probed = program.Start(), other = program.Start();
    private int rounds;

    public int Pid => probed.Pid;
    public bool IsAlive => probed.IsAlive;

    public async Task<(long Answers, IReadOnlyList<string> Wrong)> RunAsync(TimeSpan time)
    {
        var wrong = new List<string>();
        var answers = 0L;
        for (var clock = Stopwatch.StartNew(); answers == 0 || clock.Elapsed < time; answers++)
        {
            var request = program.Request(++rounds);
            try
            {
                var (expected, got) = (other.AskAsync(request), probed.AskAsync(request));
                if (await expected != await got) wrong.Add($"request {rounds}: '{await got}' instead of '{await expected}'");
            }
            catch (IOException e)
            {
                wrong.Add($"request {rounds}: {e.Message}");
                return (answers, wrong);
            }
        }
        return (answers, wrong);
    }

    public ValueTask DisposeAsync()
    {
        probed.Dispose();
        other.Dispose();
        return ValueTask.CompletedTask;
    }
}
