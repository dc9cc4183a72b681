using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Target;
using KernOpt.Validate;
using Xunit;

namespace KernOpt.Tests.Live.Validate;

/// <summary>
/// The detector under test: encoded copies in which one bit was flipped at random. What survives must be explained: a bit that was never executed, or one
/// that changes nothing.
/// </summary>
public sealed class MutationTests(LoadedSubjects subjects, ITestOutputHelper output) : IClassFixture<LoadedSubjects>
{
    [Theory]
    [InlineData("constant_and_branch", 0.97)]
    [InlineData("stores", 0.97)]
    [InlineData("sums", 0.90)]
    [InlineData("calls_out", 0.95)]
    [InlineData("sevenfold", 0.93)]
    [InlineData("floating", 0.90)]
    public void Flipped_bits_in_executed_code_are_caught(string name, double share)
    {
        var request = subjects.Copy(name, isAtStart: true) with { Limits = new ValidationLimits { Runs = 1_500 } };
        var executed = Executed(request);
        int caught = 0, tried = 0;
        foreach (var (at, bit) in Flips(request.Version.Code, executed))
        {
            var outcome = VersionValidator.Validate(request with { Version = request.Version with { Code = Flip(request.Version.Code, at, bit) } });
            tried++;
            if (!outcome.IsDone) caught++;
            else output.WriteLine($"survived: byte {at} bit {bit}: {Describe(request.Version.Code, at)} became {Describe(Flip(request.Version.Code, at, bit), at)}");
        }
        output.WriteLine($"{name}: {caught} of {tried} caught");
        Assert.True(caught >= share * tried, $"only {caught} of {tried} were caught");
    }

    /// <summary>The bytes of the instructions that valid runs reach.</summary>
    private static HashSet<int> Executed(ValidationRequest request)
    {
        var report = VersionValidator.Validate(request).Value;
        var missed = report.Coverage.VersionNotReached.ToHashSet();
        return [.. Decode(request.Version.Code).Where(i => !missed.Contains(new Address(i.IP)) && i.Mnemonic != Mnemonic.Nop)
            .SelectMany(i => Enumerable.Range((int)(i.IP - request.Version.Code.At.Value), i.Length))];
    }

    /// <summary>Forty flips, the same in every run of the test.</summary>
    private static IEnumerable<(int At, int Bit)> Flips(EncodedCode code, HashSet<int> executed)
    {
        var random = new Random(4711);
        var bytes = executed.Order().ToArray();
        return Enumerable.Range(0, 40).Select(_ => (bytes[random.Next(bytes.Length)], random.Next(8))).Distinct().Where(f => f.Item1 < code.CodeBytes);
    }

    private static EncodedCode Flip(EncodedCode code, int at, int bit)
    {
        var bytes = code.Bytes.ToArray();
        bytes[at] ^= (byte)(1 << bit);
        return code with { Bytes = bytes };
    }

    private static List<Instruction> Decode(EncodedCode code)
    {
        var decoder = Decoder.Create(64, new ByteArrayCodeReader(code.Bytes), code.At.Value);
        var instructions = new List<Instruction>();
        while (decoder.IP < code.At.Value + (ulong)code.CodeBytes) instructions.Add(decoder.Decode());
        return instructions;
    }

    private static string Describe(EncodedCode code, int at) => Decode(code).Find(i => (int)(i.NextIP - code.At.Value) > at).ToString();
}
