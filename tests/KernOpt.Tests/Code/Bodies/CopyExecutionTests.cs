using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Code.Graphs;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Code.Bodies;

/// <summary>A function to try things on.</summary>
internal sealed record Subject(string Name, FunctionGraph Graph, NativeProgram Program, Random Random)
{
    public FunctionBody NewBody() => BodyBuilder.Copy(Graph, Graph.Entry.Start, false).Value;

    public CopiedCode Run(FunctionBody body) => new(Program, body);
}

/// <summary>The oracle: original and copy are called with the same inputs and must give the same values and memory.</summary>
[Collection(NativeCode.Name)]
public sealed class CopyExecutionTests
{
    private const int Inputs = 100;

    public static TheoryData<string> Options => ["-O2", "-Os -fcf-protection", "-O3 -mavx2 -mfma", "-O0"];

    [Theory, MemberData(nameof(Options))]
    public void Copy_does_what_the_original_does(string options) => ForEach(options, subject => ExpectSame(subject, subject.Run(subject.NewBody()).Entry));

    [Theory, MemberData(nameof(Options))]
    public void Order_of_the_blocks_does_not_matter(string options) => ForEach(options, subject =>
    {
        for (var round = 0; round < 4; round++)
        {
            var body = subject.NewBody();
            Shuffle(body, subject.Random);
            ExpectSame(subject, subject.Run(body).Entry, $"in the order {string.Join(' ', body.Order)}");
        }
    });

    /// <summary>Blocks of 200 bytes and more: every short jump, loop and jrcxz has to take its long form.</summary>
    [Fact]
    public void Jumps_over_long_blocks_take_their_long_forms() => ForEach("-O2", subject =>
    {
        var body = subject.NewBody();
        foreach (var block in body.Order) block.Instructions.AddRange(Enumerable.Repeat(Instruction.Create(Iced.Intel.Code.Nopd), 200));
        Shuffle(body, subject.Random);
        ExpectSame(subject, subject.Run(body).Entry);
    });

    /// <summary>Whichever instruction of the entry block is the site: what ran before it, and then the copy, are the function.</summary>
    [Theory]
    [InlineData("-O2")]
    [InlineData("-O0")]
    public void Copy_may_begin_at_any_instruction_of_the_entry_block(string options) => ForEach(options, subject =>
    {
        foreach (var site in subject.Graph.Entry.Instructions)
        {
            var copy = subject.Run(BodyBuilder.Copy(subject.Graph, new Address(site.IP), true).Value);
            ExpectSame(subject, copy.Code.Entries[1], $"whole, split at {site}");
            var prefix = subject.Run(PrefixInto(subject.Graph, new Address(site.IP), copy.Entry));
            ExpectSame(subject, prefix.Entry, $"from {site} on");
        }
    });

    [Fact]
    public void Place_that_is_no_instruction_of_the_entry_block_is_refused()
    {
        var graph = NativeProgram.With("-O2").Graph("nested_loops");
        Assert.Equal(Reasons.SiteNotInEntryBlock, BodyBuilder.Copy(graph, graph.Entry.Start + 1, false).Refusal.Reason);
        Assert.Equal(Reasons.SiteNotInEntryBlock, BodyBuilder.Copy(graph, graph.Blocks[2].Start, false).Refusal.Reason);
    }

    [Fact]
    public void Place_out_of_reach_is_refused()
    {
        var graph = NativeProgram.With("-O2").Graph("rip_relative");
        var body = BodyBuilder.Copy(graph, graph.Entry.Start, false).Value;
        Assert.Equal(Reasons.OperandOutOfReach, CodeLayout.Encode(body, graph.Entry.Start + 0x9000_0000L).Refusal.Reason);
    }

    [Fact]
    public void Planted_wrong_branch_is_caught()
    {
        var program = NativeProgram.With("-O2");
        var graph = program.Graph("switch_in_loop");
        var body = BodyBuilder.Copy(graph, graph.Entry.Start, false).Value;
        var block = body.Order.Last(b => b.End is Terminator.Branch);
        var branch = (Terminator.Branch)block.End;
        block.End = branch with { Taken = branch.Else, Else = branch.Taken };
        body.Rebuild();
        Assert.NotNull(Difference(graph, new CopiedCode(program, body).Entry, 50));
    }

    internal static void ForEach(string options, Action<Subject> check)
    {
        var program = NativeProgram.With(options);
        foreach (var name in program.Names) check(new Subject($"{name} ({options})", program.Graph(name), program, new Random(7)));
    }

    internal static void ExpectSame(Subject subject, Address copy, string variant = "")
    {
        if (Difference(subject.Graph, copy, Inputs) is { } difference) Assert.Fail($"{subject.Name} {variant}: {difference}");
    }

    /// <summary>The first input for which the copy does something else, or null.</summary>
    internal static string? Difference(FunctionGraph graph, Address copy, int inputs)
    {
        var random = new Random(1);
        for (var i = 0; i < inputs; i++)
        {
            var input = CallInput.Random(random);
            var expected = Calls.Make(graph.Entry.Start, input);
            var found = Calls.Make(copy, input);
            if (expected != found) return $"{input}: {expected.Value:x}, the copy gives {found.Value:x}";
        }
        return null;
    }

    internal static void Shuffle(FunctionBody body, Random random)
    {
        for (var i = body.Order.Count - 1; i > 0; i--)
        {
            var other = random.Next(i + 1);
            (body.Order[i], body.Order[other]) = (body.Order[other], body.Order[i]);
        }
        body.Rebuild();
    }

    private static FunctionBody PrefixInto(FunctionGraph graph, Address site, Address to)
    {
        var body = new FunctionBody(graph.Function);
        var block = body.NewBlock();
        block.Instructions.AddRange(graph.Entry.Instructions.TakeWhile(i => i.IP != site.Value));
        block.End = new Terminator.Exit(to);
        body.Entries.Add(block);
        body.Rebuild();
        return body;
    }
}
