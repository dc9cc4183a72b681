using System.Runtime.InteropServices;
using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Code.Graphs;
using KernOpt.Target;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace KernOpt.Tests.Code.Bodies;

[Collection(NativeCode.Name)]
public sealed class BlockCountersTests
{
    [Theory, MemberData(nameof(CopyExecutionTests.Options), MemberType = typeof(CopyExecutionTests))]
    public void Counting_changes_nothing_that_the_program_sees(string options) => CopyExecutionTests.ForEach(options, subject =>
    {
        var counted = new CountedCode(subject.Program, subject.Graph);
        CopyExecutionTests.ExpectSame(subject, counted.Entry);
        Assert.True(counted.Count(counted.Body.Entries[0]) > 0, $"{subject.Name}: the entry was not counted");
    });

    /// <summary>What comes into a block and what goes out of it balance, for each block and for the whole (Kirchhoff), and the entry counts the calls.</summary>
    [Theory]
    [InlineData("loop_sum")]
    [InlineData("nested_loops")]
    [InlineData("set_and_cmov")]
    [InlineData("switch_dense")]
    public void Counts_are_those_of_the_executions(string name)
    {
        var program = NativeProgram.With("-O2");
        var counted = new CountedCode(program, program.Graph(name));
        var random = new Random(3);
        const int calls = 500;
        for (var i = 0; i < calls; i++) Calls.Make(counted.Entry, CallInput.Random(random));
        var body = counted.Body;
        Assert.Equal(calls, body.Order.Where(b => b.End is Terminator.Return or Terminator.Exit).Sum(counted.Count));
        foreach (var block in body.Order.Where(b => body.Flow.OutDegree(b) > 0 && body.Flow.OutEdges(b).All(e => body.Flow.InDegree(e.Target) == 1)))
        {
            Assert.Equal(counted.Count(block), body.Flow.OutEdges(block).Sum(e => counted.Count(e.Target)));
        }
    }

    [Fact]
    public void Loop_body_counts_its_iterations()
    {
        var program = NativeProgram.With("-O2");
        var counted = new CountedCode(program, program.Graph("loop_sum"));
        long iterations = 0;
        for (var a = 0L; a < 300; a += 7)
        {
            iterations += a & 1023;
            Calls.Make(counted.Entry, new CallInput(a, 3, 4, new byte[256], 0, 0));
        }
        var loop = counted.Body.Order.Single(b => counted.Body.Flow.ContainsEdge(b, b));
        Assert.Equal(iterations, counted.Count(loop));
    }

    [Fact]
    public void Form_follows_what_is_dead()
    {
        Assert.Equal([Mnemonic.Inc], FormBefore(c => { c.xor(eax, eax); }));
        Assert.Equal([Mnemonic.Mov, Mnemonic.Lea, Mnemonic.Mov], FormBefore(c => { c.sete(cl); c.movzx(eax, cl); c.xor(edi, edi); }));
        Assert.Equal([Mnemonic.Lea, Mnemonic.Pushfq, Mnemonic.Inc, Mnemonic.Popfq, Mnemonic.Lea], FormBefore(c => { c.sete(al); }));
        // The carry survives inc, so that it alone does not matter.
        Assert.Equal([Mnemonic.Inc], FormBefore(c => { c.setc(al); }));
        Assert.Equal([Mnemonic.Endbr64, Mnemonic.Inc], FormBefore(c => { c.endbr64(); c.xor(eax, eax); }));
    }

    /// <summary>A caller compiled with -fipa-ra may know that this function leaves r11 alone: dead as it is, it must not be used.</summary>
    [Fact]
    public void Register_that_the_function_never_writes_is_not_borrowed()
    {
        var body = HandMade.Body(b => HandMade.Add(b, HandMade.Return, HandMade.Assemble(c => c.sete(al))));
        Assert.DoesNotContain(BlockCounters.Add(body, _ => new Address(0x500000)).Order[0].Instructions, i => i.Op0Register == Register.R11);
    }

    private static List<Mnemonic> FormBefore(Action<Assembler> write)
    {
        var instructions = HandMade.Assemble(write);
        var body = HandMade.Body(b => HandMade.Add(b, HandMade.Return, instructions));
        var counted = BlockCounters.Add(body, _ => new Address(0x500000)).Order[0].Instructions;
        return [.. counted.Take(counted.Count - instructions.Count(i => i.Mnemonic != Mnemonic.Endbr64)).Select(i => i.Mnemonic)];
    }

    /// <summary>A counting copy with its counters next to it.</summary>
    private sealed class CountedCode
    {
        private readonly ExecutableMemory counters;
        private readonly CopiedCode code;

        public CountedCode(NativeProgram program, FunctionGraph graph)
        {
            Body = BodyBuilder.Copy(graph, graph.Entry.Start, false).Value;
            counters = new ExecutableMemory(program, 8 * Body.Order.Count);
            code = new CopiedCode(program, BlockCounters.Add(Body, b => CounterOf(b)));
        }

        public FunctionBody Body { get; }
        public Address Entry => code.Entry;

        public long Count(BodyBlock block) => Marshal.ReadInt64((nint)CounterOf(block).Value);

        private Address CounterOf(BodyBlock block) => counters.At + 8 * block.Id;
    }
}
