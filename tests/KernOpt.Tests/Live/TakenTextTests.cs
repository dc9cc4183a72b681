using KernOpt.Live.Points;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Live;

public sealed class TakenTextTests
{
    private static readonly Address Start = new(0x1000);

    /// <summary>A part whose control comes by other pieces alone may begin where a store of another part is.</summary>
    [Fact]
    public void WithoutBytes_ARangeTakesNothing()
    {
        var taken = new TakenText([new(Start, 0), new(Start, 6), new(Start, 0)]);
        Assert.True(taken.Overlaps(new(Start + 5, 1)));
        Assert.False(taken.Overlaps(new(Start + 6, 1)));
        Assert.False(new TakenText([new(Start, 0)]).Overlaps(new(Start, 1)));
    }
}
