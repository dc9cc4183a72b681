using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.Intrinsics.X86;
using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Code.Graphs;
using KernOpt.Live;
using KernOpt.Live.Points;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Live.Live;

/// <summary>Garbage in all that is said to be dead, at tens of thousands of places of redis-server, or of the C library in it, at once, while it works.</summary>
public sealed class DeadRegisterTests
{
    /// <summary>Its own code, and the C library's, of which much is written by hand.</summary>
    [Theory]
    [InlineData("redis")]
    [InlineData("libc.so")]
    public async Task GarbageInWhatIsDead_IsNoticedByNobody(string module)
    {
        using var server = new RedisServer();
        var answers = await AnswersAsync(server);
        using var subject = new Subject(server.Pid);
        var spoiler = new SpoilProgram(LiveSet.Empty);
        var placed = Spoil(subject, module, spoiler);
        TestContext.Current.TestOutputHelper?.WriteLine($"{spoiler.Registers} registers and {spoiler.Flags} times the flags at {placed} places");
        Assert.True(placed > 20_000 && spoiler.Registers > placed, $"{spoiler.Registers} registers and {spoiler.Flags} times the flags at {placed} places");
        Assert.Null(await TroubleAsync(server, answers));
        Assert.True(subject.Live.RevertAll().IsTextRestored);
        Assert.Empty(subject.TextDifferences);
    }

    /// <summary>The same with a register that is called dead though it is not. The server may end before all is in.</summary>
    [Fact]
    public async Task RegisterThatIsForgotten_IsNoticed()
    {
        using var server = new RedisServer();
        var answers = await AnswersAsync(server);
        using var subject = new Subject(server.Pid);
        Spoil(subject, "redis", new SpoilProgram(LiveSet.Of(Register.R9)));
        var trouble = TroubleAsync(server, answers);
        Assert.True(await Task.WhenAny(trouble, Task.Delay(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken)) != trouble || await trouble is not null, "nothing happened");
    }

    /// <summary>What went wrong in some work of many kinds.</summary>
    private static async Task<string?> TroubleAsync(RedisServer server, List<string> answers)
    {
        var (output, errors) = await RunAsync("redis-benchmark", "-s", server.SocketPath, "-q", "-n", "3000", "-r", "500", "-t", "set,get,incr,lpush,rpush,lpop,sadd,hset,spop,zadd,zpopmin,lrange_100,mset");
        if (!server.IsRunning || errors.Length > 0 || !output.Contains("MSET", StringComparison.Ordinal)) return $"running: {server.IsRunning}, {errors}";
        var given = await AnswersAsync(server);
        return given.SequenceEqual(answers) ? null : $"other answers: {string.Join("; ", given)}";
    }

    private static async Task<List<string>> AnswersAsync(RedisServer server)
    {
        var answers = new List<string>();
        foreach (var question in Questions) answers.Add((await RunAsync("redis-cli", ["-s", server.SocketPath, .. question])).Output);
        return answers;
    }

    private static async Task<(string Output, string Errors)> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (await output, errors);
    }

    private static readonly string[][] Questions =
    [
        ["flushall"],
        ["eval", "local s = 0; for i = 1, 1000 do s = s + i % 7; redis.call('zadd', 'z', i % 13, 'm' .. i) end; return s .. cjson.encode({s, 'x'})", "0"],
        ["zrangebyscore", "z", "3", "3", "limit", "0", "3"],
        ["set", "f", "10.5"],
        ["incrbyfloat", "f", "0.25"],
        ["rpush", "l", "9", "3", "7", "11", "1"],
        ["sort", "l", "desc"],
        ["pfadd", "p", "a", "b", "c", "a"],
        ["pfcount", "p"],
        ["setrange", "f", "3", "xyz"],
        ["bitcount", "f"],
        ["geoadd", "g", "13.36", "38.11", "a", "15.08", "37.5", "b"],
        ["geodist", "g", "a", "b"],
        ["dump", "l"],
    ];

    /// <summary>Before one instruction of every block, which as often as not is a call; answers how many.</summary>
    private static int Spoil(Subject subject, string name, SpoilProgram spoiler)
    {
        var module = subject.Image.Modules.Single(m => m.Name.StartsWith(name, StringComparison.Ordinal));
        Assert.True(subject.Live.LearnCallees(module, CancellationToken.None).IsDone);
        var graphs = new ConcurrentBag<FunctionGraph>();
        Parallel.ForEach(module.Functions, f =>
        {
            if (FunctionParser.Parse(f, subject.Live.Source).Try(out var graph, out _) && !FunctionTraits.Analyze(graph, subject.Live.Source).IsJudgedByPlace) graphs.Add(graph);
        });
        var entries = InteriorEntries.Of(module, subject.Live.Source);
        var ladder = subject.Live.Ladder();
        var random = new Random(3);
        var plans = graphs.OrderBy(g => g.Function.Start).Select(graph => ladder.Plan(graph, graph.Blocks.Select(b => PointIn(b, random)),
            entries.Into(graph).Concat(UnreachedCode.Of(graph, subject.Live.Source).BranchTargets).ToHashSet(), isPlaceFree: false)).ToList();
        var placed = 0;
        foreach (var batch in plans.SelectMany(p => p.Placements).Chunk(LiveCode.MostPlacements))
        {
            if (!subject.Live.InstallPoints(batch, spoiler, "garbage").Try(out var report, out _)) break;
            placed += batch.Length - report.Refused.Count;
        }
        return placed;
    }

    private static Point PointIn(BasicBlock block, Random random)
    {
        var call = block.Instructions.TakeWhile(i => !i.IsCallNear).Count();
        return new Point(block, call < block.Instructions.Length && random.Next(2) == 0 ? call : random.Next(block.Instructions.Length));
    }

    /// <summary>Overwrites whatever may be overwritten. Forgotten: what else it takes for dead.</summary>
    private sealed class SpoilProgram(LiveSet forgotten) : IPointProgram
    {
        /// <summary>No address: whoever uses it as one is ended.</summary>
        private const long Garbage = 0x5a17_c0de_dead_f00d;

        private static readonly bool HasWide = Avx2.IsSupported;

        public int Words => 1;
        public int MostBytes => 15 * 10 + 16 * 5 + 3;
        public bool IsPlaceFree => false;
        public int Registers { get; private set; }
        public int Flags { get; private set; }

        public void Emit(Assembler code, in PointContext context)
        {
            var live = context.Live - forgotten;
            if (context.FlagsDead)
            {
                Flags++;
                code.AddInstruction(Instruction.Create(Iced.Intel.Code.Cmp_r64_rm64, Register.RSP, Register.RSP));
            }
            for (var register = Register.RAX; register <= Register.R15; register++)
            {
                if (live.Parts(register) != RegisterPart.None) continue;
                Registers++;
                code.AddInstruction(Instruction.Create(Iced.Intel.Code.Mov_r64_imm64, register, Garbage));
            }
            for (var number = 0; number < 16 && HasWide; number++)
            {
                var whole = Register.YMM0 + number;
                if (!live.Overlaps(LiveSet.Of(whole))) code.AddInstruction(Instruction.Create(Iced.Intel.Code.VEX_Vpcmpeqd_ymm_ymm_ymmm256, whole, whole, whole));
            }
        }
    }
}
