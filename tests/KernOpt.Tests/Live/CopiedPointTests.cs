using Iced.Intel;
using KernOpt.Code.Graphs;
using KernOpt.Live;
using KernOpt.Live.Points;
using KernOpt.Target;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace KernOpt.Tests.Live;

/// <summary>
/// Points that only a copied part reaches, where no page can be mapped and no padding lies: Join's return, to which a jump and the instruction before it lead; Circle's last comparison, in a loop of short
/// instructions that is entered by a long one; Behind's pop, behind a call.
/// </summary>
public sealed class CopiedPointTests
{
    private static readonly Address Start = new(0x10_0000_0000);
    private static readonly HashSet<Address> NoEntries = [];
    private const int Join = 0, Circle = 1, Behind = 2;

    private static readonly Action<Assembler>[] Functions =
    [
        c => { var end = c.CreateLabel(); c.mov(eax, 0x11223344); c.test(edi, edi); c.je(end); c.lea(eax, __[rdi + 0x01020304]); c.Label(ref end); c.ret(); },
        c => { var round = c.CreateLabel(); c.mov(eax, 0x11223344); c.Label(ref round); c.inc(eax); c.dec(edi); c.jne(round); c.ret(); },
        c => { c.push(rbx); c.call(Start.Value + 0x100); c.pop(rbx); c.ret(); },
    ];

    [Fact]
    public void TwoWaysToAReturn_AreBothLedToThePart_AndBackAgain()
    {
        var (target, live) = Make();
        var graph = TinyProgram.GraphOf(live, target, Join);
        var placement = Place(live, graph, Last(graph));
        Assert.Equal((Rung.Copy, 2, false), (placement.Rung, placement.StoreCount, placement.MovesCalls));
        Assert.Equal([Last(graph)], placement.AskedPoints);
        var report = live.InstallPoints([placement], new CountProgram(), "test").Value;
        Assert.Empty(report.Refused);
        Assert.Equal(placement.Stores, target.Stores.Select(s => s.At));
        Assert.All(target.Stores, s => Assert.Equal(0xE9, s.Bytes[0]));
        Assert.All(target.Stores, s => Assert.True(report.Installed.Code.Contains(s.At + 5 + BitConverter.ToInt32(s.Bytes, 1))));
        Assert.True(live.Revert(report.Installed.Id).Value.IsTextRestored);
        Assert.True(target.TextIsTheFiles);
        Assert.Equal(Rung.Copy, Place(live, graph, Last(graph)).Rung);
    }

    /// <summary>The part's own text is nobody else's while it is in, also where no change begins.</summary>
    [Fact]
    public void TextOfThePart_IsTakenForAnotherKernopt()
    {
        var (target, live) = Make();
        var graph = TinyProgram.GraphOf(live, target, Join);
        var test = new Point(graph.Entry, 1);
        var installed = live.InstallPoints([Place(live, graph, Last(graph))], new CountProgram(), "test").Value.Installed;
        var later = TinyProgram.Open(target);
        Assert.Equal(Reasons.PointTaken, Assert.Single(later.Ladder().Plan(graph, [test], NoEntries, isPlaceFree: false).Unplaced).Why.Reason);
        // The return is executed where it was: it is its ways that are taken.
        Assert.Contains("taken", Assert.Single(later.Ladder().Plan(graph, [Last(graph)], NoEntries, isPlaceFree: false).Unplaced).Why.Detail, StringComparison.Ordinal);
        Assert.True(later.Revert(installed.Id).Value.IsTextRestored);
        Assert.Equal(Rung.EarlierJump, Place(later, graph, test).Rung);
    }

    [Fact]
    public void PointsInThePart_GetTheirCodeThere_InsteadOfPlacesOfTheirOwn()
    {
        var (target, live) = Make();
        var graph = TinyProgram.GraphOf(live, target, Join);
        var all = graph.Blocks.SelectMany(b => b.Instructions.Select((_, i) => new Point(b, i))).ToList();
        var plan = live.Ladder().Plan(graph, all, NoEntries, isPlaceFree: false);
        Assert.Empty(plan.Unplaced);
        var placement = Assert.Single(plan.Placements);
        Assert.Equal(all, placement.AskedPoints);
        Assert.Empty(live.InstallPoints(plan.Placements, new CountProgram(), "test").Value.Refused);
    }

    [Fact]
    public void SecondStoreIsRefused_TheFirstIsTakenBack_AndTheCodeStaysUntilNobodyIsThere()
    {
        var (target, live) = Make();
        var graph = TinyProgram.GraphOf(live, target, Join);
        var placement = Place(live, graph, Last(graph));
        target.RefusedStore = placement.Stores.Last();
        target.IsQuiescent = false;
        Assert.Equal(Reasons.TextDiffers, live.InstallPoints([placement], new CountProgram(), "test").Refusal.Reason);
        Assert.Equal(2, target.Stores.Count);
        Assert.True(target.TextIsTheFiles);
        Assert.Equal(1, live.Collect(unmapsEmpty: true));
        target.IsQuiescent = true;
        Assert.Equal(0, live.Collect(unmapsEmpty: true));
        Assert.Empty(target.Regions);
    }

    [Fact]
    public void SomebodysByteInThePart_NothingIsStored()
    {
        var (target, live) = Make();
        var graph = TinyProgram.GraphOf(live, target, Join);
        var placement = Place(live, graph, Last(graph));
        target.Text[(int)(graph.Blocks[^2].Start - Start) + 5] ^= 1;
        Assert.Equal(Reasons.NotUnpatched, live.InstallPoints([placement], new CountProgram(), "test").Refusal.Reason);
        Assert.Empty(target.Stores);
    }

    [Fact]
    public void EnteredByOthers_InACircle_OrBehindACallThatMustStay_IsRefusedAndSaysWhy()
    {
        var (target, live) = Make();
        AssertRefused(live, TinyProgram.GraphOf(live, target, Join), g => Last(g), "entered from elsewhere", entered: true);
        AssertRefused(live, TinyProgram.GraphOf(live, target, Circle), g => new Point(g.Blocks[1], 1), "circle", entered: false);
        AssertRefused(live, TinyProgram.GraphOf(live, target, Behind), g => new Point(g.Entry, 2), "the call at", entered: false);
        var behind = TinyProgram.GraphOf(live, target, Behind);
        Assert.Equal(Rung.Copy, live.Ladder().RungOf(behind, new Point(behind.Entry, 2), NoEntries, isPlaceFree: false, out _, () => true));
    }

    [Fact]
    public void KilledAtEveryStep_TheNextOneRestoresTextAndMemory()
    {
        var whole = PutInAndOut(int.MaxValue).Steps;
        Assert.True(whole > 10, $"{whole} steps");
        for (var step = 1; step <= whole; step++)
        {
            var target = PutInAndOut(step);
            target.KillAt = int.MaxValue;
            var report = TinyProgram.Open(target).RevertAll();
            Assert.True(report.IsTextRestored && target.TextIsTheFiles && target.Regions.Count == 0, $"killed at step {step}: {string.Join(", ", report.Problems)}, {target.Regions.Count} regions");
        }
    }

    private static ByteTarget PutInAndOut(int killAt)
    {
        var (target, live) = Make();
        target.KillAt = killAt;
        try
        {
            var graph = TinyProgram.GraphOf(live, target, Join);
            live.InstallPoints([Place(live, graph, Last(graph))], new CountProgram(), "test");
            live.RevertAll();
        }
        catch (KilledException)
        {
            // The next one finds what is left.
        }
        return target;
    }

    private static void AssertRefused(LiveCode live, FunctionGraph graph, Func<FunctionGraph, Point> choose, string why, bool entered)
    {
        var point = choose(graph);
        var refused = Assert.Single(live.Ladder().Plan(graph, [point], entered ? new HashSet<Address> { point.At } : NoEntries, isPlaceFree: false).Unplaced);
        Assert.Contains(why, refused.Why.Detail, StringComparison.Ordinal);
    }

    private static Placement Place(LiveCode live, FunctionGraph graph, Point point) => Assert.Single(live.Ladder().Plan(graph, [point], NoEntries, isPlaceFree: false).Placements);

    private static Point Last(FunctionGraph graph) => new(graph.Blocks[^1], graph.Blocks[^1].Instructions.Length - 1);

    /// <summary>Zeros between the functions, which may be data and hold no springboard.</summary>
    private static (ByteTarget Target, LiveCode Live) Make()
    {
        var text = new byte[4096];
        var places = new List<(ulong Offset, ulong Size)>();
        for (var i = 0; i < Functions.Length; i++)
        {
            var at = 0x100 * (ulong)(i + 1);
            var assembler = new Assembler(64);
            Functions[i](assembler);
            using var stream = new MemoryStream();
            assembler.Assemble(new StreamCodeWriter(stream), Start.Value + at);
            stream.ToArray().CopyTo(text, (int)at);
            places.Add((at, (ulong)stream.Length));
        }
        var target = new ByteTarget(Start, text, [.. places]);
        return (target, TinyProgram.Open(target));
    }
}
