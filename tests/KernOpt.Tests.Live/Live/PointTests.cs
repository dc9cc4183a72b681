using Iced.Intel;
using KernOpt.Code.Graphs;
using KernOpt.Live;
using KernOpt.Live.Points;
using KernOpt.Target;
using KernOpt.Tests.Live.Linux;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace KernOpt.Tests.Live.Live;

/// <summary>Counters before instructions of every awkward kind, of a program that checks its own results.</summary>
public sealed class PointTests
{
    private static readonly string[] Functions =
        ["p_flags", "p_redzone", "p_rip", "p_rep", "p_lock", "p_call", "p_loop", "p_vex", "p_endbr", "p_rcx", "p_tail", "p_carry", "p_deep", "p_push", "p_system", "p_sse"];

    [Theory]
    [InlineData(1, false, false)]
    [InlineData(8, false, false)]
    [InlineData(8, true, false)]
    [InlineData(8, false, true)]
    public void EachInstruction_IsCountedExactly_AndResultsStayRight(int threads, bool isPlaceFree, bool isLearned)
    {
        using var program = NativeProgram.Start("points.c");
        using var subject = new Subject(program.Pid);
        if (isLearned) Assert.True(subject.Live.LearnCallees(subject.GraphOf(Functions[0]).Function.Module, TestContext.Current.CancellationToken).IsDone);
        var probed = Functions.Select(f => new Probed(subject, subject.GraphOf(f), isPlaceFree)).ToList();
        program.WriteLine($"1000 {threads}");
        Assert.Equal("ok", program.ReadLine());
        foreach (var function in probed) function.AssertConsistent(1000UL * (ulong)threads);
        Assert.True(probed.Sum(p => p.Placed) >= 0.8 * probed.Sum(p => p.Instructions), $"{probed.Sum(p => p.Placed)} of {probed.Sum(p => p.Instructions)} instructions are counted");
        // A second function that is called by others of them.
        Assert.Equal(4000UL * (ulong)threads, probed[2].EntryCount);
        Assert.True(subject.RevertAll().IsTextRestored);
        Assert.Empty(subject.TextDifferences);
        program.WriteLine("1000 2");
        Assert.Equal("ok", program.ReadLine());
    }

    [Fact]
    public async Task PlacedAndTakenOutWhileFourThreadsRun_ResultsStayRight()
    {
        using var program = NativeProgram.Start("points.c");
        using var subject = new Subject(program.Pid);
        var graphs = Functions.Select(subject.GraphOf).ToList();
        var placed = 0;
        var seen = 0UL;
        for (var rounds = 0; rounds < 60 && placed < 20; rounds++)
        {
            program.WriteLine("1000000 4");
            var answer = Task.Run(program.ReadLine);
            while (!answer.IsCompleted)
            {
                var ladder = subject.Live.Ladder();
                var plans = graphs.Select(g => ladder.Plan(g, g.Blocks.SelectMany(Points), NoEntries, isPlaceFree: false)).ToList();
                Assert.DoesNotContain(plans.SelectMany(p => p.Unplaced), u => u.Why.Reason == Reasons.PointTaken);
                var report = subject.Live.InstallPoints([.. plans.SelectMany(p => p.Placements)], new CountProgram(), "test").Value;
                Assert.Empty(report.Refused);
                seen += Enumerable.Range(0, report.Installed.Points).Aggregate(0UL, (sum, i) => sum + report.Installed.Word(i, 0));
                Assert.True(subject.Live.Revert(report.Installed.Id).Value.IsTextRestored);
                placed++;
            }
            Assert.Equal("ok", await answer);
        }
        Assert.True(placed >= 20 && seen > 1000, $"{placed} times, {seen} counted");
        subject.RevertAll();
        Assert.Empty(subject.TextDifferences);
    }

    [Fact]
    public void AllFourRungs_AreUsed_AndAPointInTakenTextIsRefused()
    {
        using var program = NativeProgram.Start("points.c");
        using var subject = new Subject(program.Pid);
        var ladder = subject.Live.Ladder();
        var graphs = Functions.Select(subject.GraphOf).ToList();
        var used = graphs.SelectMany(g => g.Blocks.SelectMany(Points).Select(p => subject.Live.Ladder().RungOf(g, p, NoEntries, isPlaceFree: false, out _))).OfType<Rung>().ToHashSet();
        Assert.Equal([Rung.Jump, Rung.Call, Rung.EarlierJump, Rung.LaterJump, Rung.Springboard], used.Where(r => r is not (Rung.PunnedJump or Rung.Copy)).Order());

        var first = new Point(graphs[0].Entry, 0);
        Assert.NotEmpty(ladder.Plan(graphs[0], [first], NoEntries, isPlaceFree: false).Placements);
        var again = ladder.Plan(graphs[0], [first], NoEntries, isPlaceFree: false);
        Assert.Equal(Reasons.PointTaken, Assert.Single(again.Unplaced).Why.Reason);
    }

    /// <summary>The way is three jumps long, each of them text that is brought back.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void WhereNoLongJumpIsWithinAShortOnesReach_TheWayGoesByAnother(int threads)
    {
        using var program = NativeProgram.Start("points.c");
        using var subject = new Subject(program.Pid);
        var graph = subject.GraphOf("p_hop");
        var block = graph.Blocks[1];
        Assert.Equal(Mnemonic.Xor, block.Instructions[0].Mnemonic);
        var placement = Assert.Single(subject.Live.Ladder().Plan(graph, [new Point(block, 0)], NoEntries, isPlaceFree: false).Placements);
        Assert.Equal((Rung.Springboard, 1), (placement.Rung, placement.Hops.Length));
        var installed = subject.Live.InstallPoints([placement], new CountProgram(), "test").Value.Installed;
        Assert.Equal(3, subject.TextDifferences.Count);
        program.WriteLine($"1000 {threads}");
        Assert.Equal("ok", program.ReadLine());
        Assert.Equal(1000UL * (ulong)threads, installed.Word(0, 0));
        // Neither is used twice.
        Assert.DoesNotContain(subject.Live.Ladder().Plan(graph, [new Point(block, 1)], NoEntries, isPlaceFree: false).Placements, p => p.Hops.Contains(placement.Hops[0]));
        Assert.True(subject.RevertAll().IsTextRestored);
        Assert.Empty(subject.TextDifferences);
        program.WriteLine("1000 2");
        Assert.Equal("ok", program.ReadLine());
    }

    /// <summary>The ret is one byte long; the other four lie in what is no code.</summary>
    [Fact]
    public void ShortInstructionBeforePadding_BecomesAJumpWhoseEndIsInThePadding()
    {
        using var program = NativeProgram.Start("points.c");
        using var subject = new Subject(program.Pid);
        var graph = subject.GraphOf("p_rep");
        var point = new Point(graph.Entry, graph.Entry.Instructions.Length - 1);
        // The nearest instruction before it that could be a jump is in other hands.
        var ladder = subject.Live.Ladder();
        Assert.NotEmpty(ladder.Plan(graph, [new Point(graph.Entry, point.Index - 1)], NoEntries, isPlaceFree: false).Placements);
        var placement = Assert.Single(ladder.Plan(graph, [point], NoEntries, isPlaceFree: false).Placements);
        Assert.Equal((Rung.Jump, 4, point.Index), (placement.Rung, placement.Padded, placement.Lead));
        var installed = subject.Live.InstallPoints([placement], new CountProgram(), "test").Value.Installed;
        program.WriteLine("1000 4");
        Assert.Equal("ok", program.ReadLine());
        Assert.Equal(4000UL, installed.Word(0, 0));
        Assert.True(subject.RevertAll().IsTextRestored);
        Assert.Empty(subject.TextDifferences);
        program.WriteLine("1000 2");
        Assert.Equal("ok", program.ReadLine());
    }

    [Fact]
    public void BeforePushes_TheCodeIsToldHowMuchHasBeenPushedSince()
    {
        using var program = NativeProgram.Start("points.c");
        using var subject = new Subject(program.Pid);
        var graph = subject.GraphOf("p_push");
        var plan = subject.Live.Ladder().Plan(graph, [new Point(graph.Entry, 0), new Point(graph.Entry, 1), new Point(graph.Entry, 2)], NoEntries, isPlaceFree: false);
        var placement = Assert.Single(plan.Placements);
        Assert.Equal((Rung.LaterJump, 2), (placement.Rung, placement.Lead));
        var tops = new StackTops();
        var installed = subject.Live.InstallPoints([placement], tops, "test").Value.Installed;
        Assert.Equal([16, 8, 0], tops.Pushed);
        Assert.Equal([0, 1, 2], tops.Indexes);
        program.WriteLine("1 1");
        Assert.Equal("ok", program.ReadLine());
        // Where the stack pointer was at each point, as its code makes it out: it was 8 bytes lower each time.
        Assert.Equal(installed.Word(0, 0) - 8, installed.Word(1, 0));
        Assert.Equal(installed.Word(1, 0) - 8, installed.Word(2, 0));
        Assert.True(subject.RevertAll().IsTextRestored);
    }

    /// <summary>This processor may not have them; their text is changed and restored all the same.</summary>
    [Fact]
    public void EvexInstructions_TakePoints()
    {
        using var program = NativeProgram.Start("points.c");
        using var subject = new Subject(program.Pid);
        var graph = subject.GraphOf("p_evex");
        var plan = subject.Live.Ladder().Plan(graph, Points(graph.Entry), NoEntries, isPlaceFree: false);
        Assert.Empty(plan.Unplaced);
        Assert.Empty(subject.Live.InstallPoints(plan.Placements, new CountProgram(), "test").Value.Refused);
        Assert.NotEmpty(subject.TextDifferences);
        Assert.True(subject.RevertAll().IsTextRestored);
        Assert.Empty(subject.TextDifferences);
    }

    [Fact]
    public void FunctionWithAJumpThatNobodyKnows_IsRefused()
    {
        using var program = NativeProgram.Start("points.c");
        using var subject = new Subject(program.Pid);
        var function = subject.Image.Find("p_unknown").Value;
        Assert.False(FunctionParser.Parse(function, subject.Live.Source).Try(out _, out var why));
        Assert.Contains(why.Reason, new[] { Reasons.UnresolvedIndirectJump, Reasons.UnprovedTableBound, Reasons.WritableJumpTable });
    }

    [Fact]
    public void PointsThatAnotherKernoptLeft_AreListedAndRevertedByALaterOne()
    {
        using var program = NativeProgram.Start("points.c");
        using (var first = new Subject(program.Pid)) _ = new Probed(first, first.GraphOf("p_loop"));
        using var later = new Subject(program.Pid);
        Assert.Single(later.Live.Points);
        program.WriteLine("10 1");
        Assert.Equal("ok", program.ReadLine());
        Assert.Equal(10UL, later.Live.Points[0].Word(0, 0));
        Assert.True(later.RevertAll().IsTextRestored);
        Assert.Empty(later.TextDifferences);
    }

    [Fact]
    public void WhereOtherCodeComesIn_IsCountedForBoth()
    {
        using var program = NativeProgram.Start("points.c");
        using var subject = new Subject(program.Pid);
        var graph = subject.GraphOf("p_inner");
        var entries = InteriorEntries.Of(graph.Function.Module, subject.Live.Source).Into(graph).ToHashSet();
        Assert.Equal([new Address(graph.Entry.Instructions[1].IP)], entries);
        var plan = subject.Live.Ladder().Plan(graph, [new Point(graph.Entry, 0), new Point(graph.Entry, 2)], entries, isPlaceFree: true);
        Assert.Empty(plan.Unplaced);
        var installed = subject.Live.InstallPoints(plan.Placements, new CountProgram(), "test").Value.Installed;
        program.WriteLine("1000 2");
        Assert.Equal("ok", program.ReadLine());
        Assert.Equal([2000UL, 4000UL], [installed.Word(0, 0), installed.Word(1, 0)]);
    }

    [Fact]
    public void AFunctionWithPoints_IsNotRedirectedInWhatTheyBypass()
    {
        using var program = NativeProgram.Start("points.c");
        using var subject = new Subject(program.Pid);
        var graph = subject.GraphOf("p_redzone");
        var site = subject.Live.Sites.Choose(graph).Value;
        _ = new Probed(subject, graph);
        // Its entry block is one straight run, executed in the region from its first long instruction on.
        Assert.False(subject.Live.Sites.Choose(graph).Try(out var other, out _) && other.At == site.At, $"{site.At}");
    }

    /// <summary>Another tool's breakpoint was decoded as if it were the program's: what lies behind it may be no instruction.</summary>
    [Fact]
    public void BehindABreakpointOfAnother_NothingIsStored()
    {
        using var program = NativeProgram.Start("points.c");
        using var subject = new Subject(program.Pid);
        var graph = subject.GraphOf("p_redzone");
        var plan = subject.Live.Ladder().Plan(graph, [new Point(graph.Entry, 3)], NoEntries, isPlaceFree: false);
        var at = plan.Placements[0].Bypassed.Start;
        Span<byte> original = stackalloc byte[1];
        subject.Target.Read(at, original);
        Assert.True(subject.Target.StoreText(at, original, [0xCC]).IsDone);
        Assert.Equal(Reasons.NotUnpatched, subject.Live.InstallPoints(plan.Placements, new CountProgram(), "test").Refusal.Reason);
        Assert.True(subject.Target.StoreText(at, [0xCC], original).IsDone);
        Assert.Empty(subject.TextDifferences);
    }

    private static readonly HashSet<Address> NoEntries = [];

    /// <summary>Notes what it is told, and at each point where the stack pointer was.</summary>
    private sealed class StackTops : IPointProgram
    {
        public List<int> Pushed { get; } = [];
        public List<int> Indexes { get; } = [];
        public int Words => 1;
        public int MostBytes => 64;
        public bool IsPlaceFree => false;

        public void Emit(Assembler code, in PointContext context)
        {
            Pushed.Add(context.Pushed);
            Indexes.Add(context.Point.Index);
            // rax is dead at the entry.
            code.lea(rax, __[rsp + context.Pushed]);
            code.AddInstruction(Instruction.Create(Iced.Intel.Code.Mov_rm64_r64, new MemoryOperand(Register.RIP, (long)context.Word(0).Value, 8), Register.RAX));
        }
    }

    private static IEnumerable<Point> Points(BasicBlock block) => Enumerable.Range(0, block.Instructions.Length).Select(i => new Point(block, i));

    /// <summary>A function with a counter before every instruction that takes one.</summary>
    private sealed class Probed
    {
        private readonly FunctionGraph graph;
        private readonly InstalledPoints installed;
        private readonly Dictionary<Point, int> words = [];

        public Probed(Subject subject, FunctionGraph graph, bool isPlaceFree = false)
        {
            this.graph = graph;
            var plan = subject.Live.Ladder().Plan(graph, graph.Blocks.SelectMany(Points), NoEntries, isPlaceFree);
            var report = subject.Live.InstallPoints(plan.Placements, new CountProgram(), "test").Value;
            Assert.Empty(report.Refused);
            installed = report.Installed;
            foreach (var (placement, offset) in plan.Placements.Zip(report.Offsets))
            {
                foreach (var (point, n) in placement.AskedPoints.Select((point, n) => (point, n))) words[point] = offset + n;
            }
        }

        public int Placed => words.Count;
        public int Instructions => graph.Blocks.Sum(b => b.Instructions.Length);
        public ulong EntryCount => CountOf(graph.Entry)!.Value;

        /// <summary>Within a block all counts are one; along edges what goes in comes out; and the function was entered as often as it was called.</summary>
        public void AssertConsistent(ulong calls)
        {
            Assert.NotEmpty(words);
            foreach (var block in graph.Blocks)
            {
                var counts = words.Where(w => w.Key.Block == block).Select(w => installed.Word(w.Value, 0)).Distinct().ToList();
                Assert.True(counts.Count <= 1, $"{graph.Function}, block {block.Index}: {string.Join(", ", counts)}");
            }
            foreach (var block in graph.Blocks.Where(b => b != graph.Entry && b.Predecessors.All(p => graph.Blocks[p].Successors.Length == 1)))
            {
                var incoming = block.Predecessors.Select(p => CountOf(graph.Blocks[p])).ToList();
                if (CountOf(block) is { } count && incoming.TrueForAll(c => c is not null)) Assert.Equal(incoming.Aggregate(0UL, (sum, c) => sum + c!.Value), count);
            }
            foreach (var block in graph.Blocks.Where(b => b.Successors.Length == 2 && b.Successors.All(s => graph.Blocks[s].Predecessors.Length == 1)))
            {
                var outgoing = block.Successors.Select(s => CountOf(graph.Blocks[s])).ToList();
                if (CountOf(block) is { } count && outgoing.TrueForAll(c => c is not null)) Assert.Equal(outgoing.Aggregate(0UL, (sum, c) => sum + c!.Value), count);
            }
            if (graph.Function.DisplayName is "p_rip" or "p_deep") Assert.True(EntryCount > calls);
            else Assert.Equal(calls, EntryCount);
        }

        private ulong? CountOf(BasicBlock block) =>
            words.Where(w => w.Key.Block == block).Select(w => (ulong?)installed.Word(w.Value, 0)).FirstOrDefault();
    }
}
