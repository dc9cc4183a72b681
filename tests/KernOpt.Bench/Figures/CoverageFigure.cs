using KernOpt.Binary;
using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Engine.Journaling;
using KernOpt.Engine.Probing;
using KernOpt.Engine.Profiling;
using KernOpt.Engine.Reports;
using KernOpt.Engine.Sessions;
using KernOpt.Linux;
using KernOpt.Target;
using KernOpt.Tests.Code.Bodies;

namespace KernOpt.Bench.Figures;

/// <summary>
/// How much of the real programs takes a point: of each module the functions that are resolved, the instructions of those that are reached, by rung, and the rest by reason. Arguments: names of
/// programs, all without any; a file (a path) is only parsed.
/// </summary>
internal static class CoverageFigure
{
    /// <summary>Looked at for its libstdc++ alone.</summary>
    private const string Host = "gdb";

    private const double LeastResolved = 0.99;
    private const double LeastReached = 0.999;

    /// <summary>Looked at are the programs themselves, and those of their libraries whose names begin so.</summary>
    private static readonly (string Program, Func<Task<IProgram>> StartAsync, string[] Modules)[] Programs =
    [
        ("redis-server", async () => new OfWorkload(await Workload("redis-server")), ["libc.so"]),
        ("nginx", async () => new OfWorkload(await Workload("nginx")), []),
        ("postgres", async () => new OfWorkload(await Workload("postgres")), []),
        ("python3", () => Idle("/usr/bin/python3", "-c", "import sqlite3, time; print('ready', flush=True); time.sleep(86400)"), ["libsqlite3"]),
        ("bash", () => Idle("/usr/bin/bash", "-c", "echo ready; while :; do sleep 3600; done"), []),
        (Host, () => Idle("/usr/bin/gdb", "-nx", "-q", "-ex", "echo ready\\n", "-ex", "shell sleep 86400"), ["libstdc++"]),
    ];

    public static async Task<int> RunAsync(string[] arguments)
    {
        var isReached = true;
        foreach (var file in arguments.Where(a => a.Contains('/'))) isReached &= OfFile(file);
        foreach (var (program, startAsync, modules) in Programs)
        {
            if (arguments.Length > 0 && !arguments.Contains(program)) continue;
            await using var running = await startAsync();
            isReached &= OfProgram(program, running.Pid, modules);
        }
        return isReached ? 0 : 1;
    }

    private static bool OfProgram(string program, int pid, string[] modules)
    {
        using var journal = Journal.InMemory().Value;
        using var target = ProcessTarget.Attach(pid).Value;
        using var session = Session.Open(target, journal).Value;
        var isReached = true;
        foreach (var module in session.Program.Modules.Where(m => (m.Location.IsMainProgram && program != Host) || modules.Any(n => m.Name.StartsWith(n, StringComparison.Ordinal))))
        {
            var report = Reach.OfModules(session, module.Name, new Progress<string>(), CancellationToken.None).Value;
            isReached &= Print(program, report);
        }
        return isReached;
    }

    private static bool Print(string program, ReachReport report)
    {
        var row = report.Modules.Single();
        var (resolved, reached) = ((double)row.Resolved / row.Functions, (double)report.Reached / report.Instructions);
        Console.WriteLine($"{row.Module} ({program}): {row.Resolved:n0} of {row.Functions:n0} functions resolved ({resolved:P2}); {row.Instructions:n0} instructions, of which take a point {reached:P3}: "
            + $"jump {Share(row.Jump)}, call {Share(row.Call)}, earlier jump {Share(row.EarlierJump)}, later jump {Share(row.LaterJump)}, springboard {Share(row.Springboard)}, punned jump {Share(row.PunnedJump)}, "
            + $"punned call {Share(row.PunnedCall)}, copy {Share(row.Copy)}; with those whose passages can be counted {(double)(report.Reached + row.Countable) / report.Instructions:P3}; {report.Seconds:0.0} s");
        Print(report.Unresolved);
        Print(report.Refusals);
        return resolved >= LeastResolved && reached >= LeastReached;

        string Share(long count) => $"{(double)count / row.Instructions:P2}";
    }

    private static bool OfFile(string path)
    {
        var isFixed = ElfImage.Read(File.ReadAllBytes(path)).Value.Type == ElfType.FixedProgram;
        var program = LoadedFile.At(path, isFixed ? Address.Zero : new Address(0x5555_0000_0000));
        var module = program.Modules[0];
        var graphs = module.Functions.AsParallel().Select(f => (Function: f, Graph: FunctionParser.Parse(f, program))).ToList();
        var blocks = graphs.SelectMany(g => g.Graph.Try(out var graph, out _) ? graph.Blocks.Select(b => b.Start) : []).ToHashSet();
        var unresolved = new RefusalCount(examples: 12);
        foreach (var (function, graph) in graphs.OrderBy(g => g.Function.Start))
        {
            if (!graph.Try(out _, out var why) && !(function.IsFragment && blocks.Contains(function.Start))) unresolved.Add(why, $"{function}+0x{function.Rva:x} {why.Detail}");
        }
        var left = unresolved.Rows().Sum(r => r.Count);
        var resolved = 1 - (double)left / module.Functions.Length;
        Console.WriteLine($"{path}: {module.Functions.Length - left:n0} of {module.Functions.Length:n0} functions resolved ({resolved:P2})");
        Print(unresolved.Rows());
        return resolved >= LeastResolved;
    }

    private static void Print(IEnumerable<RefusalRow> rows)
    {
        foreach (var row in rows) Console.WriteLine($"    {row.Count,6:n0} {row.Reason}: {string.Join(", ", row.Examples)}");
    }

    private static Task<RunningWorkload> Workload(string name) => Workloads.All.Single(w => w.Name == name).StartAsync();

    private static async Task<IProgram> Idle(string program, params string[] arguments)
    {
        var target = new RunningTarget(program, arguments);
        await target.WaitForLineAsync(l => l.Contains("ready", StringComparison.Ordinal), TimeSpan.FromSeconds(60));
        return new OfTarget(target);
    }

    private interface IProgram : IAsyncDisposable
    {
        int Pid { get; }
    }

    private sealed class OfWorkload(RunningWorkload workload) : IProgram
    {
        public int Pid => workload.Pid;
        public ValueTask DisposeAsync() => workload.DisposeAsync();
    }

    private sealed class OfTarget(RunningTarget target) : IProgram
    {
        public int Pid => target.Pid;

        public ValueTask DisposeAsync()
        {
            target.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
