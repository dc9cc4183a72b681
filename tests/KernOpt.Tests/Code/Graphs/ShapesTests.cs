using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Code.Graphs;

public sealed class ShapesFixture
{
    internal BinaryFile File { get; } =
        BinaryFile.Open(Compiler.Build("shapes.s", "shapes", ["-nostdlib", "-static", "-no-pie", "-Wa,--noexecstack"]));

    internal Function Named(string name) => File.Module.Functions.Single(f => f.Names.Contains(name));

    internal Outcome<FunctionGraph> Parse(string name) => FunctionParser.Parse(Named(name), File);
}

public sealed class ShapesTests(ShapesFixture shapes) : IClassFixture<ShapesFixture>
{
    [Theory]
    [InlineData("diamond", 4)]
    [InlineData("data_in_text", 2)]
    [InlineData("entry_is_loop", 2)]
    [InlineData("ends_in_a_call", 1)]
    [InlineData("dies_through_two", 3)]
    [InlineData("recursive_b", 3)]
    [InlineData("tail_jumps", 2)]
    [InlineData("split", 4)]
    public void Code_IsCutIntoBlocks(string name, int blocks) => Assert.Equal(blocks, shapes.Parse(name).Value.Blocks.Length);

    [Theory]
    [InlineData("absolute_table", JumpTableKind.Absolute, 3)]
    [InlineData("absolute_table_in_register", JumpTableKind.Absolute, 2)]
    [InlineData("relative_table", JumpTableKind.RelativeToTable, 3)]
    [InlineData("relative_table_base_hoisted", JumpTableKind.RelativeToTable, 3)]
    [InlineData("byte_compare", JumpTableKind.Absolute, 3)]
    [InlineData("biased", JumpTableKind.Absolute, 3)]
    [InlineData("biased_and_compared_before", JumpTableKind.Absolute, 3)]
    [InlineData("compared_in_memory", JumpTableKind.Absolute, 3)]
    [InlineData("compared_through_a_copy", JumpTableKind.Absolute, 3)]
    [InlineData("open_before_table", JumpTableKind.RelativeToTable, 3)]
    [InlineData("open_before_padding", JumpTableKind.RelativeToTable, 3)]
    [InlineData("open_before_named_in_the_midst", JumpTableKind.RelativeToTable, 3)]
    [InlineData("byte_open", JumpTableKind.RelativeToTable, 3)]
    public void JumpTable_HasExactlyTheProvedEntries(string name, JumpTableKind kind, int entries)
    {
        var table = Assert.Single(shapes.Parse(name).Value.Blocks, b => b.End == BlockEnd.Table).Table!;
        Assert.Equal((kind, entries), (table.Kind, table.Targets.Length));
        Assert.Equal(entries, table.Targets.Distinct().Count());
    }

    /// <summary>On a small stack, so that an endless search ends this test and not only some program in the field.</summary>
    [Fact]
    public void IndexThatEachRoundOfALoopChanges_IsBoundedByItsWidth_WithoutAnEndlessSearch()
    {
        var targets = 0;
        var thread = new Thread(() => targets = Assert.Single(shapes.Parse("index_of_the_round_before").Value.Blocks, b => b.End == BlockEnd.Table).Table!.Targets.Length, 1 << 20);
        thread.Start();
        thread.Join();
        Assert.Equal(256, targets);
    }

    [Theory]
    [InlineData("memory_written_between", 2104)]
    [InlineData("no_bound", 2104)]
    [InlineData("open_with_hole", 2104)]
    [InlineData("open_before_unnamed", 2104)]
    [InlineData("bound_too_narrow", 2104)]
    [InlineData("bound_is_signed", 2104)]
    [InlineData("bound_on_one_path_only", 2104)]
    [InlineData("bound_is_of_a_later_value", 2104)]
    [InlineData("index_changed_by_a_call", 2104)]
    [InlineData("writable_table", 2105)]
    [InlineData("table_leads_outside", 2106)]
    [InlineData("spilled_base", 2103)]
    [InlineData("frame_not_gone", 2103)]
    [InlineData("middle_of_instruction", 2102)]
    [InlineData("undecodable", 2101)]
    [InlineData("calls_what_may_return", 2101)]
    [InlineData("unset_target", 2108)]
    [InlineData("calls_its_inside", 2109)]
    [InlineData("transaction", 2110)]
    [InlineData("label_taken", 2112)]
    public void WhatCannotBeProved_IsRefusedWithItsReason(string name, int reason)
    {
        var outcome = shapes.Parse(name);
        Assert.False(outcome.IsDone, $"{name} was parsed");
        Assert.Equal(reason, outcome.Refusal.Reason.Number);
    }

    /// <summary>Nothing says that control stops where the symbol's size ends.</summary>
    [Fact]
    public void FunctionThatRunsOnIntoTheNext_EndsInAnExit()
    {
        var block = Assert.Single(shapes.Parse("runs_out").Value.Blocks);
        Assert.Equal((BlockEnd.RunsOut, block.Close), (block.End, Assert.Single(block.Exits)));
        // Either side of the branch is out of the function.
        block = Assert.Single(shapes.Parse("checks_and_runs_out").Value.Blocks);
        Assert.Equal(BlockEnd.Branch, block.End);
        Assert.Equal([shapes.Named("aborts").Start, block.Close], block.Exits);
        Assert.Empty(block.Successors);
    }

    [Theory]
    [InlineData("relative_table", true)]
    [InlineData("relative_table_base_hoisted", true)]
    [InlineData("two_tables_one_base", false)]
    public void TableBase_IsTheJumpsOwn_OnlyWhenNothingElseReadsIt(string name, bool isOwn)
    {
        var graph = shapes.Parse(name).Value;
        foreach (var block in graph.Blocks.Where(b => b.End == BlockEnd.Table)) Assert.Equal(isOwn, block.Table!.BaseInstruction is not null);
    }

    [Fact]
    public void CallThatNeverReturns_EndsItsBlock()
    {
        var graph = shapes.Parse("calls_what_never_returns").Value;
        Assert.Equal(BlockEnd.NoReturn, Assert.Single(graph.Blocks).End);
        var noReturn = NoReturnAnalysis.Of(shapes.File);
        Assert.True(noReturn.NeverReturns(shapes.Named("aborts").Start));
        Assert.False(noReturn.NeverReturns(shapes.Named("recursive_a").Start));
        Assert.False(noReturn.NeverReturns(shapes.Named("diamond").Start));
    }

    /// <summary>To lose what follows the call would be to lose a path.</summary>
    [Fact]
    public void FunctionOfTheProgramsOwn_IsJudgedByItsCode_WhateverItsName()
    {
        Assert.False(NoReturnAnalysis.Of(shapes.File).NeverReturns(shapes.Named("err").Start));
        Assert.Equal(BlockEnd.Return, Assert.Single(shapes.Parse("calls_own_err").Value.Blocks).End);
    }

    [Theory]
    [InlineData("dynamic")]
    [InlineData("static", "-static")]
    public void LibraryFunctionsThatNeverReturn_AreKnown_AlsoWhenLinkedIn(string how, params string[] flags)
    {
        var file = BinaryFile.Open(how == "dynamic" ? "/lib/x86_64-linux-gnu/libc.so.6" : Compiler.Build("never_returns.c", $"never-returns-{how}", ["-O2", .. flags]));
        var analysis = NoReturnAnalysis.Of(file);
        foreach (var name in (string[])["abort", "exit", "_exit", "quick_exit", "pthread_exit", "siglongjmp", "err", "errx", "__assert_fail", "__chk_fail"])
        {
            var function = file.Module.Functions.First(f => f.Names.Contains(name));
            Assert.Equal((name, true), (name, analysis.NeverReturns(function.Start)));
        }
    }

    [Fact]
    public void WhatWasKnownOfAnAddress_IsForgottenWithItsModule()
    {
        var (aborts, diamond) = (shapes.Named("aborts"), shapes.Named("diamond"));
        var source = new Reloaded(shapes.File, aborts);
        Assert.True(NoReturnAnalysis.Of(source).NeverReturns(aborts.Start));
        source.Function = diamond with { Start = aborts.Start };
        source.Content = diamond.Start;
        NoReturnAnalysis.Forget(source);
        Assert.False(NoReturnAnalysis.Of(source).NeverReturns(aborts.Start));
    }

    /// <summary>Another function where one was.</summary>
    private sealed class Reloaded(BinaryFile file, Function first) : ICodeSource
    {
        public Function Function { get; set; } = first;
        public Address Content { get; set; } = first.Start;

        public int Read(Address from, Span<byte> into) => file.Read(Function.Range.Contains(from) ? Content + (ulong)(from - Function.Start) : from, into);

        public bool IsExecutable(Address address) => file.IsExecutable(address);

        public bool IsConstantData(AddressRange range) => file.IsConstantData(range);

        public Function? FunctionAt(Address address) => address == Function.Start ? Function : file.FunctionAt(address);

        public bool TryGetImport(Address stub, [System.Diagnostics.CodeAnalysis.MaybeNullWhen(false)] out string name) => file.TryGetImport(stub, out name);

        public bool TryGetImportSlot(Address slot, [System.Diagnostics.CodeAnalysis.MaybeNullWhen(false)] out string name) => file.TryGetImportSlot(slot, out name);
    }

    [Fact]
    public void IndirectJump_WithTheFrameGone_IsATailCall()
    {
        Assert.Equal(BlockEnd.IndirectTailJump, Assert.Single(shapes.Parse("indirect_tail_call").Value.Blocks).End);
    }

    [Fact]
    public void JumpsOutOfTheFunction_AreExitsAndTailCalls()
    {
        var graph = shapes.Parse("tail_jumps").Value;
        var (diamond, biased) = (shapes.Named("diamond").Start, shapes.Named("biased").Start);
        Assert.Equal((BlockEnd.Branch, diamond), (graph.Blocks[0].End, Assert.Single(graph.Blocks[0].Exits)));
        Assert.Equal((BlockEnd.TailJump, biased), (graph.Blocks[1].End, Assert.Single(graph.Blocks[1].Exits)));
        Assert.Equal([diamond, biased], graph.Calls.Select(c => c.Target!.Value));
        Assert.All(graph.Calls, c => Assert.True(c.IsTail));
    }

    [Fact]
    public void SplitOffPart_BelongsToTheFunctionThatEntersIt_AndIsNoFunctionItself()
    {
        var graph = shapes.Parse("split").Value;
        Assert.Equal(0, graph.EntryIndex);
        var cold = Assert.Single(graph.Blocks, b => !graph.Function.Range.Contains(b.Start));
        Assert.Equal(2003, FunctionParser.Parse(shapes.File.FunctionAt(cold.Start)!, shapes.File).Refusal.Reason.Number);
    }

    [Theory]
    [InlineData("entry_is_loop", false)]
    [InlineData("diamond", true)]
    public void EntryBlock_ThatIsALoopHead_RunsMoreThanOnce(string name, bool once) =>
        Assert.Equal(once, EntryBlock.RunsOncePerCall(shapes.Parse(name).Value));

    [Fact]
    public void RegistersThatAFunctionRestores_AreKept_AndSpilledOnesAreNot()
    {
        Assert.Equal(LiveSet.Of(Register.RSI, Register.XMM6), KeptRegisters.Of(shapes.Parse("restores_what_it_uses").Value));
        Assert.Equal(LiveSet.Empty, KeptRegisters.Of(shapes.Parse("reloads_its_argument").Value));
        Assert.Equal(LiveSet.Empty, KeptRegisters.Of(shapes.Parse("diamond").Value));
    }

    [Fact]
    public void WhatCallersReadAfterACall_IsAResult_AlsoThroughTailCalls()
    {
        var calls = CallGraph.Build(shapes.File.Module, shapes.File);
        var results = ResultRegisters.Of(shapes.Named("returns_in_r9"), f => calls.CallersOf(f).Select(c => (FunctionParser.Parse(c.Caller, shapes.File).Value, c.Site)));
        Assert.Equal(RegisterPart.All, results.Parts(Register.R9));
        Assert.Equal(RegisterPart.None, results.Parts(Register.R8));
    }

    [Fact]
    public void DirectCallers_AreFound_AndRefusedOnesAreNamed()
    {
        var calls = CallGraph.Build(shapes.File.Module, shapes.File);
        Assert.Contains(calls.Refusals, r => r.Function == shapes.Named("index_changed_by_a_call"));
        Assert.Equal(["tail_jumps"], calls.CallersOf(shapes.Named("diamond")).Select(c => c.Caller.DisplayName));
        Assert.Contains(calls.Calls.OutEdges(shapes.Named("aborts")), e => e.Target == shapes.Named("abort"));
    }

    [Fact]
    public void Picture_HasEveryBlockAndEdge()
    {
        var graph = shapes.Parse("relative_table").Value;
        var dot = DotWriter.Write(graph, i => i * 10);
        Assert.All(graph.Blocks, b => Assert.Contains($"  b{b.Index} [", dot));
        Assert.All(graph.Flow.Edges, e => Assert.Contains($"  b{e.Source.Index} -> b{e.Target.Index}", dot));
    }

    [Theory]
    [InlineData("jumped_into", true)]
    [InlineData("jumps_in", false)]
    [InlineData("tail_jumps", false)]
    [InlineData("split", false)]
    public void JumpsIntoTheMiddle_AreSeenFromOutside_AndOwnPartsAreInside(string name, bool isEntered)
    {
        var graph = shapes.Parse(name).Value;
        var entries = InteriorEntries.Of(shapes.File.Module, shapes.File).Into(graph).ToList();
        Assert.Equal(isEntered ? [new Address(graph.Entry.Instructions[0].NextIP)] : [], entries);
    }

    [Theory]
    [InlineData("restartable", true)]
    [InlineData("relative_table", false)]
    [InlineData("diamond", false)]
    public void RestartableSequences_AreKnown(string name, bool isOne) => Assert.Equal(isOne, FunctionTraits.Analyze(shapes.Parse(name).Value, shapes.File).IsJudgedByPlace);

    /// <summary>glibc's mempcpy computes its result and goes on inside memmove.</summary>
    [Fact]
    public void CLibrary_HasFunctionsThatAreEnteredInTheMiddle()
    {
        var file = BinaryFile.Open("/lib/x86_64-linux-gnu/libc.so.6");
        var entries = InteriorEntries.Of(file.Module, file);
        var entered = file.Module.Functions.Where(f => !f.IsFragment).Select(f => FunctionParser.Parse(f, file)).Where(g => g.IsDone && entries.Into(g.Value).Any()).ToList();
        Assert.InRange(entered.Count, 5, 200);
    }
}
