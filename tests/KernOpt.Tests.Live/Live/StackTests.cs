using KernOpt.Code.Images;
using KernOpt.Engine.Probing;
using KernOpt.Live;
using KernOpt.Live.Points;
using KernOpt.Probes;
using KernOpt.Probes.Actions;
using KernOpt.Target;
using KernOpt.Tests.Live.Linux;
using Xunit;

namespace KernOpt.Tests.Live.Live;

/// <summary>Stacks of calls whose shape is known, of a program without frame pointers.</summary>
public sealed class StackTests
{
    /// <summary>Four threads' copies find room in the ring however seldom it is read.</summary>
    private const int Rounds = 15;

    private static readonly HashSet<Address> NoEntries = [];

    /// <summary>The innermost frames; in the first thread and in others; to the thread's beginning.</summary>
    [Theory]
    [InlineData("d", "s_leaf s_saves _ZN4Deep2atEl s_virtual s_run")]
    [InlineData("r", "s_leaf s_recurses*21 s_run")]
    [InlineData("s", "s_leaf s_handler ? ? s_signals s_run")]
    [InlineData("q", "s_leaf s_compare")]
    public void Stacks_AreThoseOfTheCalls(string kind, string innermost)
    {
        using var trial = new Trial();
        foreach (var threads in new[] { 0, 4 })
        {
            var (rounds, passages) = kind == "q" ? (5, 3) : (Rounds, 1);
            var stacks = trial.Run(kind, rounds, threads);
            Assert.Equal(rounds * passages * Math.Max(threads, 1), stacks.Count);
            Assert.All(stacks, s => AssertBegins(innermost, trial.Names(s), s.End));
            // The first copies of a thread tell whose stack it is.
            var complete = stacks.Where(s => s.End == StackEnd.Complete).ToList();
            Assert.True(complete.Count > stacks.Count / 4, $"{complete.Count} of {stacks.Count}: {string.Join(", ", stacks.CountBy(s => s.End))}");
            Assert.All(complete, s => Assert.Contains("s_run", trial.Names(s)));
            if (threads == 0) Assert.All(complete, s => Assert.Contains("main", trial.Names(s)));
            Assert.All(stacks.Except(complete), s => Assert.Equal(StackEnd.Truncated, s.End));
        }
        Assert.True(trial.Subject.RevertAll().IsTextRestored);
    }

    /// <summary>What is deeper than a record, and a signal's handler on a stack of its own, is known as far as it was copied.</summary>
    [Theory]
    [InlineData("R", "s_leaf s_recurses*40")]
    [InlineData("a", "s_leaf s_handler ?")]
    public void StacksBeyondTheCopy_AreTruncated(string kind, string innermost)
    {
        using var trial = new Trial();
        foreach (var threads in new[] { 0, 4 })
        {
            var stacks = trial.Run(kind, Rounds, threads);
            Assert.All(stacks, s => AssertBegins(innermost, trial.Names(s), s.End));
            Assert.All(stacks, s => Assert.Equal(StackEnd.Truncated, s.End));
            if (kind == "R") Assert.InRange(stacks.Max(s => s.Frames.Length), 50, 500);
        }
        Assert.True(trial.Subject.RevertAll().IsTextRestored);
    }

    /// <summary>A coroutine's first frame returns to where no call is.</summary>
    [Fact]
    public void ACoroutinesStack_EndsWhereItBegan()
    {
        using var trial = new Trial();
        var stacks = trial.Run("c", Rounds, 4);
        Assert.All(stacks, s => Assert.Equal(["s_leaf", "s_coroutine"], trial.Names(s).Take(2)));
        Assert.All(stacks, s => Assert.True(s.End is not StackEnd.TooDeep && !trial.Names(s).Contains("s_run"), $"{s.End}: {string.Join(", ", trial.Names(s))}"));
        Assert.True(trial.Subject.RevertAll().IsTextRestored);
    }

    /// <summary>The detector: a stack pointer that is eight bytes off, or a register that was not copied, does not go unnoticed.</summary>
    [Fact]
    public void Detector_SeesAWrongBeginning()
    {
        using var trial = new Trial();
        trial.Run("d", Rounds, 0);
        var record = trial.Records.First(r => trial.Walk(r).End == StackEnd.Complete);
        AssertIs("s_leaf s_saves _ZN4Deep2atEl s_virtual s_run main", record);
        Assert.ThrowsAny<Xunit.Sdk.XunitException>(() => AssertIs("s_leaf s_saves", record with { Registers = record.Registers.SetItem(0, record.StackPointer + 8), Words = record.Words[1..] }));
        // s_saves finds its frame by rbp.
        Assert.ThrowsAny<Xunit.Sdk.XunitException>(() => AssertIs("s_leaf s_saves _ZN4Deep2atEl", record with { Registers = record.Registers.SetItem(1, record.Registers[1] + 8) }));

        void AssertIs(string wanted, StackRecord beginning) => AssertBegins(wanted, trial.Names(trial.Walk(beginning)), trial.Walk(beginning).End);
    }

    /// <summary>Names, "?" for any, NAME*N for so many; of a truncated stack, as far as it goes.</summary>
    private static void AssertBegins(string wanted, IReadOnlyList<string> names, StackEnd end)
    {
        var all = wanted.Split(' ').SelectMany(w => w.IndexOf('*') is > 0 and var star ? Enumerable.Repeat(w[..star], int.Parse(w[(star + 1)..])) : [w]).ToList();
        Assert.True((names.Count >= all.Count || (end == StackEnd.Truncated && names.Count > 0)) && all.Zip(names).All(p => p.First == "?" || p.First == p.Second), $"{wanted}: {string.Join(' ', names)}, {end}");
    }

    /// <summary>The program with a copy of the stack at each call of s_leaf.</summary>
    private sealed class Trial : IDisposable
    {
        private readonly NativeProgram program = NativeProgram.StartFile(NativeProgram.Compile("stacks.cc", "-O2 -fomit-frame-pointer -pthread -lstdc++"));
        private readonly InstalledPoints installed;
        private readonly Point point;
        private readonly StackWalk walk;
        private readonly StackRows rows;

        public Trial()
        {
            // Once it answers it has loaded its libraries, whose tables the last frames need.
            program.WriteLine("d 0 0");
            Assert.Equal("ok", program.ReadLine());
            Subject = new Subject(program.Pid);
            var compiled = ProbeProgram.Of(null, new StackAction(Subject.Target.FindThreadNumberOffset().Value)).Value;
            var graph = Subject.GraphOf("s_leaf");
            point = new Point(graph.Entry, 0).BehindEndbr;
            var plan = Subject.Live.Ladder().Plan(graph, [point], NoEntries, isPlaceFree: false);
            installed = Subject.Live.InstallPoints(plan.Placements, compiled, "stack").Value.Installed;
            walk = new StackWalk(Subject.Image);
            rows = new StackRows(Subject.Target, installed);
        }

        public Subject Subject { get; }

        public List<StackRecord> Records { get; } = [];

        /// <summary>All stacks of a run.</summary>
        public List<CallStack> Run(string kind, int rounds, int threads)
        {
            Records.Clear();
            program.WriteLine($"{kind} {rounds} {threads}");
            var answer = Task.Run(program.ReadLine);
            while (!answer.IsCompleted) Read();
            Read();
            Assert.Equal("ok", answer.Result);
            Assert.Equal(0UL, TraceAction.LostOf(installed.SharedWord));
            return [.. Records.Select(Walk)];
        }

        public CallStack Walk(StackRecord record) => walk.From(StackText.RegistersOf(point.At, record), record.Word);

        public List<string> Names(CallStack stack) => [.. stack.Frames.Select(f => Subject.Image.FunctionAt(f.Inside)?.DisplayName ?? "none")];

        public void Dispose()
        {
            Subject.Dispose();
            program.Dispose();
        }

        private void Read()
        {
            var records = new List<StackRecord>();
            StackAction.Drain(installed.SharedWord, installed.StoreShared, records, givesUp: false);
            rows.See(records);
            rows.Close(Subject.Target.ReadThreadNumbers().ToHashSet());
            Records.AddRange(records);
            Thread.Sleep(1);
        }
    }
}
