using KernOpt.Code.Graphs;
using KernOpt.Live;
using KernOpt.Live.Points;
using KernOpt.Probes;
using KernOpt.Probes.Actions;
using KernOpt.Probes.Language;
using KernOpt.Target;
using KernOpt.Tests.Live.Linux;
using Xunit;

namespace KernOpt.Tests.Live.Live;

/// <summary>Programs of the language before instructions of every awkward kind, of a program that checks its own results.</summary>
public sealed class InsertedCodeTests
{
    private static readonly string[] Functions =
        ["p_flags", "p_redzone", "p_rip", "p_rep", "p_lock", "p_call", "p_loop", "p_vex", "p_endbr", "p_rcx", "p_tail", "p_carry", "p_deep"];

    private static readonly HashSet<Address> NoEntries = [];

    /// <summary>Each computes in several registers, which are live somewhere.</summary>
    [Theory]
    [InlineData("values(rax ^ r11, u64(rsp) - rbp)", null)]
    [InlineData("trace(rax, rcx * 3, rdx, rsi, rdi, r8 + r9)", "every(7)")]
    [InlineData("values(i32(eax))", "every(2) && rcx <= rdx || !(al == 7 || i16(si) < -1)")]
    [InlineData("trace(u64[rdi], u8[rsp - 4096], i32[u64[rax + 8] - 4], pid)", "rate(1000)")]
    [InlineData("stack", "every(3)")]
    [InlineData("values(u8[rdi])", "u64[rsi] != 1 && uid == uid")]
    [InlineData("count", "rsp & 7 == 0 && (rax + rbx) * (rcx - rdx) != r10 ^ r11 | r12")]
    public void BeforeEachInstruction_ResultsStayRight(string action, string? when)
    {
        using var program = NativeProgram.Start("points.c");
        // Once it answers it has begun: what it maps while it starts would come down where pages are planned.
        program.WriteLine("1 1");
        Assert.Equal("ok", program.ReadLine());
        using var subject = new Subject(program.Pid);
        var compiled = Compile(subject, action, when);
        var ladder = subject.Live.Ladder();
        var graphs = Functions.Select(subject.GraphOf).ToList();
        var plans = graphs.Select(g => ladder.Plan(g, g.Blocks.SelectMany(b => b.Instructions.Select((_, i) => new Point(b, i))), NoEntries, isPlaceFree: false)).ToList();
        var report = subject.Live.InstallPoints([.. plans.SelectMany(p => p.Placements)], compiled, action).Value;
        Assert.Empty(report.Refused);
        program.WriteLine("1000 8");
        Assert.Equal("ok", program.ReadLine());
        Assert.True(Enumerable.Range(0, report.Installed.Points).Any(p => Enumerable.Range(0, compiled.Words).Any(w => report.Installed.Word(p, w) != 0))
            || report.Installed.SharedWord(0) > 0, "nothing was recorded");
        Assert.True(subject.RevertAll(program).IsTextRestored);
        Assert.Empty(subject.TextDifferences);
        program.WriteLine("1000 2");
        Assert.Equal("ok", program.ReadLine());
    }

    [Fact]
    public void ValuesOfEightThreads_AreAllCounted()
    {
        using var program = NativeProgram.Start("points.c");
        using var subject = new Subject(program.Pid);
        var compiled = Compile(subject, "values(rdi)", null);
        var graph = subject.GraphOf("p_flags");
        var plan = subject.Live.Ladder().Plan(graph, [new Point(graph.Entry, 0)], NoEntries, isPlaceFree: false);
        var installed = subject.Live.InstallPoints(plan.Placements, compiled, "values").Value.Installed;
        program.WriteLine("20000 8");
        Assert.Equal("ok", program.ReadLine());
        var counts = ValuesAction.Read(0, w => installed.Word(0, compiled.ActionWords + w));
        Assert.Equal(160_000UL, counts.Total);
        Assert.NotEmpty(counts.Counts);
    }

    /// <summary>Slots are given while the threads run; some of their passages are counted together before.</summary>
    [Fact]
    public async Task CountsByThread_AreExact_WhileSlotsAreGiven()
    {
        using var program = NativeProgram.Start("points.c");
        using var subject = new Subject(program.Pid);
        var compiled = ProbeProgram.Of(null, new PerThreadCountAction(subject.Target.FindThreadNumberOffset().Value)).Value;
        var graph = subject.GraphOf("p_flags");
        var plan = subject.Live.Ladder().Plan(graph, [new Point(graph.Entry, 0)], NoEntries, isPlaceFree: true);
        var installed = subject.Live.InstallPoints(plan.Placements, compiled, "count").Value.Installed;
        var given = 0;
        program.WriteLine("2000000 8");
        var answer = Task.Run(program.ReadLine);
        while (!answer.IsCompleted)
        {
            PerThreadCountAction.GiveSlots(subject.Target.ReadThreadNumbers(), Word, (word, value) =>
            {
                installed.StoreWord(0, word, value);
                given++;
            });
        }
        Assert.Equal("ok", await answer);
        Assert.Equal(16_000_000UL, PerThreadCountAction.Read(Word));
        Assert.True(given >= 8 && Word(0) < 16_000_000, $"{given} slots, {Word(0)} counted together");

        ulong Word(int word) => installed.Word(0, compiled.ActionWords + word);
    }

    [Fact]
    public void ATraceThatIsReadMeanwhile_LosesNothingThatItDoesNotTell()
    {
        using var program = NativeProgram.Start("points.c");
        using var subject = new Subject(program.Pid);
        var compiled = Compile(subject, "trace(rdi)", null);
        var action = (TraceAction)compiled.Action;
        var graph = subject.GraphOf("p_flags");
        var plan = subject.Live.Ladder().Plan(graph, [new Point(graph.Entry, 0)], NoEntries, isPlaceFree: false);
        var installed = subject.Live.InstallPoints(plan.Placements, compiled, "trace").Value.Installed;
        var records = new List<TraceRecord>();
        program.WriteLine("500000 4");
        var answer = Task.Run(program.ReadLine);
        while (!answer.IsCompleted) action.Drain(installed.SharedWord, installed.StoreShared, records, givesUp: false);
        Assert.False(action.Drain(installed.SharedWord, installed.StoreShared, records, givesUp: false).IsUnfinished);
        Assert.Equal(2_000_000UL, (ulong)records.Count + TraceAction.LostOf(installed.SharedWord));
        Assert.True(records.Count > TraceAction.Capacity, $"{records.Count} records");
        Assert.All(records, r => Assert.Equal(0, r.Point));
    }

    /// <summary>Reads through wild pointers are told as such; those that find something find what is there.</summary>
    [Fact]
    public void CheckedReads_InAProgramAtWork_AreRightOrTold()
    {
        using var program = NativeProgram.Start("points.c");
        using var subject = new Subject(program.Pid);
        var compiled = Compile(subject, "trace(rdi, u64[rdi], u64[rsp])", null);
        var action = (TraceAction)compiled.Action;
        var graph = subject.GraphOf("p_flags");
        var plan = subject.Live.Ladder().Plan(graph, [new Point(graph.Entry, 0)], NoEntries, isPlaceFree: false);
        var installed = subject.Live.InstallPoints(plan.Placements, compiled, "trace").Value.Installed;
        var records = new List<TraceRecord>();
        program.WriteLine("500 1");
        Assert.Equal("ok", program.ReadLine());
        action.Drain(installed.SharedWord, installed.StoreShared, records, givesUp: false);
        Assert.Equal(500, records.Count);
        // Its arguments are small numbers, or wild ones; the return address is on the stack.
        Assert.All(records, r => Assert.Equal(2u, r.Unreadable));
        Assert.All(records, r => Assert.NotEqual(0UL, r.Values[2]));
    }

    /// <summary>One thread waits, the others do not; it goes on when it is told to, or when nobody watches any more.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AThreadAtABreak_WaitsUntilItIsReleased_OrNobodyWatches(bool isReleased)
    {
        using var program = NativeProgram.Start("points.c");
        using var subject = new Subject(program.Pid);
        var compiled = Compile(subject, "break", "edi == 7");
        var graph = subject.GraphOf("p_flags");
        var plan = subject.Live.Ladder().Plan(graph, [new Point(graph.Entry, 0)], NoEntries, isPlaceFree: false);
        var installed = subject.Live.InstallPoints(plan.Placements, compiled, "break").Value.Installed;
        var second = TicksIn(subject.Target, TimeSpan.FromSeconds(1));
        BreakAction.Prolong(installed.StoreShared, subject.Target.ReadTimeStamp() + 3 * second);
        program.WriteLine("1000 4");
        var answer = Task.Run(program.ReadLine);
        Wait.Until(() => BreakAction.WhoWaits(installed.SharedWord) is not null);
        var (thread, point) = BreakAction.WhoWaits(installed.SharedWord)!.Value;
        Assert.Equal(0, point);
        Assert.Contains(thread, subject.Target.ReadThreadNumbers());
        Assert.False(answer.IsCompleted);
        if (isReleased)
        {
            BreakAction.Prolong(installed.StoreShared, 0);
            BreakAction.Release(installed.StoreShared);
        }
        Assert.Equal("ok", await answer);
        Assert.Null(BreakAction.WhoWaits(installed.SharedWord));
        Assert.True(BreakAction.Read(installed.SharedWord).Stops >= 1);
        Assert.True(subject.RevertAll(program).IsTextRestored);
    }

    private static ulong TicksIn(ITarget target, TimeSpan time)
    {
        var clock = System.Diagnostics.Stopwatch.StartNew();
        var from = target.ReadTimeStamp();
        while (clock.ElapsedMilliseconds < 20) Thread.SpinWait(100);
        return (ulong)((target.ReadTimeStamp() - from) / clock.Elapsed.TotalSeconds * time.TotalSeconds);
    }

    private static ProbeProgram Compile(Subject subject, string action, string? when)
    {
        var names = new Names(subject);
        return ProbeProgram.Of(when is null ? null : ExpressionParser.Parse(when, names).Value, ActionParser.Parse(action, names).Value, allowsSystemCalls: $"{action} {when}".Contains("[r", StringComparison.Ordinal)).Value;
    }

    private sealed class Names(Subject subject) : INames
    {
        public Outcome<AddressRange> Function(string name) => subject.GraphOf(name).Function.Range;

        public Outcome<int> ThreadNumberOffset() => subject.Target.FindThreadNumberOffset();

        public Outcome<ulong> TicksPerSecond() => 2_000_000_000;
    }
}
