using System.Buffers.Binary;
using Iced.Intel;
using KernOpt.Code.Graphs;
using KernOpt.Live;
using KernOpt.Live.Points;
using KernOpt.Live.Points.Punning;
using KernOpt.Target;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace KernOpt.Tests.Live;

/// <summary>
/// Points that only a punned jump reaches, in functions without padding: One, Two, Three and Four begin with instructions of so many bytes; Long with one of five that
/// crosses a cache line; behind Tail's two bytes another function begins; Split's first block ends before a mov of five bytes.
/// </summary>
public sealed class PunnedPointTests
{
    private static readonly Address Start = new(0x10_0000_0000);
    private static readonly HashSet<Address> NoEntries = [];

    private const ulong OneAt = 0x140;

    private static readonly Action<Assembler>[] Functions =
    [
        c => { c.push(rbx); c.mov(rbx, rdi); c.mov(eax, ebx); c.pop(rbx); c.ret(); },
        c => { c.mov(eax, edi); c.add(eax, esi); c.sub(eax, ecx); c.ret(); },
        c => { c.mov(rax, rdi); c.add(eax, esi); c.sub(eax, ecx); c.ret(); },
        c => { c.lea(rax, __[rdi + 5]); c.add(eax, esi); c.sub(eax, ecx); c.ret(); },
        c => { c.mov(eax, 0x81828384); c.add(eax, esi); c.ret(); },
        c => { c.leave(); c.ret(); },
        c => { c.mov(ecx, edx); c.sub(eax, ecx); c.ret(); },
        c => { c.mov(eax, edi); c.add(eax, esi); c.call(Start.Value + OneAt); c.ret(); },
        c => { var other = c.CreateLabel(); c.test(edi, edi); c.je(other); c.mov(eax, 7); c.ret(); c.Label(ref other); c.sub(eax, ecx); c.ret(); },
        c => { var other = c.CreateLabel(); c.test(edi, edi); c.je(other); c.ret(); c.Label(ref other); c.sub(eax, ecx); c.add(eax, esi); c.ret(); },
    ];

    private const int One = 0, Two = 1, Three = 2, Four = 3, Long = 4, Tail = 5, Caller = 7, Split = 8, Returns = 9;

    [Theory]
    [InlineData(One, 1)]
    [InlineData(Two, 2)]
    [InlineData(Three, 3)]
    [InlineData(Four, 4)]
    [InlineData(Long, 3)]
    public void OneStoreOfItsOwnBytes_LeadsThroughAStoneToTheCode(int function, int stored)
    {
        var (target, live) = Make();
        var graph = TinyProgram.GraphOf(live, target, function);
        var jump = JumpsAt(target, graph, stored).First();
        target.Free.Add(new AddressRange(jump.First.AlignDown(4096), Math.Max(4096, jump.Choices)));
        var plan = live.Ladder().Plan(graph, [new Point(graph.Entry, 0)], NoEntries, isPlaceFree: false);
        var placement = Assert.Single(plan.Placements);
        Assert.Equal(Rung.PunnedJump, placement.Rung);
        var report = live.InstallPoints([placement], new CountProgram(), "test").Value;
        Assert.Empty(report.Refused);
        var store = Assert.Single(target.Stores);
        Assert.Equal((graph.Function.Start, stored), (store.At, store.Bytes.Length));
        var lead = Decoder.Create(64, Bytes(target, graph.Function.Start, 8), graph.Function.Start.Value).Decode();
        Assert.Equal(Iced.Intel.Code.Jmp_rel32_64, lead.Code);
        var stub = StubAt(target, new Address(lead.NearBranch64));
        Assert.True(report.Installed.Code.Contains(stub), $"{stub} is not in {report.Installed.Code}");

        Assert.True(live.Revert(report.Installed.Id).Value.IsTextRestored);
        Assert.True(target.TextIsTheFiles);
        Assert.Empty(target.Stones);
        Assert.Contains(target.Proved, r => r.Contains(new Address(lead.NearBranch64)));
    }

    /// <summary>A number of which there is nothing keeps no other from going.</summary>
    [Fact]
    public void SeveralAtOnce_AreTakenOutTogether_WhateverElseIsAskedFor()
    {
        var (target, live) = Make();
        var ids = new List<ulong>();
        foreach (var (function, stored) in new[] { (One, 1), (Two, 2), (Long, 3) })
        {
            var graph = TinyProgram.GraphOf(live, target, function);
            var jump = JumpsAt(target, graph, stored).First();
            target.Free.Clear();
            target.Free.Add(new AddressRange(jump.First.AlignDown(4096), Math.Max(4096, jump.Choices)));
            ids.Add(live.InstallPoints(live.Ladder().Plan(graph, [new Point(graph.Entry, 0)], NoEntries, isPlaceFree: false).Placements, new CountProgram(), "test").Value.Installed.Id);
        }
        var report = live.Revert([ids[0], 9999, ids[2]]);
        Assert.Equal(Reasons.UnknownId, Assert.Single(report.Problems).Reason);
        Assert.Equal((2, 0), (report.Restored, report.Draining));
        Assert.Equal([ids[1]], live.Points.Select(p => p.Id));
        Assert.True(live.Revert([ids[1]]).IsTextRestored);
        Assert.True(target.TextIsTheFiles);
        Assert.Empty(target.Stones);
        Assert.Equal(Reasons.UnknownId, live.Revert(ids[1]).Refusal.Reason);
    }

    /// <summary>Where the plain jump would lead something is mapped: a prefix moves the displacement.</summary>
    [Fact]
    public void WantedPageTakenByAnotherMapping_APrefixLeadsElsewhere_OrItIsRefused()
    {
        var (target, live) = Make();
        var graph = TinyProgram.GraphOf(live, target, Two);
        var prefixed = JumpsAt(target, graph, 2).Last();
        Assert.Equal(1, prefixed.Prefixes);
        target.Free.Add(new AddressRange(prefixed.First.AlignDown(4096), 4096));
        var placement = Assert.Single(live.Ladder().Plan(graph, [new Point(graph.Entry, 0)], NoEntries, isPlaceFree: false).Placements);
        Assert.True(live.InstallPoints([placement], new CountProgram(), "test").IsDone);
        Assert.Equal(0x2e, target.Text[(int)(graph.Function.Start - Start)]);

        (target, live) = Make();
        target.Free.Add(new AddressRange(new Address(0x1_0000), 4096));
        Assert.Equal(Reasons.NoStone, Assert.Single(live.Ladder().Plan(graph, [new Point(graph.Entry, 0)], NoEntries, isPlaceFree: false).Unplaced).Why.Reason);
    }

    [Fact]
    public void PageTakenBetweenPlanningAndPlacing_NothingIsStored_AndThePageIsLeftAlone()
    {
        var (target, live) = Make(withRoom: true);
        var graph = TinyProgram.GraphOf(live, target, One);
        var plan = live.Ladder().Plan(graph, [new Point(graph.Entry, 0)], NoEntries, isPlaceFree: false);
        var page = plan.Placements[0].Page;
        target.Stones[page] = (99, [1, 2, 3]);
        Assert.Equal(Reasons.PageTaken, live.InstallPoints(plan.Placements, new CountProgram(), "test").Refusal.Reason);
        Assert.True(target.TextIsTheFiles);
        Assert.Equal((page, 99UL), Assert.Single(target.Stones.Select(s => (s.Key, s.Value.File))));
        Assert.Empty(live.Points);
    }

    /// <summary>What completes a jump is nobody else's: no other point, no version, no call, whoever asks.</summary>
    [Fact]
    public void BytesThatCompleteAJump_AreNotPlanned_AndNotStored()
    {
        var (target, live) = Make(withRoom: true);
        var graph = TinyProgram.GraphOf(live, target, Caller);
        // Two bytes, two behind, and the first of the call.
        var lead = new Point(graph.Entry, 0);
        var plan = live.Ladder().Plan(graph, [lead], NoEntries, isPlaceFree: false);
        var placement = Assert.Single(plan.Placements);
        Assert.True(placement.Claimed.End > placement.Bypassed.End);
        Assert.True(live.InstallPoints([placement], new CountProgram(), "test").IsDone);
        var call = graph.Calls[0];
        Assert.True(placement.Claimed.Contains(call.At), $"{placement.Claimed} without {call.At}");
        Assert.Equal(Reasons.PointTaken, Assert.Single(live.Ladder().Plan(graph, [new Point(graph.Entry, 2)], NoEntries, isPlaceFree: false).Unplaced).Why.Reason);

        var before = target.Text.ToArray();
        var unplanned = new Placement(Rung.Call, graph, graph.Entry, 2, [2]);
        Assert.Equal(Reasons.ServesAsDisplacement, live.InstallPoints([unplanned], new CountProgram(), "test").Refusal.Reason);
        Assert.Equal(before, target.Text);
    }

    /// <summary>What the first can only reach by the second's bytes: asked for together, both are met in one part.</summary>
    [Fact]
    public void BeyondItsRun_OtherPointsAreTakenAlong()
    {
        var (target, live) = Make(withRoom: true);
        var graph = TinyProgram.GraphOf(live, target, Split);
        var (test, mov) = (new Point(graph.Entry, 0), new Point(graph.Blocks.Single(b => b.Instructions[0].Mnemonic == Mnemonic.Mov), 0));
        Assert.Equal(Rung.PunnedJump, live.Ladder().RungOf(graph, test, NoEntries, isPlaceFree: false, out _));
        var plan = live.Ladder().Plan(graph, [test, mov], NoEntries, isPlaceFree: false);
        Assert.Empty(plan.Unplaced);
        var placement = Assert.Single(plan.Placements);
        Assert.Equal((Rung.Copy, 1), (placement.Rung, placement.StoreCount));
        Assert.Equal([test, mov], placement.AskedPoints);
    }

    /// <summary>A return does the same elsewhere.</summary>
    [Fact]
    public void ReturnByItself_IsMoved()
    {
        var (target, live) = Make(withRoom: true);
        var graph = TinyProgram.GraphOf(live, target, Returns);
        var alone = new Point(graph.Blocks.Single(b => b.Instructions.Length == 1), 0);
        Assert.Equal(Mnemonic.Ret, alone.Instruction.Mnemonic);
        var plan = live.Ladder().Plan(graph, [alone], NoEntries, isPlaceFree: false);
        Assert.Equal(Rung.PunnedJump, Assert.Single(plan.Placements).Rung);
        Assert.Empty(live.InstallPoints(plan.Placements, new CountProgram(), "test").Value.Refused);
        Assert.Single(Assert.Single(target.Stores).Bytes);
    }

    /// <summary>Only what lies behind the line is stored, and what the call leaves on the stack is the same.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void CallAcrossALine_KeepsItsFirstBytes_AndComesDownOnAStone(int kept)
    {
        var text = new byte[4096];
        var at = 0x200UL - (ulong)kept;
        Assemble(at, c => { c.call(Start.Value + 0x345); c.ret(); }).CopyTo(text, (int)at);
        var target = new ByteTarget(Start, text, (at, 6));
        target.Free.Add(AddressRange.Between(new Address(Start.Value - 0x7000_0000), Start));
        var live = TinyProgram.Open(target);
        var graph = TinyProgram.GraphOf(live, target, 0);
        var plan = live.Ladder().Plan(graph, [new Point(graph.Entry, 0)], NoEntries, isPlaceFree: false);
        var placement = Assert.Single(plan.Placements);
        Assert.Equal(kept == 1 ? Rung.Call : Rung.PunnedCall, placement.Rung);
        var installed = live.InstallPoints([placement], new CountProgram(), "test").Value.Installed;
        var store = Assert.Single(target.Stores);
        Assert.Equal((Start + at + kept, 5 - kept), (store.At, store.Bytes.Length));
        var call = Decoder.Create(64, Bytes(target, Start + at, 5), Start.Value + at).Decode();
        Assert.Equal((Iced.Intel.Code.Call_rel32_64, Start.Value + at + 5), (call.Code, call.NextIP));
        var destination = new Address(call.NearBranchTarget);
        Assert.True(installed.Code.Contains(kept == 1 ? destination : StubAt(target, destination)));
        Assert.Equal(Reasons.PointTaken, Assert.Single(live.Ladder().Plan(graph, [new Point(graph.Entry, 0)], NoEntries, isPlaceFree: false).Unplaced).Why.Reason);

        Assert.True(TinyProgram.Open(target).RevertAll().IsTextRestored);
        Assert.True(target.TextIsTheFiles);
        Assert.Empty(target.Stones);
        Assert.Empty(target.Regions);
    }

    [Fact]
    public void PointsOfOneRun_ShareOneJump()
    {
        var (target, live) = Make(withRoom: true);
        var graph = TinyProgram.GraphOf(live, target, Caller);
        var plan = live.Ladder().Plan(graph, [new Point(graph.Entry, 0), new Point(graph.Entry, 2)], NoEntries, isPlaceFree: false);
        Assert.Equal([Rung.PunnedJump], plan.Placements.Select(p => p.Rung));
        Assert.Equal([0, 2], plan.Placements[0].Points);
    }

    /// <summary>Breakpoints are put at the beginnings of functions more than anywhere else.</summary>
    [Fact]
    public void AnotherFunctionBeginsAmongTheBytesBehind_NoJumpIsMade()
    {
        var (target, live) = Make(withRoom: true);
        var graph = TinyProgram.GraphOf(live, target, Tail);
        Assert.Equal(2UL, graph.Function.Size);
        Assert.Equal(Reasons.NoStone, Assert.Single(live.Ladder().Plan(graph, [new Point(graph.Entry, 0)], NoEntries, isPlaceFree: false).Unplaced).Why.Reason);
    }

    [Fact]
    public void SomebodysByteBehindTheInstruction_NothingIsStored()
    {
        var (target, live) = Make(withRoom: true);
        var graph = TinyProgram.GraphOf(live, target, One);
        var plan = live.Ladder().Plan(graph, [new Point(graph.Entry, 0)], NoEntries, isPlaceFree: false);
        target.Text[(int)(graph.Function.Start - Start) + 2] ^= 1;
        Assert.Equal(Reasons.NotUnpatched, live.InstallPoints(plan.Placements, new CountProgram(), "test").Refusal.Reason);
        Assert.Empty(target.Stores);
        Assert.Empty(target.Stones);
    }

    [Fact]
    public void ThreadThatStaysInside_KeepsThePages()
    {
        var (target, live) = Make(withRoom: true);
        var installed = Install(live, target, One);
        target.IsQuiescent = false;
        Assert.Equal(1, live.Revert(installed.Id).Value.Draining);
        Assert.True(target.TextIsTheFiles);
        Assert.NotEmpty(target.Stones);
        target.IsQuiescent = true;
        Assert.Equal(0, TinyProgram.Open(target).Collect(unmapsEmpty: true));
        Assert.Empty(target.Stones);
        Assert.Empty(target.Regions);
    }

    [Fact]
    public void KilledAtEveryStep_TheNextOneRestoresTextPagesAndMemory()
    {
        var (whole, live) = Make(withRoom: true);
        InstallAll(live, whole);
        var installed = whole.Steps;
        TinyProgram.Open(whole).RevertAll();
        Assert.True(installed > 20 && whole.Steps > installed + 5, $"{installed}, {whole.Steps}");
        for (var step = 1; step <= whole.Steps; step++)
        {
            var (target, writer) = Make(withRoom: true);
            target.KillAt = step;
            Assert.Throws<KilledException>(() =>
            {
                InstallAll(writer, target);
                TinyProgram.Open(target).RevertAll();
            });
            target.KillAt = int.MaxValue;
            var report = TinyProgram.Open(target).RevertAll();
            Assert.True(report.IsTextRestored && target.TextIsTheFiles, $"killed at step {step}: {string.Join(", ", report.Problems)}");
            Assert.True(target.Stones.Count == 0, $"killed at step {step}: {target.Stones.Count} pages are left");
            Assert.True(target.Regions.Count == 0, $"killed at step {step}: a region is left, {report.Draining} draining");
        }
    }

    [Fact]
    public void ForkedChild_GivesItsOwnPagesBack_WhenTheParentIsGone()
    {
        var (parent, live) = Make(withRoom: true);
        Install(live, parent, One);
        var child = parent.Fork();
        foreach (var (at, stone) in parent.Stones) child.Stones[at] = stone;
        child.IsQuiescent = false;
        Assert.True(TinyProgram.Open(child).RevertAll().IsTextRestored);
        Assert.True(child.TextIsTheFiles && child.Stones.Count > 0 && child.Regions.Count == 1);
        child.IsQuiescent = true;
        var left = TinyProgram.Open(child);
        Assert.Equal(1, left.RevertAll().RegionsUnmapped);
        Assert.Empty(child.Stones);
        Assert.NotEmpty(parent.Stones);
        Assert.All(parent.Stones.Keys, s => Assert.Contains(child.Proved, r => r.Contains(s)));
    }

    private static (ByteTarget Target, LiveCode Live) Make(bool withRoom = false)
    {
        // Zeros between the functions, which may be data and hold no springboard; what comes behind a function decides nothing but for the last bytes of Tail and Caller.
        var text = new byte[4096];
        var places = new List<(ulong Offset, ulong Size)>();
        var at = 0x100UL;
        for (var i = 0; i < Functions.Length; i++)
        {
            // Long's first instruction crosses a line; Next begins right behind Tail.
            if (i == Long) at = 0x400 - 3;
            else if (i != Tail + 1) at = (at + 0x7f) & ~0x3fUL;
            var bytes = Assemble(at, Functions[i]);
            bytes.CopyTo(text, (int)at);
            places.Add((at, (ulong)bytes.Length));
            at += (ulong)bytes.Length;
        }
        var target = new ByteTarget(Start, text, [.. places]);
        Assert.Equal(OneAt, places[One].Offset);
        // All that a jump from here can reach, but for the program and its region.
        if (withRoom) target.Free.AddRange([AddressRange.Between(new Address(Start.Value - 0x8000_0000), Start), AddressRange.Between(Start + 0x2000_0000, Start + 0x8000_0000UL)]);
        return (target, TinyProgram.Open(target));
    }

    private static InstalledPoints Install(LiveCode live, ByteTarget target, int function)
    {
        var graph = TinyProgram.GraphOf(live, target, function);
        var plan = live.Ladder().Plan(graph, [new Point(graph.Entry, 0)], NoEntries, isPlaceFree: false);
        return live.InstallPoints(plan.Placements, new CountProgram(), "test").Value.Installed;
    }

    private static void InstallAll(LiveCode live, ByteTarget target)
    {
        var ladder = live.Ladder();
        var graphs = new[] { One, Two, Three, Four }.Select(f => TinyProgram.GraphOf(live, target, f)).ToList();
        var placements = graphs.SelectMany(g => ladder.Plan(g, [new Point(g.Entry, 0)], NoEntries, isPlaceFree: false).Placements).ToList();
        Assert.Equal(4, placements.Count);
        Assert.Empty(live.InstallPoints(placements, new CountProgram(), "test").Value.Refused);
    }

    private static IEnumerable<PunnedJump> JumpsAt(ByteTarget target, FunctionGraph graph, int stored) =>
        PunnedJump.Of(graph.Function.Start, stored, Bytes(target, graph.Function.Start, PunnedJump.MostBytes));

    private static byte[] Bytes(ByteTarget target, Address at, int count)
    {
        var bytes = new byte[count];
        Assert.Equal(count, target.Read(at, bytes));
        return bytes;
    }

    private static Address StubAt(ByteTarget target, Address stone)
    {
        var page = target.Stones[stone.AlignDown(4096)].Bytes.AsSpan((int)(stone.Value % 4096), StoneRoom.StoneBytes);
        Assert.True(page.StartsWith((ReadOnlySpan<byte>)[0x3e, 0xff, 0x25, 0, 0, 0, 0]));
        return new Address(BinaryPrimitives.ReadUInt64LittleEndian(page[7..]));
    }

    private static byte[] Assemble(ulong offset, Action<Assembler> write)
    {
        var assembler = new Assembler(64);
        write(assembler);
        using var stream = new MemoryStream();
        assembler.Assemble(new StreamCodeWriter(stream), Start.Value + offset);
        return stream.ToArray();
    }
}
