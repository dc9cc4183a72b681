using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Code.Graphs;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Code.Bodies;

/// <summary>The oracle: original and copy are called with the same inputs and must give the same values and memory.</summary>
public sealed class CopyExecutionTests
{
    private const int Inputs = 200;

    public static TheoryData<string> Options => ["-O2", "-O1 -fcf-protection", "-O3 -mavx2 -mfma", "-Os", "-O0"];

    [Theory, MemberData(nameof(Options))]
    public void Copy_does_what_the_original_does(string options) => ForEach(options, (name, graph, _) =>
    {
        using var copy = new CopiedCode(BodyBuilder.Copy(graph, graph.Entry.Start, false).Value);
        ExpectSame(name, graph, copy.Entry);
    });

    [Theory, MemberData(nameof(Options))]
    public void Order_of_the_blocks_does_not_matter(string options) => ForEach(options, (name, graph, random) =>
    {
        for (var round = 0; round < 4; round++)
        {
            var body = BodyBuilder.Copy(graph, graph.Entry.Start, false).Value;
            Shuffle(body, random);
            using var copy = new CopiedCode(body);
            ExpectSame($"{name} in the order {string.Join(' ', body.Order)}", graph, copy.Entry);
        }
    });

    /// <summary>Blocks of 200 bytes and more: every short jump, loop and jrcxz has to take its long form.</summary>
    [Fact]
    public void Jumps_over_long_blocks_take_their_long_forms() => ForEach("-O2", (name, graph, random) =>
    {
        var body = BodyBuilder.Copy(graph, graph.Entry.Start, false).Value;
        foreach (var block in body.Order) block.Instructions.AddRange(Enumerable.Repeat(Instruction.Create(Iced.Intel.Code.Nopd), 200));
        Shuffle(body, random);
        using var copy = new CopiedCode(body);
        ExpectSame(name, graph, copy.Entry);
    });

    /// <summary>Whichever instruction of the entry block is the site: what ran before it, and then the copy, are the function.</summary>
    [Theory]
    [InlineData("-O2")]
    [InlineData("-O0")]
    public void Copy_may_begin_at_any_instruction_of_the_entry_block(string options) => ForEach(options, (name, graph, _) =>
    {
        foreach (var site in graph.Entry.Instructions)
        {
            var body = BodyBuilder.Copy(graph, new Address(site.IP), true).Value;
            using var copy = new CopiedCode(body);
            ExpectSame($"{name}, whole, split at {site}", graph, copy.Code.Entries[1]);
            using var prefix = new CopiedCode(PrefixInto(graph, new Address(site.IP), copy.Entry));
            ExpectSame($"{name} from {site} on", graph, prefix.Entry);
        }
    });

    [Fact]
    public void Planted_wrong_branch_is_caught()
    {
        using var program = new NativeProgram(NativeProgram.Source("functions.c"), "-O2");
        var graph = program.Graph("switch_in_loop");
        var body = BodyBuilder.Copy(graph, graph.Entry.Start, false).Value;
        var block = body.Order.Last(b => b.End is Terminator.Branch);
        var branch = (Terminator.Branch)block.End;
        block.End = branch with { Taken = branch.Else, Else = branch.Taken };
        body.Rebuild();
        using var copy = new CopiedCode(body);
        Assert.NotNull(Difference(graph, copy.Entry, 50));
    }

    internal static void ForEach(string options, Action<string, FunctionGraph, Random> check)
    {
        using var program = new NativeProgram(NativeProgram.Source("functions.c"), options);
        var random = new Random(7);
        foreach (var name in program.Names) check($"{name} ({options})", program.Graph(name), random);
    }

    internal static void ExpectSame(string name, FunctionGraph graph, Address copy) =>
        Assert.True(Difference(graph, copy, Inputs) is not { } difference || Fail($"{name}: {difference}"));

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

    private static bool Fail(string why)
    {
        Assert.Fail(why);
        return false;
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
