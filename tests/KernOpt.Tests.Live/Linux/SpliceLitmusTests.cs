using System.Globalization;
using KernOpt.Linux;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Live.Linux;

/// <summary>
/// A site is changed while four threads run through it. The same harness with a torn write must fail: otherwise it could not see what it looks for.
/// KERNOPT_LITMUS_TOGGLES sets the number of changes per placement (100,000 for a full run).
/// </summary>
public sealed class SpliceLitmusTests
{
    private static readonly int Toggles =
        int.TryParse(Environment.GetEnvironmentVariable("KERNOPT_LITMUS_TOGGLES"), CultureInfo.InvariantCulture, out var toggles) ? toggles : 20_000;

    private static readonly byte[] Original = [0xb8, 1, 0, 0, 0];

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(8)]
    [InlineData(11)]
    [InlineData(12)]
    [InlineData(59)]
    public void SiteChangedByOneStore_NoFaultAndNoLostOrDoubledExecution(int offset)
    {
        using var program = NativeProgram.Start("litmus.c", $"{offset}");
        var (site, jump) = Site(program);
        Assert.Equal((ulong)offset, site.Value % 64);
        using var target = ProcessTarget.Attach(program.Pid).Value;
        if (!target.CanStoreAtOnce(site, 5))
        {
            Assert.Equal(Reasons.NotOneStore, target.StoreText(site, Original, jump).Refusal.Reason);
            return;
        }
        for (var i = 0; i < Toggles; i += 2)
        {
            Assert.True(target.StoreText(site, Original, jump).IsDone);
            Assert.True(target.StoreText(site, jump, Original).IsDone);
        }
        program.WriteLine("stop");
        var counts = program.ReadFacts();
        Assert.Equal(0UL, counts["wrong"]);
        Assert.True(counts["ones"] > 0 && counts["twos"] > 0, "both instructions must have been run");
    }

    [Fact]
    public void Control_TornWrite_KillsTheProgramOrIsCounted()
    {
        using var program = NativeProgram.Start("litmus.c", "8");
        var (site, jump) = Site(program);
        using var target = ProcessTarget.Attach(program.Pid).Value;
        for (var i = 0; i < 1_000_000 && program.IsRunning; i++)
        {
            var bytes = i % 2 == 0 ? jump : Original;
            target.Memory.Write(site, bytes.AsSpan(0, 1));
            target.Memory.Write(site + 1, bytes.AsSpan(1));
        }
        Assert.False(program.IsRunning && CountsAreRight(program), "the torn write was not noticed");
    }

    private static bool CountsAreRight(NativeProgram program)
    {
        program.WriteLine("stop");
        return program.ReadFacts()["wrong"] == 0;
    }

    private static (Address Site, byte[] Jump) Site(NativeProgram program)
    {
        var facts = program.ReadFacts();
        var displacement = (int)(facts["stub"] - (facts["site"] + 5));
        return (new(facts["site"]), [0xe9, .. BitConverter.GetBytes(displacement)]);
    }
}
