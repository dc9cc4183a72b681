using Iced.Intel;
using KernOpt.Target;
using KernOpt.Validate;
using KernOpt.Validate.Running;
using KernOpt.Validate.Sandboxing;
using Xunit;

namespace KernOpt.Tests.Validate;

/// <summary>The inputs decide what a validation can see: the values that matter must be among them.</summary>
public sealed class InputGeneratorTests
{
    /// <summary>cmp edi, 1000; ret</summary>
    private static readonly byte[] Compares = [0x81, 0xff, 0xe8, 0x03, 0x00, 0x00, 0xc3];

    private static readonly ValidationRequest Request = ByteRequest.Of(Compares, Compares) with { RandomSeed = 42 };

    [Fact]
    public void Arguments_seen_live_come_first_and_unchanged()
    {
        ArgumentTuple[] seeds = [new(1, 2, 3, 4, 5, 6), new(7, 8, 9, 10, 11, 12)];
        var request = Request with { Seeds = [.. seeds], Bindings = [new RegisterBinding(Register.RSI, 16, 32)] };
        Assert.Equal(seeds, Make(request, 2).Select(i => i.Arguments));
        Assert.All(Make(request, 2), input => Assert.Empty(input.Pokes));
    }

    [Fact]
    public void Every_argument_is_tried_at_and_next_to_every_number_of_the_code()
    {
        var inputs = Make(Request, 18);
        for (var argument = 0; argument < 6; argument++)
        {
            foreach (var value in new ulong[] { 999, 1000, 1001 }) Assert.Contains(inputs, i => i.Argument(argument) == value);
        }
    }

    [Fact]
    public void Bindings_are_met_by_half_of_the_inputs_and_narrowly_missed_by_others()
    {
        var request = Request with { Bindings = [new RegisterBinding(Register.RSI, 0x1234, 32)] };
        var inputs = Make(request, 4_000);
        Assert.InRange(inputs.Count(i => i.IsBound), 1_600, 2_600);
        Assert.All(inputs, i => Assert.Equal((uint)i.Arguments.Rsi == 0x1234, i.IsBound));
        Assert.Contains(inputs, i => i.IsBound && i.Arguments.Rsi >> 32 != 0);
        Assert.Contains(inputs, i => !i.IsBound && (byte)i.Arguments.Rsi == 0x34);
        for (var bit = 0; bit < 32; bit++) Assert.Contains(inputs, i => (uint)i.Arguments.Rsi == (0x1234u ^ (1u << bit)));
    }

    [Fact]
    public void A_direct_entry_is_never_given_what_its_callers_never_pass()
    {
        var request = Request with { Bindings = [new RegisterBinding(Register.RDI, 5, 64)], Seeds = [new ArgumentTuple(4, 0, 0, 0, 0, 0)] };
        Assert.All(Make(request with { Version = request.Version with { IsDirect = true } }, 500), i => Assert.Equal(5UL, i.Arguments.Rdi));
    }

    /// <summary>However much was seen live and however many numbers the code has, all kinds of inputs get their share.</summary>
    [Theory]
    [InlineData(40)]
    [InlineData(200)]
    [InlineData(1000)]
    [InlineData(4000)]
    public void Each_kind_of_input_has_its_share_of_the_runs(int runs)
    {
        byte[] compares = [.. Enumerable.Range(0, 60).SelectMany(n => (byte[])[0x81, 0xff, .. BitConverter.GetBytes(0x10_0000 + (n * 0x1000))]), 0xc3];
        var request = ByteRequest.Of(compares, compares) with
        {
            RandomSeed = 42,
            Seeds = [.. Enumerable.Range(0, 3000).Select(n => new ArgumentTuple((ulong)n << 40, 1, 2, 3, 4, 5))],
            Bindings = [new RegisterBinding(Register.RSI, 1, 32)],
            Limits = new ValidationLimits { Runs = runs },
        };
        var inputs = Make(request, runs);
        var seen = inputs.TakeWhile((input, n) => n < request.Seeds.Length && input.Arguments == request.Seeds[n]).Count();
        Assert.InRange(seen, runs * 4 / 10, runs / 2);
        var numbers = CodeFacts.Of(request).Value.Immediates;
        Assert.InRange(inputs.Count(i => Enumerable.Range(0, 6).Any(a => numbers.Any(n => i.Argument(a) - n + 1 < 3))), Math.Min(runs, 2000) / 5, runs / 2);
        Assert.InRange(inputs.Count(i => i.Pokes.Count > 0), runs / 10, runs / 2);
        Assert.InRange(inputs.Skip(seen).Count(i => i.IsBound), runs / 10, runs / 2);
        Assert.InRange(inputs.Skip(seen).Count(i => !i.IsBound && i.Pokes.Count > 0), runs / 25, runs / 2);
    }

    [Fact]
    public void The_same_seed_makes_the_same_inputs()
    {
        Assert.Equal(Make(Request, 200).Select(i => i.ToString()), Make(Request, 200).Select(i => i.ToString()));
        Assert.NotEqual(Make(Request, 200).Select(i => i.ToString()), Make(Request with { RandomSeed = 43 }, 200).Select(i => i.ToString()));
    }

    private static List<RunInput> Make(ValidationRequest request, int count)
    {
        var generator = new InputGenerator(request, SandboxLayout.AwayFrom([]), CodeFacts.Of(request).Value);
        return [.. Enumerable.Range(0, count).Select(_ => generator.Next())];
    }
}
