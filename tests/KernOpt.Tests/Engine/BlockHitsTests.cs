using KernOpt.Code.Graphs;
using KernOpt.Engine.Covering;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Engine;

/// <summary>What follows for blocks that took no mark from those that did.</summary>
public sealed class BlockHitsTests
{
    private static readonly HashSet<Address> Nowhere = [];

    /// <summary>0 → 1 → 2, 0 → 3.</summary>
    private static readonly FunctionGraph Graph = new(null!,
    [
        new BasicBlock(0, new Address(0), [], BlockEnd.Branch) { Successors = [1, 3] },
        new BasicBlock(1, new Address(16), [], BlockEnd.Jump) { Successors = [2], Predecessors = [0] },
        new BasicBlock(2, new Address(32), [], BlockEnd.Return) { Predecessors = [1] },
        new BasicBlock(3, new Address(48), [], BlockEnd.Return) { Predecessors = [0] },
    ]);

    [Fact]
    public void WhatLeadsToARunBlockAlone_WasRun() => Assert.Equal([true, true, true, false], BlockHits.Of(Graph, b => b switch { 2 => true, 3 => false, _ => null }, Nowhere));

    [Fact]
    public void WhatARunBlockGoesOnTo_WasRun_AndWhatNothingLeadsTo_WasNot() => Assert.Equal([true, true, true, null], BlockHits.Of(Graph, b => b is 0 or 1 ? true : null, Nowhere));

    [Fact]
    public void OfWhatNoRunBlockLeadsTo_NothingWasRun() => Assert.Equal([false, false, false, false], BlockHits.Of(Graph, b => b == 0 ? false : null, Nowhere));

    /// <summary>Unwinding comes into a landing pad, which may have no predecessor, or one that went elsewhere.</summary>
    [Fact]
    public void OfALandingPad_NothingIsConcluded()
    {
        var graph = new FunctionGraph(null!, Graph.Blocks) { LandingPads = [3] };
        Assert.Equal([false, false, false, null], BlockHits.Of(graph, b => b == 0 ? false : null, Nowhere));
        Assert.Equal([null, null, null, true], BlockHits.Of(graph, b => b == 3 ? true : null, Nowhere));
        Assert.Equal([true, null, null, true], BlockHits.Of(Graph, b => b == 3 ? true : null, Nowhere));
    }

    [Fact]
    public void WhereControlComesInUnseen_NothingIsConcluded()
    {
        var entries = new HashSet<Address> { new(32), new(48) };
        // A block without instructions has no bytes, and nothing comes into it. (The length first: the address is kept as that of the end.)
        var graph = new FunctionGraph(null!, [.. Graph.Blocks.Select(b => b with { Instructions = [Iced.Intel.Instruction.Create(Iced.Intel.Code.Nopd) with { Length = 1, IP = b.Start.Value }] })]);
        Assert.Equal([null, null, true, null], BlockHits.Of(graph, b => b == 2 ? true : null, entries));
        Assert.Equal([false, false, null, null], BlockHits.Of(graph, b => b == 0 ? false : null, entries));
    }
}
