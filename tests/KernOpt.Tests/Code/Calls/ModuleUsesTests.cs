using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Code.Calls;
using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Target;
using KernOpt.Tests.Code.Graphs;
using Xunit;

namespace KernOpt.Tests.Code.Calls;

public sealed class CalleesFixture
{
    public CalleesFixture()
    {
        File = BinaryFile.Open(Compiler.Build("../../Calls/Programs/callees.s", "callees", ["-nostdlib", "-static", "-no-pie", "-Wa,--noexecstack"]));
        Uses = ModuleUses.Of(File.Module, File, f => FunctionParser.Parse(f, File), CancellationToken.None).Value;
    }

    internal BinaryFile File { get; }
    internal ModuleUses Uses { get; }

    internal Function Named(string name) => File.Module.Functions.Single(f => f.Names.Contains(name));

    internal FunctionGraph Graph(string name) => FunctionParser.Parse(Named(name), File).Value;
}

public sealed class ModuleUsesTests(CalleesFixture callees) : IClassFixture<CalleesFixture>
{
    /// <summary>What a function hands on to whoever catches what is thrown through it is beside the point here.</summary>
    private static readonly LiveSet Shown = LiveSet.All - StrictEffects.Unwound;

    [Theory]
    [InlineData("leaf", "RDI.Low32", "RAX")]
    [InlineData("low_byte", "RDI.Low8", "RAX.Low8")]
    [InlineData("reads_carry", "CF", "RAX.Low8")]
    [InlineData("saves_it", "RCX", "RCX flags")]
    [InlineData("one_path", "RSI RDI.Low32", "flags")]
    [InlineData("odd_registers", "R10 R11", "RAX")]
    [InlineData("recursive", "RDI.Low32 R9", "RAX R8 flags")]
    [InlineData("even", "RCX.Low32 RDI.Low32", "RAX flags")]
    [InlineData("odd", "RCX.Low32 RDI.Low32", "RAX flags")]
    [InlineData("tail", "RDX RDI.Low32", "RAX RSI")]
    [InlineData("tail_or_not", "RDX.Low8 RDI.Low32", "flags")]
    [InlineData("clears_upper", "", "XMM0.upper XMM1.upper XMM2.upper XMM3.upper XMM4.upper XMM5.upper XMM6.upper XMM7.upper XMM8.upper XMM9.upper XMM10.upper XMM11.upper XMM12.upper XMM13.upper XMM14.upper XMM15.upper")]
    [InlineData("vex", "", "XMM3 XMM3.upper XMM4")]
    [InlineData("system_call", "RDX RSI RDI R8 R9 R10 flags", "RAX RCX R11")]
    public void WhatAFunctionReads_AndSurelyOverwrites_IsFound(string name, string reads, string kills)
    {
        var use = callees.Uses[callees.Named(name).Start];
        Assert.Equal((reads, kills), (Show(use.Reads), Show(LiveSet.All - use.Keeps)));
    }

    /// <summary>They do not come back, so nothing is kept, and nothing behind the call matters.</summary>
    [Theory]
    [InlineData("forever", "")]
    [InlineData("spins", "RSI.Low32")]
    [InlineData("ends_in_spins", "RSI.Low32")]
    public void FunctionThatNeverReturns_KeepsNothing(string name, string reads)
    {
        var use = callees.Uses[callees.Named(name).Start];
        Assert.Equal((reads, LiveSet.Empty), (Show(use.Reads), use.Keeps));
    }

    /// <summary>Nothing is known of where they go on to, but what they have overwritten by then.</summary>
    [Theory]
    [InlineData("through_pointer")]
    [InlineData("returns_elsewhere")]
    [InlineData("overwrites_return")]
    [InlineData("pushes_return")]
    public void CodeThatIsNotSeen_ReadsWhatIsLeft(string name) =>
        Assert.Equal(LiveSet.All - LiveSet.Of(Register.R8), callees.Uses[callees.Named(name).Start].Reads);

    /// <summary>The parser takes it for the end; the callee is known to come back.</summary>
    [Fact]
    public void CallOfAFunctionThatReturns_WithNothingBehindIt_IsNotTheEnd()
    {
        Assert.Equal(BlockEnd.NoReturn, Assert.Single(callees.Graph("ends_in_leaf").Blocks).End);
        var use = callees.Uses[callees.Named("ends_in_leaf").Start];
        Assert.Equal(("RAX R8", "RAX R8"), (Show(LiveSet.All - use.Reads), Show(LiveSet.All - use.Keeps)));
    }

    [Theory]
    [InlineData("unparsed")]
    [InlineData("signal_return")]
    public void WhatIsNoPlainFunction_IsUnknown(string name) => Assert.Equal(CalleeUse.Unknown, callees.Uses[callees.Named(name).Start]);

    [Theory]
    [InlineData("calls_unparsed", Register.R9)]
    [InlineData("calls_inside", Register.None)]
    public void CallOfWhatIsNoKnownFunction_ReadsEverything(string name, Register written) =>
        Assert.Equal(LiveSet.All - LiveSet.Of(written), callees.Uses[callees.Named(name).Start].Reads);

    [Fact]
    public void LinkersStub_MayLoseR11AndFlags_AndNothingElseIsKnown()
    {
        var use = callees.Uses[callees.Named("through_stub").Start];
        Assert.Equal("RAX R11 flags", Show(LiveSet.All - use.Reads));
        Assert.Equal("RAX R11 flags", Show(LiveSet.All - use.Keeps));
    }

    /// <summary>gcc's -fipa-ra keeps a value in r11 over the call of a function that leaves it alone.</summary>
    [Theory]
    [InlineData("keeps_in_r11", true)]
    [InlineData("loses_r11", false)]
    public void ValueThatTheCalleeKeeps_IsAliveBeforeTheCall(string name, bool isLive) => Assert.Equal(isLive, BeforeCall(name).Overlaps(LiveSet.Of(Register.R11)));

    [Theory]
    [InlineData("keeps_carry", RflagsBits.CF)]
    [InlineData("passes_carry", RflagsBits.CF)]
    [InlineData("loses_carry", RflagsBits.None)]
    [InlineData("through_pointer", RflagsBits.CF | RflagsBits.ZF)]
    public void FlagsThatTheCalleeReadsOrKeeps_AreAliveBeforeTheCall(string name, RflagsBits live) =>
        Assert.Equal(live, BeforeCall(name).Flags & (RflagsBits.CF | (live & RflagsBits.ZF)));

    [Fact]
    public void NothingBehindACallThatDoesNotReturn_IsAlive()
    {
        var live = BeforeCall("ends_in_spins");
        Assert.Equal("RSI.Low32", Show(live));
    }

    /// <summary>No edge leads to a landing pad; it finds callee-saved registers as they were at the call, or at the instruction that faulted.</summary>
    [Fact]
    public void RegistersThatUnwindingHandsOn_AreAliveAtCalls_AndAnywhereBeforeALandingPad()
    {
        Assert.True(BeforeCall("loses_carry").Contains(StrictEffects.Unwound));
        var calls = new CallEffects(new Dictionary<Address, int>(), new LinkerStubs(callees.File));
        var graph = callees.Graph("leaf");
        var move = graph.Entry.Instructions[0];
        Assert.Equal(LiveSet.Of(Register.EDI), calls.Of(graph, move, out _).Reads);
        Assert.Equal(LiveSet.Of(Register.EDI) | StrictEffects.Unwound, calls.Of(new FunctionGraph(graph.Function, graph.Blocks) { LandingPads = [1] }, move, out _).Reads);
    }

    [Fact]
    public void WhatEachFunctionAloneLeavesDead_IsDeadStill()
    {
        foreach (var function in callees.File.Module.Functions)
        {
            if (!FunctionParser.Parse(function, callees.File).Try(out var graph, out _)) continue;
            var (alone, together) = (Liveness.WithoutConventions(graph), callees.Uses.LivenessOf(graph));
            foreach (var block in graph.Blocks)
            {
                for (var i = 0; i <= block.Instructions.Length; i++) Assert.True(alone.Before(block, i).Contains(together.Before(block, i) - StrictEffects.Unwound), $"{function} {block.Start} {i}");
            }
        }
    }

    [Fact]
    public void CancelledSearch_IsRefused()
    {
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        var outcome = ModuleUses.Of(callees.File.Module, callees.File, f => FunctionParser.Parse(f, callees.File), cancelled.Token);
        Assert.Equal(Reasons.Interrupted, outcome.Refusal.Reason);
    }

    private LiveSet BeforeCall(string name)
    {
        var graph = callees.Graph(name);
        var block = graph.Blocks.Single(b => b.Instructions.Any(i => CallEffects.IsCall(i)));
        var index = block.Instructions.ToList().FindIndex(i => CallEffects.IsCall(i));
        return callees.Uses.LivenessOf(graph).Before(block, index);
    }

    /// <summary>"flags": all six that arithmetic writes.</summary>
    private static string Show(LiveSet set)
    {
        var status = RflagsBits.CF | RflagsBits.PF | RflagsBits.AF | RflagsBits.ZF | RflagsBits.SF | RflagsBits.OF;
        var flags = set.Flags & status;
        var registers = $"{(set & Shown) - LiveSet.Of(LiveSet.AllFlags)}";
        return $"{registers} {(flags == status ? "flags" : flags == 0 ? "" : flags)}".Trim();
    }
}
